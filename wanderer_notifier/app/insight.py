"""What the service knows about itself: gathered from counters, the chronicle and the database for pages and gauges."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from prometheus_client import Gauge
from prometheus_client.samples import Sample

from wanderer_notifier.app.chronicle import Chronicle
from wanderer_notifier.app.lifetime import Lifetime, totals
from wanderer_notifier.app.stored import read_stored
from wanderer_notifier.delivery.kill_lines import KillLines
from wanderer_notifier.delivery.outbox import Delivered
from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state import latest, names
from wanderer_notifier.state.store import Store
from wanderer_notifier.web.activity import Activity, Stored
from wanderer_notifier.web.views import Snapshot


class Insight:
    """Told what happens, asked what happened."""

    def __init__(self, metrics: Metrics, now: Callable[[], datetime]) -> None:
        self._metrics = metrics
        self.chronicle, self.lifetime, self.lines = Chronicle(now), Lifetime(metrics), KillLines()
        self._tasks: dict[str, None] = {}
        self._cached: Mapping[str, int] = {}
        self._evicted: Mapping[str, int] = {}
        """Remembered and forgotten answers, by kind, as of the last look into the database."""
        self.circuits: dict[str, Callable[[], bool]] = {}
        """Upstreams that are left alone after failures, and whether they are just now."""

    def component_changed(self, view: ComponentView) -> None:
        """Follow a component."""
        self._metrics.component_changed(view)
        self.chronicle.component_changed(view)

    def delivered(self, result: Delivered) -> None:
        """Follow a message."""
        self.chronicle.delivered(result)
        self.lines.delivered(result)

    def task(self, name: str, *, runs: bool) -> None:
        """An essential task begins or ends."""
        if runs:
            self._tasks[name] = None
        else:
            self._tasks.pop(name, None)

    def remember(self, conn: sqlite3.Connection) -> None:
        """Take up what a former process left."""
        self.lifetime.load(conn)
        self.lines.resume(latest.waiting_kills(conn))

    def keep(self, conn: sqlite3.Connection) -> None:
        """Keep what outlives the process, and read what only the database knows; runs in the store's thread."""
        self.lifetime.save(conn)
        self._cached, self._evicted = names.entries(conn), names.evicted(conn)

    async def stored(self, store: Store) -> Stored:
        """What the database tells; raises `StoreError`."""
        return await store.read(read_stored)

    def activity(self, parts: tuple[ComponentView, ...], priority_systems: int) -> Activity:
        """What the process remembers of itself."""
        metrics = self._metrics
        collected = gc.get_stats()
        return Activity(
            counted=self.lifetime.run(),
            lifetime=self.lifetime.total(),
            deliveries=self.chronicle.deliveries(),
            links=self.chronicle.links(parts, self._pings()),
            recent=self.chronicle.recent(),
            tasks=tuple(self._tasks),
            lookups=totals(metrics.lookups, "result")
            | {"entries": sum(self._cached.values()), "evicted": sum(self._evicted.values())},
            skipped=totals(metrics.kills_skipped, "reason"),
            collections=sum(one["collections"] for one in collected),
            collected=sum(one["collected"] for one in collected),
            open_files=_open_files(),
            priority_systems=priority_systems,
        )

    def measure(self, view: Snapshot) -> None:
        """Bring the gauges up to date that nobody else sets."""
        metrics, total = self._metrics, view.activity.lifetime
        metrics.ready.set(view.readiness.ready)
        feeds = [part.state for part in view.components if part.name.startswith("killmail_stream:")]
        metrics.component_up.labels("killmail_stream").set(bool(feeds) and set(feeds) <= {"ok", "disabled"})
        for service, is_open in self.circuits.items():
            metrics.circuit_state.labels(service).set(is_open())
        for kind, count in self._cached.items():
            metrics.cache_entries.labels(kind).set(count)
        counted = totals(metrics.cache_evictions, "kind")
        for kind, count in self._evicted.items():
            metrics.cache_evictions.labels(kind).inc(max(count - counted.get(kind, 0), 0))
        metrics.priority_systems.set(view.activity.priority_systems)
        for what in ("received", "queued", "duplicate", "skipped", "malformed", "given_up"):
            metrics.lifetime.labels(what).set(getattr(total, what))
        for kind, count in total.sent.items():
            metrics.lifetime.labels(f"sent_{kind}").set(count)

    def _pings(self) -> Mapping[str, float]:
        """Seconds there and back, by component; a feed is labelled `kills:systems`, its part `killmail_stream:…`."""
        parts = {"kills": "killmail_stream", "map": "map_stream"}
        found = {}
        for sample in _samples(self._metrics.feed_round_trip):
            kind, _, which = sample.labels["feed"].partition(":")
            found[f"{parts.get(kind, kind)}:{which}"] = sample.value
        if gateway := _samples(self._metrics.gateway_round_trip)[0].value:
            found["discord_gateway"] = gateway
        return found


def _samples(gauge: Gauge) -> Sequence[Sample]:
    return [sample for family in gauge.collect() for sample in family.samples]


def _open_files() -> int | None:
    try:
        return sum(1 for _ in Path("/proc/self/fd").iterdir())
    except OSError:
        return None
