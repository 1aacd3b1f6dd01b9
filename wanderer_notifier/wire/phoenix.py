"""One topic on one Phoenix socket (wanderer-kills.md section 2): frames in, events out.

Serializer 2.0.0 where the server takes it; 1.0.0, whose frames do not say to which join they belong, for old ones.
"""

from __future__ import annotations

import json
from typing import Literal, TypeAlias

from attrs import frozen

from wanderer_notifier.core.events import JsonObject

Serializer = Literal["2.0.0", "1.0.0"]


class PhoenixError(Exception):
    """The peer sent something that is no Phoenix frame."""


@frozen
class Joined:
    """The current join was accepted."""

    response: JsonObject


@frozen
class JoinRefused:
    """The current join was refused; the topic is not joined."""

    reason: str


@frozen
class Push:
    """The server sent an event on our topic, of whatever generation: kills of a replaced join still count."""

    event: str
    payload: object


@frozen
class ChannelCrashed:
    """The channel's process died; the subscription is gone, the socket is fine."""


@frozen
class ChannelClosed:
    """The channel ended."""


@frozen
class HeartbeatAcked:
    """The socket answered a heartbeat."""

    ref: str


@frozen
class Unmatched:
    """The server does not know us on this topic (any more)."""


@frozen
class Other:
    """Nothing to act on: an answer nobody waits for, a channel of the past, a foreign topic."""

    what: str


PhoenixEvent: TypeAlias = (
    Joined | JoinRefused | Push | ChannelCrashed | ChannelClosed | HeartbeatAcked | Unmatched | Other
)


class Phoenix:
    """The requests under way and the current join; the caller moves the bytes and watches the clock."""

    def __init__(self, topic: str, serializer: Serializer = "2.0.0") -> None:
        self.topic, self.serializer = topic, serializer
        self.join_ref: str | None = None
        """The ref of the newest join; what the server says about older ones is history."""
        self.open_requests: dict[str, Literal["join", "heartbeat"]] = {}
        """Refs without an answer so far."""
        self._count = 0
        self._joined = False
        self._replaced = 0
        """Joins that were replaced and whose `phx_close` has not come; 1.0.0 does not say whose it is."""

    def join(self, payload: JsonObject) -> str:
        """The frame that joins the topic, replacing any join before it."""
        ref = self._next("join")
        if self.join_ref is not None:
            self.open_requests.pop(self.join_ref, None)
        self._replaced += self._joined
        self._joined = False
        self.join_ref = ref
        return self._frame(ref, ref, self.topic, "phx_join", payload)

    def heartbeat(self) -> tuple[str, str]:
        """The ref and the frame of a heartbeat."""
        ref = self._next("heartbeat")
        return ref, self._frame(None, ref, "phoenix", "heartbeat", {})

    def receive(self, message: str | bytes) -> PhoenixEvent:
        """What one message of the server means; raises `PhoenixError` when it means nothing."""
        join_ref, ref, topic, event, payload = _parts(message, self.serializer)
        if event == "phx_reply":
            return self._reply(ref, topic, payload)
        if topic != self.topic:
            return Other(f"{event} on another topic")
        if event in ("phx_error", "phx_close"):
            if self.serializer == "1.0.0":
                join_ref = self._whose(ref, event)
            if not isinstance(join_ref, str) or join_ref != self.join_ref:
                return Other(f"{event} of an earlier join")
            self.open_requests.pop(join_ref, None)
            self._joined = False
            return ChannelCrashed() if event == "phx_error" else ChannelClosed()
        return Push(event, payload)

    def _reply(self, ref: object, topic: str, payload: object) -> PhoenixEvent:
        kind = self.open_requests.pop(ref, None) if isinstance(ref, str) else None
        answer = payload if isinstance(payload, dict) else {}
        response = answer.get("response")
        if kind == "heartbeat":
            assert isinstance(ref, str)
            return HeartbeatAcked(ref)
        if kind == "join" and answer.get("status") == "ok":
            self._joined = True
            return Joined(response if isinstance(response, dict) else {})
        reason = response.get("reason") if isinstance(response, dict) else None
        if kind == "join":
            return JoinRefused(reason if isinstance(reason, str) else "no reason given")
        if topic == self.topic and reason == "unmatched topic":
            return Unmatched()
        return Other("an answer nobody waits for")

    def _whose(self, ref: object, event: str) -> object:
        """The join that a 1.0.0 frame speaks of: its ref if it has one, else the current unless another one is due."""
        if ref is not None:
            self._replaced -= bool(self._replaced) and ref != self.join_ref
            return ref
        if event == "phx_close" and self._replaced:
            self._replaced -= 1
            return None
        return self.join_ref

    def _frame(self, join_ref: str | None, ref: str, topic: str, event: str, payload: JsonObject) -> str:
        frame: object = [join_ref, ref, topic, event, payload]
        if self.serializer == "1.0.0":
            frame = {"topic": topic, "event": event, "payload": payload, "ref": ref, "join_ref": join_ref}
        return json.dumps(frame, separators=(",", ":"))

    def _next(self, kind: Literal["join", "heartbeat"]) -> str:
        self._count += 1
        ref = str(self._count)
        self.open_requests[ref] = kind
        return ref


def _parts(message: str | bytes, serializer: Serializer) -> tuple[object, object, str, str, object]:
    if not isinstance(message, str):
        raise PhoenixError("a binary frame")
    try:
        # NaN and Infinity are no JSON; as nulls they cost one field of one kill and not the connection.
        frame = json.loads(message, parse_constant=lambda name: None)
    except (ValueError, RecursionError) as error:
        raise PhoenixError(f"a frame of {len(message)} characters that is not JSON") from error
    if serializer == "1.0.0":
        if not isinstance(frame, dict):
            raise PhoenixError("a frame that is not an object")
        frame = [frame.get(key) for key in ("join_ref", "ref", "topic", "event", "payload")]
    if not isinstance(frame, list) or len(frame) < 5:
        raise PhoenixError("a frame that is not a list of five")
    join_ref, ref, topic, event, payload = frame[:5]
    if not isinstance(topic, str) or not isinstance(event, str):
        raise PhoenixError("a frame without topic or event")
    return join_ref, ref, topic, event, payload
