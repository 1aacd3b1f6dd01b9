"""What the kill feed missed is found again: by preload, in the service's memory, in lists, or it is told as lost."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.conftest import BEGIN
from tests.feeds.killing import CHARACTERS, FALLBACK, FAR, HOME, HOST, OTHER, PILOT, PORT, SYSTEMS, Killing
from wanderer_notifier.core.events import KillArrived
from wanderer_notifier.runtime.health import FeedGap
from wanderer_notifier.sim.http import Exchange

JSON = [("content-type", "application/json")]


def gaps(killing: Killing, name: str = SYSTEMS) -> tuple[FeedGap, ...]:
    return killing.world.health.component(name).view().gaps


async def until_mended(killing: Killing, count: int = 1, name: str = SYSTEMS) -> FeedGap:
    """Wait until so many gaps are told of; the last of them."""
    with trio.fail_after(1200):
        while len(gaps(killing, name)) < count:
            await trio.sleep(1)
    return gaps(killing, name)[-1]


async def down_for(killing: Killing, seconds: float) -> None:
    """Let the service be out of reach for so long."""
    network = killing.world.network
    network.refuse(HOST, PORT)
    network.cut(HOST, PORT)
    await trio.sleep(seconds)
    network.refuse(HOST, PORT, False)


# --- while it was away ---


async def test_a_short_gap_is_closed_by_the_preload_alone(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME, OTHER)
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(60)
    killing.world.network.refuse(HOST, PORT)
    killing.world.network.cut(HOST, PORT)
    missed = [killing.happen() for _ in range(3)]
    await trio.sleep(10)
    killing.world.network.refuse(HOST, PORT, False)
    found = await killing.heard(*missed)
    assert found == {one: {"preload"} for one in missed}
    gap = await until_mended(killing)
    assert (gap.recovered, gap.unrecoverable) == (3, "")
    assert killing.lookups("kills/cached") == []


async def test_where_the_preload_was_full_the_memory_is_asked(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME, OTHER)
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(60)
    killing.world.network.refuse(HOST, PORT)
    killing.world.network.cut(HOST, PORT)
    missed = [killing.happen() for _ in range(7)]
    await trio.sleep(10)
    killing.world.network.refuse(HOST, PORT, False)
    found = await killing.heard(*missed)
    assert killing.lookups("kills/cached") == [str(HOME)]
    assert sorted(map(sorted, found.values())) == [["cached"]] * 2 + [["preload"]] * 5
    assert (await until_mended(killing)).recovered == 7
    await killing.world.nothing_arrives(30)


async def test_after_a_long_gap_every_system_is_asked_at_a_measured_pace(
    autojump_clock: MockClock, killing: Killing
) -> None:
    systems = range(31000001, 31000101)
    killing.follow("systems", *systems)
    await killing.world.until_state(SYSTEMS, "ok")
    await down_for(killing, 180)
    began = trio.current_time()
    await until_mended(killing)
    assert sorted(killing.lookups("kills/cached")) == sorted(map(str, systems))
    assert 9.0 < trio.current_time() - began < 90.0


async def test_what_happened_while_the_process_was_away_is_found_from_the_stored_mark(
    autojump_clock: MockClock, killing: Killing
) -> None:
    missed = [killing.happen() for _ in range(6)]
    await trio.sleep(600)
    killing.follow("systems", HOME, marks={"systems": BEGIN}, first_start=BEGIN - timedelta(days=3))
    found = await killing.heard(*missed)
    assert all(found.values())
    gap = await until_mended(killing)
    assert (gap.begin, gap.end) == (BEGIN, BEGIN + timedelta(seconds=600))


async def test_kills_that_are_too_old_to_tell_are_left_alone(autojump_clock: MockClock, killing: Killing) -> None:
    for _ in range(6):
        killing.happen()
    await trio.sleep(3700)
    young = killing.happen()
    await trio.sleep(10)
    killing.follow("systems", HOME, marks={"systems": BEGIN})
    found = await killing.heard(young)
    await until_mended(killing)
    assert "cached" not in set().union(*found.values())


async def test_the_mark_follows_what_was_heard_and_stands_still_while_a_gap_is_open(
    autojump_clock: MockClock, killing: Killing
) -> None:
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    await killing.world.nothing_arrives(100)
    before = killing.world.marks["systems"]
    assert before >= BEGIN + timedelta(seconds=75), "the last heartbeat that was answered before the last mark"
    killing.answer = lambda exchange: exchange.respond(500, JSON, b"{}")
    killing.world.network.cut(HOST, PORT)
    await killing.world.nothing_arrives(60)
    assert killing.world.marks["systems"] <= before + timedelta(seconds=25)
    killing.answer = None
    await killing.world.nothing_arrives(600)
    assert killing.world.marks["systems"] > before + timedelta(seconds=500)


async def test_a_live_kill_moves_the_mark_with_its_decision_once_the_line_is_whole(
    autojump_clock: MockClock, killing: Killing
) -> None:
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    killing.happen()
    early = [one.feed for one in await killing.world.take(4) if isinstance(one, KillArrived)]
    assert early == [None] * 4, "the gap before it is not closed yet"
    await trio.sleep(10)
    killing.happen()
    late = [one.feed for one in await killing.world.take(4) if isinstance(one, KillArrived)]
    assert late == ["systems"] * 4


# --- when the memory does not help ---


async def test_after_a_restart_of_the_service_the_lists_are_asked(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME, OTHER)
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(100)
    killing.feed.restart(down=True)
    missed = [killing.happen() for _ in range(2)] + [killing.happen(system_id=OTHER)]
    await trio.sleep(5)
    killing.feed.store.forget()
    killing.feed.started_at, killing.feed.down = killing.world.now(), False
    found = await killing.heard(*missed)
    assert found == {one: {"cached"} for one in missed}
    assert sorted(set(killing.lookups("kills/system"))) == sorted([str(HOME), str(OTHER)])
    assert sorted(killing.lookups("killmail")) == sorted(map(str, missed))


async def test_lists_that_reach_far_back_are_not_read_to_the_end(autojump_clock: MockClock, killing: Killing) -> None:
    for hours in range(15):
        killing.feed.know(killing.inventor.kill(BEGIN - timedelta(hours=30 - hours), system_id=HOME))
    killing.feed.started_at = killing.world.now()
    killing.follow("systems", HOME, marks={"systems": BEGIN - timedelta(minutes=10)})
    await until_mended(killing)
    assert len(killing.lookups("killmail")) == 3


async def test_an_old_service_that_keeps_ids_only_is_asked_for_its_lists(
    autojump_clock: MockClock, killing: Killing
) -> None:
    """G1's memory answers with integers; full listing rows, as zKillboard gives them since 2026, need no look-up."""
    kill = killing.kill()

    def g1(exchange: Exchange) -> object:
        if "/kills/cached/" in exchange.request.path:
            return exchange.respond(200, JSON, json.dumps({"data": {"kills": [139000001]}}).encode())
        if "/kills/system/" in exchange.request.path:
            return exchange.respond(200, JSON, json.dumps({"data": {"kills": [kill, {"killmail_id": 5}]}}).encode())
        return exchange.respond(404, JSON, b'{"errors":{"detail":"Not Found"}}')

    killing.answer = g1
    await trio.sleep(300)
    killing.follow("systems", HOME, marks={"systems": BEGIN})
    await killing.heard(kill["killmail_id"])
    assert (await until_mended(killing)).unrecoverable == ""


async def test_what_nobody_can_answer_is_counted_and_shown(autojump_clock: MockClock, killing: Killing) -> None:
    killing.answer = lambda exchange: exchange.respond(404, JSON, b"{}")
    await trio.sleep(300)
    killing.follow("systems", HOME, OTHER, marks={"systems": BEGIN})
    gap = await until_mended(killing)
    assert gap.unrecoverable == "kills in 2 systems"
    assert killing.value("notifier_feed_gaps_total", feed="kills:systems", result="partial") == 1
    assert killing.value("notifier_feed_gap_seconds_total", feed="kills:systems", result="partial") == 300
    assert killing.world.state(SYSTEMS)[0] == "ok"


async def test_an_unhappy_service_is_asked_again_and_not_hammered(autojump_clock: MockClock, killing: Killing) -> None:
    missed = [killing.happen() for _ in range(7)]
    await trio.sleep(300)
    killing.answer = lambda exchange: exchange.respond(503, JSON, b"{}") if "/api/" in exchange.request.path else None
    killing.follow("systems", *range(31000001, 31000031), HOME, marks={"systems": BEGIN})
    await trio.sleep(600)
    assert len(killing.lookups("kills/cached")) < 30
    killing.answer = None
    found = await killing.heard(*missed)
    assert "cached" in set().union(*found.values())


async def test_a_service_that_never_answers_is_given_up_when_the_gap_is_too_old(
    autojump_clock: MockClock, killing: Killing
) -> None:
    killing.answer = lambda exchange: exchange.respond(500, JSON, b"{}")
    await trio.sleep(60)
    killing.follow("systems", HOME, marks={"systems": BEGIN})
    await trio.sleep(3600)
    await trio.sleep(600)
    gap = await until_mended(killing)
    assert gap.unrecoverable


async def test_characters_cannot_be_asked_for_and_that_is_said(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("characters", PILOT)
    await killing.world.until_state(CHARACTERS, "ok")
    await trio.sleep(60)
    await down_for(killing, 45)
    gap = await until_mended(killing, name=CHARACTERS)
    assert gap.unrecoverable == "kills of tracked pilots outside tracked systems"
    assert killing.value("notifier_feed_gaps_total", feed="kills:characters", result="unrecoverable") == 2
    assert killing.lookups("kills/cached") == []


async def test_a_change_of_what_is_wanted_is_no_gap(autojump_clock: MockClock, killing: Killing) -> None:
    wanted = killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(60)
    wanted.set(frozenset({HOME, OTHER}))
    await trio.sleep(60)
    assert killing.value("notifier_feed_gaps_total", feed="kills:systems", result="recovered") == 1
    assert killing.value("notifier_feed_oddities_total", feed="kills:systems", what="rejoin_changed") == 1


# --- polling while the socket stays down ---


async def test_the_memory_is_polled_while_the_socket_stays_down_with_the_lists_of_the_moment(
    autojump_clock: MockClock, killing: Killing
) -> None:
    wanted = killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    assert killing.world.state(FALLBACK) == ("disabled", "not needed")
    killing.feed.refuse_upgrades(503)
    killing.feed.cut_all()
    first = [killing.happen() for _ in range(6)]
    await killing.heard(*first, within_s=70)
    await killing.world.until_state(FALLBACK, "ok")
    wanted.set(frozenset({HOME, OTHER}))
    second = killing.happen(system_id=OTHER)
    found = await killing.heard(second, within_s=70)
    assert found == {second: {"cached"}}, "and nothing twice"
    killing.feed.refuse_upgrades(None)
    await killing.world.until_state(SYSTEMS, "ok")
    await killing.world.until_state(FALLBACK, "disabled")


async def test_a_service_that_was_down_from_the_start_is_polled_too(
    autojump_clock: MockClock, killing: Killing
) -> None:
    killing.feed.refuse_upgrades(503)
    killing.follow("systems", HOME)
    await trio.sleep(5)
    kill = killing.happen()
    await killing.heard(kill, within_s=70)


async def test_a_failing_poll_is_shown_and_slows_down(autojump_clock: MockClock, killing: Killing) -> None:
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(10)
    killing.asked.clear()
    killing.world.network.refuse(HOST, PORT)
    killing.world.network.cut(HOST, PORT)
    await killing.world.until_state(FALLBACK, "failed")
    for _ in range(60):
        await trio.sleep(60)
    assert killing.world.state(FALLBACK)[0] == "failed"
    assert killing.asked == []
    kill = killing.happen()
    killing.world.network.refuse(HOST, PORT, False)
    await killing.heard(kill, within_s=400)


async def test_s23_daily_downtime_is_quiet_and_loses_no_kill(
    autojump_clock: MockClock, killing: Killing, monkeypatch: pytest.MonkeyPatch
) -> None:
    eleven = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)
    world = killing.world
    monkeypatch.setattr(world, "now", lambda: eleven + timedelta(seconds=trio.current_time() - 600))
    killing.feed.now = world.now
    killing.feed.started_at = eleven - timedelta(hours=9)
    killing.follow("systems", HOME, first_start=eleven - timedelta(days=2))
    await world.until_state(SYSTEMS, "ok")
    await trio.sleep(600)
    last = killing.happen()
    await killing.heard(last)
    killing.feed.refuse_upgrades(503)
    killing.answer = lambda exchange: exchange.respond(503, JSON, b"{}")
    killing.feed.cut_all()
    await trio.sleep(30)
    assert world.state(SYSTEMS)[1].endswith("the game's daily downtime")
    missed = [killing.happen(system_id=HOME) for _ in range(6)]
    await trio.sleep(20 * 60 - 30)
    killing.feed.refuse_upgrades(None)
    killing.answer = None
    await killing.heard(*missed)
    await world.until_state(SYSTEMS, "ok")
    await trio.sleep(20 * 60)
    assert world.state(SYSTEMS) == ("ok", "")


async def test_the_far_system_of_another_map_is_not_asked_for(autojump_clock: MockClock, killing: Killing) -> None:
    killing.happen(system_id=FAR)
    await trio.sleep(300)
    killing.follow("systems", HOME, marks={"systems": BEGIN})
    await until_mended(killing)
    assert str(FAR) not in killing.lookups("kills/cached")
