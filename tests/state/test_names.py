"""Answers of other services are remembered, and the memory is bounded."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from wanderer_notifier.state import names
from wanderer_notifier.state.names import Found

T0 = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)
LATER = T0 + timedelta(hours=24)


def test_what_was_found_comes_back(conn: sqlite3.Connection) -> None:
    known = Found(value={"name": "Zoë", "ticker": "Z"}, fresh_until=LATER, etag='W/"1"')
    gone = Found(value=None, fresh_until=T0)
    assert names.put(conn, "corporation", {1: known, 2: gone}, T0) == 2
    assert names.read(conn, "corporation", [1, 2, 3]) == {1: known, 2: gone}
    assert names.read(conn, "type", [1]) == {}


def test_a_new_answer_replaces_the_old_one(conn: sqlite3.Connection) -> None:
    names.put(conn, "type", {1: Found(value={"name": "Old"}, fresh_until=T0)}, T0)
    names.put(conn, "type", {1: Found(value={"name": "New"}, fresh_until=LATER)}, T0)
    assert names.read(conn, "type", [1])[1].value == {"name": "New"}
    assert names.count(conn) == 1


def test_the_least_used_make_room(conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "CAPACITY", 10)
    monkeypatch.setattr(names, "ROOM", 3)
    for number in range(10):
        entry = {number: Found(value={"name": str(number)}, fresh_until=LATER)}
        names.put(conn, "type", entry, T0 + timedelta(seconds=number))
    names.used(conn, "type", [0], T0 + timedelta(minutes=1))
    new = {10: Found(value={"name": "10"}, fresh_until=LATER)}
    assert names.put(conn, "type", new, T0 + timedelta(minutes=1)) == 7
    assert sorted(names.read(conn, "type", range(11))) == [0, 5, 6, 7, 8, 9, 10]
    assert (names.entries(conn), names.evicted(conn)) == ({"type": 7}, {"type": 4})
