"""The kill service's own event streams (wanderer-kills.md 5.5): nobody of ours reads them, but they are recorded."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.http import PEER_LEFT, Exchange

if TYPE_CHECKING:
    from wanderer_notifier.sim.killfeed import KillFeed

PING_S = 10.0
MOST_SYSTEMS = 100
WAITING_KILLS = 10_000
"""Kills that may wait for a slow client; one more and its connection is cut."""


class BadParameter(Exception):
    """A parameter the service refuses; the text is the service's."""


class KillStream:
    """One client of `/kills/stream`; only `system_ids` filters, whatever else is given (capture sse-01).

    Raises `BadParameter`.
    """

    def __init__(self, feed: KillFeed, exchange: Exchange) -> None:
        query = exchange.request.query
        self._systems = frozenset(_ids(query, "system_ids"))
        _ids(query, "character_ids")
        _amount(query.get("min_value", ""))
        if len(self._systems) > MOST_SYSTEMS:
            raise BadParameter(f"Too many system_ids specified (max {MOST_SYSTEMS})")
        self._feed, self._exchange = feed, exchange
        self._in, self._queue = trio.open_memory_channel[bytes](WAITING_KILLS)
        self._over = trio.Event()
        self._life = trio.CancelScope()

    def offer(self, kill: JsonObject, system_id: int) -> None:
        """Queue a kill in the live form."""
        if not self._systems or system_id in self._systems:
            try:
                self._in.send_nowait(
                    f"data: {json.dumps(kill, separators=(',', ':'), ensure_ascii=False)}\n\n".encode()
                )
            except trio.WouldBlock:
                self.cut()

    def cut(self) -> None:
        """Reset the connection."""
        self._exchange.abort()
        self._over.set()

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._notice)
            nursery.start_soon(self._serve)
            with self._life:
                await self._over.wait()
            nursery.cancel_scope.cancel(reason="stream over")
        if self._life.cancelled_caught:
            await self._exchange.hang_up()

    def linger(self, seconds: float) -> None:
        """Be ended after *seconds*, without the last chunk."""
        self._life.deadline = trio.current_time() + seconds

    async def _notice(self) -> None:
        await self._exchange.peer_left()
        self._over.set()

    async def _serve(self) -> None:
        try:
            await self._exchange.send(b"retry: 2000\n\n")
            while True:
                chunk = b": ping\n\n"
                with trio.move_on_after(PING_S):
                    chunk = await self._queue.receive()
                await self._feed.flowing()
                await self._exchange.send(chunk)
        except PEER_LEFT:
            self._over.set()


def refusal(message: str) -> JsonObject:
    """The body of a refused parameter: its `error` is an object, unlike elsewhere in the service."""
    error = {"message": message, "type": "invalid_format", "domain": "validation", "details": None, "retryable": False}
    return {"error": error}


def _ids(query: dict[str, str], name: str) -> list[int]:
    given = query.get(name, "")
    result = []
    for part in given.split(",") if given else ():
        if not re.fullmatch(r"[+-]?\d+", part.strip()):
            raise BadParameter(f"Invalid {name}: '{part.strip()}' is not a valid integer")
        result.append(int(part))
    return result


def _amount(given: str) -> None:
    if not given:
        return
    try:
        value = float(given)
    except ValueError:
        raise BadParameter(f"Invalid min_value: '{given}' is not a valid number") from None
    if value < 0:
        raise BadParameter(f"min_value must be non-negative, got {value}")
