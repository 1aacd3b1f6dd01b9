"""A network in memory: hosts to dial, bounded pipes, and the ways a real network fails, all under a mock clock."""

from __future__ import annotations

import errno
import operator
import socket
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

PIPE_BYTES = 256 * 1024
"""What one direction of a connection holds before a writer waits; about what two kernels buffer on loopback."""

StreamHandler: TypeAlias = Callable[["MemoryStream"], Awaitable[None]]


class _Pipe:
    """One direction of a connection."""

    def __init__(self) -> None:
        self.data = bytearray()
        self.ended = False  # the writer said that nothing more comes
        self.deaf = False  # the reader went away
        self.broken = False  # reset
        self.stalled = False  # written bytes are kept on the way
        self.changed = trio.lowlevel.ParkingLot()

    def touch(self) -> None:
        self.changed.unpark_all()


class MemoryStream(trio.abc.HalfCloseableStream):
    """One end of a connection in memory; behaves like a `trio.SocketStream` in what it raises and when."""

    def __init__(self, outgoing: _Pipe, incoming: _Pipe) -> None:
        self._out = outgoing
        self._in = incoming
        self._closed = False
        self._sending = False
        self._receiving = False

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Raises `BrokenResourceError` when the peer is gone; waits while the pipe is full, even if it is stalled."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            rest = memoryview(bytes(data))
            while True:
                if self._closed or self._out.ended:
                    raise trio.ClosedResourceError("this end was closed")
                if self._out.broken or (self._out.deaf and not self._out.stalled):
                    raise trio.BrokenResourceError("the peer closed the connection")
                room = PIPE_BYTES - len(self._out.data)
                if rest and room > 0:
                    self._out.data += rest[:room]
                    rest = rest[room:]
                    self._out.touch()
                if not rest:
                    return
                await self._out.changed.park()
        finally:
            self._sending = False

    async def wait_send_all_might_not_block(self) -> None:
        """Return when `send_all` could make progress, be it only to fail."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        self._sending = True
        try:
            await trio.lowlevel.checkpoint()
            while not (self._closed or self._out.broken or self._out.deaf) and len(self._out.data) >= PIPE_BYTES:
                await self._out.changed.park()
            if self._closed:
                raise trio.ClosedResourceError("this end was closed")
        finally:
            self._sending = False

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Empty bytes mean that the peer ended; raises `BrokenResourceError` after a cut."""
        if max_bytes is not None and operator.index(max_bytes) < 1:
            raise ValueError("max_bytes must be at least 1")
        if self._receiving:
            raise trio.BusyResourceError("another task is receiving on this stream")
        self._receiving = True
        try:
            await trio.lowlevel.checkpoint()
            while True:
                if self._closed:
                    raise trio.ClosedResourceError("this end was closed")
                if self._in.broken:
                    raise trio.BrokenResourceError("connection reset by peer")
                if not self._in.stalled and (self._in.data or self._in.ended):
                    size = len(self._in.data) if max_bytes is None else max_bytes
                    taken = bytes(self._in.data[:size])
                    del self._in.data[:size]
                    self._in.touch()
                    return taken
                await self._in.changed.park()
        finally:
            self._receiving = False

    async def send_eof(self) -> None:
        """Say that nothing more comes; what the peer still sends can be read."""
        if self._sending:
            raise trio.BusyResourceError("another task is sending on this stream")
        if self._closed:
            raise trio.ClosedResourceError("this end was closed")
        self._out.ended = True
        self._out.touch()
        await trio.lowlevel.checkpoint()

    async def aclose(self) -> None:
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Close this end in an orderly way: the peer reads what is on the way, then the end."""
        self._closed = True
        self._out.ended = True
        self._in.deaf = True
        self._in.data.clear()
        self._out.touch()
        self._in.touch()

    def cut(self) -> None:
        """Reset the connection: both ends fail at once and what is on the way is lost."""
        for pipe in (self._out, self._in):
            pipe.broken = True
            pipe.data.clear()
            pipe.touch()

    def stall(self, on: bool) -> None:
        """Make the connection half-open: writes are accepted up to the pipe's size, and arrive when it is lifted."""
        for pipe in (self._out, self._in):
            pipe.stalled = on
            pipe.touch()

    @property
    def readable(self) -> bool:
        """Whether reading would not wait: for bytes, the end or a cut. An idle kept connection is then dead."""
        return self._in.broken or (not self._in.stalled and bool(self._in.data or self._in.ended))

    @property
    def finished(self) -> bool:
        """Whether no new byte can pass in either direction."""
        return self._out.broken or all(pipe.ended or pipe.deaf for pipe in (self._in, self._out))


def stream_pair() -> tuple[MemoryStream, MemoryStream]:
    """Two ends of one connection."""
    there, back = _Pipe(), _Pipe()
    return MemoryStream(there, back), MemoryStream(back, there)


class MemoryNetwork:
    """Hosts by name and port; `dial` is a drop-in for the real one.

    Args:
        nursery: runs the handler of each accepted connection; an error of a handler ends it.
    """

    def __init__(self, nursery: trio.Nursery) -> None:
        self._nursery = nursery
        self._handlers: dict[tuple[str, int], StreamHandler] = {}
        self._open: dict[tuple[str, int], list[MemoryStream]] = {}
        self._refused: set[tuple[str, int]] = set()
        self._stalled: set[tuple[str, int]] = set()
        self._unstalled = trio.lowlevel.ParkingLot()
        self._dialled: deque[tuple[str, int]] = deque(maxlen=10_000)

    def attach(self, host: str, port: int, handler: StreamHandler) -> None:
        """Let *handler* serve what dials *host*:*port*; a second call replaces it for new connections."""
        self._handlers[host, port] = handler

    def detach(self, host: str, port: int) -> None:
        """Forget an address: its connections stay, new ones do not resolve (or are refused if the host has others)."""
        self._handlers.pop((host, port), None)

    async def dial(self, host: str, port: int) -> MemoryStream:
        """Connect; waits while the address is stalled.

        Raises `socket.gaierror` for an unknown host and `ConnectionRefusedError` for a refused or unknown port.
        """
        self._dialled.append((host, port))
        await trio.lowlevel.checkpoint()
        if all(known != host for known, _ in self._handlers):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        while (host, port) in self._stalled:
            await self._unstalled.park()
        handler = self._handlers.get((host, port))
        if handler is None or (host, port) in self._refused:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
        ours, theirs = stream_pair()
        self._open[host, port] = [*self.connections(host, port), ours]
        self._nursery.start_soon(self._serve, handler, theirs, name=f"sim: {host}:{port}")
        return ours

    @property
    def dialled(self) -> list[tuple[str, int]]:
        """The latest attempts to dial, in order, successful or not."""
        return list(self._dialled)

    def connections(self, host: str, port: int) -> list[MemoryStream]:
        """The client ends of the connections that can still pass bytes, oldest first."""
        return [stream for stream in self._open.get((host, port), []) if not stream.finished]

    def cut(self, host: str, port: int) -> int:
        """Reset every open connection to the address; gives how many there were."""
        open_now = self.connections(host, port)
        for stream in open_now:
            stream.cut()
        return len(open_now)

    def refuse(self, host: str, port: int, on: bool = True) -> None:
        """Refuse new connections; open ones stay."""
        (self._refused.add if on else self._refused.discard)((host, port))

    def stall(self, host: str, port: int, on: bool = True) -> None:
        """Make open connections half-open and let new ones hang, until switched off."""
        (self._stalled.add if on else self._stalled.discard)((host, port))
        for stream in self.connections(host, port):
            stream.stall(on)
        if not on:
            self._unstalled.unpark_all()

    async def _serve(self, handler: StreamHandler, stream: MemoryStream) -> None:
        try:
            await handler(stream)
        finally:
            stream.close()
