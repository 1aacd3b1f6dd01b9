"""One topic on one Phoenix socket, in values."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

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

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures" / "wanderer-kills"
LOBBY = "killmails:lobby"


def frame(join_ref: Any, ref: Any, topic: Any, event: Any, payload: Any) -> str:
    return json.dumps([join_ref, ref, topic, event, payload])


def ok(ref: str, response: Any = None, topic: str = LOBBY) -> str:
    return frame(ref, ref, topic, "phx_reply", {"status": "ok", "response": response or {}})


def refusal(ref: str, reason: str, topic: str = LOBBY) -> str:
    return frame(None, ref, topic, "phx_reply", {"status": "error", "response": {"reason": reason}})


def test_frames_have_string_refs_and_a_join_is_its_own_join_ref() -> None:
    machine = Phoenix(LOBBY)
    assert json.loads(machine.join({"systems": [1]})) == ["1", "1", LOBBY, "phx_join", {"systems": [1]}]
    ref, text = machine.heartbeat()
    assert (ref, json.loads(text)) == ("2", [None, "2", "phoenix", "heartbeat", {}])
    assert json.loads(machine.join({}))[:2] == ["3", "3"]


def test_a_join_is_accepted_with_its_response() -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    assert machine.open_requests == {"1": "join"}
    assert machine.receive(ok("1", {"subscribed_systems": [1]})) == Joined({"subscribed_systems": [1]})
    assert machine.open_requests == {}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"status": "error", "response": {"reason": "join crashed"}}, "join crashed"),
        ({"status": "error", "response": {}}, "no reason given"),
        ({"status": "error", "response": {"reason": {"not": "text"}}}, "no reason given"),
        ({"status": "error"}, "no reason given"),
        ({}, "no reason given"),
        (None, "no reason given"),
    ],
)
def test_anything_but_ok_refuses_the_join(payload: Any, reason: str) -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    assert machine.receive(frame("1", "1", LOBBY, "phx_reply", payload)) == JoinRefused(reason)


def test_the_answer_to_a_replaced_join_is_history() -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    machine.join({})
    assert isinstance(machine.receive(ok("1")), Other)
    assert machine.receive(ok("2")) == Joined({})


def test_an_answer_counts_once() -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    assert machine.receive(ok("1")) == Joined({})
    assert isinstance(machine.receive(ok("1")), Other)


def test_heartbeats_are_acknowledged_by_their_ref() -> None:
    machine = Phoenix(LOBBY)
    ref, _ = machine.heartbeat()
    assert machine.receive(ok(ref, topic="phoenix")) == HeartbeatAcked(ref)
    assert isinstance(machine.receive(ok(ref, topic="phoenix")), Other)


@pytest.mark.parametrize(("event", "means"), [("phx_error", ChannelCrashed()), ("phx_close", ChannelClosed())])
def test_the_end_of_the_channel_counts_for_the_current_join_only(event: str, means: object) -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    machine.receive(ok("1"))
    machine.join({})
    machine.receive(ok("2"))
    assert isinstance(machine.receive(frame("1", "1", LOBBY, event, {})), Other)
    assert isinstance(machine.receive(frame(None, None, LOBBY, event, {})), Other)
    assert isinstance(machine.receive(frame("2", "2", "killmails:other", event, {})), Other)
    assert machine.receive(frame("2", "2", LOBBY, event, {})) == means


def test_a_channel_that_crashes_before_it_answers_leaves_no_request() -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    assert machine.receive(frame("1", "1", LOBBY, "phx_error", {})) == ChannelCrashed()
    assert machine.open_requests == {}


def test_unmatched_topic_means_not_joined() -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    machine.receive(ok("1"))
    assert machine.receive(refusal("77", "unmatched topic")) == Unmatched()
    assert isinstance(machine.receive(refusal("77", "unmatched topic", topic="elsewhere")), Other)
    machine.join({})
    assert machine.receive(refusal("2", "unmatched topic")) == JoinRefused("unmatched topic")


@pytest.mark.parametrize("join_ref", ["1", "99", None])
def test_pushes_of_any_generation_are_handed_on(join_ref: str | None) -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    text = frame(join_ref, None, LOBBY, "killmail_update", {"killmails": []})
    assert machine.receive(text) == Push("killmail_update", {"killmails": []})


@pytest.mark.parametrize(
    "message",
    [
        b"\x00\x01",
        "",
        "{",
        "null",
        "{}",
        "[]",
        "[1,2,3,4]",
        '["1","1",7,"phx_reply",{}]',
        '["1","1","t",null,{}]',
        "[" * 200_000,
        "[" + "9" * 10_000 + ",1,1,1,1]",
    ],
)
def test_what_is_no_frame_is_one_kind_of_error(message: str | bytes) -> None:
    with pytest.raises(PhoenixError):
        Phoenix(LOBBY).receive(message)


def test_numbers_that_are_no_json_become_null() -> None:
    text = f'["1",null,"{LOBBY}","killmail_update",{{"value":NaN,"other":-Infinity}}]'
    assert Phoenix(LOBBY).receive(text) == Push("killmail_update", {"value": None, "other": None})


def test_more_elements_than_five_are_ignored() -> None:
    assert Phoenix(LOBBY).receive(f'["1",null,"{LOBBY}","e",1,2,3]') == Push("e", 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["1", "2", LOBBY, "phx_reply"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.text(max_size=30) | JSON.map(json.dumps) | st.lists(JSON, min_size=5, max_size=6).map(json.dumps)))
def test_no_message_breaks_the_machine(messages: list[str]) -> None:
    machine = Phoenix(LOBBY)
    machine.join({})
    machine.heartbeat()
    for message in messages:
        with contextlib.suppress(PhoenixError):
            machine.receive(message)


@pytest.mark.skipif(not CAPTURES.exists(), reason="no captures beside the repository")
@pytest.mark.parametrize("name", ["ws-02-join", "ws-03-subscriptions", "ws-05-killmail-push", "ws-07-preload"])
def test_every_captured_frame_of_the_server_is_understood(name: str) -> None:
    seen: list[object] = []
    for row in map(json.loads, (CAPTURES / f"{name}.jsonl").read_text("utf-8").splitlines()):
        if row["dir"] == "recv" and row.get("text", "").startswith("["):
            machine = Phoenix(LOBBY)
            machine.join({})
            seen.append(machine.receive(row["text"]))
    assert seen
    if name == "ws-05-killmail-push":
        assert any(isinstance(event, Push) and event.event == "killmail_update" for event in seen)
