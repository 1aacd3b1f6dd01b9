"""What Discord's headers teach about its rate-limit buckets (discord.md 3.2, 3.3 points 1 to 5 and 10)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from attrs import Factory, define

IDLE_S = 300.0
LEARNT_S = 86_400.0
SWEEP_S = 60.0
LONGEST_S = 86_400.0  # no header may silence us for longer


@define
class _Limiter:
    """What is known of one bucket of one major parameter."""

    limit: int | None = None
    remaining: int | None = None
    reset_at: float = -math.inf
    used_at: float = -math.inf
    in_flight: dict[str, int] = Factory(dict)
    """By route, since routes may share a bucket and may leave it again."""

    def flying(self) -> int:
        return sum(self.in_flight.values())


@define
class _Learnt:
    bucket: str
    at: float


@define
class Buckets:
    """One limiter per bucket and major parameter; a bucket nobody told us about yet is its route."""

    _learnt: dict[str, _Learnt] = Factory(dict)
    _limiters: dict[tuple[str, str], _Limiter] = Factory(dict)
    _swept_at: float = -math.inf

    def wait_for(self, route: str, major: str, now: float) -> float:
        """Seconds until a place is free; infinity: not before something in flight ends."""
        limiter = self._limiters.get(self._key(route, major))
        return 0.0 if limiter is None else self._wait(limiter, now)

    def started(self, route: str, major: str, now: float) -> None:
        """A request takes a place."""
        limiter = self._limiters.setdefault(self._key(route, major), _Limiter())
        limiter.in_flight[route] = limiter.in_flight.get(route, 0) + 1
        limiter.used_at = now

    def released(self, route: str, major: str, now: float) -> None:
        """A request ended without an answer; Discord may have counted it."""
        limiter = self._land(route, major, now)
        if limiter.remaining is not None:
            limiter.remaining = max(0, limiter.remaining - 1)

    def answered(self, route: str, major: str, headers: Mapping[str, str], now: float) -> None:
        """A request ended with an answer, which may say where it was counted and how much is left."""
        limiter = self._land(route, major, now)
        bucket = headers.get("x-ratelimit-bucket")
        if bucket:
            if self._key(route, major)[0] != bucket:
                self._move(route, bucket)
            self._learnt[route] = _Learnt(bucket, now)
            limiter = self._limiters.setdefault((bucket, major), limiter)
            limiter.used_at = now
        limit = number(headers.get("x-ratelimit-limit"))
        remaining = number(headers.get("x-ratelimit-remaining"))
        reset_after = number(headers.get("x-ratelimit-reset-after"))
        if limit is not None:
            limiter.limit = max(1, int(limit))
        if remaining is not None and reset_after is not None:
            fresh = int(remaining)
            if limiter.flying() and limiter.remaining is not None and now < limiter.reset_at:
                fresh = min(limiter.remaining - 1, fresh)  # answers may overtake each other
            limiter.remaining = max(0, fresh)
            limiter.reset_at = now + min(reset_after, LONGEST_S)
        self._sweep(now)

    def exhausted(self, route: str, major: str, now: float, wait_s: float) -> None:
        """A 429 for this bucket."""
        limiter = self._limiters.setdefault(self._key(route, major), _Limiter())
        limiter.remaining, limiter.reset_at, limiter.used_at = 0, now + wait_s, now

    def known(self) -> tuple[int, int]:
        """How many limiters and how many learnt buckets are remembered."""
        return len(self._limiters), len(self._learnt)

    def _key(self, route: str, major: str) -> tuple[str, str]:
        learnt = self._learnt.get(route)
        return (learnt.bucket if learnt else route), major

    def _wait(self, limiter: _Limiter, now: float) -> float:
        flying = limiter.flying()
        if now < limiter.reset_at:
            if limiter.remaining is not None and limiter.remaining <= 0:
                return limiter.reset_at - now
            left = limiter.remaining if limiter.remaining is not None else 1
        else:
            left = limiter.limit if limiter.limit is not None else 1  # not learnt yet: one at a time
        return 0.0 if flying < left else math.inf

    def _land(self, route: str, major: str, now: float) -> _Limiter:
        limiter = self._limiters.setdefault(self._key(route, major), _Limiter())
        limiter.used_at = now
        flying = limiter.in_flight.pop(route, 0) - 1
        if flying > 0:
            limiter.in_flight[route] = flying
        return limiter

    def _move(self, route: str, bucket: str) -> None:
        """Discord counts *route* elsewhere now: take what we know along, for every major parameter."""
        old = self._learnt[route].bucket if route in self._learnt else route
        shared = any(other != route and learnt.bucket == old for other, learnt in self._learnt.items())
        for key in [key for key in self._limiters if key[0] == old]:
            before = self._limiters[key]
            flying = before.in_flight.pop(route, 0)
            if shared:
                after = self._limiters.setdefault((bucket, key[1]), _Limiter(used_at=before.used_at))
            else:
                del self._limiters[key]
                after = self._limiters.setdefault((bucket, key[1]), before)
            if flying:
                after.in_flight[route] = after.in_flight.get(route, 0) + flying

    def _sweep(self, now: float) -> None:
        if now - self._swept_at < SWEEP_S:
            return
        self._swept_at = now
        for key, limiter in list(self._limiters.items()):
            if not limiter.flying() and max(limiter.used_at + IDLE_S, limiter.reset_at) <= now:
                del self._limiters[key]
        for route, learnt in list(self._learnt.items()):
            if learnt.at + LEARNT_S <= now and all(route not in one.in_flight for one in self._limiters.values()):
                del self._learnt[route]


def number(text: str | float | None) -> float | None:
    """A header or JSON value as a number of zero or more; None when it is none."""
    try:
        value = float(text) if text is not None else math.nan
    except ValueError:
        return None
    return value if 0.0 <= value < math.inf else None


def first_number(*candidates: str | float | None, default: float) -> float:
    """The first of *candidates* that is a number."""
    return next((value for value in map(number, candidates) if value is not None), default)
