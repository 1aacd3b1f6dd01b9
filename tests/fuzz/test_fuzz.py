"""Spoilt input never makes a parser raise anything but its own error, and never makes it hang."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.fuzz.run import fuzz
from tests.fuzz.targets import feed_stream
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.mapevents import BadMapEvent, parse_characters, parse_event, parse_systems
from wanderer_notifier.wire.phoenix import Phoenix, PhoenixError

LINES = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b":", b" ", b"data", b"id", b"event", b"retry", b"data: x", b"id: 01M1F371HB", b"\0",
     b"\xef\xbb\xbf", b"\xff", b"\xe2\x80", b"\xa8", b"\xc2\x85", b"1", b"9" * 30, b"a" * 40]
)  # fmt: skip
BYTES = st.one_of(st.binary(max_size=300), st.lists(LINES, max_size=40).map(b"".join))

KEYS = st.sampled_from(
    ["killmail_id", "system_id", "solar_system_id", "kill_time", "victim", "attackers", "zkb", "package", "killmail",
     "esi", "hash", "character_id", "final_blow", "totalValue", "labels", "type", "payload", "data", "systems", "id",
     "rally_point_id", "created_at", "name", "visible", "character", "eve_id", ""]
)  # fmt: skip
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), st.sampled_from(["31001361", "1e5"])
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=6)),
    max_leaves=25,
)
FRAMES = st.tuples(
    st.one_of(st.none(), st.sampled_from(["1", "2"]), SCALARS),
    st.one_of(st.none(), st.sampled_from(["1", "2"]), SCALARS),
    st.one_of(st.sampled_from(["killmails:lobby", "phoenix"]), SCALARS),
    st.one_of(st.sampled_from(["phx_reply", "phx_error", "phx_close", "killmail_update"]), SCALARS),
    VALUES,
)


@given(data=BYTES, cuts=st.lists(st.integers(0, 300), max_size=12), limit=st.sampled_from([8, 64, 2**20]))
def test_any_bytes_are_events_or_an_error_however_they_are_cut(data: bytes, cuts: list[int], limit: int) -> None:
    assert feed_stream(data, cuts, limit=limit) == feed_stream(data, [], limit=limit)


@given(
    message=st.one_of(st.text(max_size=200), st.binary(max_size=200), FRAMES.map(json.dumps), VALUES.map(json.dumps))
)
def test_any_message_is_a_phoenix_event_or_an_error(message: str | bytes) -> None:
    machine = Phoenix("killmails:lobby")
    machine.join({})
    machine.heartbeat()
    with suppress(PhoenixError):
        machine.receive(message)


@given(raw=VALUES, system_id=st.one_of(st.none(), st.integers()))
def test_any_value_is_a_kill_or_an_error(raw: object, system_id: int | None) -> None:
    with suppress(BadKillmail):
        parse_kill(raw, system_id)


@given(kind=st.one_of(st.text(max_size=10), st.sampled_from(["add_system", "rally_point_added"])), value=VALUES)
def test_any_map_event_is_understood_or_an_error(kind: str, value: Any) -> None:
    for data in (json.dumps(value), json.dumps({"payload": value}), str(value)):
        with suppress(BadMapEvent):
            parse_event("m1", kind, data)


@given(body=VALUES)
def test_any_list_of_the_map_is_rows_or_an_error(body: object) -> None:
    for parse in (parse_systems, parse_characters):
        for whole in (body, {"data": body}, {"data": {"systems": body}}, {"data": [body]}):
            with suppress(BadMapEvent):
                parse(whole)


def test_a_short_run_of_the_fuzz_finds_nothing() -> None:
    """The long one is `just fuzz`."""
    result = fuzz(3_000, seed=1)
    assert result.findings == []
    assert result.inputs == 3_000
    taken = {name for name, count in result.endings.items() if count}
    assert len(taken) == 10  # every parser both took and refused some


def test_the_same_seed_makes_the_same_inputs() -> None:
    assert fuzz(300, seed=7).endings == fuzz(300, seed=7).endings
