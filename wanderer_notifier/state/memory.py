"""What the service remembers besides the outbox: tracking and cursors; SQL on a connection."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from attrs import evolve
from cattrs.preconf.json import make_converter

from wanderer_notifier.core.events import CharacterRecord, SystemRecord
from wanderer_notifier.core.tracking import MapState, Tracking
from wanderer_notifier.state.rows import maybe_time

R = TypeVar("R", SystemRecord, CharacterRecord)

SEEN_FOR = timedelta(hours=1)
"""The map repeats what is at most 12 minutes old (wanderer-map.md 1.5)."""
SEEN_ROWS = 100_000

_RECORDS = make_converter(omit_if_default=True)
"""Fields that another version wrote are passed over, absent ones get their default."""


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


def forget_cursor(conn: sqlite3.Connection, name: str) -> None:
    """The feed *name* begins anew, if ever."""
    conn.execute("DELETE FROM cursor WHERE name = ?", (name,))


# --- tracking -----------------------------------------------------------------------------------------------------


def save_tracking(conn: sqlite3.Connection, slug: str, state: MapState) -> None:
    """Make the stored state of the map *slug* equal to *state*; only what differs is written."""
    rest = evolve(state, systems={}, characters={})  # those two have tables of their own, to write only what differs
    conn.execute(
        """
        INSERT INTO map_state (slug, state) VALUES (?, ?) ON CONFLICT (slug) DO UPDATE SET state = excluded.state
        """,
        (slug, json.dumps(_RECORDS.unstructure(rest))),
    )
    _save(conn, "map_system", slug, state.systems)
    _save(conn, "map_character", slug, state.characters)


def load_tracking(conn: sqlite3.Connection) -> Tracking:
    """The stored state of all maps."""
    return Tracking(
        maps={
            slug: evolve(
                _RECORDS.structure({**json.loads(state), "slug": slug}, MapState),
                systems=_load(conn, "map_system", slug, SystemRecord),
                characters=_load(conn, "map_character", slug, CharacterRecord),
            )
            for slug, state in conn.execute("SELECT slug, state FROM map_state ORDER BY slug").fetchall()
        }
    )


def forget_map(conn: sqlite3.Connection, slug: str) -> None:
    """Drop the stored state of a map that is not followed any more."""
    for table in ("map_state", "map_system", "map_character", "seen_event"):
        conn.execute(f"DELETE FROM {table} WHERE slug = ?", (slug,))  # noqa: S608


def heard(conn: sqlite3.Connection, slug: str, at: datetime) -> None:
    """Note that as of *at* nothing of the map *slug* is missing here."""
    conn.execute(
        """
        INSERT INTO map_state (slug, last_heard) VALUES (?, ?)
        ON CONFLICT (slug) DO UPDATE SET last_heard = excluded.last_heard
        """,
        (slug, at.timestamp()),
    )


def last_heard(conn: sqlite3.Connection, slug: str) -> datetime | None:
    """Until when the map *slug* was last known without a gap; the length of the next one is counted from there."""
    found = conn.execute("SELECT last_heard FROM map_state WHERE slug = ?", (slug,)).fetchone()
    return None if found is None else maybe_time(found[0])


def note_event(conn: sqlite3.Connection, slug: str, event_id: str, data: str, now: datetime) -> bool:
    """Note that an event of the stream of *slug* is decided; False when it was before. Without an id it is new.

    Belongs into the transaction of the decision.
    """
    if not event_id:
        return True
    digest = zlib.crc32(data.encode("utf-8", "surrogatepass"))
    return (
        conn.execute(
            "INSERT INTO seen_event (slug, event_id, digest, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
            (slug, event_id, digest, now.timestamp()),
        ).rowcount
        == 1
    )


def prune_events(conn: sqlite3.Connection, now: datetime) -> int:
    """Forget the decided events older than an hour or beyond the newest 100,000; how many went."""
    oldest = (now - SEEN_FOR).timestamp()
    beyond = conn.execute("SELECT at FROM seen_event ORDER BY at DESC LIMIT 1 OFFSET ?", (SEEN_ROWS,)).fetchone()
    limit = oldest if beyond is None else max(oldest, beyond[0])
    return conn.execute("DELETE FROM seen_event WHERE at <= ?", (limit,)).rowcount


def _save(
    conn: sqlite3.Connection, table: str, slug: str, records: Mapping[int, SystemRecord] | Mapping[int, CharacterRecord]
) -> None:
    wanted = {key: json.dumps(_RECORDS.unstructure(record)) for key, record in records.items()}
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
    found = conn.execute(f"SELECT id, record FROM {table} WHERE slug = ? ORDER BY id", (slug,))  # noqa: S608
    return {key: _RECORDS.structure(json.loads(record), kind) for key, record in found}
