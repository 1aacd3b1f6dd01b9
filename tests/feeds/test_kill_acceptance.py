"""The acceptance scenarios of wanderer-kills.md 9.3 that need more than one part; the others are named beside them.

1 to 3, 6, 8 and 9 are here; 4 in test_kill_scale, 5 in tests/service/test_kill_recovery, 7 below, 10 in test_kills
(`test_an_id_that_only_the_service_finds_bad_is_isolated`).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.killing import CHARACTERS, FAR, HOME, HOST, PILOT, PORT, SYSTEMS, Killing
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.policy import Send
from wanderer_notifier.core.render import render_kill, render_text


@pytest.mark.parametrize(("kills", "lookup"), [(3, False), (7, True)])
async def test_scenario_1_what_happens_while_the_connection_is_cut_is_handled(
    autojump_clock: MockClock, killing: Killing, kills: int, lookup: bool
) -> None:
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(30)
    killing.world.network.cut(HOST, PORT)
    await killing.heard(*[killing.happen() for _ in range(kills)])
    await killing.world.nothing_arrives(30)
    assert bool(killing.lookups("kills/cached")) is lookup


async def test_scenario_2_a_crash_between_two_kills(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    first = killing.happen()
    await killing.heard(first)
    began = trio.current_time()
    killing.feed.crash_channels()
    second = killing.happen()
    await killing.heard(second)
    assert trio.current_time() - began <= 2.0
    assert len(killing.world.network.dialled) - len(killing.asked) <= 2


async def test_scenario_3_a_tracked_pilot_dies_in_an_untracked_system(
    autojump_clock: MockClock, killing: Killing
) -> None:
    killing.follow("systems", *range(31000001, 31000051))
    killing.follow("characters", PILOT)
    for name in (SYSTEMS, CHARACTERS):
        await killing.world.until_state(name, "ok")
    await killing.heard(killing.happen(system_id=FAR, victim=PILOT))


async def test_scenario_6_silent_with_heartbeats_is_an_alarm_without_them_a_reconnect(
    autojump_clock: MockClock, killing: Killing
) -> None:
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    killing.feed.upstream_lost_at = killing.world.now()
    await killing.world.until_state(SYSTEMS, "degraded", within_s=25 * 60)
    killing.feed.upstream_lost_at = None
    await killing.world.until_state(SYSTEMS, "ok")
    began, dialled = trio.current_time(), len(killing.world.network.dialled)
    killing.feed.stall()
    assert "no answer to a heartbeat" in await killing.world.until_state(SYSTEMS, "degraded")
    assert trio.current_time() - began <= 40.0
    killing.feed.stall(False)
    await killing.world.until_state(SYSTEMS, "ok")
    assert len(killing.world.network.dialled) > dialled


@pytest.mark.parametrize(
    ("victim", "attackers"),
    [
        (
            {"corporation_id": 98999101, "ship_type_id": 35832, "ship_name": "Astrahus", "character_id": None},
            [{"damage_done": 7, "final_blow": True, "character_id": 2147481002}],
        ),
        ({"character_id": PILOT, "ship_type_id": 28665}, [{"corporation_id": 1000127, "final_blow": True}]),
        ({"ship_type_id": 670}, [{"damage_done": 0, "final_blow": False, "security_status": 0.0}]),
    ],
)
def test_scenario_7_kills_without_names_read_as_text(victim: dict[str, Any], attackers: list[Any]) -> None:
    now = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
    raw = {
        "killmail_id": 139000003,
        "kill_time": "2026-11-25T11:58:00Z",
        "system_id": HOME,
        "victim": victim,
        "attackers": attackers,
        "zkb": {"hash": "a" * 40},
    }
    send = Send(kind="kill", slug="m", channel="1", route="system_kill", claim="kill:139000003", expires_at=now)
    kill = parse_kill(raw, None)
    for message in (render_kill(kill, send), render_text(kill, send)):
        text = json.dumps(message.body())
        assert "None" not in text
        assert "null" not in text.replace(": null", "")
        assert "Unknown" in text or "Astrahus" in text


async def test_scenario_8_a_preload_of_five_megabytes_is_read(autojump_clock: MockClock, killing: Killing) -> None:
    kills = [killing.kill(attacker_count=1000) for _ in range(5)]
    for kill in kills:
        killing.feed.keep(kill)
    killing.follow("systems", HOME)
    found = await killing.heard(*[int(kill["killmail_id"]) for kill in kills])
    assert all("preload" in sources for sources in found.values())
    assert killing.world.state(SYSTEMS)[0] == "ok"


async def test_scenario_9_a_restart_for_all_is_no_tight_loop(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME)
    killing.follow("characters", PILOT)
    for name in (SYSTEMS, CHARACTERS):
        await killing.world.until_state(name, "ok")
    await trio.sleep(61)
    before, began = len(killing.world.network.dialled), trio.current_time()
    killing.feed.close_all(1012)
    killing.world.network.refuse(HOST, PORT)
    await trio.sleep(20)
    assert len(killing.world.network.dialled) - before <= 16
    killing.world.network.refuse(HOST, PORT, False)
    for name in (SYSTEMS, CHARACTERS):
        await killing.world.until_state(name, "ok")
    assert trio.current_time() - began <= 60.0
    assert killing.value("notifier_feed_reconnects_total", feed="kills:systems", reason="closed_1012") == 1
