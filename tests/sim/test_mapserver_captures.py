"""The fake map server against the recorded real one."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import trio.testing

from tests.sim.captures import records
from tests.sim.eventstream import follow
from tests.sim.raw import ask
from wanderer_notifier.sim.mapserver import MapServer

Now = Callable[[], datetime]
STREAM = "/api/maps/home-chain/events/stream"
KEY = "map-key-aaaaaaaa"


@pytest.fixture
def server(now: Now) -> MapServer:
    server = MapServer(now=now, rng=random.Random(1))
    server.add_map("home-chain", KEY, map_id="5f0c2f6e-1111-4a7e-9d10-000000000001")
    server.add_map("no-sse", "map-key-bbbbbbbb").sse_enabled = False
    server.add_map("no-key", None)
    return server


def normal(frame: str) -> str:
    """Blank ids of events and times of the server."""
    frame = re.sub(r"\b[0-9A-HJKMNP-TV-Z]{26}\b", "<ulid>", frame)
    return re.sub(r'"(server_time|timestamp)":"[^"]*"', r'"\1":"<time>"', frame)


async def test_refusals_are_the_recorded_ones(autojump_clock: trio.testing.MockClock, server: MapServer) -> None:
    compared = 0
    for record in records("wanderer-map", "http-01-refusals"):
        if record["dir"] != "exchange":
            continue
        request, response, step = record["request"], record["response"], record["step"]
        server.sse_enabled = step != "stream disabled on the server"
        server.public_api = step != "public API disabled on the server"
        headers = list(request["headers"].items())
        names = {name for name, _ in response["headers"]} - {"content-encoding"}
        compared += 1
        if response["status"] == 200:
            async with follow(server, request["path"], headers) as follower:
                first = await follower.frame()
                assert first is not None
                assert normal(first + "\n\n") == normal(response["body"]), step
                assert {name for name, _ in follower.headers} == names, step
            continue
        got = await ask(server.handle, request["method"], request["path"], headers)
        assert (got.status, got.body.decode()) == (response["status"], response["body"]), step
        assert set(got.names) == names, step
        assert got.header("content-type") == dict(response["headers"]).get("content-type"), step
    assert compared == 14


def conversation() -> tuple[list[Any], dict[str, list[Any]]]:
    """What the recording broadcast, and what each later connection got, as frames."""
    frames: dict[str, list[Any]] = {}
    for record in records("wanderer-map", "sse-01-stream"):
        if record["dir"] == "chunk":
            frames.setdefault(record["conn"], []).append(record["text"])
    first = next(iter(frames))
    return frames.pop(first), frames


async def test_broadcasts_and_keepalives_come_as_recorded(
    autojump_clock: trio.testing.MockClock, server: MapServer
) -> None:
    recorded, _ = conversation()
    home = server.maps["home-chain"]
    async with follow(server, STREAM, key=KEY) as follower:
        greeting = await follower.frame()
        assert greeting is not None
        assert normal(greeting + "\n\n") == normal(recorded[0])
        events = [chunk for chunk in recorded[1:] if not chunk.startswith(":")]
        for chunk in events:
            data = json.loads(chunk.split("data: ", 1)[1])
            home.emit(data["type"], data["payload"])
            if data["type"] == "character_added":
                home.emit("characters_updated", {"characters": [], "timestamp": "x"})
            await follower.frame()
            assert normal(follower.chunks[-1].decode()) == normal(chunk)
        started = trio.current_time()
        for number in range(1, 4):
            assert await follower.frame() == ": keepalive"
            assert trio.current_time() - started == pytest.approx(30 * number)
    with pytest.raises(ValueError, match="made_up"):
        home.emit("made_up", {})


async def test_reconnecting_replays_what_was_recorded(
    autojump_clock: trio.testing.MockClock, server: MapServer
) -> None:
    recorded, later = conversation()
    home = server.maps["home-chain"]
    given: dict[str, str] = {}
    for chunk in recorded[1:]:
        if not chunk.startswith(":"):
            data = json.loads(chunk.split("data: ", 1)[1])
            given[data["id"]] = home.emit(data["type"], data["payload"])
            await trio.sleep(0.12)
    requests = {
        record["conn"]: record
        for record in records("wanderer-map", "sse-01-stream")
        if record["dir"] == "request" and record["conn"].startswith("rec")
    }
    assert len(requests) == 5
    for name, request in requests.items():
        target = request["path"]
        for old, new in given.items():
            target = target.replace(old, new)
        async with follow(server, target, request["headers"].items()) as follower:
            for chunk in later[name]:
                frame = await follower.frame()
                assert frame is not None
                assert normal(frame + "\n\n") == normal(chunk), name
            assert await follower.silent(), name


async def test_the_eleventh_connection_of_a_key_gets_nothing(
    autojump_clock: trio.testing.MockClock, server: MapServer
) -> None:
    recorded: dict[int, list[str]] = {}
    for record in records("wanderer-map", "sse-02-connection-limit"):
        if record["dir"] in ("response", "chunk", "error"):
            recorded.setdefault(record["conn"], []).append(record["dir"])
    async with trio.open_nursery() as nursery:
        for number in range(1, 13):
            outcome = await nursery.start(_hold, server)
            assert outcome == recorded[number], number
        nursery.cancel_scope.cancel()


async def _hold(server: MapServer, *, task_status: trio.TaskStatus[list[str]]) -> None:
    async with follow(server, STREAM, key=KEY) as follower:
        frame = await follower.frame()
        outcome = ["response"] if follower.status == 200 else []
        outcome.append("chunk" if frame else "error" if follower.complete is False else "end")
        task_status.started(outcome)
        await trio.sleep_forever()
