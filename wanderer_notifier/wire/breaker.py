"""Stops asking a peer that keeps failing, and finds out with single probes when it is back (operations.md OPS-104)."""

from __future__ import annotations

import math

from attrs import define

OPENS_AFTER = 5
FIRST_S, CAP_S = 10.0, 300.0


@define
class Breaker:
    """One peer's breaker; all times are seconds of one monotonic clock.

    Ask `wait_for`; at 0 call `started` and send, then exactly one of `succeeded`, `failed`, `released`.
    """

    _failures: int = 0
    _trips: int = 0
    _until: float = -math.inf
    _probing: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the peer counts as down."""
        return self._trips > 0

    def wait_for(self, now: float) -> float:
        """Seconds until the peer may be asked; 0: now; infinity: somebody is finding out just now."""
        if not self._trips:
            return 0.0
        return math.inf if self._probing else max(0.0, self._until - now)

    def started(self) -> None:
        """A request leaves; while open it is the probe."""
        self._probing = self._trips > 0

    def succeeded(self) -> None:
        """The peer answered sensibly."""
        self._failures, self._trips, self._probing = 0, 0, False

    def failed(self, now: float) -> None:
        """The peer did not answer, or with an error of its own."""
        self._probing = False
        self._failures += 1
        if self._failures >= OPENS_AFTER:
            self._until = now + min(CAP_S, FIRST_S * 2.0 ** min(self._trips, 16))
            self._trips += 1

    def released(self) -> None:
        """The request was given up without learning anything."""
        self._probing = False
