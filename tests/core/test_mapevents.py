from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from wanderer_notifier.core.events import CharacterRecord, RallyCreated, SystemRecord
from wanderer_notifier.core.mapevents import (
    BadMapEvent,
    BadRow,
    CharactersChanged,
    Ignored,
    MapEvent,
    RallyEnded,
    SystemChanged,
    SystemHidden,
    SystemShown,
    cursor_before,
    parse_character,
    parse_characters,
    parse_event,
    parse_system,
    parse_systems,
    ulid_time_ms,
)

UUID = "0c9d2f0a-6f5d-4a57-8a0a-0d1c2b3a4f5e"


def parse(type: str, payload: Any) -> MapEvent:  # noqa: A002
    return parse_event("m1", type, json.dumps({"id": "x", "type": type, "payload": payload}))


def shown(system_id: int, name: str | None) -> SystemShown:
    return SystemShown(slug="m1", system=SystemRecord(system_id=system_id, name=name))


@pytest.mark.parametrize(
    ("type", "payload", "event"),
    [
        ("add_system", {"solar_system_id": 31001503, "name": "J155416"}, shown(31001503, "J155416")),
        ("add_system", {"solar_system_id": "31001503", "name": ""}, shown(31001503, None)),
        ("add_system", {"solar_system_id": 30002187, "position_x": 60}, shown(30002187, None)),
        ("add_system", {"id": "31001503"}, shown(31001503, None)),
        ("deleted_system", {"solar_system_id": 31001503, "name": None}, SystemHidden(slug="m1", system_id=31001503)),
        ("deleted_system", {"id": UUID, "solar_system_id": 31001503}, SystemHidden(slug="m1", system_id=31001503)),
        ("deleted_system", {"id": 31001503}, SystemHidden(slug="m1", system_id=31001503)),
        (
            "system_metadata_changed",
            {"system_id": UUID, "solar_system_id": 31001503, "name": "J155416", "temporary_name": "C4a"},
            SystemChanged(slug="m1", system_id=31001503, stored_name="J155416", temporary_name="C4a"),
        ),
        ("character_added", {"id": UUID, "name": "Vexa Tarnow"}, CharactersChanged(slug="m1")),
        ("character_removed", None, CharactersChanged(slug="m1")),
        ("characters_updated", {"characters": []}, CharactersChanged(slug="m1")),
        ("rally_point_removed", {"id": "3f2a", "solar_system_id": None}, RallyEnded(slug="m1", rally_id="3f2a")),
        ("brand_new", {"anything": 1}, Ignored("brand_new")),
        ("signature_added", None, Ignored("signature_added")),
    ],
)
def test_events(type: str, payload: Any, event: MapEvent) -> None:  # noqa: A002
    assert parse(type, payload) == event


def test_m11_the_plural_is_a_hint_and_the_unknown_is_ignored_by_name() -> None:
    assert parse("characters_updated", {}) == CharactersChanged(slug="m1")
    assert parse("brand_new", {}) == Ignored("brand_new")


def test_a_rally_point_with_its_system_id_as_text() -> None:
    payload = {
        "rally_point_id": "3f2a",
        "solar_system_id": "31001503",
        "system_name": "J155416",
        "character_id": UUID,
        "character_name": "Vexa Tarnow",
        "character_eve_id": "2115000123",
        "message": "Form up\n\n\n\n\nbring scouts",
        "created_at": "2026-09-01T18:28:12.340000Z",
    }
    assert parse("rally_point_added", payload) == RallyCreated(
        slug="m1",
        rally_id="3f2a",
        system_id=31001503,
        system_name="J155416",
        character_id=2115000123,
        character_name="Vexa Tarnow",
        message="Form up\n\nbring scouts",
        created_at=datetime(2026, 9, 1, 18, 28, 12, 340000, tzinfo=UTC),
    )


def test_the_frames_type_counts_when_the_data_names_none() -> None:
    connected = '{"map_id":"5f0c2f6e","server_time":"2026-11-25T00:01:09.392970Z"}'
    assert parse_event("m1", "connected", connected) == Ignored("connected")


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("add_system", "{"),
        ("add_system", "[" * 100_000),
        ("add_system", "9" * 5000),
        ("add_system", "[]"),
        ("add_system", '{"type":"add_system"}'),
        ("add_system", '{"payload":{"solar_system_id":null}}'),
        ("add_system", json.dumps({"payload": {"id": UUID}})),
        ("add_system", '{"payload":{"solar_system_id":true}}'),
        ("rally_point_added", '{"payload":{"system_name":"x"}}'),
        ("deleted_system", '{"payload":[]}'),
    ],
    ids=lambda value: value[:40],
)
def test_malformed_events_are_refused_with_a_reason(type: str, data: str) -> None:  # noqa: A002
    with pytest.raises(BadMapEvent) as caught:
        parse_event("m1", type, data)
    assert caught.value.reason


def test_m08_names_of_a_rest_row() -> None:
    row = {"solar_system_id": 31001503, "name": "1-A", "original_name": "J123456", "temporary_name": "1-A",
           "custom_name": None, "tag": "A", "visible": True}  # fmt: skip
    system = parse_system(row)
    assert system == SystemRecord(system_id=31001503, name="J123456", temporary_name="1-A", tag="A")
    assert isinstance(system, SystemRecord)
    assert (system.map_name, system.full_name) == ("1-A", "1-A (J123456)")


def test_a_map_without_static_data_knows_no_eve_name() -> None:
    row = {"solar_system_id": 31001503, "name": "Den", "original_name": "System 31001503", "custom_name": "Den"}
    assert parse_system(row) == SystemRecord(system_id=31001503, custom_name="Den")


@pytest.mark.parametrize(
    "row", [None, [], {}, {"id": UUID}, {"solar_system_id": UUID}, {"solar_system_id": 1, "visible": False}], ids=repr
)
def test_bad_system_rows(row: object) -> None:
    assert isinstance(parse_system(row), BadRow)


def test_a_tracked_pilot() -> None:
    row = {
        "id": UUID,
        "character_id": UUID,
        "tracked": True,
        "character": {"eve_id": "2115000123", "name": "Vexa Tarnow", "corporation_id": 98000202,
                      "corporation_ticker": "QUIET", "alliance_id": None, "alliance_ticker": None},
    }  # fmt: skip
    assert parse_character(row) == CharacterRecord(
        character_id=2115000123, name="Vexa Tarnow", corporation_id=98000202, corporation_ticker="QUIET"
    )


@pytest.mark.parametrize(
    "row",
    [None, {}, {"character": None}, {"character": {"name": "x"}}, {"character_id": UUID, "name": "x"},
     {"character": []}, {"tracked": False, "character": {"eve_id": 1}}],
    ids=repr,
)  # fmt: skip
def test_c05_rows_without_an_eve_id_name_nobody(row: object) -> None:
    assert isinstance(parse_character(row), BadRow)


def test_lists_keep_what_is_good_and_report_the_rest() -> None:
    systems, bad = parse_systems({"data": {"systems": [{"solar_system_id": 31000123}, {"id": UUID}]}})
    assert [system.system_id for system in systems] == [31000123]
    assert bad == (BadRow("no solar system id"),)
    assert parse_systems({"data": [{"solar_system_id": "31000123"}]})[0] == systems
    pilots, bad = parse_characters({"data": [{"character": {"eve_id": "95000001"}}, {"character": None}]})
    assert [pilot.character_id for pilot in pilots] == [95000001]
    assert bad == (BadRow("no character"),)


@pytest.mark.parametrize("body", [None, {}, {"error": "x"}, {"data": None}, {"data": {}}, "x"], ids=repr)
def test_a_body_without_a_list_is_no_empty_list(body: object) -> None:
    with pytest.raises(BadMapEvent):
        parse_systems(body)
    with pytest.raises(BadMapEvent):
        parse_characters(body)


@pytest.mark.parametrize(
    ("time", "ulid"),
    [
        ("2026-09-01T18:20:30.123", "01M1F371HB0000000000000000"),
        ("2026-09-01T18:20:31.000", "01M1F372CR0000000000000000"),
        ("2026-09-01T18:21:00.500", "01M1F37Z6M0000000000000000"),
    ],
)
def test_the_time_in_an_event_id(time: str, ulid: str) -> None:
    milliseconds = round(datetime.fromisoformat(time + "+00:00").timestamp() * 1000)
    assert ulid_time_ms(ulid) == milliseconds
    assert cursor_before(ulid[:10] + "3WQ3TK2VD9WRH0G6", 0) == ulid


def test_a_cursor_some_seconds_earlier() -> None:
    earlier = cursor_before("01M1F372CR3WQ3TK2VD9WRH0G6", 5)
    assert earlier is not None
    assert (ulid_time_ms("01M1F372CR3WQ3TK2VD9WRH0G6") or 0) - (ulid_time_ms(earlier) or 0) == 5000
    assert cursor_before("0" * 26, 5) == "0" * 26


@pytest.mark.parametrize("text", ["", "nonsense", "01m1f372cr3wq3tk2vd9wrh0g6", "U" * 26, "0" * 27])
def test_what_is_no_ulid(text: str) -> None:
    assert ulid_time_ms(text) is None
    assert cursor_before(text, 5) is None
