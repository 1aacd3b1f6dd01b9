"""An incremental parser of event streams (WHATWG HTML 9.2; rules and vectors of wanderer-map.md section 8)."""

from __future__ import annotations

import re

from attrs import frozen

MAX_BYTES = 2**20
"""Longest line, and longest data of one event; the map's own events stay below a few kilobytes."""

_LINE_END = re.compile(rb"\r\n|\n|\r")  # and nothing else: U+2028, U+0085, VT and FF are text
_BOM = b"\xef\xbb\xbf"
_LONGEST_RETRY = 15  # digits; Python refuses to read numbers of thousands of them


class SseError(Exception):
    """The stream breaks our limits; only a new connection helps."""


@frozen
class SseEvent:
    """One dispatched event; `id` is the last event id at that moment, which an event without one inherits."""

    type: str
    data: str
    id: str


class SseParser:
    """Bytes in, events out; an unfinished event at the end of the stream is dropped by never being asked for."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self.last_id = ""
        """The id as of the last blank line; a resume cursor that must survive connections belongs to the caller."""
        self.retry_ms: int | None = None
        self._max = max_bytes
        self._line = bytearray()
        self._swallow_lf = False  # the last chunk ended in CR, which already ended its line
        self._fresh = True
        self._broken: SseError | None = None
        self._type, self._id = "", ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that *chunk* completes.

        Raises `SseError` when a line or an event grows too large, after all events before it were handed out.
        """
        if self._broken is not None:
            raise self._broken
        if self._swallow_lf and chunk:
            self._swallow_lf = False
            chunk = chunk.removeprefix(b"\n")
        if chunk:
            self._swallow_lf = chunk.endswith(b"\r")
        events: list[SseEvent] = []
        *ends, rest = _LINE_END.split(chunk)
        try:
            for end in ends:
                self._take(end)
                line, self._line = bytes(self._line), bytearray()
                if (event := self._process(line)) is not None:
                    events.append(event)
            self._take(rest)
        except SseError as error:
            self._broken = error
            if not events:
                raise
        return events

    def _take(self, part: bytes) -> None:
        self._line += part
        if len(self._line) > self._max:
            raise SseError(f"a line of more than {self._max} bytes")

    def _process(self, line: bytes) -> SseEvent | None:
        if self._fresh:
            self._fresh = False
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._size += len(line)
            if self._size > self._max:
                raise SseError(f"an event of more than {self._max} bytes")
            self._data.append(value)
        elif name == "event":
            self._type = value
        elif name == "id":
            if "\0" not in value:
                self._id = value
        elif name == "retry" and value.isascii() and value.isdigit() and len(value) <= _LONGEST_RETRY:
            self.retry_ms = int(value)
        return None  # an empty name is a comment, any other name is nobody's

    def _dispatch(self) -> SseEvent | None:
        self.last_id = self._id
        lines, kind = self._data, self._type
        self._data, self._type, self._size = [], "", 0
        return SseEvent(kind or "message", "\n".join(lines), self.last_id) if lines else None
