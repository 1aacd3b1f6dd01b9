"""How a connection to the gateway ended, what the next one does, and after which pause."""

from __future__ import annotations

import pytest

from tests.wire.played import BASE, ME, Played, event, hello
from wanderer_notifier.wire.gateway import (
    Dispatch,
    SendFrame,
)

# code -> resume, identify or stop (discord.md 1.8)
CODES = {
    None: "reconnect",
    1000: "reconnect",
    1001: "reconnect",
    1002: "reconnect",
    1005: "reconnect",
    1006: "reconnect",
    1007: "reconnect",
    1009: "identify",
    1011: "reconnect",
    1012: "reconnect",
    3000: "reconnect",
    4000: "reconnect",
    4001: "reconnect",
    4002: "reconnect",
    4003: "identify",
    4004: "stop",
    4005: "identify",
    4006: "identify",
    4007: "identify",
    4008: "reconnect",
    4009: "identify",
    4010: "stop",
    4011: "stop",
    4012: "stop",
    4013: "stop",
    4014: "stop",
    4015: "reconnect",
    4099: "reconnect",
    4999: "reconnect",
}


@pytest.mark.parametrize(("code", "kind"), CODES.items())
def test_every_close_code_has_its_consequence(played: Played, code: int | None, kind: str) -> None:
    played.begin()
    after = played.lose(code)
    assert after.kind == kind
    assert after.reason
    assert (played.session.resumable is not None) == (kind != "identify")
    if kind == "reconnect":
        played.now += after.wait_s
        played.open()
        (frame,) = played.get(hello())
        assert isinstance(frame, SendFrame)
        assert frame.payload == {"op": 6, "d": {"token": ME.token, "session_id": "s1", "seq": 1}}
    elif kind == "identify":
        assert played.session.url(BASE) == BASE


@pytest.mark.parametrize("code", [4001, 4002])
def test_a_fault_of_ours_resumes_once_then_identifies_then_stops(played: Played, code: int) -> None:
    kinds = []
    for _ in range(3):
        played.begin()
        kinds.append(played.lose(code).kind)
    assert kinds == ["reconnect", "identify", "stop"]


def test_a_fault_of_ours_is_forgotten_after_ten_minutes(played: Played) -> None:
    for _ in range(4):
        played.begin()
        assert played.lose(4002).kind == "reconnect"
        played.now += 601


def test_a_message_too_large_for_us_never_loops(played: Played) -> None:
    played.begin()
    assert played.lose(1009).kind == "identify"
    played.begin()
    assert played.lose(1009).kind == "stop"


def test_after_too_many_frames_we_pause_five_seconds_and_resume(played: Played) -> None:
    played.begin()
    after = played.lose(4008, roll=0.0)
    assert (after.kind, after.wait_s) == ("reconnect", 5.0)


def test_a_session_that_cannot_be_resumed_is_given_up_after_three_attempts(played: Played) -> None:  # P01, P22
    played.begin()
    played.wait(70)
    played.lose()
    for attempt in range(3):
        assert played.next is not None
        assert played.next.kind == "reconnect", attempt
        played.wait(played.next.wait_s)
        played.open()
        played.get(hello())
        played.lose(1006)
    assert played.next is not None
    assert played.next.kind == "identify"
    assert played.session.url(BASE) == BASE


def test_a_resume_that_brings_a_part_is_no_failed_attempt(played: Played) -> None:
    played.begin()
    for number in range(2, 8):
        played.lose()
        played.open()
        played.get(hello())
        assert played.get(event("VOICE_STATE_UPDATE", number)) == [Dispatch("VOICE_STATE_UPDATE", {}, number)]
    assert played.lose().kind == "reconnect"


def test_a_session_is_given_up_after_five_minutes_without_a_good_frame(played: Played) -> None:
    played.begin()
    after = played.lose()
    began = played.now
    while after.kind == "reconnect":
        played.now += after.wait_s
        after = played.session.closed(None, played.now, 0.5, why="refused", cause="not_reached")
    assert 300 <= played.now - began <= 300 + 61


def test_quiet_hours_with_heartbeats_keep_a_session_good(played: Played) -> None:
    played.begin()
    assert played.wait(7200) is None
    assert played.lose().kind == "reconnect"


def test_pauses_double_and_start_anew_only_after_a_stable_minute(played: Played) -> None:  # P04
    waits = []
    for _ in range(12):
        played.open()
        played.get(hello())
        waits.append(played.lose().wait_s)
    assert [round(wait) for wait in waits] == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 120, 120]
    played.begin()
    assert round(played.lose().wait_s) == 120
    played.begin()
    played.wait(59)
    assert round(played.lose().wait_s) == 120
    played.begin()
    played.wait(61)
    assert played.lose().wait_s < 1.0
    assert round(played.lose().wait_s) == 1


def test_refused_connections_are_not_stormed(played: Played) -> None:  # P05
    waits = [played.session.closed(None, played.now, 0.0, cause="not_reached").wait_s for _ in range(20)]
    assert min(waits) >= 0.5
