"""A client of the kill service for tests: the memory stream, the handshake, and frames as values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio
import trio.testing
import trio_websocket

from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.network import stream_pair

LOBBY = "killmails:lobby"


class Client:
    """One socket; refs count up from 1."""

    def __init__(self, ws: trio_websocket.WebSocketConnection) -> None:
        self.ws = ws
        self.join_ref: str | None = None
        self._ref = 0

    async def send(self, event: str, payload: object, topic: str = LOBBY) -> str:
        self._ref += 1
        ref = str(self._ref)
        if event == "phx_join":
            self.join_ref = ref
        await self.ws.send_message(json.dumps([self.join_ref, ref, topic, event, payload], separators=(",", ":")))
        return ref

    async def receive(self) -> Any:
        with trio.fail_after(30):
            return json.loads(await self.ws.get_message())

    async def ask(self, event: str, payload: object, topic: str = LOBBY) -> Any:
        """Send and give the payload of the next frame."""
        await self.send(event, payload, topic)
        return (await self.receive())[4]

    async def join(self, **payload: object) -> Any:
        return await self.ask("phx_join", payload)

    async def quiet(self) -> bool:
        """Whether nothing more arrives once everybody waits."""
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.001) as scope:
            await self.ws.get_message()
        return scope.cancelled_caught

    async def close_code(self) -> int:
        """The code with which the server ends the socket."""
        reason = None
        try:
            with trio.fail_after(600):
                while True:
                    await self.ws.get_message()
        except trio_websocket.ConnectionClosed as closed:
            reason = closed.reason
        assert reason is not None
        assert reason.reason is None
        return int(reason.code)


@asynccontextmanager
async def connect(
    feed: KillFeed, target: str = "/socket/websocket?vsn=2.0.0", max_message: int = 2**24
) -> AsyncIterator[Client]:
    ours, theirs = stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, theirs, feed.handle)
        ws = await trio_websocket.wrap_client_stream(
            nursery,
            ours,  # type: ignore[arg-type]  # its annotation is narrower than what it takes
            "kills",
            target,
            max_message_size=max_message,
            message_queue_size=1000,
        )
        yield Client(ws)
        await trio.aclose_forcefully(ours)
        nursery.cancel_scope.cancel()
