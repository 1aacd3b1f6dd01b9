"""How long to pause before the next attempt."""

from __future__ import annotations

from attrs import frozen


@frozen(kw_only=True)
class Backoff:
    """Doubling pauses with a cap; jitter only ever shortens them, so that a crowd does not return as one."""

    first_s: float = 1.0
    cap_s: float = 60.0
    jitter: float = 0.2
    healthy_after_s: float = 60.0

    def pause(self, failures: int, roll: float) -> float:
        """Seconds to wait after the *failures*-th failure in a row (1, 2, ...); *roll* is in [0, 1)."""
        full = min(self.cap_s, self.first_s * 2.0 ** min(max(failures, 1) - 1, 32))  # 2.0**1024 would overflow
        return full * (1.0 - self.jitter * roll)
