"""Events that could not be digested, kept for a person and for a second try; SQL on a connection."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state.rows import maybe_time, time_of

ROWS = 1_000
CHARACTERS = 4 * 2**20
"""Kept of one event; the largest killmails have one million."""
TOTAL_CHARACTERS = 64 * 2**20
SETTLED_DAYS = 7
"""How long an event stays readable after it was replayed."""


@frozen(kw_only=True)
class Parked:
    """An event that could not be digested; *count* times the same one came."""

    id: int
    kind: str
    """kill, map_event or map_list."""
    raw: str
    complete: bool
    """Whether *raw* is all of it."""
    context: JsonObject
    """What came with it (source, map, times), to decide it again with."""
    error: str
    count: int
    first_at: datetime
    last_at: datetime
    asked_at: datetime | None
    """Since when a second try is asked for."""
    settled_at: datetime | None
    """When a second try went well."""
    result: str | None
    """What came of the last try, in words."""

    @property
    def state(self) -> str:
        if self.asked_at is not None:
            return "asked"
        return "parked" if self.settled_at is None else "replayed"


def park(
    conn: sqlite3.Connection, kind: str, raw: str, error: str, now: datetime, context: JsonObject | None = None
) -> None:
    """Keep an event our code could not digest; the same one again only counts. The oldest make room."""
    digest = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
    storable = raw[:CHARACTERS].encode("utf-8", "replace").decode()  # SQLite takes no lone surrogates
    at = now.timestamp()
    conn.execute(
        """
        INSERT INTO parked (kind, digest, raw, complete, context, error, count, first_at, last_at)
        VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?)
        ON CONFLICT (kind, digest) DO UPDATE SET count = count + 1, error = excluded.error, last_at = excluded.last_at,
            context = excluded.context, settled_at = NULL
        """,
        (kind, digest, storable, storable == raw, json.dumps(context or {}), error[:500], at, at),
    )
    conn.execute(
        """
        DELETE FROM parked WHERE id IN (
            SELECT id FROM (
                SELECT id, row_number() OVER newest AS place, sum(length(raw)) OVER newest AS total FROM parked
                WINDOW newest AS (ORDER BY last_at DESC, id DESC)
            ) WHERE place > ? OR total > ?
        )
        """,
        (ROWS, TOTAL_CHARACTERS),
    )


# --- looking ------------------------------------------------------------------------------------------------------


def parked(conn: sqlite3.Connection, limit: int = 100) -> tuple[Parked, ...]:
    """The events last parked, newest first."""
    return tuple(_read(conn.execute("SELECT * FROM parked ORDER BY last_at DESC, id DESC LIMIT ?", (limit,))))


def one(conn: sqlite3.Connection, number: int) -> Parked | None:
    """The parked event with that id."""
    return next(_read(conn.execute("SELECT * FROM parked WHERE id = ?", (number,))), None)


def asked(conn: sqlite3.Connection, limit: int = 20) -> tuple[Parked, ...]:
    """The events whose second try is asked for, in the order they first came."""
    found = conn.execute("SELECT * FROM parked WHERE asked_at IS NOT NULL ORDER BY first_at, id LIMIT ?", (limit,))
    return tuple(_read(found))


# --- looking after ------------------------------------------------------------------------------------------------


def ask(conn: sqlite3.Connection, number: int, now: datetime) -> bool:
    """Ask the running service to try that event again; False when there is none or it cannot be tried."""
    found = conn.execute(
        """
        UPDATE parked SET asked_at = ?, settled_at = NULL, result = NULL
        WHERE id = ? AND complete AND kind IN ('kill', 'map_event')
        """,
        (now.timestamp(), number),
    )
    return found.rowcount == 1


def settle(conn: sqlite3.Connection, number: int, result: str, now: datetime, *, well: bool) -> None:
    """Note what came of a second try; *well*: the event was decided and no longer counts as parked."""
    conn.execute(
        "UPDATE parked SET asked_at = NULL, settled_at = ?, result = ? WHERE id = ?",
        (now.timestamp() if well else None, result[:500], number),
    )


def drop(conn: sqlite3.Connection, number: int) -> bool:
    """Forget that event; False when there is none."""
    return conn.execute("DELETE FROM parked WHERE id = ?", (number,)).rowcount == 1


def prune(conn: sqlite3.Connection, now: datetime) -> int:
    """Forget the events that were replayed more than a week ago; how many went."""
    oldest = (now - timedelta(days=SETTLED_DAYS)).timestamp()
    return conn.execute("DELETE FROM parked WHERE settled_at < ?", (oldest,)).rowcount


def _read(cursor: sqlite3.Cursor) -> Iterator[Parked]:
    names = [column[0] for column in cursor.description]
    for values in cursor:
        have = dict(zip(names, values, strict=True))
        yield Parked(
            id=have["id"],
            kind=have["kind"],
            raw=have["raw"],
            complete=bool(have["complete"]),
            context=json.loads(have["context"]),
            error=have["error"],
            count=have["count"],
            first_at=time_of(have["first_at"]),
            last_at=time_of(have["last_at"]),
            asked_at=maybe_time(have["asked_at"]),
            settled_at=maybe_time(have["settled_at"]),
            result=have["result"],
        )
