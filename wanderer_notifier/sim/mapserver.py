"""A fake of the Wanderer map server: REST, event streams and refusals, and the faults a test can ask of it."""

from __future__ import annotations

import json
import random
import re
import uuid
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime
from typing import Any

import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.killfeed_channel import token
from wanderer_notifier.sim.mapdata import static_info
from wanderer_notifier.sim.mapserver_events import BROADCAST_TYPES, Buffer, Event, ulid
from wanderer_notifier.sim.mapserver_map import Map
from wanderer_notifier.sim.mapserver_stream import Stream

JSON = "application/json; charset=utf-8"
NOT_FOUND: JsonObject = {"errors": {"detail": "Not Found"}}
BROKEN: JsonObject = {"errors": {"detail": "Internal Server Error"}}


class Refusal(Exception):
    """A request that is answered with *status* and *body*: JSON, or text without a content type."""

    def __init__(self, status: int, body: JsonObject | str) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body


class MapServer:
    """The server as a whole; give `handle` to a listener, and steer it with attributes and methods.

    Args:
        now: wall clock (aware, UTC).
        rng: source of ids.
        keepalive_s: seconds of silence after which a stream gets a comment.
    """

    def __init__(self, *, now: Callable[[], datetime], rng: random.Random, keepalive_s: float = 30.0) -> None:
        self.now = now
        self.rng = rng
        self.keepalive_s = keepalive_s
        self.maps: dict[str, Map] = {}
        """By slug."""
        self.buffer = Buffer()
        self.journal: deque[Request] = deque(maxlen=10_000)
        self.down = False
        """While true every connection is cut at once, as if nothing listened."""
        self.public_api = True
        self.sse_enabled = True
        self.max_streams = 1000
        self.max_streams_per_map = 50
        self.max_streams_per_key = 10
        self.linger_writes = 3
        """Writes after a client left until its place is free (wanderer-map.md 1.7); 0 frees it at once."""
        self.split_at: int | None = None
        """Cut every frame into pieces of this many bytes."""
        self.cut_in_next_frame = False
        """Drop the connection in the middle of the next event."""
        self.duplicate_backfill = False
        """Deliver what was replayed once more, as a race in the real server does."""
        self._rest_failures: deque[int] = deque()
        self._empty_lists = 0
        self._streams: list[Stream] = []
        self._flowing = trio.Event()
        self._flowing.set()
        self._changed = trio.lowlevel.ParkingLot()

    def add_map(self, slug: str, key: str | None, *, map_id: str | None = None) -> Map:
        """A new map with its API key (None: it has none, and refuses everybody)."""
        made = Map(
            slug=slug,
            key=key,
            id=map_id or str(uuid.UUID(int=self.rng.getrandbits(128), version=4)),
            now=self.now,
            rng=self.rng,
            announce=self._announce,
        )
        self.maps[slug] = made
        return made

    # --- faults ------------------------------------------------------------------------------------------------------

    def cut_streams(self) -> int:
        """Reset every stream; gives how many."""
        for stream in self._streams:
            stream.cut()
        return len(self._streams)

    async def end_streams(self) -> int:
        """Close every stream without the last chunk; gives how many."""
        for stream in list(self._streams):
            await stream.end()
        return len(self._streams)

    def restart(self) -> None:
        """Forget the buffer and cut the streams."""
        self.buffer.clear()
        self.cut_streams()

    def stall(self, on: bool = True) -> None:
        """Send nothing on any stream, not even keep-alives, until it is lifted."""
        if on and self._flowing.is_set():
            self._flowing = trio.Event()
        elif not on:
            self._flowing.set()

    def fail_rest(self, count: int = 1, status: int = 500) -> None:
        """Answer the next *count* REST requests of maps with *status*."""
        self._rest_failures.extend([status] * count)

    def empty_lists(self, count: int = 1) -> None:
        """Answer the next *count* REST lists as if nothing were there: the server hides its read errors so."""
        self._empty_lists += count

    # --- what a test looks at ----------------------------------------------------------------------------------------

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that take a place, oldest first; those whose client left are `gone`."""
        return tuple(self._streams)

    async def until(self, condition: Callable[[MapServer], bool]) -> None:
        """Wait until *condition* holds; it is looked at after each request, stream and event."""
        while not condition(self):
            await self._changed.park()
        await trio.lowlevel.checkpoint()

    def touch(self) -> None:
        """Let those who wait look again."""
        self._changed.unpark_all()

    async def flowing(self) -> None:
        """Return as soon as the streams are not stalled."""
        await self._flowing.wait()

    # --- serving -----------------------------------------------------------------------------------------------------

    async def handle(self, exchange: Exchange) -> None:
        """Serve one exchange."""
        request = exchange.request
        self.journal.append(request)
        if self.down:
            exchange.abort()
            return
        try:
            match = re.fullmatch(r"/api/maps/([^/]+)/(.+?)/?", request.path)
            if match and match[2] == "events/stream" and request.method == "GET":
                await self._stream(exchange, match[1])
                return
            answer: tuple[int, JsonObject | str] = (200, self._rest(request, match))
        except Refusal as refusal:
            answer = (refusal.status, refusal.body)
        finally:
            self.touch()
        await self._respond(exchange, *answer)

    async def _respond(self, exchange: Exchange, status: int, body: JsonObject | str) -> None:
        text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        raw = text.encode()
        headers = [
            ("date", format_datetime(self.now(), usegmt=True)),
            ("content-length", str(len(raw))),
            ("vary", "accept-encoding"),
            ("cache-control", "max-age=0, private, must-revalidate"),
            ("x-request-id", token(self.rng, 15)),
        ]
        if not isinstance(body, str):
            headers.append(("content-type", JSON))
        await exchange.respond(status, headers, raw)

    def _rest(self, request: Request, match: re.Match[str] | None) -> JsonObject:
        if request.method == "GET" and request.path == "/api/common/system-static-info":
            return _static(request.query.get("id"))
        if match is None or request.method != "GET":
            raise Refusal(404, NOT_FOUND)
        accept = request.headers.get("accept", "*/*")
        if accept != "*/*" and "application/json" not in accept and "application/vnd.api+json" not in accept:
            raise Refusal(406, {"error": "Not acceptable format. This API only supports: json"})
        asked = self._authorised(request, match[1])
        if self._rest_failures:
            raise Refusal(self._rest_failures.popleft(), BROKEN)
        return self._view(asked, match[2])

    def _view(self, asked: Map, what: str) -> JsonObject:
        system = re.fullmatch(r"systems/([^/]+)", what)
        if system:
            row = asked.systems.get(int(system[1])) if system[1].isdecimal() else None
            if row is None:
                raise Refusal(404, {"error": "Not found", "details": "The requested resource could not be found"})
            return {"data": asked.system_row(row)}
        if what not in ("systems", "tracked-characters"):
            raise Refusal(404, NOT_FOUND)
        glitch = self._empty_lists > 0
        self._empty_lists -= glitch
        if what == "systems":
            rows = [asked.system_row(one) for one in asked.systems.values() if one.visible and not glitch]
            return {"data": {"systems": rows, "connections": []}}
        tracked = [asked.character_row(one) for one in asked.characters.values() if one.tracked and not glitch]
        return {"data": tracked}

    def _authorised(self, request: Request, identifier: str, *, stream: bool = False) -> Map:
        """The map that a request may see, or the refusal in the server's order (wanderer-map.md 1.8)."""
        if not self.public_api:
            raise Refusal(403, "Public API is disabled")
        if stream and not self.sse_enabled:
            raise Refusal(503, "Server-Sent Events are disabled on this server")
        given = request.headers.get("authorization")
        if given is None:
            raise Refusal(401, {"error": "Missing or invalid 'Bearer' token"})
        if not given.startswith("Bearer "):
            raise Refusal(401, {"error": "Invalid authorization format - Bearer token required"})
        asked = next((one for one in self.maps.values() if one.id == identifier), self.maps.get(identifier))
        if asked is None:
            raise Refusal(404, {"error": f"Map not found for identifier: {identifier}"})
        if asked.key is None or given != f"Bearer {asked.key}":
            raise Refusal(401, {"error": "Unauthorized (invalid token for map)"})
        if not asked.subscribed:
            raise Refusal(401, "Unauthorized (map subscription not active)")
        if stream and not asked.sse_enabled:
            error = "Server-Sent Events are disabled for this map"
            raise Refusal(403, {"error": error, "code": "SSE_DISABLED_FOR_MAP", "status": 403})
        return asked

    async def _stream(self, exchange: Exchange, identifier: str) -> None:
        asked = self._authorised(exchange.request, identifier, stream=True)
        headers: list[tuple[str, str]] = [
            ("date", format_datetime(self.now(), usegmt=True)),
            ("vary", "accept-encoding"),
            ("cache-control", "no-cache"),
            ("x-request-id", token(self.rng, 15)),
            ("content-type", "text/event-stream; charset=utf-8"),
            ("connection", "keep-alive"),
            ("access-control-allow-origin", "*"),
            ("access-control-allow-headers", "Cache-Control"),
        ]
        if self._full(asked):
            await exchange.start(200, headers)  # too late for another status: that is the server's own mistake
            await exchange.hang_up()
            return
        stream = Stream(self, asked, exchange)
        self._streams.append(stream)
        try:
            await exchange.start(200, headers)
            self.touch()
            await stream.run()
        finally:
            self._streams.remove(stream)
            self.touch()

    def _full(self, asked: Map) -> bool:
        places = Counter(one.map.id for one in self._streams)
        of_map = places[asked.id]  # a map has one key, so its places are the key's
        return (
            places.total() >= self.max_streams
            or of_map >= self.max_streams_per_map
            or of_map >= self.max_streams_per_key
        )

    def _announce(self, changed: Map, event_type: str, payload: JsonObject) -> str:
        if event_type not in BROADCAST_TYPES:
            raise ValueError(f"no such event: {event_type}")
        event = Event(ulid(self.rng, self.now()), event_type, changed.id, self.now(), payload)
        if not changed.silent:
            self.buffer.add(event)
            for stream in self._streams:
                if stream.map is changed:
                    stream.offer(event)
        self.touch()
        return event.id


def _static(asked: str | None) -> JsonObject:
    if asked is None:
        raise Refusal(400, {"error": "Missing required param: id"})
    if not asked:
        raise Refusal(400, {"error": "Param id cannot be empty"})
    if not re.fullmatch(r"-?\d+", asked):
        raise Refusal(400, {"error": f"Invalid integer format: {asked}"})
    found: Any = static_info(int(asked))
    if found is None:
        raise Refusal(404, {"error": "System not found"})
    return {"data": found}
