"""What is to be posted and what was: claims and rows, as SQL on a connection, inside the caller's transaction."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state.outbox_care import counts, drop, prune, revive, row, rows, rows_of
from wanderer_notifier.state.overflow import make_room
from wanderer_notifier.state.restored import doubted_since
from wanderer_notifier.state.rows import Counts, Edit, Look, NewRow, Row, RowState, read_rows

__all__ = [
    "Counts",
    "Edit",
    "Look",
    "NewRow",
    "Row",
    "RowState",
    "any_late",
    "begin",
    "channels_with_work",
    "claimed",
    "counts",
    "dead",
    "drop",
    "edited",
    "edits_due",
    "end",
    "enqueue",
    "expire",
    "head",
    "not_there",
    "prune",
    "recover",
    "reduce",
    "release",
    "requeue",
    "revive",
    "rewrite",
    "row",
    "rows",
    "rows_of",
    "sent",
]


# --- putting in ---------------------------------------------------------------------------------------------------


def enqueue(conn: sqlite3.Connection, row: NewRow, now: datetime | None = None) -> int | None:
    """Claim and store *row* at *now* (default: when it was received).

    Its id, or None when that claim was already made for that channel.

    After a restore it counts as possibly posted for a while (`state.restored`).
    Nothing else de-duplicates: two callers with the same claim get one row between them. When too many
    rows wait, the oldest make room (`state.overflow`).
    """
    at = now or row.received_at
    made = conn.execute(
        "INSERT INTO claim (claim, channel, kind, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (row.claim, row.channel, row.kind, at.timestamp()),
    )
    if made.rowcount == 0:
        return None
    doubted = doubted_since(conn, at)
    inserted = conn.execute(
        """
        INSERT INTO outbox (
            claim, channel, kind, slug, body, fallback, nonce, source, received_at, expires_at, first_unknown_at
        ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            row.claim,
            row.channel,
            row.kind,
            row.slug,
            json.dumps(row.body),
            None if row.fallback is None else json.dumps(row.fallback),
            row.nonce,
            None if row.source is None else json.dumps(row.source),
            row.received_at.timestamp(),
            row.expires_at.timestamp(),
            None if doubted is None else doubted.timestamp(),
        ),
    )
    make_room(conn, at)
    return inserted.lastrowid


def claimed(conn: sqlite3.Connection, claim: str, channel: str) -> bool:
    """Whether *claim* was made for *channel* and not released since."""
    found = conn.execute("SELECT 1 FROM claim WHERE claim = ? AND channel = ?", (claim, channel))
    return found.fetchone() is not None


def release(conn: sqlite3.Connection, claim: str) -> int:
    """Forget *claim* in every channel (a removed system may be told again); in how many it was made."""
    return conn.execute("DELETE FROM claim WHERE claim = ?", (claim,)).rowcount


# --- working through ----------------------------------------------------------------------------------------------


def head(conn: sqlite3.Connection, channel: str) -> Row | None:
    """The oldest row of *channel* that is not settled; the one that must go next."""
    found = conn.execute(
        "SELECT * FROM outbox WHERE channel = ? AND state IN ('queued', 'sending') ORDER BY id LIMIT 1", (channel,)
    )
    return next(read_rows(found), None)


def begin(conn: sqlite3.Connection, row_id: int, now: datetime, look: Look | None = None) -> bool:
    """Mark the row as being sent, as it looks now; False when it is not waiting any more (another process took or
    dropped it). What is about to be posted must be what the row holds, or it is not recognised in the channel later.
    """
    taken = conn.execute(
        "UPDATE outbox SET state = 'sending', attempts = attempts + 1, begun_at = ? WHERE id = ? AND state = 'queued'",
        (now.timestamp(), row_id),
    )
    if taken.rowcount == 1 and look is not None:
        conn.execute(
            """
            UPDATE outbox SET body = ?, fallback = ?,
                edit = iif(? OR json_extract(source, '$.change.ended_at') IS NOT NULL, 'due', NULL)
            WHERE id = ?
            """,  # it may have ended since *look* was made; an edit that shows nothing new is none
            (
                json.dumps(look.body),
                None if look.fallback is None else json.dumps(look.fallback),
                not look.complete,
                row_id,
            ),
        )
    return taken.rowcount == 1


def sent(conn: sqlite3.Connection, row_id: int, message_id: str, now: datetime) -> None:
    """Discord has the message; final, whatever another process still tries to note about the row."""
    conn.execute(
        "UPDATE outbox SET state = 'sent', message_id = ?, done_at = ?, reason = NULL WHERE id = ?",
        (message_id, now.timestamp(), row_id),
    )


def requeue(conn: sqlite3.Connection, row_id: int, next_at: datetime, reason: str, *, unknown: bool) -> None:
    """Put the row back in line, not before *next_at*; *unknown*: the attempt may have posted it."""
    conn.execute(
        """
        UPDATE outbox SET state = 'queued', next_at = ?, reason = ?,
            first_unknown_at = CASE WHEN ? THEN coalesce(first_unknown_at, begun_at) ELSE first_unknown_at END
        WHERE id = ? AND state IN ('queued', 'sending')
        """,
        (next_at.timestamp(), reason[:500], unknown, row_id),
    )


def not_there(conn: sqlite3.Connection, row_id: int) -> None:
    """The channel was searched (or cannot be): the message counts as not posted, its nonce protects again."""
    conn.execute("UPDATE outbox SET first_unknown_at = NULL WHERE id = ?", (row_id,))


def reduce(conn: sqlite3.Connection, row_id: int, body: JsonObject, nonce: str, reason: str) -> None:
    """Replace the refused body by *body*, once; the refused one stays readable in `fallback`."""
    conn.execute(
        """
        UPDATE outbox SET state = 'queued', fallback = body, body = ?, nonce = ?, reduced = 1, next_at = 0,
            first_unknown_at = NULL, reason = ?, edit = NULL
        WHERE id = ? AND state IN ('queued', 'sending')
        """,
        (json.dumps(body), nonce, reason[:500], row_id),
    )


def rewrite(conn: sqlite3.Connection, row_id: int, body: JsonObject, source: JsonObject) -> None:
    """Replace what a waiting row says and what it was made from."""
    conn.execute(
        "UPDATE outbox SET body = ?, source = ? WHERE id = ? AND state = 'queued'",
        (json.dumps(body), json.dumps(source), row_id),
    )


def dead(conn: sqlite3.Connection, row_id: int, reason: str, now: datetime) -> bool:
    """Give the row up, visibly; False when it was settled already."""
    given_up = conn.execute(
        "UPDATE outbox SET state = 'dead', reason = ?, done_at = ? WHERE id = ? AND state IN ('queued', 'sending')",
        (reason[:500], now.timestamp(), row_id),
    )
    return given_up.rowcount == 1


def any_late(conn: sqlite3.Connection, now: datetime) -> bool:
    """Whether `expire` has something to give."""
    found = conn.execute(
        "SELECT 1 FROM outbox WHERE state = 'queued' AND expires_at <= ? AND first_unknown_at IS NULL LIMIT 1",
        (now.timestamp(),),
    )
    return found.fetchone() is not None


def expire(conn: sqlite3.Connection, now: datetime) -> tuple[Row, ...]:
    """Give up what is too old although its turn has not come; which rows (at most 1,000), as they were.

    What may have been posted is left to its worker, who looks for it first.
    """
    found = conn.execute(
        """
        SELECT * FROM outbox WHERE state = 'queued' AND expires_at <= ? AND first_unknown_at IS NULL
        ORDER BY id LIMIT 1000
        """,
        (now.timestamp(),),
    )
    late = tuple(read_rows(found))
    for one in late:
        dead(conn, one.id, "expired", now)
    return late


def end(conn: sqlite3.Connection, claim: str, at: datetime) -> None:
    """What *claim* told of is over: its messages are to say so, those that wait as well as those that are out."""
    conn.execute(
        """
        UPDATE outbox SET source = json_set(source, '$.change.ended_at', ?), edit = 'due'
        WHERE claim = ? AND source IS NOT NULL AND state != 'dead'
        """,
        (at.isoformat(), claim),
    )


def edits_due(conn: sqlite3.Connection, limit: int) -> tuple[Row, ...]:
    """The oldest messages that went out without everything they could show."""
    found = conn.execute("SELECT * FROM outbox WHERE state = 'sent' AND edit = 'due' ORDER BY id LIMIT ?", (limit,))
    return tuple(read_rows(found))


def edited(conn: sqlite3.Connection, row: Row, became: Edit, body: JsonObject | None = None) -> None:
    """The message of *row*, as it was read, needs no edit any more; *body* is what it shows now, if it was edited.

    What ended in the meantime leaves it due: that is not shown yet.
    """
    conn.execute(
        """
        UPDATE outbox SET body = coalesce(?, body),
            edit = iif(json_extract(source, '$.change.ended_at') IS json_extract(?, '$.change.ended_at'), ?, 'due')
        WHERE id = ?
        """,
        (
            None if body is None else json.dumps(body),
            None if row.source is None else json.dumps(row.source),
            became,
            row.id,
        ),
    )


def recover(conn: sqlite3.Connection) -> int:
    """Rows a former process left in `sending`: back in line as possibly posted. How many there were."""
    found = conn.execute(
        """
        UPDATE outbox SET state = 'queued', reason = 'interrupted while sending', next_at = 0,
            first_unknown_at = coalesce(first_unknown_at, begun_at)
        WHERE state = 'sending'
        """
    )
    return found.rowcount


def channels_with_work(conn: sqlite3.Connection) -> tuple[str, ...]:
    """The channels with rows that are not settled."""
    found = conn.execute("SELECT DISTINCT channel FROM outbox WHERE state IN ('queued', 'sending') ORDER BY channel")
    return tuple(channel for (channel,) in found)
