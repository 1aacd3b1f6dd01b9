"""One session of the gateway: its numbers, what a resume would replay, and how long it survives alone."""

from __future__ import annotations

import json
import math
from collections import deque
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from attrs import Factory, define, frozen

if TYPE_CHECKING:
    from wanderer_notifier.sim.gateway_connection import Connection

JsonObject: TypeAlias = dict[str, Any]

DAY_S = 86_400.0
ROUNDING_S = 1e-6

BUFFER = 2048
"""Dispatches that can be replayed (discord.md 5.2)."""


@frozen
class Dispatch:
    """A numbered event, ready for the wire."""

    seq: int
    event: str
    text: str


@define(kw_only=True, eq=False)
class Session:
    """A session, with or without a connection."""

    id: str
    intents: int
    shard: Any = None
    presence: JsonObject | None = None
    seq: int = 0
    connection: Connection | None = None
    alone_since: float | None = None
    """Seconds of Trio's clock; None while it is connected."""
    bricked: bool = False
    """Whether each RESUME is answered by a reset."""
    withheld: Dispatch | None = None
    """A dispatch that is sent after the next one."""
    buffer: deque[Dispatch] = Factory(lambda: deque(maxlen=BUFFER))
    _lost_until: int = 0

    def number(self, event: str, data: object, *, keep: bool = True) -> Dispatch:
        """Give *event* the next number; *keep*: and remember it for a resume."""
        self.seq += 1
        text = json.dumps({"op": 0, "s": self.seq, "t": event, "d": data}, separators=(",", ":"))
        dispatch = Dispatch(self.seq, event, text)
        if keep:
            if len(self.buffer) == self.buffer.maxlen:
                self._lost_until = self.buffer[0].seq
            self.buffer.append(dispatch)
        return dispatch

    def missed(self, seq: int) -> list[Dispatch] | None:
        """What came after *seq*; None when some of it is no longer remembered."""
        if seq < self._lost_until:
            return None
        return [one for one in self.buffer if one.seq > seq]


@define
class IdentifyBudget:
    """How often a token may identify (discord.md 1.9).

    Args:
        total: sessions per day.
        spacing_s: seconds between two IDENTIFYs.
    """

    total: int = 1000
    spacing_s: float = 5.0
    used: int = 0
    _reset_at: float | None = None
    _last: float | None = None

    def take(self, at: float) -> Literal["ok", "too fast", "spent"]:
        """Count one IDENTIFY at the moment *at* (monotonic seconds)."""
        if self._reset_at is None or at >= self._reset_at:
            self._reset_at, self.used = at + DAY_S, 0
        if self.used >= self.total:
            return "spent"
        self.used += 1
        if self._last is not None and at - self._last < self.spacing_s - ROUNDING_S:
            return "too fast"
        self._last = at
        return "ok"

    def json(self, at: float) -> JsonObject:
        """`session_start_limit`; `reset_after` counts milliseconds."""
        over = self._reset_at is None or at >= self._reset_at
        reset_s = 0.0 if over or self._reset_at is None else self._reset_at - at
        return {
            "total": self.total,
            "remaining": self.total - (0 if over else self.used),
            "reset_after": math.ceil(reset_s * 1000),
            "max_concurrency": 1,
        }
