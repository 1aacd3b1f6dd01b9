"""Invented killmails: seeded, realistic, and as asked for."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from wanderer_notifier.sim.killmails import Inventor, involved, live_form, stored_form

AT = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def test_the_same_seed_gives_the_same_kills() -> None:
    first, second = (Inventor(random.Random(3)) for _ in range(2))
    assert [first.kill(AT) for _ in range(5)] == [second.kill(AT) for _ in range(5)]


def test_ids_go_up() -> None:
    inventor = Inventor(random.Random(3), first_id=100)
    assert [inventor.kill(AT)["killmail_id"] for _ in range(3)] == [101, 102, 103]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"victim": 2147481001}, lambda kill: kill["victim"]["character_name"] == "Orsa Velden"),
        ({"attackers": [2147481005, 2147481030]}, lambda kill: kill["attackers"][0]["final_blow"]),
        ({"system_id": 31001503}, lambda kill: kill["system_id"] == 31001503),
        ({"value": 5e9}, lambda kill: kill["zkb"]["totalValue"] == 5e9),
        ({"npc": True}, lambda kill: kill["zkb"]["npc"] and "character_id" not in kill["attackers"][0]),
        ({"structure": True}, lambda kill: "character_id" not in kill["victim"]),
        ({"structure": True}, lambda kill: kill["victim"]["ship_name"] == "Astrahus"),
        ({"pod": True}, lambda kill: kill["victim"]["ship_name"] == "Capsule"),
        ({"attacker_count": 300}, lambda kill: kill["attacker_count"] == len(kill["attackers"]) == 300),
        ({"ship_type_id": 29984}, lambda kill: kill["victim"]["ship_name"] == "Tengu"),
    ],
)
def test_a_kill_is_as_asked(asked: dict[str, Any], found: Any) -> None:
    assert found(live_form(Inventor(random.Random(3)).kill(AT, **asked)))


@pytest.mark.parametrize("seed", range(30))
def test_every_kill_is_complete(seed: int) -> None:
    kill = Inventor(random.Random(seed)).kill(AT)
    live, stored = live_form(kill), stored_form(kill)
    assert live["kill_time"] == stored["kill_time"] == "2026-11-25T12:00:00Z"
    assert sum(attacker["final_blow"] for attacker in live["attackers"]) == 1
    assert stored["final_blow_attacker"] in stored["attackers"]
    assert kill["victim"]["character_id"] not in {one["character_id"] for one in kill["attackers"]}
    assert len(involved(kill)) == len(kill["attackers"]) + 1
    assert stored["victim"]["corporation"]["name"]
    assert len(kill["zkb"]["hash"]) == 40
