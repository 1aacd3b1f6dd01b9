"""Plays the clients of a recording again, each at its recorded moment, against a fake in virtual time."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import trio
import trio_websocket
from attrs import Factory, define

from tests.sim.captures import records
from tests.sim.eventstream import follow
from tests.sim.phoenix import Client, connect
from tests.sim.raw import ask
from tests.sim.recorded import Record
from wanderer_notifier.sim.killfeed import KillFeed

HOST = "ws://127.0.0.1:4004"
LATE_S = 15.0
"""A recorded kill took up to this long through the pipeline of the real service."""


@define
class Heard:
    """What one connection got."""

    frames: list[str] = Factory(list)
    chunks: list[str] = Factory(list)
    status: int = 0
    headers: list[tuple[str, str]] = Factory(list)
    closed: tuple[int, float] | None = None
    """The close code (1006: none was sent) and the second of the recording's clock."""


def told_apart(record: Record) -> str:
    """Which connection a record belongs to."""
    return str(record.get("conn") or record.get("step"))


def began(name: str) -> datetime:
    """The wall clock at the first second of a recording of the kill service, by its first push, else by a header."""
    for record in records("wanderer-kills", name):
        text = record.get("text", "") + record.get("text_abridged", "")
        if stamp := re.search(r'"timestamp":"([^"]+)"', text):
            return datetime.fromisoformat(stamp[1]) - timedelta(seconds=record["t"])
    return datetime.fromisoformat("2026-11-24T23:56:42Z")


class Stage:
    """One recording and the fake that stands in for the service; the clock of the run must be a mock at 0.

    *push* is called with each live kill frame that the recording shows for the first time, at its moment; *notes* with
    what the recorder did to the service.
    """

    def __init__(
        self,
        name: str,
        feed: KillFeed,
        *,
        push: Callable[[Record], object] = lambda kill: None,
        notes: Callable[[str], None] = lambda note: None,
    ) -> None:
        self.records = records("wanderer-kills", name)
        self.heard: dict[str, Heard] = {}
        self.probes: list[bool] = []
        """For each recorded probe, whether the fake answered it."""
        self._feed, self._push, self._notes = feed, push, notes
        self._start = trio.current_time()

    async def play(self) -> None:
        """Do everything the clients and the world did."""
        scripts: dict[str, list[Record]] = {}
        for record in self.records:
            if record["dir"] in ("open", "request") or told_apart(record) in scripts:
                scripts.setdefault(told_apart(record), []).append(record)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._world)
            for name, script in scripts.items():
                self.heard[name] = Heard()
                part = self._socket if script[0]["dir"] == "open" else self._stream
                nursery.start_soon(part, script, self.heard[name])

    async def at(self, record: Record) -> None:
        """Wait for the moment of a record."""
        await trio.sleep_until(self._start + record["t"])

    def clock(self) -> float:
        return trio.current_time() - self._start

    async def _world(self) -> None:
        shown: set[int] = set()
        for record in self.records:
            text = record.get("text", "")
            if record["dir"] == "recv" and '"killmail_update"' in text and '"preload":false' in text:
                await self.at(record)
                frame = json.loads(text)
                payload = frame[4] if isinstance(frame, list) else frame["payload"]
                for kill in payload["killmails"]:
                    if kill["killmail_id"] not in shown:
                        shown.add(kill["killmail_id"])
                        self._push(kill)
            elif record["dir"] == "note":
                await self.at(record)
                self._notes(record["note"])
            elif record["dir"] == "probe":
                await self.at(record)
                self.probes.append(await self._answers())

    async def _answers(self) -> bool:
        reached = False
        try:
            reached = (await ask(self._feed.handle, "GET", "/ping")).status == 200
        except* trio.BrokenResourceError:
            pass
        return reached

    async def _socket(self, script: list[Record], heard: Heard) -> None:
        await self.at(script[0])
        target = script[0]["url"].removeprefix(HOST)
        async with connect(self._feed, target) as client, trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, client, heard)
            for record in script[1:]:
                await self.at(record)
                if record.get("control") == "ping" and record["dir"] == "send":
                    await client.ws.ping(b"x")
                elif record["dir"] == "send":
                    await client.ws.send_message(record["text"])
                elif record["dir"] == "close":
                    await client.ws.aclose(record["code"])
            await trio.sleep(LATE_S)
            nursery.cancel_scope.cancel(reason="the script is over")

    async def _listen(self, client: Client, heard: Heard) -> None:
        try:
            while True:
                heard.frames.append(str(await client.ws.get_message()))
        except trio_websocket.ConnectionClosed as closed:
            heard.closed = (int(closed.reason.code) if closed.reason else 1006, self.clock())

    async def _stream(self, script: list[Record], heard: Heard) -> None:
        request, *rest = script
        await self.at(request)
        given = dict(request.get("headers") or {}).items()
        end = next((record for record in rest if record["dir"] == "close"), None)
        async with follow(self._feed, request["path"], given) as follower:
            with trio.move_on_at(self._start + (end["t"] if end else rest[-1]["t"] + LATE_S)):
                while await follower.frame(within=1e9) is not None:
                    pass
                heard.closed = (1000 if follower.complete else 1006, self.clock())
        heard.status, heard.headers = follower.status, follower.headers
        heard.chunks = [chunk.decode() for chunk in follower.chunks]


def received(name: str, *, service: str = "wanderer-kills") -> dict[str, list[Any]]:
    """The whole text frames or chunks that each connection of a recording got, in order."""
    result: dict[str, list[Any]] = {}
    for record in records(service, name):
        if record["dir"] in ("recv", "chunk") and "text" in record:
            result.setdefault(told_apart(record), []).append(record["text"])
    return result
