"""A client of event streams for tests: whole frames, as bytes and as values."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, Protocol

import h11
import trio
import trio.testing

from tests.sim.raw import request_bytes
from wanderer_notifier.sim.http import Exchange, serve_stream
from wanderer_notifier.sim.network import MemoryStream, stream_pair


class Server(Protocol):
    """A fake."""

    async def handle(self, exchange: Exchange) -> None: ...


class Follower:
    """One stream; `chunks` are what arrived, `frames` what they add up to."""

    def __init__(self, stream: MemoryStream, target: str) -> None:
        self.stream = stream
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.chunks: list[bytes] = []
        self.complete: bool | None = None
        self._text = b""
        self._client = h11.Connection(h11.CLIENT)
        self._client.send(h11.Request(method="GET", target=target, headers=[("host", "x")]))
        self._client.send(h11.EndOfMessage())

    async def frame(self, within: float = 1000) -> str | None:
        """The next frame without its blank line, or None at the end of the stream."""
        with trio.fail_after(within):
            while b"\n\n" not in self._text:
                if not await self._step():
                    return None
        frame, _, self._text = self._text.partition(b"\n\n")
        return frame.decode()

    async def event(self, within: float = 1000) -> Any:
        """The data of the next frame, which must be an event."""
        frame = await self.frame(within)
        assert frame is not None
        return json.loads(frame.split("data: ", 1)[1])

    async def silent(self) -> bool:
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(0.001) as scope:
            await self._step()
        return scope.cancelled_caught

    async def _step(self) -> bool:
        """Take one piece in; false at the end."""
        while True:
            try:
                event = self._client.next_event()
            except h11.RemoteProtocolError:
                self.complete = False
                return False
            if event is h11.NEED_DATA:
                try:
                    self._client.receive_data(await self.stream.receive_some())
                except trio.BrokenResourceError:
                    self.complete = False
                    return False
            elif isinstance(event, h11.Response):
                self.status = event.status_code
                self.headers = [(name.decode(), value.decode()) for name, value in event.headers]
            elif isinstance(event, h11.Data):
                self.chunks.append(bytes(event.data))
                self._text += event.data
                return True
            else:
                self.complete = True
                return False


@asynccontextmanager
async def follow(
    server: Server, target: str, headers: Iterable[tuple[str, str]] = (), *, key: str | None = None
) -> AsyncIterator[Follower]:
    """Open a stream; leaving closes it as a client does."""
    ours, theirs = stream_pair()
    given = [*headers, ("authorization", f"Bearer {key}")] if key else list(headers)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, theirs, server.handle)
        await ours.send_all(request_bytes("GET", target, given))
        yield Follower(ours, target)
        await trio.aclose_forcefully(ours)
        nursery.cancel_scope.cancel()
