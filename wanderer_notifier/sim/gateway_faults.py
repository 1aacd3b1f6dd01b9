"""What can go wrong on the gateway, as values."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

from attrs import frozen

JsonObject: TypeAlias = dict[str, Any]


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
class Deaf:
    """Read nothing any more, yet acknowledge a heartbeat per interval as if all were well; what was due comes."""


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
    """From now on one byte per so many seconds, also of what was due."""

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


def unknown(*, then: bool = False) -> Say:
    """An opcode and an event of a Discord newer than its clients (discord.md 1.2: to be ignored)."""
    event = {"op": 0, "d": {"new": True}, "s": None, "t": "SOMETHING_NEW"}
    return Say(payloads=({"op": 77, "d": {"new": True}, "s": None, "t": None, "more": 1}, event), then=then)
