"""What can go wrong on the gateway, as values, and the rules that decide where it strikes."""

from __future__ import annotations

import json
from random import Random
from typing import Any, Literal, TypeAlias

from attrs import define, field, frozen

JsonObject: TypeAlias = dict[str, Any]

Point: TypeAlias = Literal["connect", "hello", "beat", "identify", "resume", "dispatch"]
"""Where a fault may strike: when a socket asks in, when HELLO is due, when a frame was accepted, at each dispatch."""


@frozen(kw_only=True)
class Http:
    """Answer the upgrade with this status and the edge's page (only at `connect`)."""

    status: int


@frozen
class Reset:
    """Reset the TCP connection; at `connect` that slams the door before the upgrade."""


@frozen
class Hold:
    """Go half-open: nothing is read or written any more while TCP stays; at `connect`: accept and stay silent."""


@frozen
class Silence:
    """What is due never comes: no HELLO, no READY, no RESUMED, no ACK, no event."""


@frozen
class Late:
    """What is due comes so many seconds later."""

    seconds: float


@frozen
class Close:
    """Close with this code, None for none, after what is queued; *keep_tcp*: without ending the connection below."""

    code: int | None = 4000
    keep_tcp: bool = False


@frozen(kw_only=True)
class Say:
    """Send these payloads; *then* what was due as well."""

    payloads: tuple[JsonObject, ...]
    then: bool = False


@frozen(kw_only=True)
class Wire:
    """Put these bytes on the connection below the WebSocket protocol; *then* what was due as well."""

    data: bytes
    then: bool = False


@frozen
class Drip:
    """From now on one byte per so many seconds."""

    seconds: float


@frozen
class Repeat:
    """Send a dispatch so many times (only at `dispatch`)."""

    times: int = 2


@frozen
class Skip:
    """Lose a dispatch: its number is used and nothing is sent, nor replayed (only at `dispatch`)."""


@frozen
class Swap:
    """Send a dispatch after the one that follows it (only at `dispatch`)."""


@frozen
class Corrupt:
    """Break the compressed stream in the middle of a dispatch, or send half of it as text (only at `dispatch`)."""


@frozen
class Bare:
    """READY without the GUILD_CREATEs that should follow (only at `identify`)."""


@frozen
class Partly:
    """Replay so many dispatches, then reset the connection (only at `resume`)."""

    dispatches: int


Action: TypeAlias = (
    Http | Reset | Hold | Silence | Late | Close | Say | Wire | Drip | Repeat | Skip | Swap | Corrupt | Bare | Partly
)

OP7: JsonObject = {"op": 7, "d": None, "s": None, "t": None}
REQUESTED_BEAT: JsonObject = {"op": 1, "d": None, "s": None, "t": None}
PING = b"\x89\x00"


def invalid_session(resumable: bool) -> Say:
    """Op 9 instead of what was due."""
    return Say(payloads=({"op": 9, "d": resumable, "s": None, "t": None},))


def op7(*, times: int = 1, then: bool = False) -> Say:
    """Op 7 instead of what was due, or before it; more than one is a storm."""
    return Say(payloads=(OP7,) * times, then=then)


def frame(opcode: int, payload: bytes) -> bytes:
    """A WebSocket frame as a server sends it; *opcode* may be a reserved one."""
    size = len(payload)
    if size < 126:
        head = bytes([0x80 | opcode, size])
    elif size < 65536:
        head = bytes([0x80 | opcode, 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, 127]) + size.to_bytes(8, "big")
    return head + payload


def reserved_opcode() -> Wire:
    """A frame no protocol knows."""
    return Wire(data=frame(3, b"?"))


def bad_utf8() -> Wire:
    """A text frame that is no text."""
    return Wire(data=frame(1, b'{"op":0,"t":"\xff\xfe"}'))


def truncated_json() -> Wire:
    """A text frame with half a payload."""
    return Wire(data=frame(1, json.dumps(OP7).encode()[:12]))


@define(kw_only=True)
class Rule:
    """Where a fault strikes."""

    point: Point
    action: Action
    event: str | None = None
    """Of dispatches: only this event."""
    nth: int | None = None
    """Only the nth time (1, 2, ...) that it would strike otherwise, counted from when the rule was set."""
    probability: float = 1.0
    times: int | None = 1
    """How often it strikes before it is used up; None: for ever."""
    met: int = field(default=0, init=False)
    struck: int = field(default=0, init=False)

    @property
    def used_up(self) -> bool:
        return self.times is not None and self.struck >= self.times


class GatewayFaults:
    """The rules that are set, asked in their order; the first that strikes wins.

    Args:
        rng: decides the rules with a probability.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self.rules: list[Rule] = []

    def strike(self, point: Point, event: str | None = None) -> Action | None:
        """The misfortune that is due here, if any."""
        for rule in self.rules:
            if rule.point != point or rule.event not in (None, event) or rule.used_up:
                continue
            rule.met += 1
            if rule.nth not in (None, rule.met):
                continue
            if rule.probability < 1.0 and self._rng.random() >= rule.probability:
                continue
            rule.struck += 1
            if rule.used_up:
                self.rules.remove(rule)
            return rule.action
        return None
