"""The 1.0.0 serializer, whose server frames carry no join_ref (wanderer-kills.md 2.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from wanderer_notifier.wire.phoenix import (
    ChannelClosed,
    ChannelCrashed,
    HeartbeatAcked,
    Joined,
    JoinRefused,
    Other,
    Phoenix,
    PhoenixError,
    Push,
    Unmatched,
)

LOBBY = "killmails:lobby"


def frame(ref: Any, topic: Any, event: Any, payload: Any) -> str:
    return json.dumps({"topic": topic, "event": event, "payload": payload, "ref": ref})


def ok(ref: str, response: Any = None) -> str:
    return frame(ref, LOBBY, "phx_reply", {"status": "ok", "response": response or {}})


def machine() -> Phoenix:
    return Phoenix(LOBBY, "1.0.0")


def test_frames_are_objects() -> None:
    old = machine()
    join = {"topic": LOBBY, "event": "phx_join", "payload": {"systems": [1]}, "ref": "1", "join_ref": "1"}
    assert json.loads(old.join({"systems": [1]})) == join
    ref, text = old.heartbeat()
    assert json.loads(text) == {
        "topic": "phoenix",
        "event": "heartbeat",
        "payload": {},
        "ref": ref,
        "join_ref": None,
    }


def test_answers_and_pushes_are_understood() -> None:
    old = machine()
    old.join({})
    assert old.receive(ok("1", {"subscribed_systems": [1]})) == Joined({"subscribed_systems": [1]})
    ref, _ = old.heartbeat()
    assert old.receive(frame(ref, "phoenix", "phx_reply", {"status": "ok", "response": {}})) == HeartbeatAcked(ref)
    assert old.receive(frame(None, LOBBY, "killmail_update", {"killmails": []})) == Push(
        "killmail_update", {"killmails": []}
    )
    old.join({})
    refusal = {"status": "error", "response": {"reason": "no"}}
    assert old.receive(frame("3", LOBBY, "phx_reply", refusal)) == JoinRefused("no")
    lost = {"status": "error", "response": {"reason": "unmatched topic"}}
    assert old.receive(frame("9", LOBBY, "phx_reply", lost)) == Unmatched()


@pytest.mark.parametrize("ref", [None, "1"])
def test_a_crash_is_ours_with_and_without_a_ref(ref: str | None) -> None:
    old = machine()
    old.join({})
    old.receive(ok("1"))
    assert old.receive(frame(ref, LOBBY, "phx_error", {})) == ChannelCrashed()


@pytest.mark.parametrize("ref", [None, "1"])
def test_the_close_of_a_replaced_join_is_history_and_the_next_one_is_not(ref: str | None) -> None:
    old = machine()
    old.join({})
    old.receive(ok("1"))
    old.join({})
    assert isinstance(old.receive(ok("2")), Joined)
    assert isinstance(old.receive(frame(ref, LOBBY, "phx_close", {})), Other)
    assert old.receive(frame(None, LOBBY, "phx_close", {})) == ChannelClosed()


@pytest.mark.parametrize("text", ["[]", '["1","1","t","e",{}]', "{}", '{"topic":1,"event":"x"}', "null", "nonsense"])
def test_what_is_no_frame_says_so(text: str) -> None:
    with pytest.raises(PhoenixError):
        machine().receive(text)
