"""What members steer by command, and what decisions make of it: on every map (operations.md 2.4, OPS-25 to 28)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.core.base import HOME, JITA, decide, mail, one_map, rules, tracked, tracking
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.namehash import name_hash
from wanderer_notifier.core.policy import Priority, Send, Skip, Verdict, system_refusal
from wanderer_notifier.core.rules import judge_kill
from wanderer_notifier.core.steering import LIMIT, Full, Place, Steering

AMARR = 30002187
HOME_PLACE = Place(name="J123456", system_id=HOME)
AMARR_PLACE = Place(name="Amarr", system_id=AMARR)
NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)

TWO_MAPS = rules(one_map("m1"), one_map("m2", channels={"system_kill": "201"}))


def decided(steering: Steering, system: int, *systems_of_m2: int) -> tuple[Verdict, ...]:
    """About a kill there; the first map has J123456 and Jita, the second what is given."""
    m2 = tracked("m2", {one: record for one, record in tracked().systems.items() if one in systems_of_m2}, ())
    return decide(mail(system_id=system), steering.merged(TWO_MAPS), tracking(tracked("m1"), m2))


def channels(verdicts: tuple[Verdict, ...]) -> list[str]:
    return [one.channel for one in verdicts if isinstance(one, Send)]


def test_a_system_that_is_tracked_by_command_is_told_of_on_every_map() -> None:  # OPS-28
    assert channels(decided(Steering(), AMARR)) == []
    assert channels(decided(Steering().with_override(AMARR_PLACE, "track"), AMARR)) == ["200", "201"]


def test_maps_that_share_a_channel_tell_of_a_tracked_system_once() -> None:
    steering = Steering().with_override(AMARR_PLACE, "track")
    shared = steering.merged(rules(one_map("m1"), one_map("m2")))
    verdicts = decide(mail(system_id=AMARR), shared, tracking(tracked("m1"), tracked("m2")))
    assert channels(verdicts) == ["200"]


def test_a_system_that_is_tracked_by_command_is_told_of_where_known_space_is_passed_over() -> None:
    tracking_jita = Steering().with_override(Place(name="Jita", system_id=JITA), "track")
    settings = rules(one_map(track_kspace=False))
    assert channels(decide(mail(system_id=JITA), settings)) == []
    assert channels(decide(mail(system_id=JITA), tracking_jita.merged(settings))) == ["200"]
    assert channels(decide(mail(system_id=AMARR), tracking_jita.merged(settings))) == []


def test_wormhole_space_is_told_of_where_known_space_is_passed_over() -> None:
    assert channels(decide(mail(system_id=HOME), rules(one_map(track_kspace=False)))) == ["200"]


def why(steering: Steering, system: int, *, track_kspace: bool = True) -> dict[str, tuple[str, str]]:
    """What each check about the system looked at, and to what end."""
    settings = steering.merged(rules(one_map(track_kspace=track_kspace)))
    kill = parse_kill(mail(system_id=system), None)
    judged = judge_kill(kill, "live", settings, tracking(), now=NOW, first_start=NOW)
    return {check.rule: (check.seen, check.effect) for check in judged.checks if check.passed}


def test_why_says_what_members_steered() -> None:
    plain, tracked_ = why(Steering(), JITA), why(Steering().with_override(AMARR_PLACE, "track"), AMARR)
    assert plain["system_not_hidden"] == ("Jita, not untracked by command", "system")
    assert plain["kspace_wanted"] == ("not wormhole space, known space is wanted", "system")
    assert "system_tracked" not in plain
    assert tracked_["system_tracked"] == (f"Amarr [{AMARR}], by command", "reason")
    assert tracked_["kspace_wanted"] == ("not wormhole space, known space is wanted", "system")
    asked = why(Steering().with_override(AMARR_PLACE, "track"), AMARR, track_kspace=False)
    assert asked["kspace_wanted"][0] == (
        "not wormhole space, known space is not wanted, but this system was asked for by command"
    )


def test_why_says_that_a_system_was_untracked() -> None:
    kill = parse_kill(mail(), None)
    settings = Steering().with_override(HOME_PLACE, "untrack").merged(rules())
    judged = judge_kill(kill, "live", settings, tracking(), now=NOW, first_start=NOW)
    (seen,) = [check.seen for check in judged.checks if check.rule == "system_not_hidden"]
    assert seen.endswith(", untracked by command")
    assert not seen.endswith("not untracked by command")


def test_a_hash_is_no_match_for_a_system_without_names() -> None:
    assert not Priority(hashes=frozenset({name_hash("home")})).covers(HOME, None, "")
    assert not Priority(hashes=frozenset({name_hash("home")})).covers(HOME, None, "other")
    assert Priority(hashes=frozenset({name_hash("home")})).covers(HOME, None, "Home")


def test_a_system_that_is_untracked_by_command_is_hidden_on_every_map() -> None:  # OPS-28
    assert channels(decided(Steering(), HOME, HOME)) == ["200", "201"]
    verdicts = decided(Steering().with_override(HOME_PLACE, "untrack"), HOME, HOME)
    assert [(one.reason, one.slug) for one in verdicts if isinstance(one, Skip)] == [
        ("untracked", "m1"),
        ("untracked", "m2"),
    ]


def test_a_priority_system_pings_on_every_map_that_tells_of_it() -> None:  # OPS-25
    verdicts = decided(Steering().with_priority(HOME_PLACE), HOME, HOME)
    assert [one.mention.here for one in verdicts if isinstance(one, Send)] == [True, True]
    assert not any(one.mention.here for one in decided(Steering(), HOME, HOME) if isinstance(one, Send))


def test_news_of_a_hidden_system_go_nowhere() -> None:
    settings = Steering().with_override(HOME_PLACE, "untrack").merged(TWO_MAPS)
    home = tracked().systems[HOME]
    assert [system_refusal(home, one, settings) for one in settings.maps] == ["untracked", "untracked"]


@pytest.mark.parametrize("name", ["home", "HOME", "J123456", "j123456"])
def test_names_match_whatever_their_case_and_labels_count(name: str) -> None:  # OPS-27
    (verdict,) = decide(mail(), Steering().with_priority(Place(name=name)).merged(rules()))
    assert isinstance(verdict, Send)
    assert verdict.mention.here


@pytest.mark.parametrize("spelling", ["home", "HOME", "Home", "j123456", "J123456"])
def test_a_hash_of_the_former_program_matches_the_usual_spellings(spelling: str) -> None:  # OPS-27, OPS-62
    (verdict,) = decide(mail(), Steering().with_hashes([name_hash(spelling)]).merged(rules()))
    assert isinstance(verdict, Send)
    assert verdict.mention.here


def test_a_system_known_by_id_does_not_ping_for_another_one_that_carries_its_name_as_a_label() -> None:
    (verdict,) = decide(mail(), Steering().with_priority(Place(name="Home", system_id=JITA)).merged(rules()))
    assert isinstance(verdict, Send)
    assert not verdict.mention.here


def test_hashes_get_their_names_and_names_their_ids_as_soon_as_a_system_explains_them() -> None:  # OPS-62
    steering = Steering().with_priority(Place(name="amarr")).with_hashes([name_hash("jita"), 5])
    known = [Place(name="Jita", system_id=JITA), AMARR_PLACE]
    named = steering.resolved(known)
    assert [one.place for one in named.systems] == [AMARR_PLACE, known[0], None]
    assert named.unresolved == 1
    assert named.resolved(known) is named


def test_an_override_replaces_the_one_before_and_a_full_list_refuses_more() -> None:
    steering = Steering().with_override(AMARR_PLACE, "untrack", by="7", at=NOW).with_override(AMARR_PLACE, "track")
    assert [(one.kind, one.place) for one in steering.overrides] == [("track", AMARR_PLACE)]
    assert steering.tracked() == {AMARR: "Amarr"}
    full = steering
    for number in range(LIMIT - 1):
        full = full.with_override(Place(name=f"x{number}"), "track")
    with pytest.raises(Full):
        full.with_override(Place(name="one more"), "track")
    assert len(full.with_override(AMARR_PLACE, "untrack").overrides) == LIMIT


def test_what_is_known_by_name_only_is_not_asked_of_the_kill_feed() -> None:
    steering = Steering().with_override(Place(name="Nowhere"), "track")
    changed: Any = steering.merged(rules())
    assert changed.extra_systems == {}


# --- the lists themselves ------------------------------------------------------------------------------------------

TYPED, ID_ONLY_ALIKE = Place(name="AMARR"), Place(name="Amarr", system_id=HOME)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (AMARR_PLACE, Place(name="Another name", system_id=AMARR), True),
        (AMARR_PLACE, ID_ONLY_ALIKE, False),
        (AMARR_PLACE, TYPED, True),
        (TYPED, Place(name="amarr"), True),
        (TYPED, HOME_PLACE, False),
        (TYPED, Place(name="Jita"), False),
    ],
    ids=["one id", "two ids of one name", "an id and its name", "a name twice", "a name and another", "two names"],
)
def test_two_places_are_one_system_by_their_ids_or_else_by_name(one: Place, other: Place, same: bool) -> None:
    assert one.same(other) is same
    assert other.same(one) is same


def test_a_priority_system_is_listed_once_the_newest_first_and_says_who_added_it() -> None:
    steering = Steering().with_priority(AMARR_PLACE, by="7", at=NOW).with_priority(HOME_PLACE)
    assert [one.place for one in steering.systems] == [HOME_PLACE, AMARR_PLACE]
    assert steering.with_priority(TYPED, by="8") is steering
    found = steering.priority(TYPED)
    assert found is not None
    assert (found.place, found.by, found.at) == (AMARR_PLACE, "7", NOW)
    assert steering.priority(Place(name="Jita")) is None


def test_a_hash_of_the_former_program_stands_for_the_system_of_that_name() -> None:
    steering = Steering().with_hashes([name_hash("amarr")], NOW)
    assert steering.with_priority(AMARR_PLACE) is steering
    assert steering.without_priority(AMARR_PLACE) == Steering()
    assert steering.priority(HOME_PLACE) is None
    assert steering.without_priority(HOME_PLACE) == steering
    assert [(one.place, one.at) for one in steering.systems] == [(None, NOW)]


def test_removing_takes_every_entry_that_makes_the_system_one_of_priority_and_no_other() -> None:
    steering = Steering().with_priority(HOME_PLACE).with_priority(AMARR_PLACE)
    steering = steering.with_hashes([name_hash("amarr"), name_hash("AMARR"), 5])
    left = steering.without_priority(AMARR_PLACE)
    assert [(one.place, one.name_hash) for one in left.systems] == [
        (HOME_PLACE, name_hash("J123456")),
        (None, 5),
    ]
    assert left.without_priority(AMARR_PLACE) == left


def test_hashes_are_taken_over_once_behind_our_own_as_far_as_there_is_room() -> None:
    steering = Steering().with_priority(AMARR_PLACE)
    taken = steering.with_hashes([5, name_hash("Amarr"), 5, 6])
    assert taken.hashes() == [name_hash("Amarr"), 5, 6]
    assert len(taken.systems) == 3
    assert len(steering.with_hashes(range(2000)).systems) == 1_000


def test_a_full_priority_list_refuses_more_and_still_knows_its_own() -> None:
    full = Steering().with_hashes(range(1, 1_000)).with_priority(AMARR_PLACE)
    assert len(full.systems) == 1_000
    with pytest.raises(Full):
        full.with_priority(HOME_PLACE)
    assert full.with_priority(AMARR_PLACE) is full


def test_a_full_list_of_overrides_holds_a_thousand() -> None:
    full = Steering()
    for number in range(1_000):
        full = full.with_override(Place(name=f"x{number}"), "track")
    with pytest.raises(Full):
        full.with_override(AMARR_PLACE, "track")


def test_only_entries_without_a_name_wait_for_one() -> None:
    steering = Steering().with_priority(Place(name="amarr")).with_hashes([name_hash("jita"), 5])
    assert steering.unresolved == 2
    assert Steering().with_priority(HOME_PLACE).unresolved == 0
    settled = Steering().with_priority(HOME_PLACE).with_override(AMARR_PLACE, "track")
    assert settled.resolved([Place(name="J123456", system_id=JITA)]) is settled  # ids are never given anew
    assert steering.resolved([HOME_PLACE]) is steering


def test_a_name_alone_takes_the_id_of_the_first_system_so_called_in_every_list() -> None:
    typed = Place(name="amarr")
    steering = Steering().with_priority(typed, by="7", at=NOW).with_override(typed, "untrack", by="8")
    named = steering.resolved([AMARR_PLACE, ID_ONLY_ALIKE])
    assert [(one.place, one.by, one.at) for one in named.systems] == [(AMARR_PLACE, "7", NOW)]
    assert [(one.place, one.kind, one.by) for one in named.overrides] == [(AMARR_PLACE, "untrack", "8")]


def test_an_override_alone_is_resolved_too() -> None:
    steering = Steering().with_override(TYPED, "track")
    assert steering.tracked() == {}
    assert steering.resolved([AMARR_PLACE]).tracked() == {AMARR: "Amarr"}


def test_overrides_are_found_and_taken_back_by_system() -> None:
    steering = Steering().with_override(HOME_PLACE, "untrack").with_override(AMARR_PLACE, "track")
    found = steering.override(TYPED)
    assert found is not None
    assert found.kind == "track"
    assert steering.override(Place(name="Jita")) is None
    assert [one.place for one in steering.without_override(TYPED).overrides] == [HOME_PLACE]
    assert steering.without_override(Place(name="Jita")) == steering


def test_only_untracked_systems_are_hidden_and_only_tracked_ones_are_followed() -> None:
    steering = Steering().with_override(HOME_PLACE, "untrack").with_override(AMARR_PLACE, "track")
    assert steering.tracked() == {AMARR: "Amarr"}
    assert steering.hidden() == Priority(ids=frozenset({HOME}))
    by_name = Steering().with_override(Place(name="Nowhere"), "untrack")
    assert by_name.hidden() == Priority(names=frozenset({"nowhere"}))
    assert by_name.tracked() == {}


def test_lists_add_to_what_the_rules_have_and_empty_ones_change_nothing() -> None:
    has = rules(priority=Priority(ids=frozenset({1}), names=frozenset({"a"}), hashes=frozenset({9})))
    assert Steering().merged(has) is has
    merged = Steering().with_priority(HOME_PLACE).with_priority(Place(name="B")).with_hashes([5]).merged(has)
    assert merged.priority == Priority(ids=frozenset({1, HOME}), names=frozenset({"a", "b"}), hashes=frozenset({5, 9}))
