"""One event stream of the fake map server, from the greeting to the end of its place."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import trio

from wanderer_notifier.sim.http import PEER_LEFT, Exchange
from wanderer_notifier.sim.mapserver_events import (
    KEEPALIVE,
    Event,
    frame,
    greeting,
    is_ulid,
    jsonapi_frame,
    jsonapi_greeting,
    ulid,
    wanted_types,
)
from wanderer_notifier.sim.mapserver_map import Map

if TYPE_CHECKING:
    from wanderer_notifier.sim.mapserver import MapServer

WAITING_EVENTS = 10_000
"""Events that may wait for a slow client; one more and the connection is cut."""


class Stream:
    """A client that follows a map.

    Args:
        server: the server it belongs to.
        map: what it follows.
        exchange: the request; its query chooses types, format and the last event seen.
    """

    def __init__(self, server: MapServer, map_: Map, exchange: Exchange) -> None:
        self.map = map_
        self.types = wanted_types(exchange.request.query.get("events"))
        self.last_event_id = exchange.request.query.get("last_event_id")
        self.jsonapi = exchange.request.query.get("format") == "jsonapi"
        self.gone = False
        """The client left; the place is held until the server has noticed."""
        self.keepalives = 0
        """How many were sent."""
        self._server = server
        self._exchange = exchange
        self._in, self._queue = trio.open_memory_channel[Event](WAITING_EVENTS)
        self._over = trio.Event()
        self._writes_into_the_void = 0

    def offer(self, event: Event) -> None:
        """Queue a live event."""
        if event.type in self.types:
            try:
                self._in.send_nowait(event)
            except trio.WouldBlock:
                self.cut()

    def cut(self) -> None:
        """Reset the connection and give up the place at once."""
        self._exchange.abort()
        self._over.set()

    async def end(self) -> None:
        """Close the connection without the last chunk."""
        self._over.set()
        await self._exchange.hang_up()

    async def run(self) -> None:
        """Serve the client until it left or is cut off."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._notice)
            nursery.start_soon(self._serve)
            await self._over.wait()
            nursery.cancel_scope.cancel(reason="stream over")

    async def _notice(self) -> None:
        await self._exchange.peer_left()
        self._leave()
        if self._server.linger_writes == 0:
            self._over.set()

    async def _serve(self) -> None:
        server, now = self._server, self._server.now()
        event_id = ulid(server.rng, now)
        if self.jsonapi:
            await self._send(jsonapi_greeting(event_id, ulid(server.rng, now), self.map.id, now))
        else:
            await self._send(greeting(event_id, self.map.id, now))
        if self.last_event_id is not None and is_ulid(self.last_event_id):
            missed = server.buffer.after(self.map.id, self.last_event_id, now)
            await self._send_all(event for event in missed if event.type in self.types)
        while True:
            event = None
            with trio.move_on_after(server.keepalive_s):
                event = await self._queue.receive()
            await self._send(KEEPALIVE if event is None else self._frame(event))
            if event is None:
                self.keepalives += 1
                server.touch()

    async def _send_all(self, events: Iterable[Event]) -> None:
        for event in events:
            await self._send(self._frame(event))
            if self._server.duplicate_backfill:
                self.offer(event)

    def _frame(self, event: Event) -> bytes:
        return jsonapi_frame(event) if self.jsonapi else frame(event)

    async def _send(self, data: bytes) -> None:
        """Write one frame, in pieces if a test asks for it; writes to a client that left only count."""
        await self._server.flowing()
        whole = data if self._server.respell is None else self._server.respell(data)
        if self.gone:
            self._writes_into_the_void += 1
            if self._writes_into_the_void >= self._server.linger_writes:
                self._over.set()
            await trio.lowlevel.checkpoint()
            return
        try:
            if self._server.cut_in_next_frame and data is not KEEPALIVE:
                self._server.cut_in_next_frame = False
                await self._exchange.send(whole[: len(whole) // 2])
                await self.end()
                return
            size = self._server.split_at or len(whole)
            for start in range(0, len(whole), size):
                await self._exchange.send(whole[start : start + size])
        except PEER_LEFT:
            self._leave()

    def _leave(self) -> None:
        self.gone = True
        self._server.touch()
