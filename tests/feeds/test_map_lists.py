"""A map's lists beside its stream: read late, in vain, empty, compared, and read again when a hint says so."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.follower import (
    DATA,
    HOME,
    HOST,
    KEY,
    OTHER,
    PILOT,
    PORT,
    SECOND,
    STREAM,
    THIRD,
    following,
    solar_system,
    until,
)
from wanderer_notifier.feeds.map_connection import HELD_EVENTS
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map

# --- the lists ---


async def test_lists_that_cannot_be_read_do_not_deafen_the_map(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.fail_rest(10_000)
    async with following(world) as map_:
        await until(server, lambda: len(server.streams) == 1)
        home.add_system(OTHER)
        assert solar_system(await map_.event(within_s=61.0)) == OTHER
        assert trio.current_time() == pytest.approx(60.0, abs=1.0)
        assert "HTTP 500" in world.state(DATA)[1]
        assert world.state(STREAM)[0] == "ok"
        home.add_system(THIRD)
        await map_.event(within_s=21.0)
        server.rest_failures.clear()
        assert len((await map_.loaded(within_s=61.0)).systems) == 3
        await world.until(lambda: world.state(DATA) == ("ok", ""))


async def test_lists_that_never_answer_do_not_deafen_the_map(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.request.path.endswith("/events/stream"):
            await server.handle(exchange)
        await trio.sleep_forever()

    world.attach(HOST, PORT, handle)
    async with following(world) as map_:
        await until(server, lambda: len(server.streams) == 1)
        home.add_system(OTHER)
        assert solar_system(await map_.event(within_s=61.0)) == OTHER


async def test_when_no_more_events_can_be_held_back_they_go_on(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.fail_rest(10_000)
    async with following(world) as map_:
        await until(server, lambda: len(server.streams) == 1)
        total = HELD_EVENTS + 500
        for number in range(total):
            home.emit("add_system", {"solar_system_id": 31000001 + number})
        got = [solar_system(await map_.event(within_s=30.0)) for _ in range(total)]
        assert got == [31000001 + number for number in range(total)]
        assert trio.current_time() < 30.0


async def test_an_empty_list_is_looked_at_twice(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.empty_lists(1)
    async with following(world) as map_:
        assert [system.system_id for system in (await map_.loaded()).systems] == [HOME]


async def test_a_map_that_is_really_empty_is_believed(
    autojump_clock: MockClock, world: World, server: MapServer
) -> None:
    server.add_map("home", KEY)
    async with following(world) as map_:
        assert (await map_.loaded()).systems == ()


async def test_the_lists_are_compared_every_ten_minutes(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        home.add_system(OTHER, quiet=True)  # an event that was lost
        loaded = await map_.loaded(within_s=601.0)
        assert len(loaded.systems) == 2
        assert loaded.gap_s == 0.0


async def test_an_event_during_a_comparison_comes_after_it(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    slow = trio.Event()

    async def handle(exchange: Exchange) -> None:
        late = len(server.journal) >= 3 and exchange.request.path.endswith("/systems")
        if late:
            slow.set()
            await trio.sleep(5)
        await server.handle(exchange)

    world.attach(HOST, PORT, handle)
    async with following(world) as map_:
        await map_.loaded()
        with trio.fail_after(700):
            await slow.wait()
        home.add_system(OTHER)
        assert len((await map_.loaded()).systems) == 2
        assert solar_system(await map_.event()) == OTHER


# --- pilots ---


async def test_a_hint_about_pilots_reads_their_list_again_and_once_more(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        began = trio.current_time()
        home.add_character(SECOND)
        assert (await map_.event()).type == "character_added"
        assert {pilot.character_id for pilot in (await map_.characters()).characters} == {PILOT, SECOND}
        assert trio.current_time() - began == pytest.approx(1.5)
        await map_.characters()
        assert trio.current_time() - began == pytest.approx(6.5)
        await world.nothing_arrives(300)


async def test_many_hints_are_one_reading(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        character = next(iter(home.characters.values()))
        for _ in range(20):
            home.open_browser(character)
        for _ in range(20):
            await map_.event()
        await map_.characters()
        await map_.characters()
        await world.nothing_arrives(300)


async def test_pilots_that_cannot_be_read_wait_for_the_next_look(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        server.fail_rest(1)
        home.add_character(SECOND)
        await map_.event()
        assert len((await map_.characters(within_s=10.0)).characters) == 2
        assert world.state(DATA)[0] == "ok"
