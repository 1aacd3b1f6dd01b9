"""The small regular duties: loop tick, storage probe, queue figures, marks of life, forgetting what is old."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

import structlog
import trio

from wanderer_notifier.app.snapshot import Vitals
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state import decisions, memory, outbox, parked
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("housekeeping")

TICK_S = 1.0
PROBE_S = 15.0
PRUNE_S = 3600.0


async def tick(vitals: Vitals, metrics: Metrics) -> None:
    """Prove once a second that the event loop turns; how late each proof is shows in a metric."""
    while True:
        expected = trio.current_time() + TICK_S
        await trio.sleep_until(expected)
        metrics.loop_lag.set(trio.current_time() - expected)
        vitals.last_tick_s = trio.current_time()


async def keep_house(
    store: Store, storage: Component, health: Health, vitals: Vitals, metrics: Metrics, now: Callable[[], datetime]
) -> None:
    """Every 15 s: write a mark to the database (its success *is* the storage check), note which maps miss nothing,
    and read the queue's figures; every hour: forget what is too old. A failing disk is reported, never fatal here."""
    next_prune = 0.0
    while True:
        pruning = trio.current_time() >= next_prune
        fine = {view.name for view in health.views() if view.state == "ok"}
        # A stream alone does not close a gap: the lists must have been compared, too.
        alive = [
            name.partition(":")[2]
            for name in sorted(fine)
            if name.startswith("map_stream:") and name.replace("map_stream:", "map_data:", 1) in fine
        ]

        def round_(conn: sqlite3.Connection, alive: list[str] = alive, pruning: bool = pruning) -> outbox.Counts:
            moment = now()
            memory.set_meta(conn, "alive_at", moment.isoformat())
            for slug in alive:
                memory.heard(conn, slug, moment)
            if pruning:
                outbox.prune(conn, moment)
                decisions.prune(conn, moment)
                parked.prune(conn, moment)
                memory.prune_events(conn, moment)
            return outbox.counts(conn)

        try:
            counts = await store.write(round_)
        except StoreError as error:
            storage.to("failed", str(error))
            log.error("storage_probe_failed", reason=str(error))
        else:
            storage.to("ok")
            vitals.queue = {
                "queued": counts.queued,
                "sending": counts.sending,
                "sent": counts.sent,
                "dead": counts.dead,
                **{f"dead_{reason}": count for reason, count in counts.dead_by_reason.items()},
            }
            metrics.queue_length.set(counts.queued + counts.sending)
            if pruning:
                next_prune = trio.current_time() + PRUNE_S
        await trio.sleep(PROBE_S)


def note_start(conn: sqlite3.Connection, moment: datetime) -> int:
    """Note that a run begins; how many runs before it ended without saying so (operations.md OPS-87)."""
    unclean = int(memory.get_meta(conn, "unclean_ends") or 0)
    if memory.get_meta(conn, "running_since") is not None:
        unclean += 1
        memory.set_meta(conn, "unclean_ends", str(unclean))
        last_sign = memory.get_meta(conn, "alive_at")
        log.warning("previous_run_ended_unexpectedly", last_sign=last_sign, unclean_ends=unclean)
    memory.set_meta(conn, "running_since", moment.isoformat())
    return unclean


def note_end(conn: sqlite3.Connection, moment: datetime) -> outbox.Counts:
    """Note that this run ends in order; the figures of the outbox as it is left."""
    conn.execute("DELETE FROM meta WHERE name = 'running_since'")
    memory.set_meta(conn, "alive_at", moment.isoformat())
    return outbox.counts(conn)
