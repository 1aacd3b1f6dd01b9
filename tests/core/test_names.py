"""Which names a notification needs, and what becomes of them."""

from __future__ import annotations

from typing import Any

import pytest

from wanderer_notifier.core.events import (
    CharacterAdded,
    CharacterRecord,
    Kill,
    RallyCreated,
    SystemAdded,
    SystemRecord,
    SystemRemoved,
)
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.names import NOBODY, Known, Names, named, wanted

VICTIM, FINAL, TOP, OTHER = 95000001, 95000002, 95000003, 95000004


def kill(victim: dict[str, Any] | None = None, attackers: list[dict[str, Any]] | None = None, **more: Any) -> Kill:
    raw = {
        "killmail_id": 128000001,
        "kill_time": "2026-11-25T18:00:00Z",
        "system_id": 31000123,
        "victim": {"character_id": VICTIM, "corporation_id": 98000101, "ship_type_id": 29984}
        if victim is None
        else victim,
        "attackers": [
            {"character_id": FINAL, "corporation_id": 98000202, "ship_type_id": 22456, "final_blow": True},
            {"character_id": TOP, "corporation_id": 98000303, "ship_type_id": 29990, "damage_done": 900},
            {"character_id": OTHER, "corporation_id": 98000404, "ship_type_id": 587, "damage_done": 1},
        ]
        if attackers is None
        else attackers,
        **more,
    }
    return parse_kill(raw, None)


def test_a_kill_needs_the_names_it_shows_and_no_others() -> None:
    assert wanted(kill()) == {
        ("system", 31000123),
        *[("character", number) for number in (VICTIM, FINAL, TOP)],
        *[("corporation", number) for number in (98000101, 98000202, 98000303)],
        *[("type", number) for number in (29984, 22456, 29990)],
    }


def test_a_label_or_a_name_of_the_feed_spares_the_look_up_of_the_system() -> None:
    assert ("system", 31000123) not in wanted(kill(), "Home")
    assert ("system", 31000123) not in wanted(kill(solar_system_name="J123456"))


def test_what_the_feed_names_is_not_asked_for() -> None:
    pilot = {
        "character_id": VICTIM,
        "character_name": "Vela Ostrander",
        "corporation_id": 98000101,
        "corporation_ticker": "DRNK",
        "ship_type_id": 29984,
        "ship_name": "Tengu",
    }
    assert wanted(kill(victim=pilot, attackers=[]), "Home") == set()


def test_k25_names_that_are_blank_are_unknown() -> None:
    victim = {"character_id": VICTIM, "character_name": "", "ship_type_id": 29984, "ship_name": "  "}
    assert wanted(kill(victim=victim, attackers=[]), "Home") == {("character", VICTIM), ("type", 29984)}


def test_an_npc_is_named_by_its_hull_alone() -> None:
    pirate = {"corporation_id": 1000127, "faction_id": 500010, "ship_type_id": 23054, "final_blow": True}
    assert wanted(kill(victim={}, attackers=[pirate]), "Home") == {("type", 23054)}


def test_a_structure_needs_the_name_of_its_owner_besides_the_ticker() -> None:
    owned = {"corporation_id": 98000101, "corporation_ticker": "DRNK", "ship_type_id": 35832, "ship_name": "Astrahus"}
    assert wanted(kill(victim=owned, attackers=[]), "Home") == {("corporation", 98000101)}
    assert wanted(kill(victim={**owned, "corporation_name": "Quiet Hour"}, attackers=[]), "Home") == set()


def test_names_are_filled_in_where_they_are_shown() -> None:
    names: Names = {
        ("character", VICTIM): Known(name="Vela Ostrander"),
        ("corporation", 98000101): Known(name="Quiet Hour", ticker="DRNK"),
        ("type", 22456): Known(name="Sabre"),
        ("type", 587): Known(name="Rifter"),
        ("system", 31000123): Known(name="J123456"),
    }
    filled = named(kill(), names)
    assert isinstance(filled, Kill)
    assert (filled.victim.character_name, filled.victim.corporation_ticker) == ("Vela Ostrander", "DRNK")
    assert (filled.system_name, filled.attackers[0].ship_name) == ("J123456", "Sabre")
    assert filled.attackers[2].ship_name is None
    assert wanted(filled) == wanted(kill()) - names.keys()


def test_names_of_the_feed_are_kept() -> None:
    victim = {"character_id": VICTIM, "character_name": "Old Name"}
    filled = named(kill(victim=victim), {("character", VICTIM): Known(name="New Name")})
    assert isinstance(filled, Kill)
    assert filled.victim.character_name == "Old Name"


def test_k14_k50_what_does_not_exist_shows_its_number() -> None:
    victim = {"character_id": VICTIM, "corporation_id": 98000101, "ship_type_id": 99999999}
    gone: Names = {("character", VICTIM): NOBODY, ("corporation", 98000101): NOBODY, ("type", 99999999): NOBODY}
    filled = named(kill(victim=victim), gone)
    assert isinstance(filled, Kill)
    assert (filled.victim.character_name, filled.victim.ship_name) == (f"Pilot {VICTIM}", "Type 99999999")
    assert (filled.victim.corporation_ticker, filled.victim.corporation_name) == (None, None)


@pytest.mark.parametrize(
    ("change", "keys", "filled"),
    [
        (
            SystemAdded(slug="m", system=SystemRecord(system_id=31000123, custom_name="Home"), by="event"),
            {("system", 31000123)},
            SystemAdded(
                slug="m", system=SystemRecord(system_id=31000123, name="Found", custom_name="Home"), by="event"
            ),
        ),
        (
            SystemAdded(slug="m", system=SystemRecord(system_id=31000123, name="J1"), by="event"),
            set(),
            SystemAdded(slug="m", system=SystemRecord(system_id=31000123, name="J1"), by="event"),
        ),
        (
            CharacterAdded(
                slug="m",
                character=CharacterRecord(character_id=1, corporation_id=2, alliance_id=3, alliance_ticker="A"),
                by="event",
            ),
            {("character", 1), ("corporation", 2)},
            CharacterAdded(
                slug="m",
                character=CharacterRecord(
                    character_id=1,
                    name="Found",
                    corporation_id=2,
                    corporation_name="Found",
                    corporation_ticker="TICK",
                    alliance_id=3,
                    alliance_ticker="A",
                ),
                by="event",
            ),
        ),
        (
            RallyCreated(slug="m", rally_id="r", system_id=5, character_id=6, character_name="Called"),
            {("system", 5)},
            RallyCreated(
                slug="m", rally_id="r", system_id=5, system_name="Found", character_id=6, character_name="Called"
            ),
        ),
        (
            SystemRemoved(slug="m", system=SystemRecord(system_id=31000123)),
            set(),
            SystemRemoved(slug="m", system=SystemRecord(system_id=31000123)),
        ),
    ],
)
def test_changes_of_a_map_are_named_too(change: Any, keys: set[Any], filled: Any) -> None:
    assert wanted(change) == keys
    assert named(change, {key: Known(name="Found", ticker="TICK") for key in keys}) == filled
    assert named(change, {}) == change
