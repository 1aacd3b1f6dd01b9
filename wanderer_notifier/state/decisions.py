"""What was decided about each kill and why, for a week; SQL on a connection."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state.rows import time_of

DAYS = 7
ROWS = 20_000
PER_KILL = 20
"""Different decisions kept about one kill; more only count."""
RAW_CHARACTERS = 4 * 2**20
RAW_TOTAL = 128 * 2**20
"""Bytes of compressed killmails kept in all; the oldest go first, their decisions stay."""


@frozen(kw_only=True)
class Decided:
    """What was decided about a kill, how often it came, and from where."""

    kill_id: int
    first_at: datetime
    last_at: datetime
    copies: Mapping[str, int]
    """How often the kill came with this outcome, by source."""
    outcome: JsonObject
    """As `core.record` makes it."""
    raw: str | None
    """The killmail as it first came, JSON; None when it was too large or went to make room."""


def record(
    conn: sqlite3.Connection, kill_id: int, source: str, outcome: JsonObject, raw: object, now: datetime
) -> None:
    """Note what was decided about a kill; the same verdicts again only count."""
    known = conn.execute(
        "SELECT id, copies, outcome FROM decision WHERE kill_id = ? ORDER BY id DESC LIMIT ?", (kill_id, PER_KILL)
    ).fetchall()
    verdicts = _verdicts(outcome)
    same = next((each for each in known if _verdicts(json.loads(each[2])) == verdicts), None)
    if same is None and len(known) >= PER_KILL:
        same = known[0]
    if same is not None:
        copies = json.loads(same[1])
        copies[source] = copies.get(source, 0) + 1
        conn.execute(
            "UPDATE decision SET copies = ?, last_at = ? WHERE id = ?", (json.dumps(copies), now.timestamp(), same[0])
        )
        return
    at = now.timestamp()
    conn.execute(
        "INSERT INTO decision (kill_id, first_at, last_at, copies, outcome, raw) VALUES (?, ?, ?, ?, ?, ?)",
        (kill_id, at, at, json.dumps({source: 1}), json.dumps(outcome), _packed(raw)),
    )


def decisions_for(conn: sqlite3.Connection, kill_id: int) -> tuple[Decided, ...]:
    """All that was decided about a kill, oldest first."""
    return tuple(
        Decided(
            kill_id=kill_id,
            first_at=time_of(first_at),
            last_at=time_of(last_at),
            copies=json.loads(copies),
            outcome=json.loads(outcome),
            raw=None if raw is None else zlib.decompress(raw).decode(),
        )
        for first_at, last_at, copies, outcome, raw in conn.execute(
            "SELECT first_at, last_at, copies, outcome, raw FROM decision WHERE kill_id = ? ORDER BY id", (kill_id,)
        )
    )


def prune(conn: sqlite3.Connection, now: datetime) -> int:
    """Forget decisions older than a week or beyond the newest 20,000; how many went."""
    oldest = (now - timedelta(days=DAYS)).timestamp()
    gone = conn.execute(
        "DELETE FROM decision WHERE last_at < ? OR id <= (SELECT max(id) FROM decision) - ?", (oldest, ROWS)
    ).rowcount
    conn.execute(
        """
        UPDATE decision SET raw = NULL WHERE id IN (
            SELECT id FROM (SELECT id, sum(length(raw)) OVER (ORDER BY id DESC) AS total FROM decision) WHERE total > ?
        )
        """,
        (RAW_TOTAL,),
    )
    return gone


def _verdicts(outcome: JsonObject) -> list[tuple[object, ...]]:
    """What makes two decisions the same: who is told where, or why not; not who sits in a voice channel meanwhile."""
    names = ("map", "channel", "route", "reason")
    return [tuple(verdict.get(name) for name in names) for verdict in outcome["verdicts"]]


def _packed(raw: object) -> bytes | None:
    text = json.dumps(raw, default=str)
    return zlib.compress(text.encode()) if len(text) <= RAW_CHARACTERS else None
