"""Plays recorded frames of the real services over real sockets, byte for byte."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import trio

from wanderer_notifier.sim.http import Exchange

JSON = [("content-type", "application/json; charset=utf-8")]


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The records of one capture file."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def pushed_frames(path: Path) -> list[str]:
    """Every server push on the kill channel that the file holds whole, in the 2.0.0 form, as it stood on the wire."""
    frames = []
    for record in records(path):
        text = record.get("text", "")
        if record["dir"] == "recv" and text.startswith("[") and json.loads(text)[3].startswith(("kill", "new_kill")):
            frames.append(text)
    return frames


class KillPlayback:
    """A kill service that answers joins and heartbeats, and after a join with systems sends the recorded frames."""

    def __init__(self, frames: Sequence[str]) -> None:
        self.frames = frames
        self.played = trio.Event()

    async def handle(self, exchange: Exchange) -> None:
        request = await exchange.upgrade()
        socket = await request.accept()
        while True:
            join_ref, ref, topic, event, payload = json.loads(await socket.get_message())
            response: dict[str, Any] = {}
            if event == "phx_join":
                response = {
                    "subscribed_systems": payload.get("systems", []),
                    "subscribed_characters": payload.get("character_ids", []),
                    "status": "connected",
                }
            reply = [join_ref, ref, topic, "phx_reply", {"status": "ok", "response": response}]
            await socket.send_message(json.dumps(reply))
            if event == "phx_join" and "systems" in payload:
                for frame in self.frames:
                    await socket.send_message(frame)
                self.played.set()


class MapPlayback:
    """A map server: the recorded stream of one connection, and lists as given."""

    def __init__(
        self, chunks: Sequence[str] = (), systems: Sequence[dict[str, Any]] = (), characters: Sequence[Any] = ()
    ) -> None:
        self.chunks, self.systems, self.characters = chunks, systems, characters
        self.lists_read = trio.Event()

    async def handle(self, exchange: Exchange) -> None:
        path = exchange.request.path
        if path.endswith("/systems"):
            await exchange.respond(
                200, JSON, json.dumps({"data": {"systems": list(self.systems), "connections": []}}).encode()
            )
        elif path.endswith("/tracked-characters"):
            await exchange.respond(200, JSON, json.dumps({"data": list(self.characters)}).encode())
            self.lists_read.set()
        elif path.endswith("/events/stream"):
            await exchange.start(200, [("content-type", "text/event-stream; charset=utf-8")])
            greeting, *events = self.chunks or ["event: connected\nid: 01M88035RG1DXN431XQVFGSAJK\ndata: {}\n\n"]
            await exchange.send(greeting.encode())
            await self.lists_read.wait()
            for chunk in events:
                await exchange.send(chunk.encode())
            await exchange.peer_left()
        else:
            await exchange.respond(404, JSON, b'{"errors":{"detail":"Not Found"}}')


def stream_chunks(path: Path, connection: str) -> list[str]:
    """What the recorded event stream sent on one connection, read by read."""
    return [record["text"] for record in records(path) if record.get("conn") == connection and record["dir"] == "chunk"]
