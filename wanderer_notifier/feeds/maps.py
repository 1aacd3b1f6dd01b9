"""Follows one map: its event stream, and around it the REST snapshots that make gaps harmless (wanderer-map.md 7.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog
import trio

from wanderer_notifier.core.events import Arrival
from wanderer_notifier.feeds.map_connection import RELOAD_S, MapConnection
from wanderer_notifier.feeds.map_loader import MapLoader
from wanderer_notifier.feeds.map_memory import MapMemory, MapSource
from wanderer_notifier.feeds.map_refusals import MapLost
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.supervise import keep_running

__all__ = ["MapSource", "follow_map"]

log = structlog.get_logger("maps")

QUIET_AFTER_S = 20.0
"""A stream that was greeted and cut after this long met a proxy's habit (cases.md S07): resumed without alarm."""
QUIET_PAUSE_S = 1.0
DEAF_CHECK_S = 30.0
"""How often a map without a stream is looked at; its lists are read every `reconcile_s`."""


async def follow_map(
    source: MapSource,
    out: trio.MemorySendChannel[Arrival],
    *,
    component: Callable[[str], Component],
    cursor: Callable[[], str | None],
    last_heard: datetime | None,
    now: Callable[[], datetime],
    roll: Callable[[], float],
    seed_cursor: Callable[[str], Awaitable[None]] | None = None,
) -> None:
    """Follow *source* for ever and hand what happens there to *out*.

    Args:
        cursor: the id of the newest event whose decision is committed; asked at each connect.
        last_heard: when the stream was last heard by an earlier process; None: never.
        seed_cursor: told the id of the first greeting if there is no cursor at all.

    The states are shown as `map_stream:{slug}` and `map_data:{slug}`. No error leaves.
    """
    stream, data = component(f"map_stream:{source.slug}"), component(f"map_data:{source.slug}")
    memory = MapMemory(cursor, seed_cursor, last_heard, now)
    loader = MapLoader(source, memory, out, data, now, roll)

    async def connect(part: Component) -> None:
        """One connection after the other, for as long as each only meets a proxy that cuts long streams."""
        while True:
            if part.state not in ("degraded", "failed"):  # those keep their reason until the map has answered
                part.to("starting", "connecting")
            began = trio.current_time()
            await MapConnection(source, memory, loader, out, part, now).run()
            lasted_s = trio.current_time() - began
            if lasted_s < QUIET_AFTER_S:
                raise MapLost(f"the stream was cut after {lasted_s:.0f} s")
            log.info("map_stream_resuming", map=source.slug, lasted_s=round(lasted_s))
            part.to("degraded", "the stream was cut; resuming")
            part.reconnecting()
            await trio.sleep(QUIET_PAUSE_S * (1.0 - 0.2 * roll()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_while_deaf, source, stream, loader, memory, name=f"map {source.slug}: without stream")
        nursery.start_soon(partial(keep_running, stream, connect, roll=roll), name=f"map {source.slug}: stream")


async def _read_while_deaf(source: MapSource, stream: Component, loader: MapLoader, memory: MapMemory) -> None:
    """Read the lists now and then while the stream is down: kills are matched by them, and a switch may be off."""
    while True:
        await trio.sleep(DEAF_CHECK_S)
        last = memory.loaded_at
        if stream.state == "ok" or (last is not None and trio.current_time() - last < source.reconcile_s):
            continue
        with trio.move_on_after(RELOAD_S):
            if await loader.load(memory.gap_s()):
                memory.known_now()
