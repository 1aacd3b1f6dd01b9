"""What an operator sees of one map's stream: since when, why not, how long it was deaf, what it kept to itself."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from wanderer_notifier.runtime.health import Component, FeedGap
from wanderer_notifier.runtime.metrics import Metrics

log = structlog.get_logger("maps")

HORIZON_S = 600.0
"""How far back the map repeats its events (wanderer-map.md 1.5)."""
WORTH_SHOWING_S = 5.0
"""A shorter gap is counted only: a proxy that cuts every minute would push the others out of sight."""


class Figures:
    """The metrics of one map's stream, and the gaps kept with its component."""

    def __init__(self, slug: str, metrics: Metrics, part: Component, now: Callable[[], datetime]) -> None:
        self._slug, self._feed, self._metrics, self._part, self._now = slug, f"map:{slug}", metrics, part, now
        self.disconnected()

    def connected(self, took_s: float) -> None:
        """The stream stands; from the request to the greeting it *took_s* seconds, the nearest to a ping it has."""
        self._metrics.feed_connected.labels(self._feed).set(self._now().timestamp())
        self._metrics.feed_round_trip.labels(self._feed).set(took_s)

    def disconnected(self) -> None:
        self._metrics.feed_connected.labels(self._feed).set(0)

    def lost(self, reason: str) -> None:
        """Count the end of a connection, or an attempt that failed."""
        self._metrics.feed_reconnects.labels(self._feed, reason).inc()

    def event(self) -> None:
        self._metrics.feed_last_event.labels(self._feed).set(self._now().timestamp())

    def missed(self, number: int) -> None:
        """Count changes that the stream should have told of and did not."""
        self._metrics.map_missed.labels(self._slug).inc(number)
        log.warning("map_stream_missed_changes", map=self._slug, changes=number)

    def gap(self, gap_s: float, replayed: int) -> None:
        """Note that a gap of so many seconds was closed: by the stream's own repetition as far as that reaches, and by
        the lists; *replayed* events were repeated."""
        result = "replayed" if gap_s <= HORIZON_S else "compared"
        self._metrics.feed_gaps.labels(self._feed, result).inc()
        self._metrics.feed_gap_seconds.labels(self._feed, result).inc(gap_s)
        self._metrics.feed_recovered.labels(self._feed).inc(replayed)
        if gap_s < WORTH_SHOWING_S:
            return
        end = self._now()
        lost = "" if result == "replayed" else "what came and went again, and rally points, before the last 10 minutes"
        self._part.note_gap(
            FeedGap(begin=end - timedelta(seconds=gap_s), end=end, recovered=replayed, unrecoverable=lost)
        )
