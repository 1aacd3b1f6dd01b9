"""What people and the housekeeping do with the rows of the outbox: look, count, revive, drop, forget."""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta

from wanderer_notifier.state.rows import Counts, Row, RowState, read_rows, time_of

CLAIM_DAYS = 7  # design.md 5.12: kill and rally; system and character until their removal
HISTORY_DAYS = 7
HISTORY_ROWS = 20_000


def counts(conn: sqlite3.Connection) -> Counts:
    """How many rows are in which state."""
    states = dict(conn.execute("SELECT state, count(*) FROM outbox GROUP BY state").fetchall())
    reasons = dict(conn.execute("SELECT coalesce(reason, ''), count(*) FROM outbox WHERE state = 'dead' GROUP BY 1"))
    (oldest,) = conn.execute("SELECT min(received_at) FROM outbox WHERE state IN ('queued', 'sending')").fetchone()
    return Counts(
        queued=states.get("queued", 0),
        sending=states.get("sending", 0),
        sent=states.get("sent", 0),
        dead=states.get("dead", 0),
        dead_by_reason=reasons,
        oldest_waiting=None if oldest is None else time_of(oldest),
    )


def rows(conn: sqlite3.Connection, state: RowState | None = None, limit: int = 100) -> tuple[Row, ...]:
    """The newest *limit* rows, of one *state* or of all, newest first."""
    found = conn.execute(
        "SELECT * FROM outbox WHERE :state IS NULL OR state = :state ORDER BY id DESC LIMIT :limit",
        {"state": state, "limit": limit},
    )
    return tuple(read_rows(found))


def row(conn: sqlite3.Connection, row_id: int) -> Row | None:
    """The row with that id."""
    return next(read_rows(conn.execute("SELECT * FROM outbox WHERE id = ?", (row_id,))), None)


def rows_of(conn: sqlite3.Connection, claim: str) -> tuple[Row, ...]:
    """What became of *claim* in every channel, oldest first."""
    return tuple(read_rows(conn.execute("SELECT * FROM outbox WHERE claim = ? ORDER BY id", (claim,))))


def drop(conn: sqlite3.Connection, row_id: int, reason: str, now: datetime) -> RowState | None:
    """Give up a waiting row, or forget a dead one (its claim stays); the state it had, None when there is no such row.

    A row that is being sent or was sent stays as it is.
    """
    found = row(conn, row_id)
    if found is None:
        return None
    if found.state == "queued":
        conn.execute(
            "UPDATE outbox SET state = 'dead', reason = ?, done_at = ? WHERE id = ?",
            (reason[:500], now.timestamp(), row_id),
        )
    elif found.state == "dead":
        conn.execute("DELETE FROM outbox WHERE id = ?", (row_id,))
    return found.state


def revive(conn: sqlite3.Connection, row_id: int, expires_at: datetime) -> bool:
    """Queue a dead row again, to be sent before *expires_at*; False when it is not dead."""
    found = conn.execute(
        """
        UPDATE outbox SET state = 'queued', next_at = 0, expires_at = ?, done_at = NULL, told = 0, reason = NULL
        WHERE id = ? AND state = 'dead'
        """,
        (expires_at.timestamp(), row_id),
    )
    return found.rowcount == 1


def prune(conn: sqlite3.Connection, now: datetime) -> int:
    """Forget old claims (kill, rally, status) and settled rows of the past; how many rows and claims went."""
    oldest_claim = (now - timedelta(days=CLAIM_DAYS)).timestamp()
    oldest_row = (now - timedelta(days=HISTORY_DAYS)).timestamp()
    gone = conn.execute(
        # A row that still waits keeps its claim, however long it waits.
        """
        DELETE FROM claim WHERE kind NOT IN ('system', 'character') AND at < ? AND NOT EXISTS (
            SELECT 1 FROM outbox WHERE outbox.channel = claim.channel AND outbox.claim = claim.claim
                AND outbox.state IN ('queued', 'sending')
        )
        """,
        (oldest_claim,),
    ).rowcount
    gone += conn.execute("DELETE FROM outbox WHERE state IN ('sent', 'dead') AND done_at < ?", (oldest_row,)).rowcount
    gone += conn.execute(
        "DELETE FROM outbox WHERE state IN ('sent', 'dead') AND id <= (SELECT max(id) FROM outbox) - ?",
        (HISTORY_ROWS,),
    ).rowcount
    return gone
