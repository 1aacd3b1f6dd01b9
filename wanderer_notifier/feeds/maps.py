"""Follows one map: its event stream, and around it the REST snapshots that make gaps harmless (wanderer-map.md 7.7)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

import structlog
import trio

from wanderer_notifier.core.events import Arrival
from wanderer_notifier.feeds.map_connection import RELOAD_S, MapConnection
from wanderer_notifier.feeds.map_figures import Figures
from wanderer_notifier.feeds.map_loader import MapLoader
from wanderer_notifier.feeds.map_memory import MapMemory, MapSource
from wanderer_notifier.feeds.map_refusals import OPERATOR_S, MapLost, NoStream, kind_of
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.supervise import keep_running, leaves

__all__ = ["MapSource", "follow_map"]

log = structlog.get_logger("maps")

QUIET_AFTER_S = 20.0
"""A stream that was greeted and cut after this long met a proxy's habit (cases.md S07): resumed without alarm."""
QUIET_PAUSE_S = 1.0
LOOK_S = 5.0
"""How often a map without a stream is looked at."""
DEAF_CHECK_S = 30.0
"""How soon lists that could not be read are asked for again while there is no stream."""


async def follow_map(
    source: MapSource,
    out: trio.MemorySendChannel[Arrival],
    *,
    component: Callable[[str], Component],
    cursor: Callable[[], str | None],
    last_heard: datetime | None,
    read_at: datetime | None,
    metrics: Metrics,
    now: Callable[[], datetime],
    roll: Callable[[], float],
    seed_cursor: Callable[[str], Awaitable[None]] | None = None,
    begun: str | None = None,
) -> None:
    """Follow *source* for ever and hand what happens there to *out*.

    Args:
        cursor: the id of the newest event whose decision is committed; asked at each connect.
        last_heard: until when an earlier process missed nothing of this map; None: there was none.
        read_at: when an earlier process last read the lists.
        seed_cursor: told the id of the first greeting if there is no cursor at all.
        begun: what *seed_cursor* was told in an earlier process.

    The states are shown as `map_stream:{slug}` and `map_data:{slug}`. No error leaves.
    """
    stream, data = component(f"map_stream:{source.slug}"), component(f"map_data:{source.slug}")
    memory = MapMemory(cursor, seed_cursor, begun, last_heard, read_at, now)
    loader = MapLoader(source, memory, out, data, now, roll)
    figures = Figures(source.slug, metrics, stream, now)

    async def connect(part: Component) -> None:
        """One connection after the other, for as long as each only meets a proxy that cuts long streams, or the map
        offers no stream."""
        while True:
            await memory.pace.turn()
            if part.state not in ("degraded", "failed"):  # those keep their reason until the map has answered
                part.to("starting", "connecting")
            began = trio.current_time()
            if (off := await _connect_once(MapConnection(source, memory, loader, out, part, figures, now))) is not None:
                await _do_without(source, part, memory, off, roll)
                continue
            lasted_s = trio.current_time() - began
            if lasted_s < QUIET_AFTER_S:
                raise MapLost(f"the stream was cut after {lasted_s:.0f} s")
            log.info("map_stream_resuming", map=source.slug, lasted_s=round(lasted_s))
            part.to("degraded", "the stream was cut; resuming")
            part.reconnecting()
            await trio.sleep(QUIET_PAUSE_S * (1.0 - 0.2 * roll()))

    async def _connect_once(connection: MapConnection) -> NoStream | None:
        """Serve one connection until it is cut; gives the refusal if the map offers no stream at all."""
        off: NoStream | None = None
        try:
            await connection.run()
            figures.lost("cut")
        except* NoStream as group:
            first = next(leaves(group))
            assert isinstance(first, NoStream)
            off = first
            figures.lost(kind_of(off))
        except* Exception as group:
            figures.lost(kind_of(next(leaves(group))))
            raise
        finally:
            figures.disconnected()
        return off

    async with trio.open_nursery() as nursery:
        nursery.start_soon(_read_while_deaf, source, stream, loader, memory, name=f"map {source.slug}: without stream")
        again = partial(keep_running, stream, connect, roll=roll, backoff=source.backoff)
        nursery.start_soon(again, name=f"map {source.slug}: stream")


async def _do_without(
    source: MapSource, part: Component, memory: MapMemory, off: NoStream, roll: Callable[[], float]
) -> None:
    """The map is read by asking until its stream may be there again."""
    if not memory.polling:
        log.warning("map_stream_off", map=source.slug, reason=str(off), poll_s=source.poll_s)
    memory.polling = True
    part.to("degraded", f"{off}; until then the map is read every {source.poll_s:.0f} s", covered=True)
    await trio.sleep((off.again_s or OPERATOR_S) * (1.0 - 0.1 * roll()))


async def _read_while_deaf(source: MapSource, stream: Component, loader: MapLoader, memory: MapMemory) -> None:
    """Read the lists while the stream is down: often where a map offers none, now and then where it may come back,
    for kills are matched by them."""
    tried_at = -DEAF_CHECK_S
    while True:
        await trio.sleep(LOOK_S)
        now_s, every_s = trio.current_time(), source.poll_s if memory.polling else source.reconcile_s
        recently = memory.loaded_at is not None and now_s - memory.loaded_at < every_s
        if stream.state == "ok" or recently or now_s - tried_at < DEAF_CHECK_S:
            continue
        tried_at = now_s
        with trio.move_on_after(RELOAD_S):
            if await loader.load(memory.gap_s()) is not None:
                memory.known_now()
