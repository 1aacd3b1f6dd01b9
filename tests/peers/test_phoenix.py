"""The `phoenix` client of npm drives the fake kill service over a real socket."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import trio

from tests.peers.conftest import Peer, Start
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.http import serve_tcp
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killmails import Inventor

pytestmark = pytest.mark.timeout(200)  # the first test installs the packages

HOME = 31001361
STRANGE_SYSTEM = 50_000_001


@pytest.fixture
def feed() -> KillFeed:
    return KillFeed(now=lambda: datetime.now(UTC), rng=random.Random(1))


@pytest.fixture
def invent() -> Callable[[], JsonObject]:
    inventor = Inventor(random.Random(2))
    return lambda: inventor.kill(datetime.now(UTC), system_id=HOME)


@asynccontextmanager
async def speaking(feed: KillFeed, start: Start) -> AsyncIterator[Peer]:
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_tcp, feed.handle)
        async with start("kills.mjs", f"ws://127.0.0.1:{port}/socket") as peer:
            yield peer
        nursery.cancel_scope.cancel()


async def test_a_whole_conversation(feed: KillFeed, invent: Callable[[], JsonObject], start: Start) -> None:
    kill, other, third = invent(), invent(), invent()
    ids = [one["killmail_id"] for one in (kill, other, third)]
    joined = {"status": "connected", "subscribed_systems": [HOME], "subscribed_characters": []}
    async with speaking(feed, start) as peer:
        assert await peer.line() == {"socket": "open"}
        await peer.say(command="join", payload={"systems": [HOME]})
        assert await peer.lines(1) == [{"joined": joined, "id": 22}]
        for _ in range(2):
            beat = await peer.until(lambda line: "heartbeat" in line)
            assert beat == {"heartbeat": "ok", "response": {}}

        feed.push(kill)
        assert await peer.lines(4) == [{"kills": ids[:1], "preload": False}] * 4

        await peer.say(command="push", event="subscribe_systems", payload={"systems": [HOME, 31002318]})
        assert await peer.lines(1) == [{"answer": "ok", "response": {"subscribed_systems": [HOME, 31002318]}}]

        # The client joins again by itself, with the payload of its first join, and gets the preload.
        feed.push(other)
        assert await peer.lines(4) == [{"kills": ids[1:2], "preload": False}] * 4
        assert feed.crash_channels() == 1
        assert await peer.lines(3) == [
            {"channel": "error"},
            {"joined": joined, "id": 22},
            {"kills": ids[1::-1], "preload": True},
        ]
        feed.push(third)
        assert await peer.lines(4) == [{"kills": ids[2:], "preload": False}] * 4

        await peer.say(command="leave")
        assert sorted(map(str, await peer.lines(2))) == [str({"channel": "closed"}), str({"left": "ok"})]
        with trio.fail_after(10):
            await feed.until(lambda feed: not feed.joined)  # the client does not wait for the answer
        assert feed.push(invent()) == 0
        await peer.say(command="end")
        assert await peer.end() == 0


async def test_what_the_service_refuses(feed: KillFeed, start: Start) -> None:
    async with speaking(feed, start) as peer:
        await peer.say(command="join", payload={"systems": [STRANGE_SYSTEM]})
        refused = await peer.until(lambda line: "refused" in line)
        assert refused == {"refused": {"reason": "[validation:invalid_system_ids] Invalid system IDs"}}
        await peer.say(command="join", topic="killmails:elsewhere", payload={})
        refused = await peer.until(lambda line: "refused" in line)
        assert refused == {"refused": {"reason": "join crashed"}}
        await peer.say(command="join", topic="elsewhere", payload={})
        refused = await peer.until(lambda line: "refused" in line)
        assert refused == {"refused": {"reason": "unmatched topic"}}


async def test_an_unanswerable_push_crashes_the_channel(feed: KillFeed, start: Start) -> None:
    async with speaking(feed, start) as peer:
        await peer.say(command="join", payload={"systems": [HOME]})
        await peer.until(lambda line: "joined" in line)
        await peer.say(command="push", event="subscribe_systems", payload={"systems": [STRANGE_SYSTEM]})
        seen = await peer.lines(3)
        assert seen[0] == {"channel": "error"}
        assert {next(iter(line)) for line in seen} == {"channel", "joined", "answer"}  # it joined again by itself
        assert {"answer": "timeout"} in seen


@pytest.mark.parametrize(("fault", "code"), [("restart", 1012), ("kill", 1006)])
async def test_the_client_comes_back_after_the_service(fault: str, code: int, feed: KillFeed, start: Start) -> None:
    async with speaking(feed, start) as peer:
        await peer.say(command="join", payload={"systems": [HOME]})
        await peer.until(lambda line: "joined" in line)
        getattr(feed, fault)()
        assert await peer.until(lambda line: line.get("socket") == "closed") == {"socket": "closed", "code": code}
        await peer.until(lambda line: line.get("socket") == "open")
        await peer.until(lambda line: "joined" in line)
        assert len(feed.joined) == 1
