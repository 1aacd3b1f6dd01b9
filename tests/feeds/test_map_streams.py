"""What one stream of a map may take: places on its server, bytes, and silence that is none."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.follower import (
    CONNECTED,
    DATA,
    OTHER,
    PILOT,
    STREAM,
    THIRD,
    following,
    scripted,
    serve_bytes,
    solar_system,
    streams,
)
from wanderer_notifier.feeds.map_pace import CONNECTIONS
from wanderer_notifier.feeds.map_request import EVENTS
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map

# --- places on the server ---


async def test_at_most_ten_connections_in_five_minutes(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    """Each may hold a place for 90 s after it ended, and there are ten places for one key."""

    async def talk(exchange: Exchange) -> None:
        await exchange.start(200, [("content-type", "text/event-stream")])
        await exchange.send(CONNECTED)
        await trio.sleep(21)  # just long enough to count as a proxy's habit
        await exchange.end()

    asked = scripted(world, talk, server)
    async with following(world), trio.open_nursery() as nursery:
        nursery.start_soon(drain, world)
        await trio.sleep(3600)
        nursery.cancel_scope.cancel()
    assert len(asked) > 60
    assert all(later - sooner >= 300.0 for sooner, later in zip(asked, asked[CONNECTIONS:], strict=False))


async def drain(world: World) -> None:
    async for _ in world.arrivals:
        pass


async def test_quick_cuts_never_use_up_the_places_of_a_key(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world), trio.open_nursery() as nursery:
        nursery.start_soon(drain, world)
        for _ in range(200):
            await trio.sleep(3)
            for stream in server.streams:
                if not stream.gone:
                    world.network.cut("map.test", 80)
        nursery.cancel_scope.cancel()
    assert "connection limit" not in " ".join(view.reason for view in world.states)


async def test_every_stream_asks_for_plain_bytes_and_only_for_what_concerns_us(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        server.cut_streams()
        await map_.loaded()
        asked = [request for request in server.journal if request.path.endswith("/stream")]
        assert [request.headers["accept-encoding"] for request in asked] == ["identity", "identity"]
        assert {request.query["events"] for request in asked} == {",".join(EVENTS)}
        assert not any("connection" in name or "signature" in name for name in EVENTS)


async def test_a_snapshot_that_is_too_large_is_a_state_and_not_the_end(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.request.path.endswith("/systems"):
            await exchange.start(200, [("content-type", "application/json")])
            for _ in range(20):
                await exchange.send(b" " * 2**20)
            await exchange.end()
        else:
            await server.handle(exchange)

    world.attach("map.test", 80, handle)
    async with following(world) as map_:
        assert "systems:" in await world.until_state(DATA, "degraded")
        home.add_system(OTHER)
        assert solar_system(await map_.event(within_s=61.0)) == OTHER


async def test_an_event_of_endless_lines_ends_the_connection(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    serve_bytes(world, server, CONNECTED, *[b"data: " + b"x" * 60_000 + b"\n"] * 20)
    async with following(world) as map_:
        assert "an event of more than" in await world.until_state(STREAM, "degraded")
        assert map_.count("notifier_feed_reconnects_total", feed="map:home", reason="too_large") == 1


# --- a stream that keeps things to itself ---


async def test_a_stream_that_only_shows_keepalives_is_found_out_and_replaced(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        home.silent = True  # the key was made anew, or the subscription lapsed
        home.add_system(OTHER)
        home.add_system(THIRD)
        assert len((await map_.loaded(within_s=601.0)).systems) == 3
        reason = await world.until_state(STREAM, "degraded", within_s=11.0)
        assert "did not tell of 2 changes" in reason
        assert map_.count("notifier_map_missed_events_total", map="home") == 2
        assert map_.count("notifier_feed_reconnects_total", feed="map:home", reason="missed_events") == 1
        await world.until_state(STREAM, "ok", within_s=10.0)
        assert len(streams(server)) == 2


async def test_an_event_that_comes_shortly_after_the_list_is_no_loss(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        home.silent = True
        home.add_system(OTHER)
        home.silent = False
        await map_.loaded(within_s=601.0)
        await trio.sleep(5)
        home.emit("add_system", {"solar_system_id": OTHER})
        assert solar_system(await map_.event()) == OTHER
        await world.nothing_arrives(300)
        assert map_.count("notifier_map_missed_events_total", map="home") == 0


async def test_pilots_who_are_no_longer_ticked_are_no_loss_of_the_stream(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    """Nothing on the stream ever tells of that (2.6)."""
    async with following(world) as map_:
        await map_.loaded()
        home.remove_character(PILOT, purged=False)
        assert (await map_.loaded(within_s=601.0)).characters == ()
        await trio.sleep(60)
        assert len(streams(server)) == 1


async def test_what_the_database_hides_for_a_moment_is_no_loss_of_the_stream(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        server.empty_lists(3)
        assert (await map_.loaded(within_s=610.0)).systems == ()
        await map_.loaded(within_s=601.0)
        assert len(streams(server)) == 1


async def test_the_figures_of_a_stream(autojump_clock: MockClock, world: World, server: MapServer, home: Map) -> None:
    async with following(world) as map_:
        await map_.loaded()
        since = map_.count("notifier_feed_connected_since_seconds", feed="map:home")
        assert since == pytest.approx(world.now().timestamp(), abs=1.0)
        await trio.sleep(100)
        home.add_system(OTHER)
        await map_.event()
        last = map_.count("notifier_feed_last_event_seconds", feed="map:home")
        assert last == pytest.approx(world.now().timestamp(), abs=1.0)
        server.down = True
        server.cut_streams()
        await world.until_state(STREAM, "degraded")
        assert map_.count("notifier_feed_connected_since_seconds", feed="map:home") == 0
        home.add_system(THIRD)
        await trio.sleep(60)
        server.down = False
        await map_.loaded()
        await map_.event()
        (gap,) = world.health.component(STREAM).view().gaps
        assert (gap.end - gap.begin).total_seconds() >= 60
        assert (gap.recovered, gap.unrecoverable) == (1, "")
        assert map_.count("notifier_feed_gaps_total", feed="map:home", result="replayed") == 1
