"""A stream between the WebSocket and its connection, to misbehave below the protocol."""

from __future__ import annotations

import trio

CLOSE = 0x88
"""First byte of a close frame."""

RECEIVE = 65536


class Tap(trio.abc.Stream):
    """Passes everything on, unless told otherwise.

    Args:
        stream: the connection.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._lock = trio.Lock()
        self._ended = trio.Event()
        self.held = False
        """Half-open: what comes is thrown away and nothing is written, until the peer ends the connection."""
        self.deaf = False
        """What comes is thrown away; writing goes on."""
        self.ignores_close = False
        """Whether a close frame of the peer stays unanswered and the connection open."""
        self.ping_at_close = False
        """Whether the peer's close frame is answered by a ping first."""
        self.drip_s: float | None = None
        """Seconds per byte."""

    async def inject(self, data: bytes) -> None:
        """Write *data*, held or not."""
        async with self._lock:
            await self._write(data)

    async def drain(self) -> None:
        """Return when the peer has ended the connection."""
        try:
            while await self._stream.receive_some(RECEIVE):
                pass
        except trio.BusyResourceError:
            await self._ended.wait()  # the WebSocket's own reader is still at it
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        if data and data[0] == CLOSE and self.ignores_close:
            self.held = True
        if self.held:
            await trio.lowlevel.checkpoint()
            return
        async with self._lock:
            if data and data[0] == CLOSE and self.ping_at_close:
                await self._write(b"\x89\x00")
            await self._write(data)

    async def _write(self, data: bytes | bytearray | memoryview) -> None:
        if self.drip_s is None:
            await self._stream.send_all(data)
            return
        for position in range(len(data)):
            await trio.sleep(self.drip_s)
            await self._stream.send_all(data[position : position + 1])

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        try:
            data = await self._stream.receive_some(max_bytes)
            while (self.held or self.deaf) and data:
                data = await self._stream.receive_some(max_bytes)
        except BaseException:
            self._ended.set()
            raise
        if not data:
            self._ended.set()
        return data

    async def aclose(self) -> None:
        if self.held:
            await trio.lowlevel.checkpoint()
        else:
            await self._stream.aclose()
