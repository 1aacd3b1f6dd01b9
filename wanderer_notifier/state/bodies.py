"""Kills that came as id and hash only, until their body is fetched (cases.md K22); SQL on a connection."""

from __future__ import annotations

import json
import sqlite3
from datetime import datetime
from typing import Any

from attrs import frozen

from wanderer_notifier.state.rows import time_of

CAPACITY = 200
"""A feed that sends nothing but references must not grow the database; more are parked."""


@frozen(kw_only=True)
class Bodiless:
    """One such kill: how it came, and under which id and hash EVE's API has its body."""

    killmail_id: int
    hash: str
    raw: Any
    system_id: int | None
    source: str
    received_at: datetime


def seek(conn: sqlite3.Connection, kill: Bodiless) -> bool:
    """Remember that the body of *kill* is to be fetched; False when too many wait already."""
    (waiting,) = conn.execute("SELECT count(*) FROM bodiless WHERE killmail_id <> ?", (kill.killmail_id,)).fetchone()
    if waiting >= CAPACITY:
        return False
    conn.execute(
        """
        INSERT INTO bodiless (killmail_id, hash, raw, system_id, source, received_at) VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT DO NOTHING
        """,
        (
            kill.killmail_id,
            kill.hash,
            json.dumps(kill.raw),
            kill.system_id,
            kill.source,
            kill.received_at.timestamp(),
        ),
    )
    return True


def sought(conn: sqlite3.Connection) -> tuple[Bodiless, ...]:
    """Those whose body is still to be fetched, oldest first."""
    found = conn.execute("SELECT killmail_id, hash, raw, system_id, source, received_at FROM bodiless ORDER BY 6, 1")
    return tuple(
        Bodiless(
            killmail_id=number,
            hash=mail_hash,
            raw=json.loads(raw),
            system_id=system_id,
            source=source,
            received_at=time_of(received_at),
        )
        for number, mail_hash, raw, system_id, source, received_at in found
    )


def settle(conn: sqlite3.Connection, killmail_id: int) -> None:
    """The kill was decided, or given up."""
    conn.execute("DELETE FROM bodiless WHERE killmail_id = ?", (killmail_id,))
