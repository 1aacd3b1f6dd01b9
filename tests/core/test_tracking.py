from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from attrs import evolve

from tests.core.base import HOME, JITA, NOW, PILOT
from wanderer_notifier.core.events import (
    Change,
    CharacterAdded,
    CharacterRecord,
    CharacterRemoved,
    CharactersLoaded,
    MapLoaded,
    RallyCreated,
    SystemAdded,
    SystemRecord,
    SystemRemoved,
)
from wanderer_notifier.core.mapevents import (
    CharactersChanged,
    RallyEnded,
    SystemChanged,
    SystemHidden,
    SystemShown,
    TrackedEvent,
)
from wanderer_notifier.core.tracking import Tracking, apply

J = SystemRecord(system_id=HOME, name="J123456")
K = SystemRecord(system_id=JITA, name="Jita")
VELA = CharacterRecord(character_id=PILOT, name="Vela Ostrander")
BRAM = CharacterRecord(character_id=95000002)


def loaded(
    *systems: SystemRecord,
    pilots: tuple[CharacterRecord, ...] = (),
    gap_s: float | None = 0.0,
    at: datetime = NOW,
) -> MapLoaded:
    return MapLoaded(slug="m1", systems=systems, characters=pilots, gap_s=gap_s, received_at=at)


def after(*events: MapLoaded | CharactersLoaded | TrackedEvent) -> tuple[Tracking, tuple[Change, ...]]:
    """The state after all, and the changes of the last."""
    state = Tracking()
    changes: tuple[Change, ...] = ()
    for event in events:
        state, changes = apply(state, event)
    return state, changes


def shown(system: SystemRecord) -> SystemShown:
    return SystemShown(slug="m1", system=system)


def hidden(system_id: int) -> SystemHidden:
    return SystemHidden(slug="m1", system_id=system_id)


def changed(system_id: int, name: str | None = None, temporary: str | None = None) -> SystemChanged:
    return SystemChanged(slug="m1", system_id=system_id, stored_name=name, temporary_name=temporary)


def test_the_first_list_is_a_silent_load() -> None:
    state, changes = after(loaded(J, pilots=(VELA,), gap_s=None))
    assert state.maps["m1"].loaded_at == NOW
    assert [(type(change), change.by) for change in changes if isinstance(change, SystemAdded | CharacterAdded)] == [
        (SystemAdded, "load"),
        (CharacterAdded, "load"),
    ]


def test_later_lists_are_compared_and_carry_the_gap() -> None:
    _, changes = after(loaded(J, pilots=(VELA,)), loaded(K, pilots=(BRAM,), gap_s=42.0))
    assert changes == (
        SystemRemoved(slug="m1", system=J),
        SystemAdded(slug="m1", system=K, by="reconcile", gap_s=42.0),
        CharacterRemoved(slug="m1", character=VELA),
        CharacterAdded(slug="m1", character=BRAM, by="reconcile", gap_s=42.0),
    )


def test_an_unchanged_list_changes_nothing_but_its_time() -> None:
    state, changes = after(loaded(J), loaded(J, at=NOW + timedelta(minutes=10)))
    assert changes == ()
    assert state.maps["m1"].loaded_at == NOW + timedelta(minutes=10)


def test_a_list_renews_the_names_of_known_systems() -> None:
    renamed = evolve(J, custom_name="Home")
    state, changes = after(loaded(J), loaded(renamed))
    assert changes == ()
    assert state.maps["m1"].systems[HOME] == renamed


def test_a_system_appears_once_s14() -> None:
    state, changes = after(loaded(), shown(J))
    assert changes == (SystemAdded(slug="m1", system=J, by="event"),)
    again, changes = apply(state, shown(J))
    assert changes == ()
    assert again is state


def test_s04_removed_and_added_again_is_new_again() -> None:
    state, changes = after(loaded(J), hidden(HOME))
    assert changes == (SystemRemoved(slug="m1", system=J),)
    assert state.system_ids() == frozenset()
    _, changes = apply(state, shown(J))
    assert changes == (SystemAdded(slug="m1", system=J, by="event"),)


def test_an_event_after_the_list_that_already_contains_it_is_an_addition_once_more() -> None:
    """The list may have been too late to be news; if it was not, the claim absorbs the second addition."""
    state, _ = after(loaded(J), loaded(J, K, gap_s=7200.0))
    state, changes = apply(state, loaded(J, K, at=NOW + timedelta(minutes=1)))  # a second list between them
    assert changes == ()
    state, changes = apply(state, shown(K))
    assert changes == (SystemAdded(slug="m1", system=K, by="event"),)
    assert apply(state, shown(K))[1] == ()


def test_an_event_during_the_very_first_list_is_news_and_not_history() -> None:
    assert after(loaded(J), shown(J))[1] == (SystemAdded(slug="m1", system=J, by="event"),)


def test_s14_what_a_list_told_of_long_ago_is_not_told_by_a_late_event() -> None:
    state, _ = after(loaded(J), loaded(J, at=NOW + timedelta(minutes=16)))
    assert state.maps["m1"].unannounced == {}
    assert apply(state, shown(J))[1] == ()


def replayed(event: SystemShown | SystemHidden) -> TrackedEvent:
    return evolve(event, replayed=True)


def test_a_replayed_addition_that_one_list_brought_and_another_took_away_is_told_no_more() -> None:
    state, _ = after(loaded(), loaded(J), loaded(at=NOW + timedelta(minutes=1)), loaded(at=NOW + timedelta(minutes=7)))
    assert state.system_ids() == frozenset()
    assert state.maps["m1"].came_and_went == {HOME: (NOW,)}
    state, changes = apply(state, replayed(shown(J)))
    assert changes == ()
    state, changes = apply(state, replayed(hidden(HOME)))
    assert changes == ()
    assert apply(state, replayed(shown(J)))[1] == (SystemAdded(slug="m1", system=J, by="event"),)  # one more


def test_what_is_live_is_news_although_a_list_brought_and_took_it_away() -> None:
    state, _ = after(loaded(K), loaded(J, K), loaded(K))
    assert apply(state, shown(J))[1] == (SystemAdded(slug="m1", system=J, by="event"),)


def test_what_came_and_went_long_ago_is_forgotten() -> None:
    state, _ = after(loaded(K), loaded(J, K), loaded(K), loaded(K, at=NOW + timedelta(minutes=16)))
    assert state.maps["m1"].came_and_went == {}


def test_brought_taken_and_brought_again_by_lists_is_told_twice_and_not_again_by_the_replay() -> None:
    state, _ = after(loaded(K), loaded(J, K), loaded(K), loaded(J, K))
    claims = list[Change]()
    for event in (replayed(shown(J)), replayed(hidden(HOME)), replayed(shown(J))):
        state, changes = apply(state, event)
        claims += changes
    assert claims == [SystemAdded(slug="m1", system=J, by="event")]  # which the claim absorbs
    assert state.system_ids() == {HOME, JITA}


def test_a_live_removal_of_what_only_a_list_told_of_counts_at_once() -> None:
    assert after(loaded(J), hidden(HOME))[1] == (SystemRemoved(slug="m1", system=J),)


def test_a_system_that_left_is_no_longer_waited_for() -> None:
    state, _ = after(loaded(J, K), hidden(JITA), shown(K))
    assert state.maps["m1"].unannounced == {HOME: NOW}


def test_e17_removing_the_unknown_is_no_error() -> None:
    assert after(loaded(J), hidden(JITA))[1] == ()


def test_s03_maps_do_not_know_each_other() -> None:
    state, _ = after(loaded(J))
    _, changes = apply(state, SystemShown(slug="m2", system=J))
    assert changes == (SystemAdded(slug="m2", system=J, by="event"),)


def test_w48_a_change_keeps_the_custom_name() -> None:
    state, changes = after(loaded(evolve(J, custom_name="Home", tag="A")), changed(HOME, "J123456", "C4a"))
    assert changes == ()
    assert state.maps["m1"].systems[HOME] == evolve(J, custom_name="Home", tag="A", temporary_name="C4a")


def test_a_rename_arrives_as_the_stored_name_and_becomes_the_custom_name() -> None:
    state, _ = after(loaded(J), changed(HOME, "Red Giant"))
    assert state.maps["m1"].systems[HOME] == evolve(J, custom_name="Red Giant")


def test_a_temporary_name_that_is_gone_is_gone() -> None:
    state, _ = after(loaded(evolve(J, temporary_name="C4a")), changed(HOME, "J123456", None))
    assert state.maps["m1"].systems[HOME] == J


def test_s13_a_change_of_an_unknown_system_is_watched_but_not_announced_until_a_list_confirms_it() -> None:
    state, changes = after(loaded(J), changed(JITA, "Jita"))
    assert changes == ()
    assert state.system_ids() == {HOME, JITA}
    confirmed, changes = apply(state, loaded(J, K))
    assert changes == (SystemAdded(slug="m1", system=K, by="reconcile", gap_s=0.0),)
    assert confirmed.maps["m1"].unconfirmed == frozenset()
    dropped, changes = apply(state, loaded(J))
    assert changes == ()
    assert dropped.system_ids() == {HOME}
    _, changes = apply(state, shown(K))
    assert changes == (SystemAdded(slug="m1", system=K, by="event"),)


def test_s13_writing_to_a_hidden_system_does_not_bring_it_back() -> None:
    state, _ = after(loaded(J), hidden(HOME), changed(HOME, "J123456"))
    assert state.system_ids() == frozenset()


def test_a_sudden_empty_list_deletes_nothing_until_it_is_confirmed_later() -> None:
    state, changes = after(loaded(J, pilots=(VELA,)), loaded(at=NOW + timedelta(minutes=10)))
    assert changes == ()
    assert state.system_ids() == {HOME}
    assert state.character_ids() == {PILOT}
    state, changes = apply(state, loaded(at=NOW + timedelta(minutes=11)))  # a quick reconnect confirms nothing
    assert changes == ()
    emptied, changes = apply(state, loaded(at=NOW + timedelta(minutes=20)))
    assert [type(change) for change in changes] == [SystemRemoved, CharacterRemoved]
    assert emptied.system_ids() == frozenset()
    refilled, changes = apply(emptied, loaded(J, at=NOW + timedelta(minutes=30)))
    assert changes == (SystemAdded(slug="m1", system=J, by="load", gap_s=0.0),)
    _, changes = apply(refilled, loaded(J, K, at=NOW + timedelta(minutes=40)))
    assert changes == (SystemAdded(slug="m1", system=K, by="reconcile", gap_s=0.0),)


def test_an_empty_list_that_was_a_glitch_is_forgotten() -> None:
    state, changes = after(loaded(J), loaded(at=NOW + timedelta(minutes=10)), loaded(J, at=NOW + timedelta(minutes=20)))
    assert changes == ()
    assert state.maps["m1"].no_systems_since is None


def test_pilots_read_after_a_hint_are_news() -> None:
    hint = CharactersChanged(slug="m1")
    read = CharactersLoaded(slug="m1", characters=(VELA,), received_at=NOW)
    assert after(loaded(J), hint)[1] == ()
    assert after(loaded(J), hint, read)[1] == (CharacterAdded(slug="m1", character=VELA, by="event"),)
    assert after(loaded(J), read, read)[1] == ()  # C06


def test_pilots_of_a_map_never_loaded_are_no_news() -> None:
    read = CharactersLoaded(slug="m1", characters=(VELA,), received_at=NOW)
    assert after(read)[1] == (CharacterAdded(slug="m1", character=VELA, by="load"),)


@pytest.mark.parametrize(
    ("system_id", "name"), [(HOME, "Home (J123456)"), (JITA, "Perimeter"), (None, "Perimeter")], ids=str
)
def test_a_rally_gets_the_maps_name_of_its_system(system_id: int | None, name: str) -> None:
    rally = RallyCreated(slug="m1", rally_id="r", system_id=system_id, system_name="Perimeter")
    state, changes = after(loaded(evolve(J, custom_name="Home")), rally)
    assert changes == (evolve(rally, system_name=name),)
    assert apply(state, RallyEnded(slug="m1", rally_id="r")) == (state, ())
