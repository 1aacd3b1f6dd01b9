"""Status messages, for those who want them: after the start, every hour, and when a feed is gone or back.

They go through the outbox like everything else, and are worth sending for five minutes (design.md 5.12).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

import structlog
import trio
from attrs import frozen
from prometheus_client import Counter

from wanderer_notifier import __version__
from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.message import Message
from wanderer_notifier.core.outages import Down, Outages
from wanderer_notifier.core.status_look import (
    FeedState,
    StatusView,
    render_feed_back,
    render_feed_down,
    render_status,
)
from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.readiness import SETTLING_S
from wanderer_notifier.state import outbox
from wanderer_notifier.state.outbox import NewRow
from wanderer_notifier.state.store import Store, StoreError
from wanderer_notifier.web.views import Snapshot

log = structlog.get_logger("status")

LOOK_S = 15.0
HOUR_S = 3600.0
LIVES = timedelta(minutes=5)
SILENT = timedelta(minutes=5)
"""A feed without any sign of life for so long is shown as silent."""

FEEDS = {"killmail_stream": "Kill feed", "map_stream": "Map", "discord_gateway": "Gateway"}
"""Components that are feeds, by the part of their name before the colon."""

FEATURES = {
    "kill_notifications": "Kill Notifications",
    "system_notifications": "System Notifications",
    "character_notifications": "Character Notifications",
    "rally_notifications": "Rally Notifications",
}


@frozen(kw_only=True)
class Place:
    """Where status messages go, and how: *wake* is called with the channel after the commit."""

    store: Store
    channel: str
    slug: str
    wake: Callable[[Iterable[str]], None]

    async def say(self, claim: str, message: Message, now: datetime, lives: timedelta = LIVES) -> None:
        """Queue *message*, which is news for as long as it *lives*; a store in trouble is no reason to fail."""
        row = NewRow(
            claim=claim,
            channel=self.channel,
            kind="status",
            slug=self.slug,
            body=message.body(),
            nonce=nonce_for(claim, self.channel),
            expires_at=now + lives,
            received_at=now,
        )
        try:
            await self.store.write(lambda conn: outbox.enqueue(conn, row))
        except StoreError as error:
            log.warning("status_not_queued", claim=claim, reason=str(error))
            return
        self.wake((self.channel,))


async def tell_status(
    place: Place,
    snapshot: Callable[[], Snapshot],
    metrics: Metrics,
    licence: Callable[[], LicenceState],
    page: str | None = None,
) -> None:
    """Report until cancelled: once the service has warmed up, then every hour, and outages as they come."""

    async def report(kind: str, *, starting: bool) -> None:
        seen = snapshot()
        claim = f"status:{kind}:{seen.now.timestamp():.0f}"
        await place.say(claim, render_status(view_of(seen, metrics, licence(), starting=starting, page=page)), seen.now)

    outages = Outages()
    with trio.move_on_after(SETTLING_S):
        while not snapshot().readiness.ready:  # noqa: ASYNC110  # it is computed from many parts; none of them calls
            await trio.sleep(1.0)
    await report("start", starting=True)
    next_report = trio.current_time() + HOUR_S
    while True:
        await trio.sleep_until(min(trio.current_time() + LOOK_S, next_report))
        await _tell_outages(place, outages, snapshot())
        if trio.current_time() >= next_report:
            next_report += HOUR_S
            await report("hour", starting=False)


def view_of(
    seen: Snapshot, metrics: Metrics, licence: LicenceState, *, starting: bool, page: str | None = None
) -> StatusView:
    """The report on what is *seen*."""
    ready = seen.readiness
    return StatusView(
        now=seen.now,
        version=__version__,
        uptime_s=seen.uptime_s,
        starting=starting,
        page=page,
        troubles=tuple(f"{name} {ready.checks.get(name, '')}".strip() for name in ready.failing),
        licence=licence,
        feeds=tuple((name, _state(parts, seen.now)) for name, parts in _feeds(seen.components).items()),
        systems=seen.tracked_systems,
        characters=seen.tracked_characters,
        killmails=sum(_by(metrics.kills_processed, "result").values()),
        sent=_by(metrics.notifications, "kind", result=("sent", "found")),
        features=tuple((name, seen.features.get(key, False)) for key, name in FEATURES.items()),
    )


async def _tell_outages(place: Place, outages: Outages, seen: Snapshot) -> None:
    troubles = {name: _trouble(parts) for name, parts in _feeds(seen.components).items()}
    for news in outages.look(troubles, trio.current_time()):
        kind = "down" if isinstance(news, Down) else "back"
        message = (
            render_feed_down(news.feed, news.reason, news.down_s)
            if isinstance(news, Down)
            else render_feed_back(news.feed, news.down_s)
        )
        await place.say(f"status:{kind}:{news.feed}:{seen.now.timestamp():.0f}", message, seen.now)


def _feeds(parts: Sequence[ComponentView]) -> dict[str, list[ComponentView]]:
    """The components that are feeds, under the names that readers know."""
    maps = sum(part.name.startswith("map_stream:") for part in parts)
    found: dict[str, list[ComponentView]] = {}
    feeds = [part for part in parts if part.name.partition(":")[0] in FEEDS and part.state != "disabled"]
    for part in sorted(feeds, key=lambda part: list(FEEDS).index(part.name.partition(":")[0])):
        kind, _, which = part.name.partition(":")
        name = f"{FEEDS[kind]} {which}" if kind == "map_stream" and maps > 1 else FEEDS[kind]
        found.setdefault(name, []).append(part)
    return found


def _state(parts: Sequence[ComponentView], now: datetime) -> FeedState:
    if any(part.state in ("degraded", "failed") for part in parts):
        return "down"
    if any(part.state == "starting" for part in parts):
        return "unknown"
    heard = max((part.seen_at for part in parts if part.seen_at is not None), default=None)
    return "receiving" if heard is not None and now - heard < SILENT else "silent"


def _trouble(parts: Sequence[ComponentView]) -> str | None:
    for part in parts:
        if part.state != "ok":
            return part.reason or part.last_error or part.state
    return None


def _by(counter: Counter, label: str, **wanted: Sequence[str]) -> dict[str, int]:
    """The counts of *counter* by one label, of the samples whose other labels are *wanted*."""
    found: dict[str, int] = {}
    for family in counter.collect():
        for sample in family.samples:
            if sample.name.endswith("_total") and all(sample.labels[name] in ok for name, ok in wanted.items()):
                found[sample.labels[label]] = found.get(sample.labels[label], 0) + int(sample.value)
    return found
