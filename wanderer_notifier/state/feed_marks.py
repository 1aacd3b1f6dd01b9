"""Up to when each kill feed is known to be complete; what happened later may have been missed."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime

PREFIX = "kills:"


def set_complete_until(conn: sqlite3.Connection, feed: str, until: datetime) -> None:
    """Note that *feed* has missed nothing up to *until*; belongs into the transaction of what it brought last."""
    conn.execute(
        "INSERT OR REPLACE INTO cursor (name, value) VALUES (?, ?)",
        (PREFIX + feed, until.astimezone(UTC).isoformat()),
    )


def complete_until(conn: sqlite3.Connection) -> dict[str, datetime]:
    """The marks of all kill feeds."""
    found = conn.execute("SELECT name, value FROM cursor WHERE substr(name, 1, ?) = ?", (len(PREFIX), PREFIX))
    return {name[len(PREFIX) :]: datetime.fromisoformat(value) for name, value in found}
