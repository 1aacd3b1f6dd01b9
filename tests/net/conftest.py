"""Peers that speak raw bytes, over real sockets and over memory streams."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.abc
import trio.testing
from attrs import define

Script = Callable[[trio.abc.Stream], Awaitable[None]]


@define
class Peer:
    """Serves each connection with one script and counts them."""

    nursery: trio.Nursery
    connections: int = 0

    async def listen(self, script: Script) -> int:
        """A real port on 127.0.0.1 behind which *script* answers."""

        async def handle(stream: trio.SocketStream) -> None:
            await self._run(script, stream)

        listeners = await self.nursery.start(trio.serve_tcp, handle, 0)
        port: int = listeners[0].socket.getsockname()[1]
        return port

    def dial(self, script: Script) -> Callable[[str, int], Awaitable[trio.abc.HalfCloseableStream]]:
        """A `Dial` that leads to *script* through memory."""

        async def dial(host: str, port: int) -> trio.abc.HalfCloseableStream:
            ours, theirs = trio.testing.memory_stream_pair()
            self.nursery.start_soon(self._run, script, theirs)
            await trio.lowlevel.checkpoint()
            return ours

        return dial

    async def _run(self, script: Script, stream: trio.abc.Stream) -> None:
        self.connections += 1
        try:
            await script(stream)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client left, which is its right
        finally:
            await trio.aclose_forcefully(stream)


@pytest.fixture
def peer(nursery: trio.Nursery) -> Peer:
    return Peer(nursery)


async def read_head(stream: trio.abc.Stream) -> bytes:
    """The request up to its empty line (and whatever came with it)."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = await stream.receive_some(65536)
        if not more:
            break
        data += bytes(more)
    return data


def plain(body: bytes, *, status: str = "200 OK", headers: str = "", keep: bool = False) -> bytes:
    close = "" if keep else "connection: close\r\n"
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{close}{headers}\r\n".encode() + body


def answering(*answers: bytes) -> Script:
    """One answer per connection or request, the last one for ever."""
    left = list(answers)

    async def script(stream: trio.abc.Stream) -> None:
        while await read_head(stream):
            await stream.send_all(left.pop(0) if len(left) > 1 else left[0])

    return script


async def silent(stream: trio.abc.Stream) -> None:
    await read_head(stream)
    await trio.sleep_forever()
