"""Events of the fake map server: ids, the buffer for reconnecting clients, the filter, and the frames on the wire.

Pure; wanderer-map.md 1.2 to 1.6.
"""

from __future__ import annotations

import json
import random
from collections import deque
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.killmails import iso

FILTER_TYPES = frozenset(
    {
        "acl_member_added",
        "acl_member_removed",
        "acl_member_updated",
        "add_system",
        "character_added",
        "character_location_changed",
        "character_online_status_changed",
        "character_ready_status_changed",
        "character_removed",
        "character_ship_changed",
        "character_updated",
        "connection_added",
        "connection_removed",
        "connection_updated",
        "deleted_system",
        "map_kill",
        "rally_point_added",
        "rally_point_removed",
        "signature_added",
        "signature_removed",
        "signatures_updated",
        "system_metadata_changed",
        "system_renamed",
    }
)
"""What a stream can carry; all of it when the client names nothing."""

BROADCAST_TYPES = FILTER_TYPES | {"characters_updated"}
"""What the map produces: one more, which takes room in the buffer and reaches no stream."""

KEEPALIVE = b": keepalive\n\n"
KEPT = timedelta(minutes=10)
BACKFILL = 1000

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ACTIONS = {
    "add_system": "created",
    "map_kill": "created",
    "deleted_system": "deleted",
    "signatures_updated": "bulk_updated",
}


@frozen
class Event:
    """One event of one map."""

    id: str
    type: str
    map_id: str
    at: datetime
    payload: JsonObject


class Buffer:
    """The events of the last ten minutes of all maps."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()

    def add(self, event: Event) -> None:
        while self._events and event.at - self._events[0].at > KEPT:
            self._events.popleft()
        self._events.append(event)

    def after(self, map_id: str, event_id: str, now: datetime) -> list[Event]:
        """What a client that saw *event_id* has missed, in order of ids; the first thousand only, of every type."""
        missed = [
            event for event in self._events if event.map_id == map_id and event.id > event_id and now - event.at <= KEPT
        ]
        return sorted(missed, key=lambda event: event.id)[:BACKFILL]

    @property
    def newest(self) -> Event | None:
        """The event that happened last."""
        return self._events[-1] if self._events else None

    def clear(self) -> None:
        self._events.clear()


def ulid(rng: random.Random, at: datetime) -> str:
    """A ULID: 48 bits of milliseconds and 80 random ones in base 32."""
    number = (int(at.timestamp() * 1000) << 80) | rng.getrandbits(80)
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def is_ulid(text: str) -> bool:
    """What the server takes for one: 26 characters of the alphabet."""
    return len(text) == 26 and all(one in _ALPHABET for one in text)


def wanted_types(asked: str | None) -> frozenset[str]:
    """The types that an `events` parameter lets through: unknown names are dropped, none at all means everything."""
    if asked is None or asked.strip() in ("", "*"):
        return FILTER_TYPES
    return frozenset(name.strip() for name in asked.split(",")) & FILTER_TYPES


def frame(event: Event) -> bytes:
    """An event as the default format writes it."""
    data = {
        "id": event.id,
        "type": event.type,
        "map_id": event.map_id,
        "timestamp": iso(event.at, micros=True),
        "payload": event.payload,
    }
    return f"event: {event.type}\nid: {event.id}\ndata: {_json(data)}\n\n".encode()


def greeting(event_id: str, map_id: str, now: datetime) -> bytes:
    """The first frame of a stream, whose data is no event."""
    data = {"map_id": map_id, "server_time": iso(now, micros=True)}
    return f"event: connected\nid: {event_id}\ndata: {_json(data)}\n\n".encode()


def jsonapi_frame(event: Event) -> bytes:
    """An event in the JSON:API format: neither type nor id outside of the data."""
    action = _ACTIONS.get(event.type) or {"added": "created", "removed": "deleted", "updated": "updated"}.get(
        event.type.rsplit("_", 1)[-1], "unknown"
    )
    return _jsonapi(event.id, event.payload, event.map_id, (event.type, action, iso(event.at, micros=True), event.id))


def jsonapi_greeting(event_id: str, other_id: str, map_id: str, now: datetime) -> bytes:
    """The first frame in the JSON:API format, malformed as the server's is: it belongs to no map."""
    data = {"map_id": map_id, "server_time": iso(now, micros=True)}
    attributes = {"id": event_id, "event": "connected", "data": data}
    return _jsonapi(other_id, attributes, None, (None, "unknown", iso(now, micros=True), None))


def with_crlf(frame: bytes) -> bytes:
    """The frame with the line ends of another platform (cases.md S02)."""
    return frame.replace(b"\n", b"\r\n")


def with_lone_cr(frame: bytes) -> bytes:
    return frame.replace(b"\n", b"\r")


def without_spaces(frame: bytes) -> bytes:
    """The frame as terse as the grammar allows, among comments, and a greeting behind a byte-order mark (S04)."""
    terse = b":\n: a comment\n" + frame.replace(b": ", b":", 3)
    return b"\xef\xbb\xbf" + terse if frame.startswith(b"event: connected") else terse


def _jsonapi(
    data_id: str, attributes: JsonObject, map_id: str | None, meta: tuple[str | None, str, str, str | None]
) -> bytes:
    event_type, action, timestamp, event_id = meta
    value = {
        "data": {
            "type": "events",
            "id": data_id,
            "attributes": attributes,
            "relationships": {"map": {"data": {"type": "maps", "id": map_id}}},
        },
        "meta": {
            "event_type": event_type,
            "event_action": action,
            "timestamp": timestamp,
            "map_id": map_id,
            "event_id": event_id,
        },
        "links": {
            "related": f"/api/v1/maps/{map_id or ''}",
            "self": f"/api/v1/maps/{map_id or ''}/events/stream",
        },
    }
    return f"data: {_json(value)}\n\n".encode()


def _json(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
