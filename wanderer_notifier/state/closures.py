"""Channels that Discord refuses as a whole, as SQL on a connection, inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from datetime import datetime

from attrs import frozen

from wanderer_notifier.state.rows import time_of


@frozen(kw_only=True)
class Closure:
    """A channel Discord refuses as a whole: since when, until when it rests, how often it was refused in a row."""

    channel: str
    since: datetime
    until: datetime
    failures: int
    reason: str


def closure(conn: sqlite3.Connection, channel: str) -> Closure | None:
    """How *channel* is closed, or None when it is not."""
    return next((item for item in closures(conn) if item.channel == channel), None)


def closures(conn: sqlite3.Connection) -> tuple[Closure, ...]:
    """All closed channels."""
    return tuple(
        Closure(channel=channel, since=time_of(since), until=time_of(until), failures=failures, reason=reason)
        for channel, since, until, failures, reason in conn.execute(
            "SELECT channel, since, until, failures, reason FROM closure ORDER BY channel"
        )
    )


def close(conn: sqlite3.Connection, closed: Closure) -> None:
    """Note that a channel is refused, or refused again."""
    conn.execute(
        "INSERT OR REPLACE INTO closure (channel, since, until, failures, reason) VALUES (?, ?, ?, ?, ?)",
        (
            closed.channel,
            closed.since.timestamp(),
            closed.until.timestamp(),
            closed.failures,
            closed.reason[:500],
        ),
    )


def hasten(conn: sqlite3.Connection, channels: Collection[str], now: datetime) -> None:
    """There is news of closed *channels*: they need not rest any longer."""
    # The last condition spares the writing in a storm of news.
    conn.executemany(
        "UPDATE closure SET until = :now WHERE channel = :channel AND until > :now",
        [{"now": now.timestamp(), "channel": channel} for channel in channels],
    )


def reopen(conn: sqlite3.Connection, channel: str) -> None:
    """Note that a channel takes messages again."""
    conn.execute("DELETE FROM closure WHERE channel = ?", (channel,))
