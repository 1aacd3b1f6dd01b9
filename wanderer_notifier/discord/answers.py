"""What an answer of Discord's REST API means for the message that was posted (discord.md 3.4, 3.5); pure."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from wanderer_notifier.core.outcome import (
    Accepted,
    ChannelClosed,
    Limited,
    NotSent,
    Outcome,
    Rejected,
    Unauthorized,
    Unknown,
)

POSTED_AND_DELETED = Accepted("")
"""The nonce was used, and somebody deleted that message since: it went out, and has no id any more."""

DEAD_TOKEN = frozenset({40001, 50014})
WAIT = frozenset({20016, 20022, 20028, 20029, 30046, 40003, 40062})  # limits that do not always come as a 429
WAIT_S = 5.0  # where such an answer names no time
TROUBLE = frozenset({40004, 40006, 110001, 130000})  # Discord has switched something off for a while
CHANNEL = frozenset(
    {
        *(10003, 10004, 50001, 50013),  # gone, or hidden from us
        *(40058, 40067, 50008, 50024, 50068, 220001, 220002, 220003),  # not a place for plain messages
        *(50083, 160005),  # a thread that is archived or locked
        *(50007, 50278),  # a person who refuses messages
    }
)
CONTENT = frozenset({200000, 200001, 240000})  # somebody's AutoMod, or a link: it would be refused in any form
EDGE_CODE = 40333  # the edge dislikes our User-Agent
MISSING_ACCESS, MISSING_PERMISSIONS, UNKNOWN_CHANNEL = 50001, 50013, 10003

ADVICE: Mapping[int, str] = {
    UNKNOWN_CHANNEL: "the channel does not exist (deleted, or a wrong id)",
    10004: "the server does not exist for us (the bot was removed, or a wrong id)",
    MISSING_ACCESS: "the bot cannot see the channel (permission View Channel, or not in that server)",
    MISSING_PERMISSIONS: "the bot lacks a permission in the channel (Send Messages or Embed Links)",
    40058: "a forum channel takes threads, not messages",
    40067: "a forum channel takes threads, not messages",
    50008: "this kind of channel takes no messages",
    50024: "this kind of channel takes no messages",
    50083: "the thread is archived",
    160005: "the thread is locked",
}


@frozen(kw_only=True)
class Read:
    """An answer with its body looked into once; `error` is empty for success and for what is not JSON."""

    status: int
    value: Any
    """The JSON value; None when the body is none."""
    code: int
    """Discord's own error code; 0: none, or the generic one."""
    words: str
    """The error in one line, form errors as dotted paths."""
    retry_after: float | None
    edge: bool = False
    """Whether the body is a page or a line of the edge in front of Discord."""
    everywhere: bool = False
    """Whether a 429 says that it concerns all our requests."""

    @property
    def blocked(self) -> bool:
        """Whether the edge in front of Discord answered, not Discord."""
        return self.code == EDGE_CODE or (self.status in (403, 429) and self.edge)


def read(status: int, headers: Mapping[str, str], body: bytes) -> Read:
    """Look into an answer; nothing a peer may send makes this raise."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    error: dict[str, Any] = value if status >= 400 and isinstance(value, dict) else {}
    code = error.get("code")
    wait = error.get("retry_after")
    return Read(
        status=status,
        value=value,
        code=code if isinstance(code, int) else 0,
        words=_words(status, error),
        retry_after=float(wait) if isinstance(wait, int | float) and 0 <= wait < math.inf else None,
        edge=_of_the_edge(headers, body),
        everywhere=status == 429 and error.get("global") is True,
    )


def outcome(answer: Read) -> Outcome:
    """What became of the posted message; 429 and blocks of the edge are the limits' to read."""
    status, code = answer.status, answer.code
    if 200 <= status < 300:
        return _accepted(answer.value)
    if status >= 500 or status < 400 or status == 408:
        return Unknown(answer.words)
    if status == 401 or code in DEAD_TOKEN:
        return Unauthorized(answer.words)
    if code in WAIT:
        return Limited(answer.retry_after if answer.retry_after is not None else WAIT_S, "user")
    if code in TROUBLE:
        return NotSent(answer.words)
    if code == 10008:
        return POSTED_AND_DELETED
    if code in CHANNEL or _blames_the_channel(answer.value):
        return ChannelClosed(closed_words(answer), code)
    if code in CONTENT:
        return Rejected(answer.words, code, final=True)
    if status in (403, 404) and code != 20012:
        return ChannelClosed(closed_words(answer), code or None)
    return Rejected(answer.words, code or None)


def closed_words(answer: Read) -> str:
    """Why a channel is closed, in words an operator can act on."""
    advice = ADVICE.get(answer.code)
    return f"{advice} [{answer.words}]" if advice else answer.words


def flatten(errors: object, path: str = "") -> Iterator[str]:
    """Discord's tree of form errors as `embeds.0.title: Must be 256 or fewer in length.` lines."""
    if not isinstance(errors, dict):
        return
    for name, inner in errors.items():
        if name == "_errors" and isinstance(inner, list):
            for one in inner:
                message = one.get("message") if isinstance(one, dict) else one
                yield f"{path}: {message}" if path else str(message)
        else:
            yield from flatten(inner, f"{path}.{name}" if path else str(name))


def _of_the_edge(headers: Mapping[str, str], body: bytes) -> bool:
    start = body.lstrip()[:16].lower()
    return "html" in headers.get("content-type", "") or start.startswith((b"<", b"error code: 1"))


def _accepted(value: object) -> Outcome:
    identity = value.get("id") if isinstance(value, dict) else None
    if isinstance(identity, str) and identity:
        return Accepted(identity)
    return Unknown("the answer is not the message")


def _blames_the_channel(value: object) -> bool:
    errors = value.get("errors") if isinstance(value, dict) else None
    return isinstance(errors, dict) and bool(errors) and set(errors) <= {"channel_id"}


def _words(status: int, error: dict[str, Any]) -> str:
    message = error.get("message")
    code = error.get("code")
    try:
        form = "; ".join(flatten(error.get("errors")))
    except RecursionError:
        form = "a form error too deep to read"
    parts = [str(message) if message else "", form]
    said = " ".join(": ".join(part for part in parts if part).split())
    return f"HTTP {status}{f', code {code}' if code else ''}{f': {said}' if said else ''}"[:400]
