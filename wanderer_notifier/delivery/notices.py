"""What the delivery itself has to say in a channel, written through the outbox like everything else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.delivery import plain
from wanderer_notifier.state import closures, outbox, overflow
from wanderer_notifier.state.closures import Closure
from wanderer_notifier.state.outbox import NewRow, Row

LIVES = timedelta(hours=6)


def close_channel(
    conn: sqlite3.Connection,
    row: Row,
    reason: str,
    now: datetime,
    *,
    pause: Callable[[int], float],
    primary: str | None,
) -> tuple[float, bool]:
    """Let the channel of *row* rest for *pause*(times refused in a row) seconds, its rows wait.

    Returns that pause, and whether a note for the *primary* channel was queued: one per episode, none about itself.
    """
    before = closures.closure(conn, row.channel)
    failures = before.failures + 1 if before else 1
    pause_s = pause(failures)
    until = now + timedelta(seconds=pause_s)
    since = before.since if before else now
    closures.close(conn, Closure(channel=row.channel, since=since, until=until, failures=failures, reason=reason))
    outbox.requeue(conn, row.id, until, reason, unknown=False)
    if before or primary is None or primary == row.channel:
        return pause_s, False
    claim = f"note:{row.channel}:{since.timestamp():.0f}"
    return pause_s, _say(conn, claim, primary, row.slug, plain.closed_note(row.channel, reason), now)


def tell_losses(conn: sqlite3.Connection, channel: str, now: datetime) -> None:
    """Queue a note for *channel* about the messages it lost to overflow since the last such note."""
    lost = overflow.unsummarised(conn, channel)
    if lost:
        overflow.summarised(conn, channel)
        _say(conn, f"overflow:{channel}:{now.timestamp():.0f}", channel, "", plain.overflow_note(lost), now)


def _say(conn: sqlite3.Connection, claim: str, channel: str, slug: str, body: JsonObject, now: datetime) -> bool:
    row = NewRow(
        claim=claim,
        channel=channel,
        kind="status",
        slug=slug,
        body=body,
        nonce=nonce_for(claim, channel),
        expires_at=now + LIVES,
        received_at=now,
    )
    return outbox.enqueue(conn, row, now) is not None
