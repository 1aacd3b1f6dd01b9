"""How much longer ESI puts up with our errors, and when to leave it alone (operations.md OPS-103)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import define

from wanderer_notifier.wire.buckets import number

SLOW_BELOW, STOP_AT = 20, 5
LIMITED_S = 60.0
"""After a 420, and after a 429 that names no time."""
LONGEST_S = 300.0


@define
class Patience:
    """ESI's error budget as its headers tell it; all times are seconds of one monotonic clock."""

    remaining: int | None = None
    """Errors left in the running window; None before the first answer."""
    _resets_at: float = -math.inf
    _closed_until: float = -math.inf
    _asked_at: float = -math.inf

    def wait_for(self, now: float) -> float:
        """Seconds until the next request may leave; 0: now."""
        return max(0.0, self._closed_until - now, self._spacing(now) - (now - self._asked_at))

    def started(self, now: float) -> None:
        """A request leaves now."""
        self._asked_at = now

    def answered(self, status: int, headers: Mapping[str, str], now: float) -> None:
        """Learn from an answer; *headers* have lower-case names."""
        left, resets_s = number(headers.get("x-esi-error-limit-remain")), number(headers.get("x-esi-error-limit-reset"))
        if left is not None and resets_s is not None:
            self.remaining, self._resets_at = int(left), now + min(resets_s, LONGEST_S)
            if left <= STOP_AT:
                self._closed_until = max(self._closed_until, self._resets_at)
        if status in (420, 429):
            wait = number(headers.get("retry-after")) if status == 429 else None
            self._closed_until = max(self._closed_until, now + min(LIMITED_S if wait is None else wait, LONGEST_S))

    def _spacing(self, now: float) -> float:
        """With little budget left, the rest of the window is shared out between the errors still allowed."""
        if self.remaining is None or self.remaining >= SLOW_BELOW or now >= self._resets_at:
            return 0.0
        return (self._resets_at - now) / max(self.remaining - STOP_AT, 1)
