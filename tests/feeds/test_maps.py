"""The map feed against the fake map server, in virtual time."""

from __future__ import annotations

import json
import random
from functools import partial

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.follower import (
    CONNECTED,
    DATA,
    HOME,
    HOST,
    KEY,
    OTHER,
    PILOT,
    PORT,
    STREAM,
    THIRD,
    following,
    frame,
    scripted,
    solar_system,
    streams,
    until,
)
from wanderer_notifier.core.cursors import ulid_time_ms
from wanderer_notifier.core.events import Arrival, MapEventArrived, MapLoaded
from wanderer_notifier.feeds.maps import MapSource, follow_map
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.sim.http import Exchange, serve_tcp
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map

# --- the beginning ---


async def test_the_stream_is_opened_first_and_the_lists_are_read_second(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        loaded = await map_.loaded()
        assert [request.path.rpartition("/")[2] for request in server.journal] == [
            "stream",
            "systems",
            "tracked-characters",
        ]
        assert [system.system_id for system in loaded.systems] == [HOME]
        assert [pilot.character_id for pilot in loaded.characters] == [PILOT]
        assert (loaded.slug, loaded.gap_s) == ("home", None)
        await world.until(lambda: world.state(STREAM) == world.state(DATA) == ("ok", ""))


async def test_the_request_asks_for_what_is_needed(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        stream = server.journal[0]
        assert "last_event_id" not in stream.query
        assert set(stream.query["events"].split(",")) >= {"add_system", "deleted_system", "rally_point_added"}
        assert stream.headers["accept-encoding"] == "identity"
        assert stream.headers["accept"] == "text/event-stream"
        assert stream.headers["authorization"] == f"Bearer {KEY}"


async def test_events_are_handed_on_as_they_are(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        event_id = home.emit("add_system", {"solar_system_id": OTHER, "name": "a\u2028data: b"})
        event = await map_.event()
        assert (event.slug, event.type, event.event_id) == ("home", "add_system", event_id)
        assert json.loads(event.data)["payload"]["name"] == "a\u2028data: b"
        await world.nothing_arrives(120)  # keep-alives are nothing


async def test_s27_what_happens_while_the_lists_are_read_comes_after_them(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.fail_rest(4)
    async with following(world) as map_:
        await until(server, lambda: len(server.streams) == 1)
        home.add_system(OTHER)
        assert len((await map_.loaded()).systems) == 2
        assert solar_system(await map_.event()) == OTHER


async def test_the_greeting_begins_a_cursor_only_where_there_is_none(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        (seed,) = map_.seeds
        server.cut_streams()
        await map_.loaded()
        assert map_.seeds == [seed]


@pytest.mark.parametrize("restarted", [False, True])
async def test_s11_what_was_there_before_the_first_start_is_not_asked_for_again(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map, restarted: bool
) -> None:
    home.add_system(OTHER)
    await trio.sleep(1)
    async with following(world) as map_:
        assert len((await map_.loaded()).systems) == 2
        (seed,) = map_.seeds
        await trio.sleep(1)
        home.add_system(THIRD)
        new = await map_.event()
        if not restarted:
            server.cut_streams()
            await map_.loaded()
            await world.nothing_arrives(30)
    if restarted:
        async with following(world, cursor=new.event_id, begun=seed) as map_:
            await map_.loaded()
            assert (await map_.event()).event_id == new.event_id
            await world.nothing_arrives(30)
    assert streams(server)[1]["last_event_id"] == seed


async def test_s08_a_greeting_newer_than_the_backlog_does_not_move_the_cursor(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    first = home.emit("add_system", {"solar_system_id": HOME})
    await trio.sleep(30)
    missed = [home.emit("add_system", {"solar_system_id": OTHER + number}) for number in range(3)]
    await trio.sleep(30)
    async with following(world, cursor=first) as map_:
        await map_.loaded()
        assert [(await map_.event()).event_id for _ in range(4)] == [first, *missed]
        assert map_.seeds == []
        map_.committed = missed[0]  # a crash: only this much was decided
        server.cut_streams()
        await map_.loaded()
        asked = ulid_time_ms(streams(server)[1]["last_event_id"])
        assert asked == (ulid_time_ms(missed[0]) or 0) - 5000


async def test_a_cursor_that_is_none_is_not_sent(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world, cursor="not a ulid") as map_:
        await map_.loaded()
        assert "last_event_id" not in streams(server)[0]


# --- gaps ---


async def test_a_gap_is_replayed_without_repeating_anything(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.duplicate_backfill = True
    async with following(world) as map_:
        await map_.loaded()
        home.add_system(OTHER)
        await map_.event()
        server.cut_streams()
        home.add_system(THIRD)
        await map_.loaded()
        assert solar_system(await map_.event()) == THIRD
        await world.nothing_arrives(300)


async def test_what_was_only_received_is_not_taken_for_handed_on(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.fail_rest(3)
    async with following(world) as map_:
        await until(server, lambda: len(server.streams) == 1)
        home.add_system(OTHER)
        await trio.testing.wait_all_tasks_blocked()  # held back while the lists cannot be read
        server.cut_streams()
        await map_.loaded()
        assert solar_system(await map_.event()) == OTHER


@pytest.mark.parametrize("away_s", [2.0, 300.0, 7200.0])
async def test_the_gap_is_measured_from_the_last_sign_of_life(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map, away_s: float
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        await trio.sleep(31)  # one keep-alive
        heard = trio.current_time() - 1
        server.cut_streams()
        server.down = True
        await trio.sleep(away_s)
        server.down = False
        loaded = await map_.loaded()
        assert loaded.gap_s == pytest.approx(trio.current_time() - heard, abs=1.0)


async def test_the_gap_at_the_start_is_counted_from_the_last_process(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world, last_heard_s=1234.0) as map_:
        assert (await map_.loaded()).gap_s == pytest.approx(1234.0, abs=1.0)


async def test_a_connection_that_never_loaded_does_not_shorten_the_gap(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.fail_rest(10_000)
    async with following(world, last_heard_s=1000.0) as map_:
        await trio.sleep(500)
        server.rest_failures.clear()
        server.cut_streams()
        assert ((await map_.loaded()).gap_s or 0.0) >= 1500.0


async def test_a_frame_cut_in_the_middle_is_replayed_whole(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        server.cut_in_next_frame = True
        home.add_system(OTHER)
        await map_.loaded()
        assert solar_system(await map_.event()) == OTHER
        await world.nothing_arrives(300)


async def test_frames_in_single_bytes(autojump_clock: MockClock, world: World, server: MapServer, home: Map) -> None:
    server.split_at = 1
    async with following(world) as map_:
        await map_.loaded()
        home.add_system(OTHER)
        assert solar_system(await map_.event()) == OTHER


# --- ends of a stream ---


async def test_s06_a_stream_that_is_open_and_dead_is_replaced(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        server.stall()
        began = trio.current_time()
        assert "silent for 90 s" in await world.until_state(STREAM, "degraded")
        assert trio.current_time() - began <= 121.0
        server.stall(False)
        home.add_system(OTHER)
        await map_.loaded()
        assert solar_system(await map_.event()) == OTHER


async def test_s07_a_proxy_that_cuts_every_minute_raises_no_alarm(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    with structlog.testing.capture_logs() as logs:
        async with following(world) as map_:
            await map_.loaded()
            for number in range(10):
                home.add_system(OTHER + number)
                assert solar_system(await map_.event()) == OTHER + number
                await trio.sleep(60)
                cut = trio.current_time()
                await server.end_streams()
                await map_.loaded(within_s=5.0)
                assert trio.current_time() - cut <= 2.0
            await world.nothing_arrives(300)
    assert [entry for entry in logs if entry["log_level"] not in ("info", "debug")] == []
    assert "failed" not in {view.state for view in world.states}


async def test_a_stream_that_is_cut_at_once_again_and_again_is_asked_ever_more_slowly(
    autojump_clock: MockClock, world: World
) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.start(200, [("content-type", "text/event-stream")])
        await exchange.send(CONNECTED)
        await exchange.end()

    asked = scripted(world, talk)
    async with following(world):
        await trio.sleep(600)
    assert len(asked) < 20


async def test_s11_a_full_server_is_recognised_and_left_in_peace_for_a_minute(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.max_streams_per_key = 0
    async with following(world) as map_:
        assert "connection limit" in await world.until_state(STREAM, "failed")
        await trio.sleep(200)
        assert len(streams(server)) <= 4
        server.max_streams_per_key = 10
        await world.until_state(STREAM, "ok", within_s=75.0)
        del map_


async def test_no_greeting_is_no_stream(autojump_clock: MockClock, world: World) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.start(200, [("content-type", "text/event-stream")])
        while True:
            await exchange.send(b": keepalive\n\n")
            await trio.sleep(5)

    scripted(world, talk)
    async with following(world):
        assert "no greeting within 15 s" in await world.until_state(STREAM, "degraded")


async def test_an_endless_line_ends_the_connection(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.start(200, [("content-type", "text/event-stream")])
        await exchange.send(CONNECTED + frame(HOME))
        await exchange.send(b"data: " + b"x" * (2**20 + 1))
        await trio.sleep_forever()

    scripted(world, talk, server)
    async with following(world):
        assert "a line of more than" in await world.until_state(STREAM, "degraded")


# --- refusals ---


@pytest.mark.parametrize(
    ("content_type", "good"),
    [
        ("text/event-stream", True),
        ("text/event-stream; charset=utf-8", True),
        ("Text/Event-Stream;charset=latin-1", True),
        ("application/json", False),
        ("text/html; charset=utf-8", False),
        ("", False),
    ],
)
async def test_s05_the_content_type_decides_without_its_parameters(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map, content_type: str, good: bool
) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.start(200, [("content-type", content_type)])
        await exchange.send(CONNECTED)
        await trio.sleep_forever()

    scripted(world, talk, server)
    async with following(world) as map_:
        if good:
            await map_.loaded()
        else:
            assert "not events; check MAP_URL" in await world.until_state(STREAM, "failed")


async def test_s13_a_map_that_is_away_for_five_minutes_is_found_again(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    del server.maps["home"]
    async with following(world) as map_:
        assert "knows no map home" in await world.until_state(STREAM, "failed")
        await trio.sleep(300)
        assert 2 <= len(streams(server)) <= 5
        server.maps["home"] = home
        await world.until_state(STREAM, "ok", within_s=301.0)
        await map_.loaded()


async def test_s16_a_redirect_is_explained_and_not_followed(autojump_clock: MockClock, world: World) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.respond(301, [("location", "https://new.test/api/maps/home/events/stream")])

    scripted(world, talk)
    async with following(world):
        assert "redirects to https://new.test; set MAP_URL" in await world.until_state(STREAM, "failed")
    assert set(world.network.dialled) == {(HOST, PORT)}


async def test_a_server_that_is_away_degrades_both_parts_with_a_reason(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    world.network.refuse(HOST, PORT)
    async with following(world) as map_:
        assert "Connection refused" in await world.until_state(STREAM, "degraded")
        assert "Connection refused" in await world.until_state(DATA, "degraded")
        world.network.refuse(HOST, PORT, False)
        await map_.loaded(within_s=61.0)
        await world.until_state(DATA, "ok")


# --- over real sockets ---


async def test_the_same_over_tcp(nursery: trio.Nursery) -> None:
    world = World(nursery, None)  # type: ignore[arg-type]  # real sockets instead
    server = MapServer(now=world.now, rng=random.Random(7))
    home = server.add_map("home", KEY)
    home.add_system(HOME, quiet=True)
    port = await nursery.start(serve_tcp, server.handle)
    api = Upstream("map", f"http://127.0.0.1:{port}", dial=tcp_dial(), headers={"authorization": f"Bearer {KEY}"})
    out, arrivals = trio.open_memory_channel[Arrival](16)
    nursery.start_soon(
        partial(
            follow_map,
            MapSource(slug="home", api=api),
            out,
            component=Health(world.now).component,
            cursor=lambda: None,
            last_heard=None,
            read_at=None,
            metrics=Metrics(),
            now=world.now,
            roll=world.roll,
        )
    )
    with trio.fail_after(20):
        assert isinstance(await arrivals.receive(), MapLoaded)
        home.add_system(OTHER)
        assert isinstance(await arrivals.receive(), MapEventArrived)
        server.cut_streams()
        assert isinstance(await arrivals.receive(), MapLoaded)
    await api.aclose()
