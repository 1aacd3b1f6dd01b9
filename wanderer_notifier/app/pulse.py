"""Regular lines for whoever reads only the log: what comes and goes out, and how Discord is (operations.md 6.3)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog
import trio

from wanderer_notifier.app.insight import Insight
from wanderer_notifier.state import latest
from wanderer_notifier.state.store import Store, StoreError
from wanderer_notifier.web.status import parts_of
from wanderer_notifier.web.views import Snapshot

kills, discord = structlog.get_logger("killmail"), structlog.get_logger("discord")

ACTIVITY_S = 300.0
"""Kills, and one line about those that concerned nobody in so long a time (operations.md OPS-92)."""
DISCORD_EVERY = 2
"""Discord's health in every second round."""


async def tell_pulse(insight: Insight, store: Store, snapshot: Callable[[], Snapshot]) -> None:
    """Tell until cancelled; a store in trouble only leaves something out."""
    rounds = 0
    while True:
        await trio.sleep(ACTIVITY_S)
        rounds += 1
        insight.lines.summarise()
        seen = snapshot()
        await _activity(seen, store)
        if rounds % DISCORD_EVERY == 0:
            _discord(seen)


async def _activity(seen: Snapshot, store: Store) -> None:
    counted = seen.activity.counted
    try:
        (_, received_at), notified_at = await store.read(
            lambda conn: (latest.last_received(conn), latest.last_sent(conn, "kill").at)
        )
    except StoreError:
        received_at = notified_at = None
    kills.info(
        "Killmail activity",
        uptime_s=round(seen.uptime_s),
        systems=seen.tracked_systems,
        characters=seen.tracked_characters,
        received=counted.received,
        notified=counted.sent.get("kill", 0),
        last_received_s=_age(received_at, seen.now),
        last_notified_s=_age(notified_at, seen.now),
    )


def _discord(seen: Snapshot) -> None:
    deliveries = seen.activity.deliveries
    states = {name: [part.state for part in parts_of(seen, name)] for name in ("discord_rest", "discord_gateway")}
    discord.info(
        "Discord health",
        messages="".join(states["discord_rest"][:1]),
        gateway="".join(states["discord_gateway"][:1]),
        sent=deliveries.successes,
        failed=deliveries.failures,
        timeouts=deliveries.timeouts,
        limited=deliveries.limited,
        waiting=seen.queue.get("queued", 0) + seen.queue.get("sending", 0),
    )


def _age(then: datetime | None, now: datetime) -> int | None:
    return None if then is None else max(round((now - then).total_seconds()), 0)
