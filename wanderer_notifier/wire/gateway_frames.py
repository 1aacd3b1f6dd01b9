"""The gateway's address and frames: what is sent, and how a payload is found in what arrives."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.wire.zlib_stream import BadStream, Inflater

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME, RECONNECT, INVALID_SESSION, HELLO, ACK = 0, 1, 2, 3, 6, 7, 9, 10, 11

GUILDS, GUILD_VOICE_STATES = 1 << 0, 1 << 7
LARGEST_SENT = 4096
"""Bytes of one frame of ours; a longer one is answered with close 4002."""
PIECES = 16
"""A message cut by flushes of its own is waited for so many pieces long."""


class Garbled(Exception):
    """What arrived is no payload; tells size and kind of the trouble only, since content may hold secrets."""


class BadAddress(Exception):
    """Not an address of a gateway."""


def address(url: str, *, compress: bool) -> str:
    """The address to connect to: that of discovery or of READY, which may have a path and a query of its own (P14).

    Raises `BadAddress`.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadAddress(str(error)) from None
    if parts.scheme not in ("ws", "wss") or not host:
        raise BadAddress("a gateway's address begins with wss:// and names a host")
    ours = {"v": "10", "encoding": "json"} | ({"compress": "zlib-stream"} if compress else {})
    theirs = [(name, value) for name, value in parse_qsl(parts.query) if name not in {*ours, "compress"}]
    return urlunsplit((parts.scheme, parts.netloc, parts.path or "/", urlencode([*theirs, *ours.items()]), ""))


def as_safe_as(url: str, base: str) -> bool:
    """Whether the token may go to *url* when it may go to *base*: never from an encrypted address to a plain one."""
    return not (base.startswith("wss:") and not url.startswith("wss:"))


def identify(token: str, intents: int, properties: Mapping[str, str], presence: JsonObject | None) -> JsonObject:
    """The frame that begins a session."""
    data: JsonObject = {
        "token": token,
        "intents": intents,
        "properties": dict(properties),
        "large_threshold": 50,
        "shard": [0, 1],
    }
    if presence is not None:
        data["presence"] = presence
    return {"op": IDENTIFY, "d": data}


def resume(token: str, session_id: str, seq: int) -> JsonObject:
    """The frame that goes on with a session after the dispatch *seq*."""
    return {"op": RESUME, "d": {"token": token, "session_id": session_id, "seq": seq}}


def heartbeat(seq: int | None) -> JsonObject:
    """A sign of life; *seq* is the last dispatch of this session."""
    return {"op": HEARTBEAT, "d": seq}


class Decoder:
    """Turns the WebSocket messages of one connection into payloads."""

    def __init__(self, *, compress: bool) -> None:
        self._inflater = Inflater() if compress else None
        self._begun = b""
        self._pieces = 0

    def feed(self, message: str | bytes) -> JsonObject | None:
        """The payload that *message* completes, None while more is to come. Raises `Garbled`."""
        if isinstance(message, str) or self._inflater is None:
            return _parse(message)
        try:
            piece = self._inflater.feed(message)
        except BadStream as error:
            raise Garbled(f"{len(message)} bytes that do not inflate: {error}") from error
        if piece is None:
            return None
        # The four bytes of the end may also stand inside a message that comes in pieces (P38): then what is there so
        # far is no JSON, and the rest of it follows.
        self._begun += piece
        try:
            payload = _parse(self._begun)
        except Garbled:
            self._pieces += 1
            if self._pieces >= PIECES or (self._pieces > 1 and _is_payload(piece)):
                raise  # a whole payload behind something unfinished: that one will never be finished
            return None
        self._begun, self._pieces = b"", 0
        return payload


def _parse(text: str | bytes) -> JsonObject:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Garbled(f"{len(text)} {_unit(text)} that are no JSON ({type(error).__name__})") from None
    if not isinstance(value, dict) or type(value.get("op")) is not int:
        raise Garbled(f"{len(text)} {_unit(text)} of JSON that are no payload")
    return value


def _is_payload(text: bytes) -> bool:
    try:
        _parse(text)
    except Garbled:
        return False
    return True


def _unit(text: str | bytes) -> str:
    return "characters" if isinstance(text, str) else "bytes"
