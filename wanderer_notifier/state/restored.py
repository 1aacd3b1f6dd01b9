"""After a database was brought back: what it does not know was told must be looked for before it is told again.

A copy ends at some moment. What went out after that is unknown to it, and comes in once more with the first load of the
feeds. So for a while every message counts as possibly posted, and the channel is looked at before it is sent.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from wanderer_notifier.state.memory import get_meta, set_meta

_AS_OF, _UNTIL = "restored_as_of", "restored_doubt_until"


def mark(conn: sqlite3.Connection, as_of: datetime) -> None:
    """Note in a copy that it takes the place of a database it does not equal any more; *as_of*: what it knows."""
    set_meta(conn, _AS_OF, as_of.astimezone(UTC).isoformat())
    # A copy is made of a running service, which did not crash for that.
    conn.execute("DELETE FROM meta WHERE name IN (?, 'running_since', 'unclean_starts')", (_UNTIL,))
    conn.execute(
        """
        UPDATE outbox SET state = 'queued', next_at = 0, first_unknown_at = coalesce(first_unknown_at, begun_at, ?)
        WHERE state IN ('queued', 'sending')
        """,
        (as_of.timestamp(),),
    )


def begin(conn: sqlite3.Connection, now: datetime, lasts: timedelta) -> datetime | None:
    """At a start: until when what is told must be looked for first, or None. A doubt that is over is forgotten."""
    if get_meta(conn, _AS_OF) is None:
        return None
    until = _time(get_meta(conn, _UNTIL))
    if until is None:
        until = now + lasts
        set_meta(conn, _UNTIL, until.astimezone(UTC).isoformat())
    elif until <= now:
        conn.execute("DELETE FROM meta WHERE name IN (?, ?)", (_AS_OF, _UNTIL))
        return None
    return until


def doubted_since(conn: sqlite3.Connection, now: datetime) -> datetime | None:
    """Since when a message that is queued *now* may be standing in its channel already; None: it is new."""
    until = _time(get_meta(conn, _UNTIL))
    return None if until is None or until <= now else _time(get_meta(conn, _AS_OF))


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
