"""Tracking, cursors, parked events and decisions survive and stay bounded."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta

import attrs
import pytest
from attrs import evolve

from wanderer_notifier.core.events import CharacterRecord, SystemRecord
from wanderer_notifier.core.tracking import MapState
from wanderer_notifier.state import memory

T0 = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)


def state(*systems: int, characters: tuple[int, ...] = (), loaded_at: datetime | None = T0) -> MapState:
    return MapState(
        slug="home",
        systems={number: SystemRecord(system_id=number, name=f"J{number}") for number in systems},
        characters={number: CharacterRecord(character_id=number, name=f"Pilot {number}") for number in characters},
        loaded_at=loaded_at,
    )


def test_the_first_start_is_set_once(conn: sqlite3.Connection) -> None:
    assert memory.first_start(conn, T0) == T0
    assert memory.first_start(conn, T0 + timedelta(days=3)) == T0


def test_tracking_comes_back_as_saved(conn: sqlite3.Connection) -> None:
    memory.save_tracking(conn, "home", state(1, 2, 3, characters=(90, 91)))
    memory.save_tracking(conn, "home", state(2, 3, 4, characters=(91,), loaded_at=None))
    other = state(7)
    memory.save_tracking(conn, "other", other)
    tracking = memory.load_tracking(conn)
    assert tracking.maps["home"] == state(2, 3, 4, characters=(91,), loaded_at=None)
    assert tracking.maps["other"].systems == other.systems
    memory.forget_map(conn, "home")
    assert list(memory.load_tracking(conn).maps) == ["other"]


def test_every_doubt_about_a_map_survives(conn: sqlite3.Connection) -> None:
    doubtful = evolve(
        state(1, 2, 3),
        unconfirmed=frozenset({2}),
        hidden=frozenset({9, 10}),
        unannounced={3: T0 + timedelta(microseconds=123456)},
        came_and_went={7: (T0, T0 + timedelta(minutes=3))},
        no_systems_since=T0 + timedelta(minutes=1),
        no_characters_since=T0 + timedelta(minutes=2),
        emptied=True,
    )
    named = {"custom_name": "Home", "temporary_name": "1-A", "tag": "A"}
    doubtful = evolve(doubtful, systems={**doubtful.systems, 4: SystemRecord(system_id=4, **named)})
    memory.save_tracking(conn, "home", doubtful)
    loaded = memory.load_tracking(conn).maps["home"]
    assert loaded == doubtful
    assert loaded.unannounced[3].tzinfo is UTC
    assert set(attrs.asdict(doubtful)) == {  # whoever adds a field adds it above
        "slug",
        "systems",
        "characters",
        "loaded_at",
        "unconfirmed",
        "hidden",
        "unannounced",
        "came_and_went",
        "no_systems_since",
        "no_characters_since",
        "emptied",
    }


def test_an_event_is_new_once_and_an_hour_later_again(conn: sqlite3.Connection) -> None:
    assert memory.note_event(conn, "home", "01A", "{}", T0)
    assert not memory.note_event(conn, "home", "01A", "{}", T0 + timedelta(minutes=1))
    assert memory.note_event(conn, "home", "01A", "{other}", T0)
    assert memory.note_event(conn, "other", "01A", "{}", T0)
    assert memory.note_event(conn, "home", "", "{}", T0)
    assert memory.note_event(conn, "home", "", "{}", T0)
    assert memory.prune_events(conn, T0 + timedelta(minutes=59)) == 0
    assert memory.prune_events(conn, T0 + timedelta(minutes=61)) == 3
    assert memory.note_event(conn, "home", "01A", "{}", T0)


def test_noted_events_are_bounded(conn: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SEEN_ROWS", 10)
    for number in range(25):
        memory.note_event(conn, "home", f"01{number}", "", T0 + timedelta(seconds=number))
    assert memory.prune_events(conn, T0 + timedelta(seconds=25)) == 15
    assert not memory.note_event(conn, "home", "0124", "", T0)


def test_only_what_differs_is_written(conn: sqlite3.Connection) -> None:
    memory.save_tracking(conn, "home", state(*range(500)))
    before = conn.total_changes
    memory.save_tracking(conn, "home", state(*range(500)))
    assert conn.total_changes - before == 1  # the line with the time
    memory.save_tracking(conn, "home", state(*range(1, 501)))
    assert conn.total_changes - before == 1 + 3


def test_a_record_with_fields_of_another_version_is_read(conn: sqlite3.Connection) -> None:
    memory.save_tracking(conn, "home", state(1))
    conn.execute("UPDATE map_system SET record = ?", (json.dumps({"system_id": 1, "name": "J1", "colour": "red"}),))
    conn.execute("UPDATE map_state SET state = ?", (json.dumps({"mood": "red"}),))
    assert memory.load_tracking(conn).maps["home"] == state(1, loaded_at=None)


def test_last_heard_and_loaded_at_do_not_disturb_each_other(conn: sqlite3.Connection) -> None:
    assert memory.last_heard(conn, "home") is None
    memory.heard(conn, "home", T0)
    memory.save_tracking(conn, "home", state(1, loaded_at=T0 + timedelta(minutes=1)))
    memory.heard(conn, "home", T0 + timedelta(minutes=2))
    assert memory.last_heard(conn, "home") == T0 + timedelta(minutes=2)
    assert memory.load_tracking(conn).maps["home"].loaded_at == T0 + timedelta(minutes=1)


def test_a_cursor_moves(conn: sqlite3.Connection) -> None:
    assert memory.get_cursor(conn, "map:home") is None
    memory.set_cursor(conn, "map:home", "01A")
    memory.set_cursor(conn, "map:home", "01B")
    assert memory.get_cursor(conn, "map:home") == "01B"
