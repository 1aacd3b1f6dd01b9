"""Every field of a killmail, under every name that a feed gives it (wanderer-kills.md 4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.base import HOME, attacker, mail, victim
from wanderer_notifier.core.events import Attacker, Party
from wanderer_notifier.core.killmail import BadKillmail, parse_kill, top_damage

WHOLE: dict[str, Any] = {
    "character_id": 1,
    "character_name": "Vela",
    "corporation_id": 2,
    "corporation_name": "Hollow Meridian",
    "corporation_ticker": "HMRD",
    "alliance_id": 3,
    "alliance_name": "Meridian Compact",
    "alliance_ticker": "MRDN",
    "faction_id": 500010,
    "ship_type_id": 587,
    "ship_name": "Rifter",
}
NESTED: dict[str, Any] = {
    "character": {"name": "Vela"},
    "corporation": {"name": "Hollow Meridian", "ticker": "HMRD"},
    "alliance": {"name": "Meridian Compact", "ticker": "MRDN"},
}
IDS = {key: WHOLE[key] for key in ("character_id", "corporation_id", "alliance_id", "faction_id", "ship_type_id")}


@pytest.mark.parametrize("row", [WHOLE, {**IDS, **NESTED, "ship_type_name": "Rifter"}], ids=["flat", "nested"])
def test_all_that_is_known_of_a_party(row: dict[str, Any]) -> None:
    kill = parse_kill(
        mail(
            victim=row,
            attackers=[row | {"damage_done": 5, "final_blow": True, "weapon_type_id": 2410, "security_status": -1.5}],
        ),
        None,
    )
    assert kill.victim == Party(**WHOLE)
    assert kill.attackers == (
        Attacker(**WHOLE, damage_done=5, final_blow=True, weapon_type_id=2410, security_status=-1.5),
    )


def test_pilots_have_other_names_in_other_feeds() -> None:
    kill = parse_kill(mail(victim={"victim_name": "Vela"}, attackers=[{"attacker_name": "Bram"}]), None)
    assert (kill.victim.character_name, kill.attackers[0].character_name) == ("Vela", "Bram")


def test_what_an_attacker_lacks_has_a_neutral_value() -> None:
    (one,) = parse_kill(mail(attackers=[{"character_id": 1, "final_blow": "yes"}]), None).attackers
    assert (one.damage_done, one.final_blow, one.weapon_type_id, one.security_status) == (0, False, None, 0.0)


@pytest.mark.parametrize("key", ["solar_system_name", "system_name"])
def test_the_name_of_the_system(key: str) -> None:
    assert parse_kill(mail(**{key: "Jita"}), None).system_name == "Jita"


@pytest.mark.parametrize(
    ("zkb", "field", "value"),
    [
        ({"points": 7}, "points", 7),
        ({"npc": True}, "npc", True),
        ({"npc": 1}, "npc", False),
        ({"npc": False}, "npc", False),
        ({"awox": True}, "awox", True),
        ({"awox": "true"}, "awox", False),
        ({"solo": True}, "solo", True),
        ({"solo": 1}, "solo", False),
        ({"droppedValue": "7.5"}, "dropped_value", 7.5),
        ({}, "npc", False),
    ],
)
def test_what_zkillboard_adds(zkb: dict[str, Any], field: str, value: object) -> None:
    assert getattr(parse_kill(mail(zkb=zkb), None), field) == value


def test_the_stored_form_says_npc_outside_of_zkb() -> None:
    assert parse_kill(mail(zkb={}, npc=True), None).npc is True


@pytest.mark.parametrize(
    ("raw", "reason", "hash_"),
    [
        ([], "not_an_object", None),
        ({"hash": "a"}, "missing_killmail_id", "a"),
        ({"zkb": {"hash": "b"}, "hash": "a"}, "missing_killmail_id", "b"),
        ({"killmail_id": 1, "hash": "a"}, "missing_system_id", "a"),
    ],
)
def test_a_refusal_says_exactly_why_and_what_to_ask_for(raw: object, reason: str, hash_: str | None) -> None:
    with pytest.raises(BadKillmail) as caught:
        parse_kill(raw, None)
    assert (str(caught.value), caught.value.reason, caught.value.hash) == (reason, reason, hash_)
    assert caught.value.killmail_id == (1 if reason == "missing_system_id" else None)


@pytest.mark.parametrize(("damage", "found"), [(0, False), (1, True)])
def test_top_damage_needs_damage(damage: int, found: bool) -> None:
    kill = parse_kill(mail(attackers=[attacker(damage_done=damage)], system_id=HOME, victim=victim()), None)
    assert (top_damage(kill) is not None) is found


def test_labels_are_cut() -> None:
    (label,) = parse_kill(mail(zkb={"labels": ["x" * 200]}), None).labels
    assert len(label) == 100
