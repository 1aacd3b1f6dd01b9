"""What happens when too many messages wait: the oldest make room and are counted (`state.losses` tells of them)."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from wanderer_notifier.state.rows import Row, read_rows

CAPACITY = 1_000  # style.md 4.3
OVERFLOW = "overflow"

# The column `told` has one bit for "counted" and one for "told in the channel"; with both a row is done with.


def make_room(conn: sqlite3.Connection, now: datetime) -> None:
    """While more than `CAPACITY` rows wait: the oldest kills, then the oldest of the rest, become dead."""
    (queued,) = conn.execute("SELECT count(*) FROM outbox WHERE state = 'queued'").fetchone()
    if queued > CAPACITY:
        conn.execute(
            """
            UPDATE outbox SET state = 'dead', reason = 'overflow', done_at = ? WHERE id IN (
                SELECT id FROM outbox WHERE state = 'queued' ORDER BY kind <> 'kill', id LIMIT ?
            )
            """,
            (now.timestamp(), queued - CAPACITY),
        )


def overflowed(conn: sqlite3.Connection) -> bool:
    """Whether `take_overflowed` has something to give."""
    found = conn.execute(
        "SELECT 1 FROM outbox WHERE state = 'dead' AND reason = 'overflow' AND told < 3 AND told & 1 = 0 LIMIT 1"
    )
    return found.fetchone() is not None


def take_overflowed(conn: sqlite3.Connection) -> tuple[Row, ...]:
    """The rows lost to overflow (at most 1,000 at once) that this function has not given back before."""
    found = conn.execute(
        """
        SELECT * FROM outbox WHERE state = 'dead' AND reason = 'overflow' AND told < 3 AND told & 1 = 0
        ORDER BY id LIMIT 1000
        """
    )
    taken = tuple(read_rows(found))
    conn.executemany("UPDATE outbox SET told = told | 1 WHERE id = ?", [(lost.id,) for lost in taken])
    return taken
