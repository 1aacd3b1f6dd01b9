"""Priority systems, overrides and the command log, as members left them; SQL on a connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

from attrs import evolve, frozen

from wanderer_notifier.core.steering import Override, Place, PrioritySystem, Steering
from wanderer_notifier.state.rows import maybe_time, time_of

LOG_ROWS = 10_000
"""operations.md OPS-65."""

Change: TypeAlias = Callable[[Steering], Steering]


@frozen(kw_only=True)
class LogEntry:
    """One command somebody gave."""

    type: str
    param: str
    user_id: int
    username: str | None
    at: datetime
    guild_id: int | None = None
    channel_id: int | None = None
    outcome: str | None = None
    """A word for how it ended; None for what the former program noted."""


@frozen(kw_only=True)
class Usage:
    """How much the commands are used."""

    commands: int
    users: int


# --- the lists ----------------------------------------------------------------------------------------------------


def load(conn: sqlite3.Connection) -> Steering:
    """Both lists as they are stored."""
    return Steering(
        systems=tuple(
            PrioritySystem(
                place=None if name is None else Place(name=name, system_id=system_id),
                name_hash=name_hash,
                by=by,
                at=maybe_time(at),
            )
            for system_id, name, name_hash, by, at in conn.execute(
                "SELECT system_id, name, name_hash, added_by, added_at FROM priority_system ORDER BY id DESC"
            )
        ),
        overrides=tuple(
            Override(place=Place(name=name, system_id=system_id), kind=kind, by=by, at=maybe_time(at))
            for kind, system_id, name, by, at in conn.execute(
                "SELECT kind, system_id, name, added_by, added_at FROM override ORDER BY id DESC"
            )
        ),
    )


def change(conn: sqlite3.Connection, changes: Iterable[Change]) -> Steering:
    """The lists after *changes* to what is stored; belongs into one transaction, so that no other change is lost."""
    before = after = load(conn)
    for one in changes:
        after = one(after)
    if after.systems != before.systems:
        conn.execute("DELETE FROM priority_system")
        conn.executemany(
            "INSERT INTO priority_system (system_id, name, name_hash, added_by, added_at) VALUES (?, ?, ?, ?, ?)",
            [
                (place and place.system_id, place and place.name, one.name_hash, one.by, _seconds(one.at))
                for one in reversed(after.systems)
                for place in (one.place,)
            ],
        )
    if after.overrides != before.overrides:
        conn.execute("DELETE FROM override")
        conn.executemany(
            "INSERT INTO override (kind, system_id, name, added_by, added_at) VALUES (?, ?, ?, ?, ?)",
            [
                (one.kind, one.place.system_id, one.place.name, one.by, _seconds(one.at))
                for one in reversed(after.overrides)
            ],
        )
    return after


# --- the log ------------------------------------------------------------------------------------------------------


def note(conn: sqlite3.Connection, entry: LogEntry) -> None:
    """Keep *entry* in the log, without those beyond the newest 10,000, and count it."""
    _insert(conn, [entry])
    _count(conn, [entry])
    conn.execute("DELETE FROM command_log WHERE id <= (SELECT max(id) FROM command_log) - ?", (LOG_ROWS,))


def take_over(conn: sqlite3.Connection, entries: Sequence[LogEntry]) -> int:
    """Put *entries* of the former program among ours by their time, those we have left out; how many were new."""
    ours = list(log(conn))
    have = {evolve(one, outcome=None) for one in ours}
    new = [one for one in dict.fromkeys(entries) if one not in have]
    if new:
        conn.execute("DELETE FROM command_log")
        _insert(conn, sorted([*reversed(ours), *reversed(new)], key=lambda one: one.at)[-LOG_ROWS:])
        _count(conn, new)
    return len(new)


def log(conn: sqlite3.Connection) -> Iterator[LogEntry]:
    """The log, newest first."""
    for kind, param, user_id, username, at, guild_id, channel_id, outcome in conn.execute(
        "SELECT type, param, user_id, username, at, guild_id, channel_id, outcome FROM command_log ORDER BY id DESC"
    ):
        yield LogEntry(
            type=kind,
            param=param,
            user_id=user_id,
            username=username,
            at=time_of(at),
            guild_id=guild_id,
            channel_id=channel_id,
            outcome=outcome,
        )


def usage(conn: sqlite3.Connection) -> Usage:
    """How many commands were given, by how many users."""
    commands, users = conn.execute("SELECT coalesce(sum(commands), 0), count(*) FROM command_user").fetchone()
    return Usage(commands=commands, users=users)


def _insert(conn: sqlite3.Connection, entries: Iterable[LogEntry]) -> None:
    conn.executemany(
        """
        INSERT INTO command_log (type, param, user_id, username, at, guild_id, channel_id, outcome)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?)
        """,
        [
            (e.type, e.param, e.user_id, e.username, e.at.timestamp(), e.guild_id, e.channel_id, e.outcome)
            for e in entries
        ],
    )


def _count(conn: sqlite3.Connection, entries: Iterable[LogEntry]) -> None:
    conn.executemany(
        """
        INSERT INTO command_user (user_id, commands, last_at) VALUES (?, 1, ?)
        ON CONFLICT (user_id) DO UPDATE SET commands = commands + 1, last_at = max(last_at, excluded.last_at)
        """,
        [(one.user_id, one.at.timestamp()) for one in entries],
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()
