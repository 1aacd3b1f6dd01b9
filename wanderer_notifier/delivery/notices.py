"""What the delivery itself has to say in a channel, written through the outbox like everything else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta

from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.delivery import plain
from wanderer_notifier.state import closures, losses, outbox
from wanderer_notifier.state.closures import Closure
from wanderer_notifier.state.losses import Losses
from wanderer_notifier.state.outbox import Look, NewRow, Row

LIVES = timedelta(hours=6)
LOST = "losses:"


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
    """Queue a note for *channel* about the messages it lost since the last such note."""
    lost = losses.untold(conn, channel)
    if lost:
        losses.told(conn, channel)
        body = plain.losses_note(lost.overflow, lost.expired)
        _say(conn, f"{LOST}{channel}:{now.timestamp():.0f}", channel, "", body, now, _source(lost))


def of_losses(row: Row) -> bool:
    """Whether *row* is a note of `tell_losses`."""
    return row.claim.startswith(LOST)


def more_losses(conn: sqlite3.Connection, row: Row) -> Look | None:
    """What was lost while the note waited is told with it, in one message: how it reads then; None: as it is."""
    more = losses.untold(conn, row.channel)
    if more is None:
        return None
    losses.told(conn, row.channel)
    before = row.source or {}
    lost = Losses(before.get("overflow", 0) + more.overflow, before.get("expired", 0) + more.expired)
    body = plain.losses_note(lost.overflow, lost.expired)
    outbox.rewrite(conn, row.id, body, _source(lost))
    return Look(body=body, fallback=None, complete=True)


def _source(lost: Losses) -> JsonObject:
    return {"overflow": lost.overflow, "expired": lost.expired}


def _say(
    conn: sqlite3.Connection,
    claim: str,
    channel: str,
    slug: str,
    body: JsonObject,
    now: datetime,
    source: JsonObject | None = None,
) -> bool:
    row = NewRow(
        claim=claim,
        channel=channel,
        kind="status",
        slug=slug,
        body=body,
        nonce=nonce_for(claim, channel),
        source=source,
        expires_at=now + LIVES,
        received_at=now,
    )
    return outbox.enqueue(conn, row, now) is not None
