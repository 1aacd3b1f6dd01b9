"""The `eventsource` client of npm follows the fake map's stream over a real socket."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import trio

from tests.peers.conftest import Line, Peer, Start
from wanderer_notifier.sim.http import serve_tcp
from wanderer_notifier.sim.mapserver import MapServer

pytestmark = pytest.mark.timeout(200)  # the first test installs the packages

KEY = "test-map-key-peers"
TYPES = ("connected", "add_system", "deleted_system", "rally_point_added")
J1, J2, J3 = 31001503, 31002222, 31000777


@pytest.fixture
def server() -> MapServer:
    server = MapServer(now=lambda: datetime.now(UTC), rng=random.Random(1))
    server.linger_writes = 0
    server.add_map("home-chain", KEY)
    return server


@asynccontextmanager
async def serving(server: MapServer) -> AsyncIterator[str]:
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_tcp, server.handle)
        yield f"http://127.0.0.1:{port}/api/maps/home-chain/events/stream"
        nursery.cancel_scope.cancel()


async def greeted(peer: Peer) -> dict[str, str]:
    assert await peer.line() == {"stream": "open"}
    greeting: dict[str, str] = await peer.line()
    assert greeting["type"] == "connected"
    assert set(json.loads(greeting["data"])) == {"map_id", "server_time"}
    return greeting


async def test_events_come_with_their_ids_and_can_be_resumed(server: MapServer, start: Start) -> None:
    home = server.maps["home-chain"]
    async with serving(server) as url:
        async with start("stream.mjs", url, KEY, *TYPES) as peer:
            await greeted(peer)
            events: list[Line] = []
            for change in (home.add_system, home.add_system, home.remove_system):
                change((J1, J2, J1)[len(events)])
                events.append(await peer.line())
                await trio.sleep(0.002)  # ids of one millisecond are in no order
        assert [event["type"] for event in events] == ["add_system", "add_system", "deleted_system"]
        for event in events:
            data = json.loads(event["data"])
            assert (data["id"], data["type"]) == (event["id"], event["type"])
        home.add_system(J3)  # while nobody listens
        await server.until(lambda server: not server.streams)
        async with start("stream.mjs", f"{url}?last_event_id={events[0]['id']}", KEY, *TYPES) as peer:
            await greeted(peer)
            again = [await peer.line() for _ in range(3)]
        assert [event["id"] for event in again[:2]] == [event["id"] for event in events[1:]]
        assert json.loads(again[2]["data"])["payload"]["solar_system_id"] == J3


async def test_the_header_that_the_client_sends_on_its_own_resumes_nothing(server: MapServer, start: Start) -> None:
    home = server.maps["home-chain"]
    async with serving(server) as url, start("stream.mjs", url, KEY, *TYPES) as peer:
        await greeted(peer)
        home.add_system(J1)
        await peer.line()
        await server.end_streams()
        assert (await peer.line())["stream"] == "error"
        home.add_system(J2)  # lost on it: the server ignores Last-Event-ID
        await server.until(lambda server: len(server.streams) == 1)
        await peer.until(lambda line: line.get("type") == "connected")
        assert server.journal[-1].headers["last-event-id"]
        home.add_system(J3)
        assert json.loads((await peer.line())["data"])["payload"]["solar_system_id"] == J3


@pytest.mark.parametrize("size", [1, 3, 50])
async def test_events_survive_any_chunking(size: int, server: MapServer, start: Start) -> None:
    server.split_at = size
    home = server.maps["home-chain"]
    home.add_system(J1, quiet=True)
    async with serving(server) as url, start("stream.mjs", url, KEY, *TYPES) as peer:
        await greeted(peer)
        home.rally(J1, 2147481001, "line\u2028separator, \u0085 and ☠")
        data = json.loads((await peer.line())["data"])
        assert data["payload"]["message"] == "line\u2028separator, \u0085 and ☠"


async def test_keepalives_are_silent_and_keep_the_stream(start: Start) -> None:
    server = MapServer(now=lambda: datetime.now(UTC), rng=random.Random(1), keepalive_s=0.01)
    home = server.add_map("home-chain", KEY)
    async with serving(server) as url, start("stream.mjs", url, KEY, *TYPES) as peer:
        await greeted(peer)
        stream = server.streams[0]
        with trio.fail_after(10):
            await server.until(lambda server: stream.keepalives >= 20)
        home.add_system(J1)
        assert (await peer.line())["type"] == "add_system"
        assert server.streams == (stream,)


async def test_refusals_reach_the_client(server: MapServer, start: Start) -> None:
    async with serving(server) as url:
        async with start("stream.mjs", url, "test-map-key-wrong", *TYPES) as peer:
            assert await peer.line() == {"stream": "error", "code": 401, "state": 2}
        server.max_streams_per_key = 0
        async with start("stream.mjs", url, KEY, *TYPES) as peer:
            assert await peer.line() == {"stream": "open"}  # 200, then nothing: what a full server does
            assert await peer.line() == {"stream": "error", "code": None, "state": 0}
