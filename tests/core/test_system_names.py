"""Which system a typed name means, and what is suggested."""

from __future__ import annotations

import pytest

from wanderer_notifier.core.events import SystemRecord
from wanderer_notifier.core.policy import Rules
from wanderer_notifier.core.steering import Place, Steering
from wanderer_notifier.core.system_names import Ambiguous, find_on_maps, suggestions
from wanderer_notifier.core.tracking import MapState, Tracking

HOME = SystemRecord(system_id=31000001, name="J100001", custom_name="Home", temporary_name="C5 static")
OTHER = SystemRecord(system_id=31000002, name="J100002", temporary_name="home")
JITA = SystemRecord(system_id=30000142, name="Jita", custom_name="J100001")
NAMELESS = SystemRecord(system_id=31000003)
KNOWN = Tracking(maps={"m": MapState(slug="m", systems={one.system_id: one for one in (HOME, OTHER, JITA, NAMELESS)})})


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("J100001", Place(name="J100001", system_id=31000001)),  # the EVE name wins over another system's label
        ("j100002", Place(name="J100002", system_id=31000002)),
        ("c5 STATIC", Place(name="J100001", system_id=31000001)),
        ("30000142", Place(name="Jita", system_id=30000142)),
        ("31000003", Place(name="31000003", system_id=31000003)),
        ("HOME", Ambiguous(names=("J100001", "J100002"))),
        ("Amarr", None),
    ],
)
def test_a_name_means_a_system(typed: str, found: object) -> None:
    assert find_on_maps(typed, KNOWN) == found


def test_suggestions_begin_with_what_begins_so_and_show_the_players_names() -> None:
    steering = Steering().with_priority(Place(name="Old home"))
    assert suggestions("ho", KNOWN, steering) == [
        {"name": "Home (J100001)", "value": "J100001"},
        {"name": "home (J100002)", "value": "J100002"},
        {"name": "Old home", "value": "Old home"},
    ]
    assert suggestions("static", KNOWN, steering)[0]["value"] == "J100001"
    assert suggestions("zzz", KNOWN, steering) == []


def test_suggestions_are_what_discord_takes() -> None:
    long = {n: SystemRecord(system_id=n, name="x" * 120 + str(n), custom_name="y" * 300) for n in range(60)}
    found = suggestions("", Tracking(maps={"m": MapState(slug="m", systems=long)}), Steering())
    assert len(found) <= 25
    assert all(1 <= len(one["name"]) <= 100 and 1 <= len(one["value"]) <= 100 for one in found)


def test_a_priority_system_known_by_id_is_no_other_system_with_its_name_as_label() -> None:  # OPS-27
    priority = Steering().with_priority(Place(name="J100001", system_id=31000001)).merged(Rules(maps=())).priority
    assert priority.covers(31000001, None)
    assert not priority.covers(30000142, "Jita", "J100001")


def test_a_name_gets_its_id_as_soon_as_a_map_knows_it() -> None:  # OPS-62
    steering = Steering().with_override(Place(name="jita"), "track").with_priority(Place(name="JITA"))
    assert steering.tracked() == {}
    known = steering.resolved([Place(name="Jita", system_id=30000142)])
    assert known.tracked() == {30000142: "Jita"}
    assert known.systems[0].place == Place(name="Jita", system_id=30000142)
    assert known.resolved([Place(name="Jita", system_id=30000142)]) is known
