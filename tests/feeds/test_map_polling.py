"""A map that offers no stream is read by asking; knowledge that grows old says so."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.follower import DATA, HOME, HOST, OTHER, PORT, STREAM, following, scripted, streams
from wanderer_notifier.runtime.readiness import readiness
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map


def ready(world: World) -> bool:
    return readiness(world.health.views(), grace_s=120, uptime_s=9999, stopping=False).ready


def _off_for_the_map(server: MapServer, on: bool) -> None:
    server.maps["home"].sse_enabled = on


def _off_for_all(server: MapServer, on: bool) -> None:
    server.sse_enabled = on


@pytest.mark.parametrize(
    ("switch", "words"),
    [
        (_off_for_the_map, "switched off for map home; switch them on in the map's settings"),
        (_off_for_all, "switched off on the map server; whoever runs it can set WANDERER_SSE_ENABLED=true"),
    ],
)
async def test_a_map_without_a_stream_is_read_every_minute_and_says_so(
    autojump_clock: MockClock,
    world: World,
    server: MapServer,
    home: Map,
    switch: Callable[[MapServer, bool], None],
    words: str,
) -> None:
    switch(server, False)
    async with following(world) as map_:
        reason = await world.until_state(STREAM, "degraded")
        assert words in reason
        assert reason.endswith("until then the map is read every 60 s")
        assert [system.system_id for system in (await map_.loaded(within_s=10.0)).systems] == [HOME]
        await world.until_state(DATA, "ok")
        assert ready(world)
        for _ in range(10):
            again = await map_.loaded(within_s=70.0)
            assert again.gap_s == pytest.approx(60.0, abs=6.0)
        home.add_system(OTHER)
        assert len((await map_.loaded(within_s=70.0)).systems) == 2
        assert 2 <= len(streams(server)) <= 4  # asked for every five minutes
        switch(server, True)
        await world.until_state(STREAM, "ok", within_s=301.0)
        assert map_.count("notifier_feed_reconnects_total", feed="map:home", reason="switched_off") >= 2


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (402, b'{"error":"Active subscription required","code":"SUBSCRIPTION_REQUIRED"}', "active subscription"),
        (403, b'{"error":"no","code":"SSE_NOT_AVAILABLE","status":403}', "ask who runs it"),
        (503, b'{"error":"off","code":"SSE_GLOBALLY_DISABLED","status":503}', "WANDERER_SSE_ENABLED"),
        (204, b"", "nothing to stream"),
    ],
)
async def test_every_refusal_of_the_stream_alone_leads_to_asking(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map, status: int, body: bytes, words: str
) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.respond(status, [], body)

    scripted(world, talk, server)
    async with following(world) as map_:
        assert words in await world.until_state(STREAM, "degraded")
        await map_.loaded(within_s=10.0)
        await map_.loaded(within_s=70.0)


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        (lambda server: setattr(server.maps["home"], "key", "test-token-other"), "MAP_API_KEY is not the key"),
        (lambda server: setattr(server.maps["home"], "subscribed", False), "subscription of map home is not active"),
        (lambda server: setattr(server, "public_api", False), "the public API is switched off"),
    ],
)
async def test_what_refuses_the_lists_too_is_a_failure(
    autojump_clock: MockClock,
    world: World,
    server: MapServer,
    home: Map,
    breaks: Callable[[MapServer], None],
    words: str,
) -> None:
    breaks(server)
    async with following(world):
        assert words in await world.until_state(STREAM, "failed")
        assert words in await world.until_state(DATA, "failed")
        assert not ready(world)
        await trio.sleep(1800)
        assert len(streams(server)) <= 8
        await world.nothing_arrives(1.0)


async def test_without_a_stream_a_long_outage_of_the_lists_is_a_long_gap(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    home.sse_enabled = False
    async with following(world) as map_:
        await map_.loaded(within_s=10.0)
        world.network.refuse(HOST, PORT)
        await trio.sleep(7200)
        world.network.refuse(HOST, PORT, False)
        assert (await map_.loaded()).gap_s == pytest.approx(7200.0, abs=100.0)


# --- a map that is down at the start ---


@pytest.mark.parametrize(
    ("read_s", "state", "words", "fine"),
    [
        (10_800.0, "degraded", "not read since 2026-11-25 09:00 UTC, 3h 0m", True),
        (60.0, "degraded", "not read since 2026-11-25 11:59 UTC, 1m", True),
        (90_000.0, "failed", "not read since 2026-11-24 11:00 UTC, 1d 1h", False),
        (None, "degraded", "never read so far", False),
    ],
)
async def test_a_map_that_is_down_says_how_old_its_knowledge_is(
    autojump_clock: MockClock,
    world: World,
    server: MapServer,
    home: Map,
    read_s: float | None,
    state: str,
    words: str,
    fine: bool,
) -> None:
    world.network.refuse(HOST, PORT)
    async with following(world, read_s=read_s):
        await world.until(lambda: world.state(DATA)[0] not in ("starting", "ok"))
        assert world.state(DATA)[0] == state
        assert words in world.state(DATA)[1]
        data = [view for view in world.health.views() if view.name == DATA]
        checks = readiness(data, grace_s=120, uptime_s=9999, stopping=False)
        assert checks.ready is fine
        assert words in checks.checks["map_data"]


async def test_knowledge_of_more_than_a_day_makes_unready(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        world.network.refuse(HOST, PORT)
        world.network.cut(HOST, PORT)
        await trio.sleep(23 * 3600)
        assert world.state(DATA)[0] == "degraded"
        await trio.sleep(2 * 3600)
        assert world.state(DATA)[0] == "failed"
        world.network.refuse(HOST, PORT, False)
        await map_.loaded()
        await world.until(lambda: world.state(DATA) == ("ok", ""))
