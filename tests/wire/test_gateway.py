"""The gateway machine, fed by hand: every pitfall of discord.md 4 that needs no connection."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.wire.gateway import (
    Action,
    Bot,
    Dispatch,
    Drop,
    Identity,
    Next,
    Ready,
    Resumable,
    Resumed,
    SendFrame,
    Session,
)

ME = Identity(token="test-token-gateway", intents=129, properties={"os": "linux", "browser": "t", "device": "t"})
BASE, RESUME = "wss://gateway.example/", "wss://resume.example/"
BOT = Bot(user_id="900000000000000001", application_id="900000000000000002")
ACK: JsonObject = {"op": 11, "d": None, "s": None, "t": None}


def hello(ms: Any = 40_000) -> JsonObject:
    return {"op": 10, "d": {"heartbeat_interval": ms}, "s": None, "t": None}


def event(kind: str, seq: int | None, data: Any = None) -> JsonObject:
    return {"op": 0, "t": kind, "s": seq, "d": data if data is not None else {}}


def ready(session: str = "s1", url: Any = RESUME) -> JsonObject:
    data = {
        "session_id": session,
        "resume_gateway_url": url,
        "user": {"id": BOT.user_id},
        "application": {"id": BOT.application_id},
        "guilds": [],
    }
    return event("READY", 1, data)


class Played:
    """A session with a clock of its own."""

    def __init__(self, stored: Resumable | None = None) -> None:
        self.session = Session(ME, stored)
        self.now = 0.0
        self.sent: list[JsonObject] = []
        self.next: Next | None = None

    def carry_out(self, actions: list[Action]) -> list[Action]:
        self.sent += [one.payload for one in actions if isinstance(one, SendFrame)]
        return actions

    def get(self, payload: JsonObject, roll: float = 0.5) -> list[Action]:
        return self.carry_out(self.session.receive(payload, self.now, roll))

    def wait(self, seconds: float, *, answer: bool = True) -> Drop | None:
        """Let time pass with its ticks; every beat is answered at once if wanted."""
        until = self.now + seconds
        while self.session.deadline <= until:
            self.now = max(self.now, self.session.deadline)
            for action in self.carry_out(self.session.tick(self.now)):
                if isinstance(action, Drop):
                    return action
                if answer and isinstance(action, SendFrame) and action.payload["op"] == 1:
                    self.get(ACK)
        self.now = until
        return None

    def open(self) -> None:
        self.session.connected(self.now, self.session.url(BASE) or "")

    def begin(self) -> None:
        self.open()
        self.get(hello())
        self.get(ready())

    def resume(self, seq: int = 2) -> None:
        self.open()
        self.get(hello())
        self.get(event("RESUMED", seq))

    def lose(self, code: int | None = None, roll: float = 0.999999) -> Next:
        self.next = self.session.closed(code, self.now, roll)
        return self.next

    def ops(self) -> list[int]:
        return [frame["op"] for frame in self.sent]


@pytest.fixture
def played() -> Played:
    return Played()


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
