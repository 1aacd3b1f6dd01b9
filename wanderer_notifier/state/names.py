"""What look-ups found, kept over restarts: names, static system data, prices; SQL on a connection."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state import memory
from wanderer_notifier.state.rows import time_of

CAPACITY = 50_000  # notifications.md 8.2
ROOM = 500
"""How many entries go at once, so that a full cache is not tidied at every look-up."""
_EVICTED = "cache_evictions"


@frozen(kw_only=True)
class Found:
    """One answer; *value* None: there is no such thing. Past *fresh_until* it may be shown, but should be asked again
    behind the scenes.
    """

    value: JsonObject | None
    fresh_until: datetime
    etag: str | None = None


def read(conn: sqlite3.Connection, kind: str, ids: Iterable[int]) -> dict[int, Found]:
    """What is known of *ids*, fresh or not."""
    known = {}
    for number in ids:
        row = conn.execute(
            "SELECT value, fresh_until, etag FROM lookup WHERE kind = ? AND id = ?", (kind, number)
        ).fetchone()
        if row is not None:
            value = None if row[0] is None else json.loads(row[0])
            known[number] = Found(value=value, fresh_until=time_of(row[1]), etag=row[2])
    return known


def put(conn: sqlite3.Connection, kind: str, entries: Mapping[int, Found], now: datetime) -> int:
    """Keep *entries*; beyond the capacity those go that were not used for longest. How many are kept."""
    conn.executemany(
        """
        INSERT INTO lookup (kind, id, value, etag, fresh_until, used_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (kind, id) DO UPDATE SET value = excluded.value, etag = excluded.etag,
            fresh_until = excluded.fresh_until, used_at = excluded.used_at
        """,
        [
            (
                kind,
                number,
                None if found.value is None else json.dumps(found.value),
                found.etag,
                found.fresh_until.timestamp(),
                now.timestamp(),
            )
            for number, found in entries.items()
        ],
    )
    kept = count(conn)
    if kept <= CAPACITY:
        return kept
    gone = conn.execute(
        """
        DELETE FROM lookup WHERE (kind, id) IN (SELECT kind, id FROM lookup ORDER BY used_at LIMIT ?) RETURNING kind
        """,
        (kept - CAPACITY + ROOM,),
    ).fetchall()
    so_far = Counter(evicted(conn))
    so_far.update(kind for (kind,) in gone)
    memory.set_meta(conn, _EVICTED, json.dumps(so_far))
    return CAPACITY - ROOM


def used(conn: sqlite3.Connection, kind: str, ids: Iterable[int], now: datetime) -> None:
    """Note that *ids* were of use."""
    conn.executemany(
        "UPDATE lookup SET used_at = ? WHERE kind = ? AND id = ?", [(now.timestamp(), kind, number) for number in ids]
    )


def count(conn: sqlite3.Connection) -> int:
    """How many entries there are."""
    (kept,) = conn.execute("SELECT count(*) FROM lookup").fetchone()
    return int(kept)


def entries(conn: sqlite3.Connection) -> dict[str, int]:
    """How many entries there are of each kind."""
    return dict(conn.execute("SELECT kind, count(*) FROM lookup GROUP BY kind").fetchall())


def evicted(conn: sqlite3.Connection) -> dict[str, int]:
    """How many entries of each kind had to make room, since the database is."""
    return dict(json.loads(memory.get_meta(conn, _EVICTED) or "{}"))


def systems(conn: sqlite3.Connection) -> list[tuple[int, str]]:
    """Id and name of every solar system that was ever looked up."""
    return [
        (number, name)
        for number, name in conn.execute(
            "SELECT id, json_extract(value, '$.name') FROM lookup WHERE kind = 'system' AND value IS NOT NULL"
        )
        if name
    ]
