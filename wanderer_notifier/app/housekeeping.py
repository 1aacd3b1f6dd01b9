"""The small regular duties: loop tick, storage probe, queue figures, marks of life, forgetting what is old."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import structlog
import trio

from wanderer_notifier.app.snapshot import Vitals
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state import decisions, memory, outbox, parked
from wanderer_notifier.state.backup import refresh_spare
from wanderer_notifier.state.store import MEMORY, Store, StoreError, set_aside_files

log = structlog.get_logger("housekeeping")

TICK_S = 1.0
PROBE_S = 15.0
PROBE_AGAIN_S = 5.0
PRUNE_S = 3600.0
SPARE_EVERY = timedelta(hours=6)
CRASHES, CRASHES_WITHIN = 3, timedelta(minutes=10)
"""operations.md OPS-87: a crash loop must not hammer Discord and the map."""


async def tick(vitals: Vitals, metrics: Metrics) -> None:
    """Prove once a second that the event loop turns; how late each proof is shows in a metric."""
    while True:
        expected = trio.current_time() + TICK_S
        await trio.sleep_until(expected)
        metrics.loop_lag.set(trio.current_time() - expected)
        vitals.last_tick_s = trio.current_time()


async def keep_house(
    store: Store,
    storage: Component,
    health: Health,
    vitals: Vitals,
    metrics: Metrics,
    now: Callable[[], datetime],
    also: Callable[[sqlite3.Connection], None] = lambda conn: None,
) -> None:
    """Every 15 s: write a mark to the database (its success *is* the storage check), note which maps miss nothing,
    read the queue's figures, and do what is *also* to be done in the same transaction; every hour: forget what is too
    old; every six: renew the last good copy. A failing disk is reported, never fatal here."""
    next_prune = 0.0
    file = None if store.report.path == MEMORY else Path(store.report.path)
    while True:
        pruning = trio.current_time() >= next_prune
        fine = {view.name for view in health.views() if view.state == "ok"}
        # A stream alone does not close a gap: the lists must have been compared, too.
        alive = [
            name.partition(":")[2]
            for name in sorted(fine)
            if name.startswith("map_stream:") and name.replace("map_stream:", "map_data:", 1) in fine
        ]

        def round_(
            conn: sqlite3.Connection, alive: list[str] = alive, pruning: bool = pruning
        ) -> tuple[outbox.Counts, list[str], bool]:
            moment = now()
            memory.set_meta(conn, "alive_at", moment.isoformat())
            _probe_cache(conn)
            also(conn)
            for slug in alive:
                memory.heard(conn, slug, moment)
            if pruning:
                outbox.prune(conn, moment)
                decisions.prune(conn, moment)
                parked.prune(conn, moment)
                memory.prune_events(conn, moment)
            damaged = [place.name for place in set_aside_files(file)] if file else []
            return outbox.counts(conn), damaged, pruning and file is not None and _spare_is_due(conn, moment)

        try:
            counts, damaged, copy_due = await store.write(round_)
        except StoreError as error:
            storage.to("failed", str(error))
            health.component("cache").to("failed", str(error))
            log.error("storage_probe_failed", reason=str(error))
            await trio.sleep(PROBE_AGAIN_S)
            continue
        else:
            _tell_storage(storage, damaged)
            health.component("cache").to("ok")
            vitals.queue = {
                "queued": counts.queued,
                "sending": counts.sending,
                "sent": counts.sent,
                "dead": counts.dead,
                **{f"dead_{reason}": count for reason, count in counts.dead_by_reason.items()},
            }
            metrics.queue_length.set(counts.queued + counts.sending)
            waited = (now() - counts.oldest_waiting).total_seconds() if counts.oldest_waiting else 0.0
            metrics.queue_oldest.set(max(waited, 0.0))
            if pruning:
                next_prune = trio.current_time() + PRUNE_S
            if copy_due and file is not None:
                await _renew_spare(store, file)
        await trio.sleep(PROBE_S)


def _probe_cache(conn: sqlite3.Connection) -> None:
    """Put, get and delete one remembered answer; raises `sqlite3.Error` when the table does not take it."""
    conn.execute("INSERT OR REPLACE INTO lookup (kind, id, fresh_until, used_at) VALUES ('probe', 0, 0, 0)")
    if conn.execute("DELETE FROM lookup WHERE kind = 'probe' RETURNING id").fetchone() is None:
        raise sqlite3.DatabaseError("the cache forgot what was just put into it")


def _tell_storage(storage: Component, damaged: list[str]) -> None:
    """A database that had to be set aside shows until an operator has looked at it and moved it away."""
    if not damaged:
        storage.to("ok")
        return
    words = f"the database was damaged and begun anew; the damaged one is kept as {damaged[-1]}: move it away when seen"
    storage.to("degraded", words, covered=True)


def _spare_is_due(conn: sqlite3.Connection, moment: datetime) -> bool:
    """Whether the last good copy is old; a database is not worth one in its first hours."""
    made = memory.get_meta(conn, "spare_at")
    due = made is not None and moment - datetime.fromisoformat(made) >= SPARE_EVERY
    if due or made is None:
        memory.set_meta(conn, "spare_at", moment.isoformat())
    return due


async def _renew_spare(store: Store, file: Path) -> None:
    try:
        await store.elsewhere(partial(refresh_spare, file))
    except (StoreError, OSError) as error:
        log.error("spare_copy_failed", reason=str(error))
    else:
        log.info("spare_copy_renewed")


def note_start(conn: sqlite3.Connection, moment: datetime, rest_s: float) -> tuple[int, float]:
    """Note that a run begins: how many runs ended without saying so (operations.md OPS-87), and for how many seconds
    the feeds should wait: *rest_s* if that happens again and again."""
    unclean = int(memory.get_meta(conn, "unclean_ends") or 0)
    pause_s = 0.0
    began = memory.get_meta(conn, "running_since")
    if began is not None:
        unclean += 1
        memory.set_meta(conn, "unclean_ends", str(unclean))
        last_sign = memory.get_meta(conn, "alive_at")
        log.warning(
            "Previous run ended unexpectedly",
            uptime_s=_between(began, last_sign),
            last_sign=last_sign,
            unclean_ends=unclean,
        )
        starts = [
            *(datetime.fromisoformat(text) for text in json.loads(memory.get_meta(conn, "unclean_starts") or "[]")),
            moment,
        ]
        starts = [start for start in starts if timedelta(0) <= moment - start <= CRASHES_WITHIN][-CRASHES:]
        memory.set_meta(conn, "unclean_starts", json.dumps([start.isoformat() for start in starts]))
        if len(starts) == CRASHES and rest_s:
            pause_s = rest_s
            log.error("crash_loop", unclean_starts=CRASHES, within_s=CRASHES_WITHIN.total_seconds(), pause_s=pause_s)
    memory.set_meta(conn, "running_since", moment.isoformat())
    return unclean, pause_s


def _between(began: str, last_sign: str | None) -> int:
    """How long the run lasted, as far as it was seen; nothing when it gave no sign after its start."""
    if last_sign is None:
        return 0
    return max(round((datetime.fromisoformat(last_sign) - datetime.fromisoformat(began)).total_seconds()), 0)


def note_end(conn: sqlite3.Connection, moment: datetime) -> outbox.Counts:
    """Note that this run ends in order; the figures of the outbox as it is left."""
    conn.execute("DELETE FROM meta WHERE name = 'running_since'")
    memory.set_meta(conn, "alive_at", moment.isoformat())
    return outbox.counts(conn)
