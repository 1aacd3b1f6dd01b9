"""Kills that wait for their body."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

from wanderer_notifier.state import bodies
from wanderer_notifier.state.bodies import Bodiless

T0 = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)


def one(number: int, **changes: Any) -> Bodiless:
    given: dict[str, Any] = {
        "killmail_id": number,
        "hash": f"{number:x}",
        "raw": {"killID": number, "zkb": {"hash": f"{number:x}"}},
        "system_id": None,
        "source": "live",
        "received_at": T0 + timedelta(seconds=number),
        **changes,
    }
    return Bodiless(**given)


def test_they_come_back_oldest_first_until_they_are_settled(conn: sqlite3.Connection) -> None:
    assert bodies.seek(conn, one(2))
    assert bodies.seek(conn, one(1, system_id=31000123, source="preload"))
    assert bodies.sought(conn) == (one(1, system_id=31000123, source="preload"), one(2))
    bodies.settle(conn, 1)
    bodies.settle(conn, 99)
    assert bodies.sought(conn) == (one(2),)


def test_copies_count_once_and_the_first_one_stays(conn: sqlite3.Connection) -> None:
    assert [bodies.seek(conn, one(1)), bodies.seek(conn, one(1, source="preload"))] == [True, True]
    assert bodies.sought(conn) == (one(1),)


def test_too_many_are_refused(conn: sqlite3.Connection) -> None:
    assert all(bodies.seek(conn, one(number)) for number in range(1, bodies.CAPACITY + 1))
    assert not bodies.seek(conn, one(bodies.CAPACITY + 1))
    assert bodies.seek(conn, one(1))
