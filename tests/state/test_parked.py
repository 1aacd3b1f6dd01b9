"""Parked events are kept whole and bounded, count, and wait for a second try."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from wanderer_notifier.state import parked

T0 = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)


def test_a_parked_event_is_kept_and_counted(conn: sqlite3.Connection) -> None:
    for minute in range(3):
        parked.park(conn, "kill", '{"lone": "\ud83d"}', f"KeyError {minute}", T0 + timedelta(minutes=minute))
    parked.park(conn, "map_event", "{}", "ValueError", T0, {"slug": "home"})
    kill, other = parked.parked(conn)
    assert (kill.kind, kill.count, kill.error, kill.state) == ("kill", 3, "KeyError 2", "parked")
    assert (kill.first_at, kill.last_at) == (T0, T0 + timedelta(minutes=2))
    assert not kill.complete, "what SQLite cannot store is not the whole event"
    assert (other.count, other.complete, other.context) == (1, True, {"slug": "home"})
    assert parked.one(conn, other.id) == other


def test_parked_events_are_bounded(conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parked, "ROWS", 10)
    monkeypatch.setattr(parked, "CHARACTERS", 1_000)
    for number in range(25):
        parked.park(conn, "kill", f"{number} " + "x" * 3_000, "bad", T0 + timedelta(seconds=number))
    kept = parked.parked(conn)
    assert [event.raw.split()[0] for event in kept] == [str(number) for number in range(24, 14, -1)]
    assert {len(event.raw) for event in kept} == {1_000}
    monkeypatch.setattr(parked, "TOTAL_CHARACTERS", 3_500)
    parked.park(conn, "kill", "the last", "bad", T0 + timedelta(hours=1))
    assert len(parked.parked(conn)) == 4, "the newest that fit together"


def test_a_second_try_is_asked_for_and_settled(conn: sqlite3.Connection) -> None:
    parked.park(conn, "kill", "{}", "bad", T0)
    (event,) = parked.parked(conn)
    assert parked.asked(conn) == ()
    assert parked.ask(conn, event.id, T0)
    assert [(one.id, one.state) for one in parked.asked(conn)] == [(event.id, "asked")]
    parked.settle(conn, event.id, "failed again", T0, well=False)
    assert [(one.state, one.result) for one in parked.parked(conn)] == [("parked", "failed again")]
    parked.ask(conn, event.id, T0)
    parked.settle(conn, event.id, "told", T0, well=True)
    assert [(one.state, one.result) for one in parked.parked(conn)] == [("replayed", "told")]
    assert parked.asked(conn) == ()


def test_what_cannot_be_replayed_is_not_asked_for(conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    parked.park(conn, "map_list", "MapLoaded(…)", "bad", T0)
    monkeypatch.setattr(parked, "CHARACTERS", 2)
    parked.park(conn, "kill", "{…}", "bad", T0)
    assert not any(parked.ask(conn, event.id, T0) for event in parked.parked(conn))
    assert not parked.ask(conn, 99, T0)


def test_a_replayed_event_that_comes_again_is_parked_again(conn: sqlite3.Connection) -> None:
    parked.park(conn, "kill", "{}", "bad", T0)
    (event,) = parked.parked(conn)
    parked.settle(conn, event.id, "told", T0, well=True)
    parked.park(conn, "kill", "{}", "bad", T0 + timedelta(days=1))
    assert [one.state for one in parked.parked(conn)] == ["parked"]


def test_only_replayed_events_are_forgotten_with_time(conn: sqlite3.Connection) -> None:
    for raw in ("1", "2"):
        parked.park(conn, "kill", raw, "bad", T0)
    parked.settle(conn, parked.parked(conn)[0].id, "told", T0, well=True)
    assert parked.prune(conn, T0 + timedelta(days=6)) == 0
    assert parked.prune(conn, T0 + timedelta(days=8)) == 1
    assert [event.state for event in parked.parked(conn)] == ["parked"]


def test_dropping_forgets_one(conn: sqlite3.Connection) -> None:
    parked.park(conn, "kill", "{}", "bad", T0)
    (event,) = parked.parked(conn)
    assert parked.drop(conn, event.id)
    assert not parked.drop(conn, event.id)
    assert parked.parked(conn) == ()
