"""Decisions can be asked for, copies only count, and all is bounded."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wanderer_notifier.state import decisions

T0 = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)


def outcome(*reasons: str, mention: str = "") -> dict[str, Any]:
    return {"verdicts": [{"map": "home", "sent": False, "reason": one, "mention": mention} for one in reasons]}


def test_the_same_decision_again_only_counts_by_source(conn: sqlite3.Connection) -> None:
    for second, source in enumerate(("live", "live", "preload", "live")):
        moment = T0 + timedelta(seconds=second)
        decisions.record(conn, 7, source, outcome("too_old", mention=str(second)), {"killmail_id": 7}, moment)
    (decided,) = decisions.decisions_for(conn, 7)
    assert decided.copies == {"live": 3, "preload": 1}
    assert (decided.first_at, decided.last_at) == (T0, T0 + timedelta(seconds=3))
    assert json.loads(decided.raw or "") == {"killmail_id": 7}


def test_another_decision_is_another_record_in_order(conn: sqlite3.Connection) -> None:
    for reason in ("not_tracked", "too_old", "not_tracked"):
        decisions.record(conn, 7, "live", outcome(reason), {}, T0)
    decisions.record(conn, 8, "live", outcome("too_old"), {}, T0)
    found = decisions.decisions_for(conn, 7)
    assert [(one.outcome["verdicts"][0]["reason"], one.copies) for one in found] == [
        ("not_tracked", {"live": 2}),
        ("too_old", {"live": 1}),
    ]


def test_one_kill_cannot_fill_the_database(conn: sqlite3.Connection) -> None:
    for number in range(100):
        decisions.record(conn, 7, "live", outcome(f"reason {number}"), {}, T0)
    found = decisions.decisions_for(conn, 7)
    assert len(found) == decisions.PER_KILL
    assert found[-1].copies == {"live": 81}


def test_a_huge_killmail_is_left_out_and_its_decision_kept(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "RAW_CHARACTERS", 10)
    decisions.record(conn, 7, "live", outcome("too_old"), {"killmail_id": 7}, T0)
    assert [one.raw for one in decisions.decisions_for(conn, 7)] == [None]


def test_decisions_are_forgotten_after_a_week_and_beyond_their_number(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    decisions.record(conn, 1, "live", outcome("too_old"), {}, T0)
    decisions.record(conn, 2, "live", outcome("too_old"), {}, T0)
    decisions.record(conn, 2, "live", outcome("too_old"), {}, T0 + timedelta(days=1))
    assert decisions.prune(conn, T0 + timedelta(days=7, hours=1)) == 1
    assert [len(decisions.decisions_for(conn, one)) for one in (1, 2)] == [0, 1]
    monkeypatch.setattr(decisions, "ROWS", 3)
    for number in range(10, 20):
        decisions.record(conn, number, "live", outcome("too_old"), {}, T0 + timedelta(days=1))
    decisions.prune(conn, T0 + timedelta(days=2))
    assert [number for number in range(30) if decisions.decisions_for(conn, number)] == [17, 18, 19]


def test_killmails_make_room_from_the_oldest_and_their_decisions_stay(
    conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        decisions.record(conn, number, "live", outcome("too_old"), {"killmail_id": number}, T0)
    (size,) = conn.execute("SELECT max(length(raw)) FROM decision").fetchone()
    monkeypatch.setattr(decisions, "RAW_TOTAL", 2 * size)
    decisions.prune(conn, T0)
    kept = [decisions.decisions_for(conn, number)[0].raw for number in range(5)]
    assert [raw is not None for raw in kept] == [False, False, False, True, True]
