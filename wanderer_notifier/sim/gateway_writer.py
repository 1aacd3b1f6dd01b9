"""The sending side of a socket of the fake gateway: a queue, compression, damage on order, and the goodbye."""

from __future__ import annotations

import json
import zlib
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeAlias

import trio
from attrs import frozen
from trio_websocket import ConnectionClosed, WebSocketConnection
from wsproto.frame_protocol import CloseReason

from wanderer_notifier.sim.gateway_faults import Drip, Wire, frame
from wanderer_notifier.sim.gateway_session import Dispatch
from wanderer_notifier.sim.gateway_tap import Tap

GOODBYE_S = 2.0
WAITING = 500_000
"""Frames that may wait for a slow client before it is cut."""


@frozen
class Bye:
    """Close after what is queued; *keep_tcp*: without ending the connection below."""

    code: int | None
    keep_tcp: bool = False


@frozen
class Cut:
    """End the connection after what is queued, without a close frame."""


@frozen
class Garbage:
    """A dispatch that breaks on the way."""

    text: str


Item: TypeAlias = str | Dispatch | Wire | Drip | Bye | Cut | Garbage


class Note(Protocol):
    """Remembers what went out."""

    def __call__(self, kind: Any, **fields: Any) -> None: ...


class Writer:
    """Sends what is queued, one after the other.

    Args:
        compress: whether everything goes through one zlib stream.
        pieces: asks into how many messages each compressed payload is split.
        note: remembers what went out.
        hang_up: ends the connection so that what was sent still arrives.
    """

    def __init__(
        self, *, compress: bool, pieces: Callable[[], int], note: Note, hang_up: Callable[[], Awaitable[None]]
    ) -> None:
        self._out, self._queue = trio.open_memory_channel[Item](WAITING + 1)
        self._zlib = zlib.compressobj() if compress else None
        self._pieces = pieces
        self._note = note
        self._hang_up = hang_up

    def put(self, item: Item) -> bool:
        """Queue something; False when too much waits already."""
        if self._queue.statistics().current_buffer_used >= WAITING:
            return False
        self._out.send_nowait(item)
        return True

    async def run(self, ws: WebSocketConnection, tap: Tap) -> None:
        """Send until we close or the connection is gone, which the reader tells."""
        try:
            async for item in self._queue:
                match item:
                    case str():
                        await self._tell(ws, item)
                    case Dispatch():
                        await self._transmit(ws, item.text)
                        self._note("out", op=0, event=item.event, seq=item.seq)
                    case Wire():
                        await tap.inject(item.data)
                    case Drip():
                        tap.drip_s = item.seconds
                    case Garbage():
                        await self._break(ws, item.text)
                    case Cut():
                        await self._hang_up()
                    case Bye():
                        await self._say_goodbye(ws, tap, item)
                        if not item.keep_tcp:
                            return
        except (ConnectionClosed, trio.BrokenResourceError, trio.ClosedResourceError):
            pass

    async def _tell(self, ws: WebSocketConnection, text: str) -> None:
        payload = json.loads(text)
        op = payload.get("op")  # a fault may leave it out
        self._note("out", op=op, data=payload.get("d") if op == 9 else None)
        await self._transmit(ws, text)

    async def _transmit(self, ws: WebSocketConnection, text: str) -> None:
        if self._zlib is None:
            await ws.send_message(text)
            return
        packed = self._zlib.compress(text.encode()) + self._zlib.flush(zlib.Z_SYNC_FLUSH)
        size = max(1, -(-len(packed) // self._pieces()))
        for start in range(0, len(packed), size):
            await ws.send_message(packed[start : start + size])

    async def _break(self, ws: WebSocketConnection, text: str) -> None:
        if self._zlib is None:
            await ws.send_message(text[: len(text) // 2])
        else:
            await ws.send_message(b"\xff\x00corrupt\x00\x00\xff\xff")

    async def _say_goodbye(self, ws: WebSocketConnection, tap: Tap, bye: Bye) -> None:
        if bye.keep_tcp:
            await tap.inject(frame(8, b"" if bye.code is None else bye.code.to_bytes(2, "big")))
            tap.held = True
            self._note("bye", code=bye.code)
            return
        self._note("bye", code=bye.code)
        with trio.move_on_after(GOODBYE_S):
            await ws.aclose(CloseReason.NO_STATUS_RCVD if bye.code is None else bye.code)
