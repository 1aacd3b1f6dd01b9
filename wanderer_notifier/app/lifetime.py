"""Counters that outlive the process: what was counted before this start, kept in the database every few seconds."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from attrs import evolve
from prometheus_client import Counter

from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state import memory
from wanderer_notifier.web.activity import Counted

_NAME = "lifetime"
_NUMBERS = ("received", "queued", "duplicate", "skipped", "malformed", "given_up")


class Lifetime:
    """The counters of all runs together; a crash loses what was counted since the last `save`, 15 s at most."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._before = Counted()

    def load(self, conn: sqlite3.Connection) -> None:
        """Read what former runs counted."""
        text = memory.get_meta(conn, _NAME)
        if text is None:
            return
        kept = json.loads(text)
        self._before = Counted(
            **{name: int(kept.get(name, 0)) for name in _NUMBERS},
            sent={str(kind): int(count) for kind, count in kept.get("sent", {}).items()},
        )

    def save(self, conn: sqlite3.Connection) -> None:
        """Keep the counters for the next run."""
        total = self.total()
        kept = {name: getattr(total, name) for name in _NUMBERS} | {"sent": dict(total.sent)}
        memory.set_meta(conn, _NAME, json.dumps(kept))

    def run(self) -> Counted:
        """What this run counted."""
        metrics = self._metrics
        processed = totals(metrics.kills_processed, "result")
        return Counted(
            received=sum(totals(metrics.kills_received, "source").values()),
            queued=processed.get("queued", 0),
            duplicate=processed.get("duplicate", 0),
            skipped=processed.get("skipped", 0),
            malformed=processed.get("malformed", 0),
            sent=totals(metrics.notifications, "kind", result=("sent", "found")),
            given_up=sum(totals(metrics.dropped, "reason").values()),
        )

    def total(self) -> Counted:
        """What all runs counted, this one included."""
        now, before = self.run(), self._before
        return evolve(
            now,
            **{name: getattr(now, name) + getattr(before, name) for name in _NUMBERS},
            sent={
                kind: now.sent.get(kind, 0) + before.sent.get(kind, 0)
                for kind in sorted(now.sent.keys() | before.sent.keys())
            },
        )


def totals(counter: Counter, label: str, **wanted: Sequence[str]) -> dict[str, int]:
    """The counts of *counter* by one label, of the samples whose other labels are *wanted*."""
    found: dict[str, int] = {}
    for family in counter.collect():
        for sample in family.samples:
            if sample.name.endswith("_total") and all(sample.labels[name] in ok for name, ok in wanted.items()):
                found[sample.labels[label]] = found.get(sample.labels[label], 0) + int(sample.value)
    return found
