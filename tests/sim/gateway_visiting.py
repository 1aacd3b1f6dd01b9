"""A plain gateway client for the tests of the fake: it keeps no rule by itself."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import trio
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream

from tests.sim.discord_asking import TOKEN, Asking
from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.sim.network import MemoryStream, stream_pair

Payload: TypeAlias = dict[str, Any]

QUERY = "?v=10&encoding=json"
INTENTS = 129


class Visitor:
    """One socket.

    Args:
        ws: the WebSocket.
        stream: what is below it.
        compressed: whether what comes is one zlib stream.
    """

    def __init__(self, ws: WebSocketConnection, stream: MemoryStream, *, compressed: bool = False) -> None:
        self.ws = ws
        self.stream = stream
        self.messages = 0
        self._inflate = zlib.decompressobj() if compressed else None

    async def next(self) -> Payload:
        """The next payload."""
        text = b""
        while True:
            message = await self.ws.get_message()
            self.messages += 1
            if self._inflate is None:
                assert isinstance(message, str)
                found: Payload = json.loads(message)
                return found
            assert isinstance(message, bytes)
            text += message
            if text.endswith(b"\x00\x00\xff\xff"):
                inflated: Payload = json.loads(self._inflate.decompress(text))
                return inflated

    async def until(self, event: str) -> Payload:
        """The next dispatch of this name."""
        while (payload := await self.next())["t"] != event:
            pass
        return payload

    async def say(self, op: int, data: Any = None) -> None:
        await self.ws.send_message(json.dumps({"op": op, "d": data}))

    async def identify(self, **fields: Any) -> Payload:
        """HELLO, IDENTIFY, and what comes next."""
        assert (await self.next())["op"] == 10
        await self.say(2, identity(**fields))
        return await self.next()

    async def resume(self, session: str, seq: int, token: str = TOKEN) -> None:
        """HELLO and RESUME."""
        assert (await self.next())["op"] == 10
        await self.say(6, {"token": token, "session_id": session, "seq": seq})

    async def end(self) -> int:
        """The code with which it ends, after everything that still comes."""
        try:
            while True:
                await self.ws.get_message()
        except ConnectionClosed as closed:
            return int(closed.reason.code) if closed.reason else 0


class Visiting:
    """Opens sockets to the gateway of one Discord."""

    def __init__(self, ask: Asking, nursery: trio.Nursery) -> None:
        self.discord = ask.discord
        self._nursery = nursery

    @asynccontextmanager
    async def __call__(self, query: str = QUERY, *, path: str = "/gateway") -> AsyncIterator[Visitor]:
        """One socket; leaving the block drops it without a word."""
        ours, theirs = stream_pair()
        self._nursery.start_soon(serve_stream, theirs, self.discord.handle)
        async with trio.open_nursery() as reader:
            ws = await wrap_client_stream(reader, ours, "discord.sim", f"{path}{query}", message_queue_size=1000)  # type: ignore[arg-type]
            try:
                yield Visitor(ws, ours, compressed="zlib-stream" in query)
            finally:
                reader.cancel_scope.cancel()
                ours.close()

    async def refusal(self) -> int:
        """The status with which the upgrade is refused."""
        status = 0
        try:
            async with self():
                pass
        except* ConnectionRejected as group:
            rejected = group.exceptions[0]
            assert isinstance(rejected, ConnectionRejected)
            status = int(rejected.status_code)
        return status


def identity(**fields: Any) -> Payload:
    properties = {"os": "linux", "browser": "test", "device": "test"}
    return {"token": TOKEN, "intents": INTENTS, "properties": properties, **fields}
