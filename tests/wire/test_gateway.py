"""The gateway machine, fed by hand: every pitfall of discord.md 4 that needs no connection."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from tests.wire.played import ACK, BASE, BOT, ME, RESUME, Played, event, hello, ready
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.wire.gateway import (
    Dispatch,
    Drop,
    Ready,
    Resumable,
    Resumed,
    SendFrame,
)


def test_a_session_begins_with_identify_and_the_presence_in_it(played: Played) -> None:
    played.session.wish({"status": "online"})
    played.open()
    (frame,) = played.get(hello())
    assert isinstance(frame, SendFrame)
    assert frame.payload["op"] == 2
    assert frame.payload["d"]["intents"] == 129
    assert frame.payload["d"]["presence"] == {"status": "online"}
    assert played.get(ready())[-1] == Ready(BOT)
    assert played.session.live


def test_no_token_shows_in_what_may_be_logged(played: Played) -> None:
    played.open()
    shown = repr(played.get(hello())) + repr(ME)
    played.get(ready("very-secret-session"))
    assert "test-token" not in shown
    assert "very-secret" not in repr(played.session.resumable)


def test_a_requested_beat_is_no_reason_to_see_a_zombie(played: Played) -> None:  # P06, P65
    played.begin()
    played.wait(21, answer=False)  # the first scheduled beat went out, its answer is on the way
    for _ in range(3):
        assert played.get({"op": 1, "d": None})[0] == SendFrame({"op": 1, "d": 1})
    played.get(ACK)
    played.get(ACK)
    assert played.wait(100) is None
    assert played.session.latency_s is not None
    assert 0 <= played.session.latency_s < 40


def test_a_silent_peer_is_left_within_two_intervals(played: Played) -> None:  # P07
    played.begin()
    played.wait(21)
    silent_since = played.now
    drop = played.wait(1000, answer=False)
    assert drop is not None
    assert drop.code == 4200
    assert played.now - silent_since <= 80
    assert played.lose().kind == "reconnect"


def test_traffic_without_a_single_answer_is_a_zombie_after_two_intervals(played: Played) -> None:
    played.begin()
    played.wait(20, answer=False)
    for number in range(2, 40):
        played.get(event("X", number))
        if drop := played.wait(4, answer=False):
            assert 79 <= played.now - 20 <= 81
            return
    pytest.fail(f"still trusted: {drop}")


def test_an_answer_behind_a_backlog_is_waited_for(played: Played) -> None:
    played.begin()
    played.wait(21, answer=False)
    for number in range(2, 12):
        played.get(event("X", number))
        assert played.wait(5, answer=False) is None


def test_nothing_of_the_old_connection_counts_for_the_new_one(played: Played) -> None:  # P08, P09, P10
    played.begin()
    played.wait(21, answer=False)  # an answer is still awaited
    played.lose()
    played.resume()
    assert played.wait(3 * 40 + 5) is None
    assert played.session.resumable is not None
    assert played.session.resumable.seq == 2


def test_what_arrives_after_we_decided_to_leave_changes_nothing(played: Played) -> None:  # P10
    played.begin()
    (drop,) = played.get({"op": 7, "d": None})
    assert isinstance(drop, Drop)
    assert played.get(event("X", 2)) == []
    assert played.get({"op": 9, "d": False}) == []
    assert played.session.tick(played.now + 1000) == []
    assert played.session.resumable is not None
    assert played.session.resumable.seq == 1


def test_an_invalid_session_is_forgotten_and_identified_anew_after_one_to_five_seconds(played: Played) -> None:  # P11
    played.begin()
    assert played.get({"op": 9, "d": False}) == [Drop(1000, "the session is no longer valid")]
    after = played.lose(roll=0.5)
    assert (after.kind, after.wait_s, after.cause) == ("identify", 3.0, "op9_false")
    assert played.session.url(BASE) == BASE
    played.open()
    (frame,) = played.get(hello())
    assert isinstance(frame, SendFrame)
    assert frame.payload["op"] == 2


def test_an_invalid_session_that_may_be_resumed_is_resumed_on_a_new_connection(played: Played) -> None:
    played.begin()
    assert played.get({"op": 9, "d": True})[0] == Drop(4200, "Discord asked us to resume")
    after = played.lose(roll=0.0)
    assert (after.kind, after.wait_s) == ("reconnect", 1.0)


def test_a_request_to_reconnect_is_obeyed_before_hello(played: Played) -> None:  # P12
    played.begin()
    played.lose()
    played.open()
    assert isinstance(played.get({"op": 7, "d": None})[0], Drop)
    assert played.lose().kind == "reconnect"


def test_requests_to_reconnect_are_obeyed_at_once_then_soon_and_a_storm_of_them_ever_later(played: Played) -> None:
    numbers = itertools.count(2)

    def obeyed() -> float:
        played.get({"op": 7, "d": None})
        pause = played.lose().wait_s
        played.resume(next(numbers))
        return pause

    played.begin()
    assert obeyed() == 0.0
    assert max(obeyed() for _ in range(49)) <= 1.0
    assert [round(obeyed()) for _ in range(8)] == [2, 4, 8, 16, 32, 60, 60, 60]
    played.wait(61)
    assert obeyed() == 0.0


def test_a_request_to_reconnect_before_the_session_lives_is_a_failure_like_any_other(played: Played) -> None:
    played.begin()
    waits = []
    for _ in range(4):
        played.get({"op": 7, "d": None})
        waits.append(round(played.lose().wait_s))
        played.open()
    assert waits == [0, 1, 2, 4]


def test_fifty_requests_to_reconnect_cost_one_identify(played: Played) -> None:  # P13
    played.begin()
    for number in range(50):
        played.get({"op": 7, "d": None})
        assert played.lose().kind == "reconnect"
        played.resume(number + 2)
    assert played.ops().count(2) == 1


@pytest.mark.parametrize("url", ["ftp://x/", "", None, 5, "wss://[", "ws://downgrade.example/"])
def test_a_resume_address_that_cannot_be_trusted_is_replaced_by_the_base(played: Played, url: Any) -> None:  # P14
    played.open()
    played.get(hello())
    played.get(ready(url=url))
    played.lose()
    assert played.session.url(BASE) == BASE


def test_a_dead_resume_host_is_left_for_the_base_with_the_session_kept(played: Played) -> None:  # P15, P21
    played.begin()
    played.lose()
    assert played.session.url(BASE) == RESUME
    after = played.session.closed(None, played.now, 0.5, why="no such host", cause="not_reached")
    assert after.kind == "reconnect"
    assert played.session.url(BASE) == BASE
    played.session.closed(None, played.now, 0.5, why="no such host", cause="not_reached")
    assert played.session.url(BASE) == RESUME


@pytest.mark.parametrize("leave", ["op7", "zombie", "garbled", "hello"])
def test_our_own_close_codes_keep_the_session(played: Played, leave: str) -> None:  # P16
    played.begin()
    if leave == "op7":
        (drop,) = played.get({"op": 7})
    elif leave == "zombie":
        drop = played.wait(500, answer=False)  # type: ignore[assignment]
    elif leave == "garbled":
        (drop,) = played.session.garbled()
    else:
        played.lose()
        played.open()
        drop = played.wait(500)  # type: ignore[assignment]
    assert isinstance(drop, Drop)
    assert drop.code not in (1000, 1001)
    assert 4000 <= drop.code <= 4999


def test_only_dispatches_with_a_number_move_the_sequence(played: Played) -> None:  # P23
    played.begin()
    played.get(event("X", 7))
    played.get(ACK)
    played.get({"op": 0, "t": "Y", "s": None, "d": {}})
    played.get({"op": 0, "t": "Y", "s": "9", "d": {}})
    assert played.session.resumable is not None
    assert played.session.resumable.seq == 7


def test_the_first_beat_of_a_new_session_carries_null(played: Played) -> None:  # P23
    played.begin()
    played.get({"op": 9, "d": False})
    played.lose()
    played.open()
    played.get(hello(), roll=0.0)
    assert played.session.tick(played.now) == [SendFrame({"op": 1, "d": None})]


def test_nothing_but_beats_identify_and_resume_is_sent_before_the_session_lives(played: Played) -> None:  # P24
    played.begin()
    played.lose()
    played.session.wish({"status": "idle"})
    played.open()
    played.get(hello())
    played.session.wish({"status": "dnd"})
    played.wait(60)
    assert set(played.ops()) <= {1, 2, 6}
    played.get(event("RESUMED", 2))
    played.wait(1)
    assert played.sent[-1] == {"op": 3, "d": {"status": "dnd"}}


def test_two_hundred_wishes_are_told_as_few_and_the_beats_stay_on_time(played: Played) -> None:  # P25
    played.begin()
    for number in range(200):
        played.session.wish({"status": "online", "n": number})
        assert played.wait(0.3) is None
    assert 2 <= played.ops().count(3) <= 4
    assert played.ops().count(1) in (1, 2)
    played.wait(20)
    assert played.sent[-1]["d"] == {"status": "online", "n": 199}


def test_a_storm_of_requested_beats_is_not_answered_past_the_limit(played: Played) -> None:
    played.begin()
    for _ in range(500):
        played.get({"op": 1, "d": None})
    assert len(played.sent) <= 110
    assert played.session.oddities["too_many_beats_asked"] == 500 - played.ops().count(1)


def test_hello_is_waited_for_fifteen_seconds(played: Played) -> None:  # P27
    played.open()
    assert isinstance(played.wait(60), Drop)
    assert played.now == pytest.approx(15)


def test_a_peer_silent_after_identify_is_left_after_a_probe(played: Played) -> None:
    played.open()
    played.get(hello(300_000), roll=0.99)
    assert isinstance(played.wait(300, answer=False), Drop)
    assert played.now == pytest.approx(40)


def test_a_slow_ready_is_waited_for_while_beats_are_answered(played: Played) -> None:
    played.open()
    played.get(hello())
    assert played.wait(500) is None
    assert played.get(ready())[-1] == Ready(BOT)


def test_a_ready_that_never_comes_is_not_waited_for_for_ever(played: Played) -> None:
    played.open()
    played.get(hello())
    assert isinstance(played.wait(2000), Drop)
    assert played.now == pytest.approx(600)


def test_unreadable_payloads_resume_twice_then_identify_uncompressed(played: Played) -> None:  # P53
    kinds = []
    for _ in range(3):
        played.begin() if played.session.resumable is None else played.resume(9)
        assert played.session.garbled()[0] == Drop(4200, "Discord sent something unreadable")
        kinds.append(played.lose().kind)
    assert kinds == ["reconnect", "reconnect", "identify"]
    assert not played.session.compress


@pytest.mark.parametrize(
    "payload",
    [
        {"op": 99, "d": {}},
        {"op": 0},
        {"op": 0, "t": None, "s": 5, "d": None},
        {"op": 0, "t": "NEW_THING", "s": 2, "d": None},
        {"op": 0, "t": "NEW_THING", "s": True, "d": []},
        {"op": 0, "t": 5, "s": 2, "d": {}},
        {"op": 10, "d": None},
        {"op": 11},
        {"op": 1},
    ],
)
def test_unknown_and_odd_payloads_are_survived(played: Played, payload: JsonObject) -> None:  # P54
    played.begin()
    assert not any(isinstance(action, Drop) for action in played.get(payload))
    assert played.wait(100) is None


@pytest.mark.parametrize("interval", [None, 0, -5, "x", True, math.inf, math.nan])
def test_a_hello_without_a_sensible_interval_is_left(played: Played, interval: Any) -> None:
    played.open()
    assert isinstance(played.get(hello(interval))[0], Drop)


def test_a_ready_without_a_session_is_left(played: Played) -> None:
    played.open()
    played.get(hello())
    assert isinstance(played.get(event("READY", 1, {}))[0], Drop)
    assert played.lose().kind == "identify"


def test_a_skipped_number_is_noticed_and_lived_with(played: Played) -> None:  # P66
    played.begin()
    assert played.get(event("X", 5)) == [Dispatch("X", {}, 5)]
    assert played.session.oddities["skipped"] == 3


def test_a_dispatch_that_comes_late_is_handed_out_once_and_moves_nothing(played: Played) -> None:
    played.begin()
    played.get(event("X", 4))
    assert played.get(event("Y", 3)) == [Dispatch("Y", {}, 3)]
    assert played.get(event("Y", 3)) == []
    assert played.get(event("Y", 4)) == []
    assert played.session.resumable is not None
    assert played.session.resumable.seq == 4


def test_a_repeated_dispatch_is_handed_out_once(played: Played) -> None:  # P67
    played.begin()
    assert played.get(event("X", 2)) == [Dispatch("X", {}, 2)]
    assert played.get(event("X", 2)) == []
    played.lose()
    played.open()
    played.get(hello())
    assert played.get(event("X", 1)) == []
    assert played.get(event("Y", 3)) == [Dispatch("Y", {}, 3)]
    assert played.get(event("RESUMED", 4)) == [Resumed(BOT)]


def test_ready_replaces_the_session_before(played: Played) -> None:  # P45
    played.begin()
    played.get(event("X", 40))
    played.lose(4009)
    played.open()
    played.get(hello())
    assert played.get(ready("s2"))[0] == Dispatch("READY", ready("s2")["d"], 1)
    assert played.session.resumable is not None
    assert (played.session.resumable.session_id, played.session.resumable.seq) == ("s2", 1)


def test_a_session_of_an_earlier_process_is_resumed_while_it_is_fresh() -> None:
    stored = Resumable(session_id="old", resume_url=RESUME, seq=41, last_good=-100.0, bot=BOT)
    played = Played(stored)
    assert played.session.first(0.0).kind == "reconnect"
    played.open()
    (frame,) = played.get(hello())
    assert isinstance(frame, SendFrame)
    assert frame.payload["d"]["seq"] == 41
    assert Played(stored).session.first(201.0).kind == "identify"


def test_a_host_that_slept_does_not_take_its_peer_for_dead(played: Played) -> None:
    played.begin()
    played.now = 20 + 600
    (beat,) = played.session.tick(played.now)
    assert isinstance(beat, SendFrame)
    played.get(ACK)
    assert played.wait(100) is None
