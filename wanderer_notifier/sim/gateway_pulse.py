"""The heartbeats of one client of the fake gateway: when each is due, how late it came, and how long silence lasts."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import trio

from wanderer_notifier.sim.gateway_journal import Beat

JsonObject: TypeAlias = dict[str, Any]

PATIENCE = 1.5
"""Intervals without a beat until the client counts as gone (discord.md 5.2)."""


class Pulse:
    """Starts with HELLO; before it nothing is due.

    Args:
        interval_s: what HELLO says.
    """

    def __init__(self, interval_s: float) -> None:
        self.interval_s = interval_s
        self.asked = False
        """Whether the next beat answers op 1, and so moves no timer."""
        self._due = 0.0
        self._silence = trio.CancelScope()

    def hello(self) -> JsonObject:
        """HELLO's payload; from now on beats are due."""
        at = trio.current_time()
        self._due = at + self.interval_s
        self._silence.deadline = at + PATIENCE * self.interval_s
        return {"op": 10, "d": {"heartbeat_interval": round(self.interval_s * 1000)}, "s": None, "t": None}

    def beat(self, connection: int, data: object) -> Beat:
        """Take in a beat of *connection* with its `d`."""
        at = trio.current_time()
        seq = data if isinstance(data, int) else None
        beat = Beat(at=at, connection=connection, seq=seq, late_s=at - self._due, asked=self.asked)
        if not self.asked:
            self._due = at + self.interval_s
        self.asked = False
        self._silence.deadline = at + PATIENCE * self.interval_s
        return beat

    def excuse(self) -> None:
        """Miss no beat any more."""
        self._silence.deadline = math.inf

    async def missed(self) -> None:
        """Return when no beat came for too long."""
        with self._silence:
            await trio.sleep_forever()
