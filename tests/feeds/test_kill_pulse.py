"""Signs of life of the kill service, and ours towards it, however slow we are at the other end."""

from __future__ import annotations

import trio
import trio.testing
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.listening import HOME, OTHER, SYSTEMS, follow, joins, kill
from wanderer_notifier.sim.killfeed import KillFeed

# --- signs of life ---


async def test_heartbeats_keep_an_idle_socket_open(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    await trio.sleep(3600)
    assert len(world.network.dialled) == 1
    assert world.state(SYSTEMS) == ("ok", "")


async def test_s06_a_socket_that_is_open_and_dead_is_replaced_within_40_s(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    await trio.sleep(100)
    began = trio.current_time()
    feed.stall()
    assert "no answer to a heartbeat" in await world.until_state(SYSTEMS, "degraded")
    assert trio.current_time() - began <= 40.0
    feed.stall(False)
    await world.until_state(SYSTEMS, "ok")


async def test_a_service_that_talks_lives_even_without_heartbeat_replies(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    feed.stall_heartbeats()
    for _ in range(100):
        feed.push_raw({}, event="anything")
        await trio.sleep(3)
    assert len(world.network.dialled) == 1


async def test_a_slow_pipeline_does_not_cost_the_connection(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    for _ in range(200):
        feed.push(kill(world, attacker_count=50))  # 800 messages, far beyond all buffers
    await trio.sleep(600)
    assert len(world.network.dialled) == 1
    assert world.state(SYSTEMS)[0] == "ok"
    assert len(await world.take(800)) == 800
    await trio.sleep(60)
    assert len(world.network.dialled) == 1


async def test_a_change_while_the_pipeline_is_slow_is_made_afterwards(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    wanted = follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    for _ in range(200):
        feed.push(kill(world, attacker_count=50))
    wanted.set(frozenset({HOME, OTHER}))
    await trio.sleep(120)
    assert len(await world.take(800)) == 800
    await trio.sleep(20)
    assert world.state(SYSTEMS)[0] == "ok"
    assert len(world.network.dialled) == 1
    assert len(joins(feed)) == 2
