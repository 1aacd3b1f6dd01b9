"""One connection to a map's stream: greeting first, then the snapshot, then what was held back, then live."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog
import trio

from wanderer_notifier.core.events import Arrival, MapEventArrived
from wanderer_notifier.core.mapevents import CHARACTER_HINTS
from wanderer_notifier.feeds.map_figures import Figures
from wanderer_notifier.feeds.map_ledger import Ledger
from wanderer_notifier.feeds.map_loader import MapLoader
from wanderer_notifier.feeds.map_memory import MapMemory, MapSource
from wanderer_notifier.feeds.map_refusals import MapLost, StreamMissed, limit_reached
from wanderer_notifier.feeds.map_request import HEADERS, accept, address
from wanderer_notifier.net.client import StreamAnswer
from wanderer_notifier.net.errors import Interrupted, Silent
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.wire.sse import SseEvent, SseParser

log = structlog.get_logger("maps")

NAME_HINTS = frozenset({"system_metadata_changed", "system_renamed"})
GREETING_S = 15.0
BACKLOG_S = 30.0
"""The backlog is written at once behind the greeting."""
HELD_EVENTS = 2_000
HOLD_S = 60.0
"""How long the first snapshot may hold events back before they go on without it."""
RELOAD_S = 20.0
"""The same for every later snapshot, which is only a comparison."""
GATHER_S, LOOK_AGAIN_S = 1.5, 5.0
"""`character_added` may come before the list of tracked pilots says so (2.6)."""
NAMES_S, NAMES_EVERY_S = 5.0, 30.0
"""A change of a system is silent about its custom name and tag (2.5), and moving one is a burst of such events."""
EXPLAINED_S = 10.0
"""How long the event of a change that a list shows may take."""


class MapConnection:
    """The life of one stream; everything that must outlive it is in *memory*."""

    def __init__(
        self,
        source: MapSource,
        memory: MapMemory,
        loader: MapLoader,
        out: trio.MemorySendChannel[Arrival],
        part: Component,
        figures: Figures,
        now: Callable[[], datetime],
    ) -> None:
        self._source, self._memory, self._loader, self._out = source, memory, loader, out
        self._part, self._figures, self._now = part, figures, now
        self._greeted = trio.Event()
        self._silent = True
        self._loaded = False
        self._hint, self._names = trio.Event(), trio.Event()
        self._ledger, self._doubtful = Ledger(), frozenset[int]()
        self._greeting_id, self._greeted_at, self._replayed = "", 0.0, 0
        self._asked_at = trio.current_time()
        # Everything passes through this buffer; while a snapshot is read its gate is shut, so that no event is handed
        # on before the snapshot that may already contain it, or may be too old to contain it.
        self._held_in, self._held_out = trio.open_memory_channel[MapEventArrived](HELD_EVENTS)
        self._gate, self._full = trio.Event(), trio.Event()

    async def run(self) -> None:
        """Serve the stream; returns when the other side ends it after its greeting.

        Raises `Permanent` with what an operator can do, or any error of the connection.
        """
        source = self._source
        path, params = address(source, self._memory)
        self._asked_at = trio.current_time()
        async with source.api.stream(
            path, params=params, headers=HEADERS, read_s=source.silence_s, open_s=source.open_s
        ) as answer:
            self._memory.pace.taken()
            await accept(answer, source, self._memory)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._forward, name=f"map {source.slug}: forward")
                nursery.start_soon(self._keep_loaded, name=f"map {source.slug}: snapshots")
                nursery.start_soon(self._follow_hints, name=f"map {source.slug}: pilots")
                await self._read(answer)
                nursery.cancel_scope.cancel(reason="the stream ended")

    async def _read(self, answer: StreamAnswer) -> None:
        parser = SseParser()
        try:
            async for chunk in answer.chunks:
                self._silent = False
                self._part.seen()
                if self._loaded:
                    self._memory.known_now()
                for event in parser.feed(chunk):
                    await self._take(event)
        except Silent:
            raise
        except Interrupted as error:  # a proxy's way to end a stream, or the map server's death: the next try will tell
            log.debug("map_stream_cut", map=self._source.slug, reason=str(error))
        if self._silent:
            self._memory.refused_as_full += 1
            raise limit_reached(self._source.slug, repeated=self._memory.refused_as_full - 1)
        if not self._greeted.is_set():
            raise MapLost("the stream was cut before its greeting")

    async def _take(self, event: SseEvent) -> None:
        if event.type == "connected":
            if not self._greeted.is_set():
                if back_s := self._memory.clock_went_back(event.id):
                    raise MapLost(f"the map server's clock went back by {back_s:.0f} s; asking for what is missing")
                await self._memory.greeted(event.id)
                self._greeting_id, self._greeted_at = event.id, trio.current_time()
                self._figures.connected(trio.current_time() - self._asked_at)
                self._part.to("ok")
                log.info("Map SSE connected", map=self._source.slug)
                self._greeted.set()
            return
        self._figures.event()
        self._ledger.told(event.type, event.data)
        # Both ids are of the server's clock; should that go back later on, what is live must not pass for old.
        replayed = event.id < self._greeting_id and trio.current_time() - self._greeted_at < BACKLOG_S
        self._replayed += replayed and self._memory.is_new(event.id, event.data)
        if event.type in CHARACTER_HINTS:
            self._hint.set()
        elif event.type in NAME_HINTS:
            self._names.set()
        arrival = MapEventArrived(
            slug=self._source.slug,
            event_id=event.id,
            type=event.type,
            data=event.data,
            received_at=self._now(),
            replayed=replayed,
        )
        try:
            self._held_in.send_nowait(arrival)
        except trio.WouldBlock:
            self._full.set()  # gives up a snapshot under way; when it is the pipeline that is slow, we wait
            await self._held_in.send(arrival)

    async def _forward(self) -> None:
        async for arrival in self._held_out:
            while not self._gate.is_set():
                await self._gate.wait()
            # A backfilled event can come once more as a live one.
            if self._memory.is_new(arrival.event_id, arrival.data):
                await self._out.send(arrival)
                self._memory.handed_on(arrival.event_id, arrival.data)

    async def _keep_loaded(self) -> None:
        with trio.move_on_after(GREETING_S):
            await self._greeted.wait()
        if not self._greeted.is_set():
            raise MapLost(f"no greeting within {GREETING_S:g} s")
        gap_s = self._memory.gap_s()

        async def until_loaded() -> None:
            while not await self._load(gap_s):
                await self._loader.pause()

        await self._holding_back(HOLD_S, until_loaded)
        while True:
            if self._loaded:
                gap_s = 0.0
                await self._until_due()
            else:
                log.warning("map_live_without_snapshot", map=self._source.slug)
                await self._loader.pause()
            await self._holding_back(RELOAD_S, partial(self._load, gap_s))
            await self._account_for_differences()

    async def _until_due(self) -> None:
        """Wait for the next comparison, or until a system may have got another name."""
        with trio.move_on_after(self._source.reconcile_s):
            await self._names.wait()
            since_read_s = trio.current_time() - (self._memory.loaded_at or 0.0)
            await trio.sleep(max(NAMES_S, NAMES_EVERY_S - since_read_s))

    async def _load(self, gap_s: float | None) -> bool:
        self._ledger.begin()
        self._names = trio.Event()
        loaded = await self._loader.load(gap_s)
        if loaded is None:
            return False
        if not self._loaded and gap_s is not None:
            self._figures.gap(gap_s, self._replayed)
        self._loaded = True
        self._memory.known_now()
        self._doubtful = self._ledger.differences(system.system_id for system in loaded.systems)
        return True

    async def _account_for_differences(self) -> None:
        """Connect anew when the stream kept a change to itself: its permission may have lapsed in silence (1.4)."""
        if not self._doubtful:
            return
        await trio.sleep(EXPLAINED_S)
        missed = self._ledger.unexplained(self._doubtful)
        self._doubtful = frozenset()
        if missed:
            self._figures.missed(len(missed))
            raise StreamMissed(f"the stream did not tell of {len(missed)} changes of the map; connecting anew")

    async def _holding_back(self, limit_s: float, work: Callable[[], Awaitable[object]]) -> None:
        """Do *work* while events wait; it is cut short after *limit_s* seconds, or when no more events can wait."""
        if self._gate.is_set():
            self._gate, self._full = trio.Event(), trio.Event()
        try:
            async with trio.open_nursery() as nursery:
                nursery.cancel_scope.deadline = trio.current_time() + limit_s

                async def watch(full: trio.Event) -> None:
                    await full.wait()
                    nursery.cancel_scope.cancel(reason="no more events can be held back")

                nursery.start_soon(watch, self._full)
                await work()
                nursery.cancel_scope.cancel(reason="done")
        finally:
            self._gate.set()

    async def _follow_hints(self) -> None:
        while True:
            await self._hint.wait()
            await trio.sleep(GATHER_S)
            self._hint = trio.Event()
            await self._loader.load_characters()
            with trio.move_on_after(LOOK_AGAIN_S) as quiet:
                await self._hint.wait()
            if quiet.cancelled_caught:
                await self._loader.load_characters()
