"""Every published case of streams and feeds (cases.md S) can be played by the fakes: what it is on the wire."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
import trio
import trio.testing
import trio_websocket

from tests.sim.eventstream import follow
from tests.sim.phoenix import connect
from tests.sim.raw import ask
from wanderer_notifier.sim import mapserver_events as spelling
from wanderer_notifier.sim.http import Instead
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killmails import Inventor
from wanderer_notifier.sim.mapserver import MapServer

Clock = trio.testing.MockClock
KEY = "test-map-key-cases"
STREAM = "/api/maps/home-chain/events/stream"
HOME = 31001361


@pytest.fixture
def server(now: Callable[[], datetime]) -> MapServer:
    server = MapServer(now=now, rng=random.Random(1))
    server.add_map("home-chain", KEY)
    return server


async def raw_stream(server: MapServer, *, events: int = 1) -> bytes:
    """What a client reads of a greeting and *events* events."""
    async with follow(server, STREAM, key=KEY) as follower:
        await server.until(lambda server: len(server.streams) == 1)
        for number in range(events):
            server.maps["home-chain"].add_system(HOME + number, name="a\u2028b")
        await trio.testing.wait_all_tasks_blocked()
        while not await follower.silent():
            pass
        return b"".join(follower.chunks)


async def test_s01_a_name_with_a_line_separator(autojump_clock: Clock, server: MapServer) -> None:
    assert "a\u2028b".encode() in await raw_stream(server)


@pytest.mark.parametrize(("spell", "end"), [(spelling.with_crlf, b"\r\n\r\n"), (spelling.with_lone_cr, b"\r\r")])
async def test_s02_other_line_ends_cut_anywhere(
    spell: Callable[[bytes], bytes], end: bytes, autojump_clock: Clock, server: MapServer
) -> None:
    server.respell, server.split_at = spell, 1
    raw = await raw_stream(server)
    assert raw.count(end) == 2
    assert raw.endswith(end)


async def test_s04_no_spaces_comments_and_a_byte_order_mark(autojump_clock: Clock, server: MapServer) -> None:
    server.respell = spelling.without_spaces
    raw = await raw_stream(server)
    assert raw.startswith(b"\xef\xbb\xbf:\n: a comment\nevent:connected\nid:")
    assert b"\ndata:{" in raw


@pytest.mark.parametrize("kind", ["text/event-stream; charset=utf-8", "text/html", "application/json"])
async def test_s05_any_content_type(kind: str, autojump_clock: Clock, server: MapServer) -> None:
    server.stream_type = kind
    async with follow(server, STREAM, key=KEY) as follower:
        await follower.frame()
        assert dict(follower.headers)["content-type"] == kind


async def test_s06_dead_but_open(autojump_clock: Clock, server: MapServer) -> None:
    async with follow(server, STREAM, key=KEY) as follower:
        await follower.frame()
        server.stall()
        with trio.move_on_after(600) as silence:
            await follower.frame()
        assert silence.cancelled_caught
        assert len(server.streams) == 1


async def test_s07_a_proxy_that_cuts_every_minute(autojump_clock: Clock, server: MapServer) -> None:
    for _ in range(3):
        async with follow(server, STREAM, key=KEY) as follower:
            await follower.frame()
            await trio.sleep(60)
            assert await server.end_streams() == 1
            while await follower.frame() is not None:
                pass
            assert follower.complete is False


async def test_s08_the_greeting_is_newer_than_the_backlog(autojump_clock: Clock, server: MapServer) -> None:
    home = server.maps["home-chain"]
    ids = []
    for number in range(3):
        home.add_system(HOME + number)
        event = server.buffer.newest
        assert event is not None
        ids.append(event.id)
        await trio.sleep(1)
    async with follow(server, f"{STREAM}?last_event_id={ids[0]}", key=KEY) as follower:
        greeting = await follower.frame()
        assert greeting is not None
        assert greeting.split("\n")[1].removeprefix("id: ") > ids[2]
        assert [(await follower.event())["id"] for _ in range(2)] == ids[1:]


async def test_s10_a_gap_too_old(autojump_clock: Clock, server: MapServer) -> None:
    server.maps["home-chain"].add_system(HOME)
    await trio.sleep(20 * 60)
    async with follow(server, f"{STREAM}?last_event_id={'0' * 26}", key=KEY) as follower:
        assert "connected" in str(await follower.frame())
        assert await follower.silent()


async def test_s11_refused_after_200(autojump_clock: Clock, server: MapServer) -> None:
    server.max_streams_per_key = 0
    async with follow(server, STREAM, key=KEY) as follower:
        assert await follower.frame() is None
        assert (follower.status, follower.complete) == (200, False)


@pytest.mark.parametrize("status", [401, 402, 403, 404, 503])
async def test_s13_fatal_and_passing_errors(status: int, autojump_clock: Clock, server: MapServer) -> None:
    server.instead = Instead(status=status, body=b'{"error":"x"}')
    assert (await ask(server.handle, "GET", STREAM)).status == status
    server.instead = None
    assert (await ask(server.handle, "GET", STREAM)).status == 401


async def test_s14_connected_and_deaf(autojump_clock: Clock, feed: KillFeed) -> None:
    feed.upstream_lost_at = feed.now()
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        for _ in range(48):
            await trio.sleep(25)
            assert (await client.ask("heartbeat", {}, "phoenix"))["status"] == "ok"
        assert await client.quiet()
    status = json.loads((await ask(feed.handle, "GET", "/status")).body)
    assert status["metrics"]["processing"]["redisq_last_killmail_ago_seconds"] > 1000
    assert (await ask(feed.handle, "GET", "/health")).status == 503


async def test_s15_always_empty(autojump_clock: Clock, feed: KillFeed) -> None:
    for path in ("cached", "system"):
        got = await ask(feed.handle, "GET", f"/api/v1/kills/{path}/{HOME}")
        assert json.loads(got.body)["data"]["kills"] == []


async def test_s16_moved(autojump_clock: Clock, server: MapServer, feed: KillFeed) -> None:
    moved = Instead(status=302, headers=[("location", "https://elsewhere.example/")])
    for fake in (server, feed):
        fake.instead = moved
        got = await ask(fake.handle, "GET", STREAM)
        assert (got.status, got.header("location")) == (302, "https://elsewhere.example/")
    with pytest.RaisesGroup(trio_websocket.ConnectionRejected, flatten_subgroups=True):
        async with connect(feed):
            pass


async def test_s23_the_daily_downtime(autojump_clock: Clock, feed: KillFeed) -> None:
    feed.instead = Instead(status=503, body=b"down for maintenance")
    await trio.sleep(20 * 60)
    assert (await ask(feed.handle, "GET", "/ping")).status == 503
    feed.instead = None
    assert (await ask(feed.handle, "GET", "/ping")).body == b"pong"


async def test_s27_an_event_in_the_first_moment(autojump_clock: Clock, server: MapServer, feed: KillFeed) -> None:
    async with follow(server, STREAM, key=KEY) as follower:
        await server.until(lambda server: len(server.streams) == 1)  # accepted, not yet greeted
        server.maps["home-chain"].add_system(HOME)
        assert "connected" in str(await follower.frame())
        assert (await follower.event())["type"] == "add_system"


async def test_s28_poison(autojump_clock: Clock, feed: KillFeed, now: Callable[[], datetime]) -> None:
    kill = Inventor(random.Random(3)).kill(now() - timedelta(seconds=5), system_id=HOME)
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        feed.push_raw({"system_id": HOME, "killmails": [{"killmail_id": {}}, None], "preload": False})
        feed.push(kill)
        assert (await client.receive())[4]["killmails"] == [{"killmail_id": {}}, None]
        assert (await client.receive())[4]["killmails"][0]["killmail_id"] == kill["killmail_id"]
