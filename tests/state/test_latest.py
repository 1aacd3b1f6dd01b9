"""The newest kills for the pages."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.state import decisions, latest

T0 = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
TOLD: JsonObject = {"verdicts": [{"map": "home", "sent": True}]}
NOT_TOLD: JsonObject = {"verdicts": [{"map": "home", "sent": False, "reason": "duplicate"}]}


def note(conn: sqlite3.Connection, kill_id: int, minute: int, outcome: JsonObject = TOLD) -> None:
    decisions.record(conn, kill_id, "live", outcome, {}, T0 + timedelta(minutes=minute))


def test_a_feed_that_repeats_old_kills_brings_no_news(conn: sqlite3.Connection) -> None:
    for number in range(5):
        note(conn, number, number)
    for number in (2, 0, 1):
        note(conn, number, 30, NOT_TOLD)
    note(conn, 5, 5, NOT_TOLD)
    note(conn, 3, 31)
    kills = latest.latest_kills(conn, 4)
    assert [kill.kill_id for kill in kills] == [5, 4, 3, 2]
    assert [kill.at for kill in kills] == [T0 + timedelta(minutes=minute) for minute in (5, 4, 3, 2)]
    assert kills[3].outcome == TOLD, "what explains its message"
    assert latest.last_received(conn) == (3, T0 + timedelta(minutes=31))


def test_nothing_came_yet(conn: sqlite3.Connection) -> None:
    assert (latest.latest_kills(conn, 4), latest.last_received(conn)) == ((), (None, None))
