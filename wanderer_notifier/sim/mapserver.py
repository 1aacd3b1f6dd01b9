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

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.http import Exchange, Instead, Request
from wanderer_notifier.sim.killfeed_channel import token
from wanderer_notifier.sim.mapserver_events import BROADCAST_TYPES, Buffer, Event, ulid
from wanderer_notifier.sim.mapserver_map import Map
from wanderer_notifier.sim.mapserver_plugin import PATH as PLUGIN_PATH
from wanderer_notifier.sim.mapserver_plugin import Plugin
from wanderer_notifier.sim.mapserver_rest import Refusal, authorised, rest
from wanderer_notifier.sim.mapserver_stream import Stream
from wanderer_notifier.sim.watched import Watched

JSON = "application/json; charset=utf-8"


class MapServer(Watched):
    """The server as a whole; give `handle` to a listener, and steer it with attributes and methods.

    Args:
        now: wall clock (aware, UTC).
        rng: source of ids.
        keepalive_s: seconds of silence after which a stream gets a comment.
    """

    def __init__(self, *, now: Callable[[], datetime], rng: random.Random, keepalive_s: float = 30.0) -> None:
        super().__init__()
        self.now = now
        self.rng = rng
        self.keepalive_s = keepalive_s
        self.maps: dict[str, Map] = {}
        """By slug."""
        self.plugin = Plugin(now)
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
        self.respell: Callable[[bytes], bytes] | None = None
        """Writes every frame otherwise, in one of the spellings of `mapserver_events` or any other."""
        self.stream_type = "text/event-stream; charset=utf-8"
        self.instead: Instead | None = None
        """What a proxy in front answers to everything."""
        self.duplicate_backfill = False
        """Deliver what was replayed once more, as a race in the real server does."""
        self.rest_failures: deque[int] = deque()
        self.lists_to_empty = 0
        self._streams: list[Stream] = []

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

    def fail_rest(self, count: int = 1, status: int = 500) -> None:
        """Answer the next *count* REST requests of maps with *status*."""
        self.rest_failures.extend([status] * count)

    def empty_lists(self, count: int = 1) -> None:
        """Answer the next *count* REST lists as if nothing were there: the server hides its read errors so."""
        self.lists_to_empty += count

    # --- what a test looks at ----------------------------------------------------------------------------------------

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams that take a place, oldest first; those whose client left are `gone`."""
        return tuple(self._streams)

    # --- serving -----------------------------------------------------------------------------------------------------

    async def handle(self, exchange: Exchange) -> None:
        """Serve one exchange."""
        request = exchange.request
        self.journal.append(request)
        if self.down:
            exchange.abort()
            return
        if self.instead is not None:
            await exchange.respond(self.instead.status, self.instead.headers, self.instead.body)
            self.touch()
            return
        try:
            match = re.fullmatch(r"/api/maps/([^/]+)/(.+?)/?", request.path)
            if match and match[2] == "events/stream" and request.method == "GET":
                await self._stream(exchange, match[1])
                return
            answer: tuple[int, JsonObject | str]
            if request.path == PLUGIN_PATH and request.method == "GET":
                answer = self.plugin.answer(request.headers.get("authorization"))
            else:
                answer = (200, rest(self, request, match))
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

    async def _stream(self, exchange: Exchange, identifier: str) -> None:
        asked = authorised(self, exchange.request, identifier, stream=True)
        headers: list[tuple[str, str]] = [
            ("date", format_datetime(self.now(), usegmt=True)),
            ("vary", "accept-encoding"),
            ("cache-control", "no-cache"),
            ("x-request-id", token(self.rng, 15)),
            ("content-type", self.stream_type),
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
