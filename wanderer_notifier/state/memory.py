"""What the service remembers besides the outbox: tracking, cursors, parked events, decisions; SQL on a connection."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import attrs
from attrs import frozen

from wanderer_notifier.core.events import CharacterRecord, SystemRecord
from wanderer_notifier.core.tracking import MapState, Tracking
from wanderer_notifier.state.rows import maybe_time, time_of

R = TypeVar("R", SystemRecord, CharacterRecord)

PARKED_ROWS = 1_000
PARKED_CHARACTERS = 256 * 1024
DECISION_DAYS = 7
DECISION_ROWS = 200_000


@frozen(kw_only=True)
class Parked:
    """An event our own code could not digest; *count* times the same one came."""

    id: int
    kind: str
    raw: str
    error: str
    count: int
    first_at: datetime
    last_at: datetime


@frozen(kw_only=True)
class Decided:
    """What was decided about a kill, when, and where the kill came from."""

    kill_id: int
    at: datetime
    source: str
    outcome: Any


# --- single values ------------------------------------------------------------------------------------------------


def first_start(conn: sqlite3.Connection, now: datetime) -> datetime:
    """When this installation first started: *now* is stored the first time and given back ever after."""
    conn.execute(
        "INSERT INTO meta (name, value) VALUES ('first_start', ?) ON CONFLICT DO NOTHING",
        (now.astimezone(UTC).isoformat(),),
    )
    return datetime.fromisoformat(get_meta(conn, "first_start") or "")


def set_meta(conn: sqlite3.Connection, name: str, value: str) -> None:
    """Remember *value* under *name*."""
    conn.execute("INSERT OR REPLACE INTO meta (name, value) VALUES (?, ?)", (name, value))


def get_meta(conn: sqlite3.Connection, name: str) -> str | None:
    """The value remembered under *name*."""
    found = conn.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
    return None if found is None else str(found[0])


def set_cursor(conn: sqlite3.Connection, name: str, value: str) -> None:
    """Note how far the feed *name* was decided on; belongs into the transaction of that decision."""
    conn.execute("INSERT OR REPLACE INTO cursor (name, value) VALUES (?, ?)", (name, value))


def get_cursor(conn: sqlite3.Connection, name: str) -> str | None:
    """Where the feed *name* goes on, or None when it never came far enough."""
    found = conn.execute("SELECT value FROM cursor WHERE name = ?", (name,)).fetchone()
    return None if found is None else str(found[0])


# --- tracking -----------------------------------------------------------------------------------------------------


def save_tracking(conn: sqlite3.Connection, slug: str, state: MapState) -> None:
    """Make the stored state of the map *slug* equal to *state*; only what differs is written."""
    conn.execute(
        """
        INSERT INTO map_state (slug, loaded_at) VALUES (?, ?)
        ON CONFLICT (slug) DO UPDATE SET loaded_at = excluded.loaded_at
        """,
        (slug, None if state.loaded_at is None else state.loaded_at.timestamp()),
    )
    _save(conn, "map_system", slug, state.systems)
    _save(conn, "map_character", slug, state.characters)


def load_tracking(conn: sqlite3.Connection) -> Tracking:
    """The stored state of all maps."""
    return Tracking(
        maps={
            slug: MapState(
                slug=slug,
                systems=_load(conn, "map_system", slug, SystemRecord),
                characters=_load(conn, "map_character", slug, CharacterRecord),
                loaded_at=maybe_time(loaded_at),
            )
            for slug, loaded_at in conn.execute("SELECT slug, loaded_at FROM map_state ORDER BY slug").fetchall()
        }
    )


def forget_map(conn: sqlite3.Connection, slug: str) -> None:
    """Drop the stored state of a map that is not followed any more."""
    for table in ("map_state", "map_system", "map_character"):
        conn.execute(f"DELETE FROM {table} WHERE slug = ?", (slug,))  # noqa: S608


def heard(conn: sqlite3.Connection, slug: str, at: datetime) -> None:
    """Note that the stream of the map *slug* gave a sign of life."""
    conn.execute(
        """
        INSERT INTO map_state (slug, last_heard) VALUES (?, ?)
        ON CONFLICT (slug) DO UPDATE SET last_heard = excluded.last_heard
        """,
        (slug, at.timestamp()),
    )


def last_heard(conn: sqlite3.Connection, slug: str) -> datetime | None:
    """When the stream of the map *slug* last gave a sign of life; the length of a gap is counted from there."""
    found = conn.execute("SELECT last_heard FROM map_state WHERE slug = ?", (slug,)).fetchone()
    return None if found is None else maybe_time(found[0])


def _save(
    conn: sqlite3.Connection, table: str, slug: str, records: Mapping[int, SystemRecord] | Mapping[int, CharacterRecord]
) -> None:
    wanted = {key: json.dumps(attrs.asdict(record)) for key, record in records.items()}
    stored = dict(conn.execute(f"SELECT id, record FROM {table} WHERE slug = ?", (slug,)).fetchall())  # noqa: S608
    conn.executemany(
        f"DELETE FROM {table} WHERE slug = ? AND id = ?",  # noqa: S608
        [(slug, key) for key in stored.keys() - wanted.keys()],
    )
    conn.executemany(
        f"INSERT OR REPLACE INTO {table} (slug, id, record) VALUES (?, ?, ?)",  # noqa: S608
        [(slug, key, record) for key, record in wanted.items() if stored.get(key) != record],
    )


def _load(conn: sqlite3.Connection, table: str, slug: str, kind: type[R]) -> dict[int, R]:
    known = {field.name for field in attrs.fields(kind)}  # a field that is gone again is passed over
    found = conn.execute(f"SELECT id, record FROM {table} WHERE slug = ? ORDER BY id", (slug,))  # noqa: S608
    return {
        key: kind(**{name: value for name, value in json.loads(record).items() if name in known})
        for key, record in found
    }


# --- parked events ------------------------------------------------------------------------------------------------


def park(conn: sqlite3.Connection, kind: str, raw: str, error: str, now: datetime) -> None:
    """Keep an event our code could not digest; the same one again only counts. The oldest of 1,000 make room."""
    digest = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()
    storable = raw[:PARKED_CHARACTERS].encode("utf-8", "replace").decode()  # SQLite takes no lone surrogates
    conn.execute(
        """
        INSERT INTO parked (kind, digest, raw, error, count, first_at, last_at) VALUES (?1, ?2, ?3, ?4, 1, ?5, ?5)
        ON CONFLICT (kind, digest) DO UPDATE SET count = count + 1, error = excluded.error, last_at = excluded.last_at
        """,
        (kind, digest, storable, error[:500], now.timestamp()),
    )
    conn.execute(
        "DELETE FROM parked WHERE id IN (SELECT id FROM parked ORDER BY last_at DESC, id DESC LIMIT -1 OFFSET ?)",
        (PARKED_ROWS,),
    )


def parked(conn: sqlite3.Connection, limit: int = 100) -> tuple[Parked, ...]:
    """The events last parked, newest first."""
    return tuple(
        Parked(
            id=number,
            kind=kind,
            raw=raw,
            error=error,
            count=count,
            first_at=time_of(first_at),
            last_at=time_of(last_at),
        )
        for number, kind, raw, error, count, first_at, last_at in conn.execute(
            """
            SELECT id, kind, raw, error, count, first_at, last_at FROM parked
            ORDER BY last_at DESC, id DESC LIMIT ?
            """,
            (limit,),
        )
    )


# --- decisions ----------------------------------------------------------------------------------------------------


def record_decision(conn: sqlite3.Connection, kill_id: int, source: str, outcome_json: str, now: datetime) -> None:
    """Note what was decided about a kill (JSON text), for `why`."""
    conn.execute(
        "INSERT INTO decision (kill_id, at, source, outcome) VALUES (?, ?, ?, ?)",
        (kill_id, now.timestamp(), source, outcome_json),
    )


def decisions_for(conn: sqlite3.Connection, kill_id: int) -> tuple[Decided, ...]:
    """All that was decided about a kill, oldest first."""
    return tuple(
        Decided(kill_id=kill_id, at=time_of(at), source=source, outcome=json.loads(outcome))
        for at, source, outcome in conn.execute(
            "SELECT at, source, outcome FROM decision WHERE kill_id = ? ORDER BY id", (kill_id,)
        )
    )


def prune_decisions(conn: sqlite3.Connection, now: datetime) -> int:
    """Forget decisions older than a week or beyond the newest 200,000; how many went."""
    oldest = (now - timedelta(days=DECISION_DAYS)).timestamp()
    return conn.execute(
        "DELETE FROM decision WHERE at < ? OR id <= (SELECT max(id) FROM decision) - ?", (oldest, DECISION_ROWS)
    ).rowcount
