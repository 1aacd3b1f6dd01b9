"""Every recorded file through our own clients: nothing in real traffic is beyond them."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest

from tests.sim.captures import records
from tests.sim.recorded import sockets
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.mapevents import parse_event
from wanderer_notifier.feeds.map_refusals import refusal
from wanderer_notifier.runtime.supervise import Permanent
from wanderer_notifier.wire.phoenix import Joined, Other, Phoenix, PhoenixError, PhoenixEvent, Push, Unmatched
from wanderer_notifier.wire.sse import SseEvent, SseParser

LOBBY = "killmails:lobby"

UNDERSTOOD: dict[str, dict[str, int]] = {
    "ws-01-connect": {"HeartbeatAcked": 5, "PhoenixError": 4},
    "ws-02-join": {"JoinRefused": 13, "Joined": 11, "PhoenixError": 2},
    "ws-03-subscriptions": {
        "ChannelClosed": 1,
        "ChannelCrashed": 15,
        "HeartbeatAcked": 16,
        "Joined": 35,
        "PhoenixError": 5,
    },
    "ws-04-malformed": {"HeartbeatAcked": 6, "JoinRefused": 1, "Joined": 1, "PhoenixError": 1},
    "ws-05-killmail-push": {"HeartbeatAcked": 9, "Joined": 1, "PhoenixError": 5, "Push": 41},
    "ws-06-idle-timeout": {"HeartbeatAcked": 3, "Joined": 2, "Push": 12},
    "ws-07-preload": {"Joined": 5, "Push": 4},
    "ws-08-routing": {"ChannelClosed": 1, "ChannelCrashed": 1, "Joined": 20, "Push": 30},
    "ws-09-shutdown": {"HeartbeatAcked": 1, "Joined": 1, "PhoenixError": 2, "Push": 1},
    "ws-10-killed": {"HeartbeatAcked": 1, "Joined": 1, "PhoenixError": 1},
    "ws-11-large": {"HeartbeatAcked": 1, "Joined": 2},
}
"""What the frames of each recording are to our machine; its errors are the 1.0.0 form, which we do not speak, and an
answer to a frame without a topic, which we do not send."""


def conversations(name: str) -> list[list[dict[str, Any]]]:
    """The records of each socket of a file, whether its connections overlapped or not."""
    found: dict[str, list[dict[str, Any]]] = {}
    overlapping = False
    for record in records("wanderer-kills", name):
        if "conn" in record:
            overlapping = True
            found.setdefault(record["conn"], []).append(record)
    return [one for one in found.values() if one[0]["dir"] == "open"] if overlapping else sockets(name)


def note(machine: Phoenix, text: str) -> None:
    """Let the machine know a request that the recording's client sent."""
    try:
        frame = json.loads(text)
    except ValueError:
        return
    if not isinstance(frame, list) or len(frame) < 5:
        return
    join_ref, ref, topic, event, _ = frame[:5]
    if isinstance(ref, str) and event == "phx_join" and topic == LOBBY:
        machine.open_requests[ref], machine.join_ref = "join", join_ref
    elif isinstance(ref, str) and event == "heartbeat":
        machine.open_requests[ref] = "heartbeat"


def heard(conversation: list[dict[str, Any]]) -> list[PhoenixEvent | PhoenixError]:
    machine, events = Phoenix(LOBBY), list[PhoenixEvent | PhoenixError]()
    for record in conversation:
        if record["dir"] == "send" and "text" in record:
            note(machine, record["text"])
        elif record["dir"] == "recv" and "text" in record:
            try:
                events.append(machine.receive(record["text"]))
            except PhoenixError as error:
                events.append(error)
    return events


@pytest.mark.parametrize("name", UNDERSTOOD)
def test_every_frame_of_the_kill_service_means_something(name: str) -> None:
    counted: Counter[str] = Counter()
    for conversation in conversations(name):
        if "vsn=2" in conversation[0]["url"]:
            events = heard(conversation)
            counted.update(type(event).__name__ for event in events if not isinstance(event, Other | Unmatched))
            for event in events:
                if isinstance(event, Push) and event.event == "killmail_update":
                    assert isinstance(event.payload, dict)
                    for raw in event.payload["killmails"]:
                        assert parse_kill(raw, event.payload["system_id"]).time is not None
                elif isinstance(event, Joined):
                    assert isinstance(event.response["subscribed_systems"], list)
        else:  # the older form is not ours: an error of our own, and no other
            for record in conversation:
                if record["dir"] == "recv" and "text" in record:
                    with pytest.raises(PhoenixError):
                        Phoenix(LOBBY).receive(record["text"])
                    counted["PhoenixError"] += 1
    assert counted == Counter(UNDERSTOOD[name])


def streams(service: str, name: str) -> dict[str, bytes]:
    """What each recorded event stream sent."""
    found: dict[str, bytes] = {}
    for record in records(service, name):
        if record["dir"] == "chunk":
            conn = str(record["conn"])
            found[conn] = found.get(conn, b"") + record["text"].encode()
        elif record["dir"] == "exchange" and record["response"]["status"] == 200 and service == "wanderer-map":
            found[record["step"]] = record["response"]["body"].encode()
    return found


def parsed(data: bytes, size: int) -> list[SseEvent]:
    parser = SseParser()
    return [event for at in range(0, len(data), size) for event in parser.feed(data[at : at + size])]


@pytest.mark.parametrize(
    ("service", "name"),
    [
        ("wanderer-kills", "sse-01-stream"),
        ("wanderer-kills", "ws-09-shutdown"),
        ("wanderer-kills", "ws-10-killed"),
        ("wanderer-map", "http-01-refusals"),
        ("wanderer-map", "sse-01-stream"),
        ("wanderer-map", "sse-02-connection-limit"),
    ],
)
def test_every_recorded_event_stream_is_read_however_it_is_cut(service: str, name: str) -> None:
    found = streams(service, name)
    assert found
    for conn, data in found.items():
        events = parsed(data, len(data))
        assert len(events) == data.count(b"data: "), conn
        for size in (1, 7, 64):
            assert parsed(data, size) == events, (conn, size)
        for event in events:
            content = json.loads(event.data)
            if service == "wanderer-kills":
                assert parse_kill(content, None).attackers
            elif event.type != "message":  # the JSON:API form has no event line; we never ask for it
                assert event.type == content.get("type", "connected")
                parse_event("m1", event.type, event.data)


def test_recorded_refusals_of_the_map_have_words_for_an_operator() -> None:
    told = {}
    for record in records("wanderer-map", "http-01-refusals"):
        if record["dir"] == "exchange" and record["response"]["status"] != 200:
            response = record["response"]
            error = refusal("home-chain", response["status"], dict(response["headers"]), response["body"])
            told[record["step"]] = error
    assert len(told) == 11
    assert all(isinstance(error, Permanent) for error in told.values())
    words = " ".join(str(error) for error in told.values())
    for hint in ("MAP_API_KEY", "MAP_NAME", "WANDERER_SSE_ENABLED", "public API", "switched off for map"):
        assert hint in words


def test_recorded_kills_of_the_http_interface_are_read() -> None:
    read = 0
    for record in records("wanderer-kills", "http-01-endpoints"):
        if record["dir"] != "exchange" or record["response"]["status"] != 200:
            continue
        path, body = record["request"]["path"], record["response"]["body"]
        if not body or ("/kills/cached/" not in path and "/killmail/" not in path):
            continue
        data = json.loads(body)["data"]
        for raw in data.get("kills", [data]):
            assert parse_kill(raw, None).victim is not None
            read += 1
    assert read > 5
