"""The wire side of the kill service's socket: its two serializers and what a handshake asks for.

Pure; wanderer-kills.md 1.2, 2.1 and 2.2.
"""

from __future__ import annotations

import json
import re
from typing import Any, Literal

from attrs import frozen

Version = Literal["1.0.0", "2.0.0"]


class Undecodable(Exception):
    """The text is not a message of this serializer; the service closes the socket with 1011."""


@frozen
class Frame:
    """One message; in a push of the server `ref` is None, in a frame of the 1.0.0 form `join_ref` is not written."""

    join_ref: Any
    ref: Any
    topic: Any
    event: Any
    payload: Any


def decode(version: Version, text: str | bytes) -> Frame:
    """Read what a client sent. Raises `Undecodable`."""
    if isinstance(text, bytes):
        return _decode_binary(version, text)
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Undecodable("not JSON") from error
    if version == "2.0.0":
        if not isinstance(value, list) or len(value) < 5:
            raise Undecodable("not an array of five")
        return Frame(*value[:5])
    if not isinstance(value, dict) or not {"topic", "event", "payload", "ref"} <= value.keys():
        raise Undecodable("not an object with topic, event, payload and ref")
    return Frame(value.get("join_ref"), value["ref"], value["topic"], value["event"], value["payload"])


def _decode_binary(version: Version, data: bytes) -> Frame:
    """The binary push of version 2: a zero, four lengths, four strings, and the payload as bytes."""
    if version == "2.0.0" and len(data) >= 5 and data[0] == 0 and len(data) >= 5 + sum(data[1:5]):
        parts, at = [], 5
        for size in data[1:5]:
            parts.append(data[at : at + size].decode("utf-8", "replace"))
            at += size
        join_ref, ref, topic, event = parts
        return Frame(join_ref, ref, topic, event, data[at:])
    raise Undecodable("not a binary push")


def encode(version: Version, frame: Frame) -> str:
    """Write a frame of the server."""
    value: Any
    if version == "2.0.0":
        value = [frame.join_ref, frame.ref, frame.topic, frame.event, frame.payload]
    else:
        value = {"ref": frame.ref, "event": frame.event, "topic": frame.topic, "payload": frame.payload}
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def version_asked(asked: str | None) -> Version | None:
    """The serializer for a `vsn` parameter: `~> 1.0.0`, `~> 2.0.0`, absent means the first."""
    match = re.fullmatch(r"([12])\.0\.\d+", asked if asked is not None else "1.0.0")
    if match is None:
        return None
    return "1.0.0" if match[1] == "1" else "2.0.0"


def identifier(query: dict[str, str]) -> str:
    """What a client calls itself, cleaned as the service does it; empty for anonymous (wanderer-kills.md 1.2)."""
    for name in ("client_id", "client_identifier", "identifier"):
        if name in query:
            return re.sub(r"[^A-Za-z0-9_-]", "_", query[name].strip()[:32])
    return ""
