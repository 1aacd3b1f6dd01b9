"""The small regular duties: loop tick, storage probe, queue figures, marks of life, forgetting what is old."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from datetime import datetime

import structlog
import trio

from wanderer_notifier.app.snapshot import Vitals
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state import memory, outbox
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
    """Every 15 s: write a mark to the database (its success *is* the storage check), note which map streams are alive,
    and read the queue's figures; every hour: forget what is too old. A failing disk is reported, never fatal here."""
    next_prune = 0.0
    while True:
        pruning = trio.current_time() >= next_prune
        alive = [
            view.name.partition(":")[2]
            for view in health.views()
            if view.state == "ok" and view.name.startswith("map_stream:")
        ]

        def round_(conn: sqlite3.Connection, alive: list[str] = alive, pruning: bool = pruning) -> Mapping[str, int]:
            moment = now()
            memory.mark_alive(conn, moment)
            for slug in alive:
                memory.mark_heard(conn, slug, moment)
            if pruning:
                outbox.prune(conn, moment)
                memory.prune(conn, moment)
            return outbox.counts(conn)

        try:
            vitals.queue = await store.write(round_)
        except StoreError as error:
            storage.to("failed", str(error))
            log.error("storage_probe_failed", reason=str(error))
        else:
            storage.to("ok")
            metrics.queue_length.set(vitals.queue.get("queued", 0) + vitals.queue.get("sending", 0))
            if pruning:
                next_prune = trio.current_time() + PRUNE_S
        await trio.sleep(PROBE_S)
