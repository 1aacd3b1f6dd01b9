"""The published cases of map streams and map events that concern this feed, each by its name (cases.md S and M).

S05, S06, S07, S08, S13, S16, S27 and the first half of S11 are in `test_maps.py`; S16 deviates on purpose: a redirect
of the map is explained, not followed, for it could carry the key elsewhere.

Not applicable here, with the reason:

| Case | Why |
|---|---|
| M02 drawn before scanned | about posts for connections; we announce systems, pilots and rally points |
| M03 two ends of one hole | the same: the stream is not even asked for connections and signatures |
| M04 default passed off as fact | no wormhole sizes are shown |
| M05 too early | about destinations of connections; a new system is told with what the map knows at that moment |
| S14, S15, S20 to S23, S28 | the kill feeds, the lock on the data, and parked events in general |
"""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.follower import (
    CONNECTED,
    DATA,
    HOME,
    OTHER,
    PILOT,
    STREAM,
    THIRD,
    following,
    frame,
    serve_bytes,
    solar_system,
    streams,
)
from tests.feeds.map_service import HOST, ONE, serving
from wanderer_notifier.core.rules import Priority, Rules
from wanderer_notifier.feeds.map_ledger import Ledger
from wanderer_notifier.feeds.map_memory import SEEN_EVENTS, MapMemory
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map

# --- S: the stream ---


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c"])
async def test_s01_line_separators_inside_data_do_not_split_an_event(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map, separator: str
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        name = f"a{separator}data: b"
        home.emit("add_system", {"solar_system_id": OTHER, "name": name})
        assert json.loads((await map_.event()).data)["payload"]["name"] == name
        await world.nothing_arrives(60)


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
async def test_s02_other_line_ends_cut_anywhere_are_one_event(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map, end: bytes
) -> None:
    whole = (CONNECTED + frame(OTHER) + frame(THIRD)).replace(b"\n", end)
    cuts = [whole[at : at + 1] for at in range(len(whole))]
    serve_bytes(world, server, *cuts)
    async with following(world) as map_:
        await map_.loaded()
        assert [solar_system(await map_.event()) for _ in range(2)] == [OTHER, THIRD]
        await world.nothing_arrives(30)


async def test_s04_no_space_after_the_colon_comments_and_a_byte_order_mark(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    text = b"\xef\xbb\xbf: hello\n" + CONNECTED + b":\n:data: no\n" + frame(OTHER).replace(b": ", b":")
    serve_bytes(world, server, text)
    async with following(world) as map_:
        await map_.loaded()
        assert solar_system(await map_.event()) == OTHER


async def test_s10_a_gap_beyond_the_horizon_is_a_reload_and_a_difference_and_no_burst(
    autojump_clock: MockClock,
) -> None:
    async with serving() as service:
        for number in range(20):
            service.home.add_system(31004001 + number, quiet=True)
        await trio.sleep(600)  # known by comparison
        before = await service.told()
        service.network.refuse(HOST, 80)
        service.network.cut(HOST, 80)
        service.home.add_system(OTHER)
        await trio.sleep(1200)
        service.network.refuse(HOST, 80, False)
        await trio.sleep(90)
        assert (await service.told())[len(before) :] == [f"system:home:{OTHER}"]
        (gap,) = [gap for view in service.health.views() for gap in view.gaps if view.name == STREAM][-1:]
        assert 1200 <= (gap.end - gap.begin).total_seconds() <= 1300
        assert "rally points" in gap.unrecoverable
        assert service.count("notifier_feed_gaps_total", feed="map:home", result="compared") == 1


async def test_s11_a_server_that_stays_full_is_asked_ever_more_slowly(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    server.max_streams_per_key = 0
    async with following(world) as map_:
        asked = list[float]()
        for number in range(6):
            with trio.fail_after(400):
                await server.until(lambda server, number=number: len(streams(server)) > number)  # type: ignore[misc]
            asked.append(trio.current_time())
        pauses = [round(later - sooner) for sooner, later in pairwise(asked)]
        assert pauses == [70, 140, 280, 300, 300]
        assert map_.count("notifier_feed_reconnects_total", feed="map:home", reason="limit") >= 5
        server.max_streams_per_key = 10
        await world.until_state(STREAM, "ok", within_s=301.0)


def test_s26_a_million_turns_take_no_more_room() -> None:
    map_memory, ledger = MapMemory(lambda: None, None, None, None, None, lambda: None), Ledger()  # type: ignore[arg-type, return-value]
    added, removed = json.dumps({"payload": {"id": OTHER}}), json.dumps({"payload": {"id": OTHER}})
    for number in range(1_000_000):
        event_id = str(number)
        if map_memory.is_new(event_id, ""):
            map_memory.handed_on(event_id, "")
    for _ in range(10_000):
        ledger.told("add_system", added)
        ledger.told("deleted_system", removed)
    assert len(map_memory._seen) == len(map_memory._order) == SEEN_EVENTS
    assert ledger._touched == {OTHER}


async def test_s26_hours_of_asking_neither_nests_nor_gathers_tasks(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    home.sse_enabled = False
    async with following(world) as map_:
        await map_.loaded(within_s=10)
        tasks = trio.lowlevel.current_statistics().tasks_living
        for _ in range(150):
            await map_.loaded(within_s=70)
        assert trio.lowlevel.current_statistics().tasks_living <= tasks + 2


# --- M: what the map says ---


async def test_m06_told_although_nobody_looks(autojump_clock: MockClock) -> None:
    """The map tells us itself; no browser, page or gateway of ours takes part."""
    async with serving() as service:
        service.home.add_system(OTHER)
        await trio.sleep(1)
        assert await service.told() == [f"system:home:{OTHER}"]


async def test_m07_an_excluded_hub_is_not_told_and_stays_on_the_map(autojump_clock: MockClock) -> None:
    rules = Rules(maps=(evolve(ONE, system_exclude_ids=frozenset({30000142})),))
    async with serving(rules) as service:
        service.home.add_system(30000142)
        service.home.add_system(OTHER)
        await trio.sleep(1)
        assert await service.told() == [f"system:home:{OTHER}"]
        assert 30000142 in service.known.value.system_ids()


async def test_m08_the_players_name_stands_before_the_official_one(autojump_clock: MockClock) -> None:
    async with serving() as service:
        service.home.add_system(31005001, name="J123456", quiet=True)
        service.home.set_temporary_name(31005001, "1-A")
        await trio.sleep(31)
        assert service.known.value.maps["home"].systems[31005001].full_name == "1-A (J123456)"
        service.home.set_custom_name(31005001, "Staging")  # the event says nothing of it, the list does
        await trio.sleep(31)
        assert service.known.value.maps["home"].systems[31005001].full_name == "Staging (J123456)"
        service.home.rally(31005001, PILOT, "form up")
        await trio.sleep(1)
        assert "Staging (J123456)" in (await service.texts())[-1]


async def test_names_are_read_again_after_a_burst_of_changes_but_not_for_each(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map
) -> None:
    async with following(world) as map_:
        await map_.loaded()
        await trio.sleep(60)
        for _ in range(100):  # somebody drags it
            home.set_custom_name(HOME, "Staging")
        for _ in range(100):
            await map_.event()
        loaded = await map_.loaded(within_s=6.0)
        assert [system.custom_name for system in loaded.systems] == ["Staging"]
        assert loaded.gap_s == 0.0
        home.set_custom_name(HOME, "Other")
        await map_.event()
        again = trio.current_time()
        await map_.loaded(within_s=31.0)
        assert trio.current_time() - again > 20
        await world.nothing_arrives(300)


async def test_a_new_name_is_no_notification(autojump_clock: MockClock) -> None:
    async with serving() as service:
        service.home.set_custom_name(HOME, "Staging")
        service.home.rename(HOME, "Red Giant")
        await trio.sleep(60)
        assert service.known.value.maps["home"].systems[HOME].custom_name == "Red Giant"
        assert await service.told() == []


async def test_m09_a_rally_cancelled_for_a_vanished_system_is_understood(autojump_clock: MockClock) -> None:
    payload = {"id": "3f2a", "solar_system_id": None, "system_id": None, "system_name": None}
    async with serving() as service:
        service.home.emit("rally_point_removed", payload)
        await trio.sleep(1)
        counted = service.count("notifier_map_events_total", map="home", type="rally_point_removed", result="ok")
        assert counted == 1
        assert service.count("notifier_parked_events_total", kind="map_event") == 0


@pytest.mark.parametrize("type_", ["characters_updated", "brand_new"])
async def test_m11_kinds_that_nobody_foresaw_are_counted_and_harm_nothing(
    autojump_clock: MockClock, world: World, server: MapServer, home: Map, type_: str
) -> None:
    data = json.dumps({"id": "01M1F372CR3WQ3TK2VD9WRH0G6", "type": type_, "payload": {"characters": []}})
    strange = f"event: {type_}\nid: 01M1F372CR3WQ3TK2VD9WRH0G6\ndata: {data}\n\n".encode()
    serve_bytes(world, server, CONNECTED, strange, frame(OTHER))
    async with following(world) as map_:
        await map_.loaded()
        assert (await map_.event()).type == type_
        if type_ == "characters_updated":  # a hint to read the pilots again; the unknown kind is none
            assert solar_system(await map_.event()) == OTHER
            await map_.characters()
            await map_.characters()
        else:
            assert solar_system(await map_.event()) == OTHER
        await world.nothing_arrives(60)


async def test_m14_a_mark_belongs_to_the_system_and_not_to_its_name(autojump_clock: MockClock) -> None:
    rules = Rules(maps=(evolve(ONE, priority_only=True),), priority=Priority(ids=frozenset({OTHER})))
    async with serving(rules) as service:
        service.home.add_system(OTHER)
        await trio.sleep(1)
        service.home.rename(OTHER, "Nothing Special")
        service.home.remove_system(OTHER)
        await trio.sleep(31)
        service.home.add_system(OTHER)
        service.home.add_system(THIRD)
        await trio.sleep(1)
        assert await service.told() == [f"system:home:{OTHER}"] * 2


async def test_m15_a_map_that_fails_is_kept_and_said_to_be_stale(autojump_clock: MockClock) -> None:
    async with serving() as service:
        service.server.fail_rest(10_000)
        service.server.cut_streams()
        await trio.sleep(120)
        data = service.health.component(DATA).view()
        assert data.state == "degraded"
        assert data.covered
        assert "HTTP 500; not read since 2026-11-25 03:00 UTC" in data.reason
        assert service.known.value.system_ids() == {HOME}
        service.server.rest_failures.clear()
        await trio.sleep(70)
        assert service.health.component(DATA).state == "ok"
