"""The newest of everything, for pages that show what is going on; SQL on a connection, reading only."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime

from attrs import frozen

from wanderer_notifier.core.claims import kill_claim
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state.rows import RowState, maybe_time, time_of

_TOLD = '"sent": true'
"""How a decision to tell looks in the stored outcome."""


@frozen(kw_only=True)
class LatestKill:
    """One kill: the newest decision about it, and how its messages stand."""

    kill_id: int
    at: datetime
    outcome: JsonObject
    messages: tuple[tuple[RowState, str | None], ...]
    """State and reason of each message."""


@frozen(kw_only=True)
class Moment:
    """When something last happened, and to which kill."""

    at: datetime | None = None
    claim: str = ""


def latest_kills(conn: sqlite3.Connection, limit: int) -> tuple[LatestKill, ...]:
    """The *limit* newest kills, by when they first came: a feed that repeats the old ones brings no news.

    A decision to tell explains more than a later one not to.
    """
    found: dict[int, str] = {}
    for kill_id, outcome in conn.execute(
        "SELECT kill_id, outcome FROM decision ORDER BY id DESC LIMIT ?", (limit * 3,)
    ):
        known = found.setdefault(kill_id, outcome)
        if _TOLD in outcome and _TOLD not in known:
            found[kill_id] = outcome  # a copy that came later does not explain the message
    first = {kill_id: _first_at(conn, kill_id) for kill_id in found}
    return tuple(
        LatestKill(
            kill_id=kill_id,
            at=time_of(first[kill_id]),
            outcome=json.loads(found[kill_id]),
            messages=tuple(
                conn.execute("SELECT state, reason FROM outbox WHERE claim = ? ORDER BY id", (kill_claim(kill_id),))
            ),
        )
        for kill_id in sorted(found, key=lambda kill_id: -first[kill_id])[:limit]
    )


def _first_at(conn: sqlite3.Connection, kill_id: int) -> float:
    (at,) = conn.execute("SELECT min(first_at) FROM decision WHERE kill_id = ?", (kill_id,)).fetchone()
    return float(at)


def last_received(conn: sqlite3.Connection) -> tuple[int | None, datetime | None]:
    """Which kill came last, copies included, and when."""
    found = conn.execute("SELECT kill_id, last_at FROM decision ORDER BY last_at DESC LIMIT 1").fetchone()
    return (None, None) if found is None else (int(found[0]), time_of(found[1]))


def system_name(conn: sqlite3.Connection, system_id: int) -> str | None:
    """What a system on one of the maps is called there."""
    found = conn.execute("SELECT record FROM map_system WHERE id = ? LIMIT 1", (system_id,)).fetchone()
    return None if found is None else json.loads(found[0]).get("name")


def last_sent(conn: sqlite3.Connection, kind: str | None = None) -> Moment:
    """The latest message that was sent, of one *kind* or of any."""
    found = conn.execute(
        """
        SELECT done_at, claim FROM outbox WHERE state = 'sent' AND (:kind IS NULL OR kind = :kind)
        ORDER BY done_at DESC LIMIT 1
        """,
        {"kind": kind},
    ).fetchone()
    return Moment() if found is None else Moment(at=maybe_time(found[0]), claim=found[1])


def waiting_kills(conn: sqlite3.Connection) -> tuple[tuple[str, str], ...]:
    """Claim and channel of every kill message that is not settled."""
    return tuple(
        conn.execute("SELECT claim, channel FROM outbox WHERE kind = 'kill' AND state IN ('queued', 'sending')")
    )


def parked_events(conn: sqlite3.Connection) -> int:
    """How many events our own code could not make sense of and nobody has looked after."""
    (count,) = conn.execute("SELECT count(*) FROM parked WHERE settled_at IS NULL").fetchone()
    return int(count)


def size(conn: sqlite3.Connection) -> int:
    """Bytes of the database."""
    (pages,) = conn.execute("PRAGMA page_count").fetchone()
    (page,) = conn.execute("PRAGMA page_size").fetchone()
    return int(pages) * int(page)
