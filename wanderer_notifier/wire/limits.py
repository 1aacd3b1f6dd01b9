"""Discord's rate limits as a machine: who may send now, who must wait, for how long (discord.md 3.2, 3.3)."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import Factory, define, frozen

from wanderer_notifier.wire.buckets import LONGEST_S, Buckets, first_number

Scope: TypeAlias = Literal["user", "shared", "global", "edge"]
Holder: TypeAlias = Literal["user", "global", "edge", "own"]
Alarm: TypeAlias = Literal["none", "warn", "optional stopped", "stopped"]

MARGIN_S = 0.05  # discord.js waits as much longer than it was told
GLOBAL_PER_S = 45.0  # of the documented 50 per second and bot
GLOBAL_BURST = 5.0  # burst and rate together stay within 50 in any second
INVALID_WINDOW_S = 600.0  # 10,000 of 401, 403, 429 in this time and Discord blocks the address
WARN_AT, STOP_OPTIONAL_AT, STOP_AT = 100, 1_000, 5_000
EDGE_FIRST_S, EDGE_CAP_S = 600.0, 3_600.0


@frozen(kw_only=True)
class Refused:
    """A 429 or a block by the edge: by whom, and how long to wait."""

    scope: Scope
    wait_s: float


@define
class Limits:
    """One machine for everything a bot sends; all times are seconds of one monotonic clock.

    The order is: ask `wait_for`; at 0 call `started` at once and send; call `answered` or, when no answer came for
    whatever reason (cancellation included), `released`. Ask again after each of those two: places may be free.
    A route is method and template (`POST /channels/{c}/messages`), *major* the channel, guild or webhook id.
    """

    _buckets: Buckets = Factory(Buckets)
    _closed_until: float = -math.inf
    """The global gate: a deadline, so that nobody has to remember to open it."""
    _tokens: float = GLOBAL_BURST
    _tokens_at: float = -math.inf
    _invalid: deque[float] = Factory(deque)
    _edge_until: float = -math.inf
    _edge_streak: int = 0

    def wait_for(self, route: str, major: str, now: float, *, optional: bool = False) -> float:
        """Seconds until *route* may be tried; 0: now; infinity: not before something in flight ends.

        *optional* traffic gives way earlier when too many requests were refused.
        """
        gate = max(self._closed_until, self._edge_until, self._guarded_until(now, optional=optional)) - now
        bucket = self._buckets.wait_for(route, major, now)
        missing = 1.0 - self._available(now)
        tokens = missing / GLOBAL_PER_S if missing > 1e-9 else 0.0
        return max(0.0, gate, bucket, tokens)

    def holder(self, now: float) -> Holder:
        """Whose wait it is when `wait_for` says to wait: everybody's (edge, global), our own caution's, a bucket's."""
        if self._edge_until > now:
            return "edge"
        if self._guarded_until(now, optional=False) > now:
            return "own"
        return "global" if self._closed_until > now else "user"

    def started(self, route: str, major: str, now: float) -> None:
        """A request leaves now."""
        self._tokens, self._tokens_at = self._available(now) - 1.0, now
        self._buckets.started(route, major, now)

    def released(self, route: str, major: str, now: float) -> None:
        """No answer came; whether Discord counted the request is not known, so the count stays."""
        self._buckets.released(route, major, now)

    def answered(
        self,
        route: str,
        major: str,
        status: int,
        headers: Mapping[str, str],
        retry_after: float | None,
        now: float,
        *,
        blocked: bool = False,
        everywhere: bool = False,
    ) -> Refused | None:
        """Learn from an answer; what it refused, if it was a matter of limits.

        *headers* have lower-case names and may all be missing; *retry_after* is that of the JSON body (None: the
        body had none); *blocked* says that the body is a block of the edge whatever the status, *everywhere* that the
        body of a 429 speaks of all requests.
        """
        self._buckets.answered(route, major, headers, now)
        scope = _scope(status, headers, retry_after, blocked=blocked, everywhere=everywhere)
        if status in (401, 403, 429) and scope != "shared":
            self._count_invalid(now)
        if scope == "edge":
            return self._block(headers, now)
        if status < 500:
            self._edge_streak = 0
        if scope is None:
            return None
        wait = first_number(
            retry_after, headers.get("retry-after"), headers.get("x-ratelimit-reset-after"), default=1.0
        )
        wait = min(wait, LONGEST_S) + MARGIN_S
        if scope == "global":
            self._closed_until = max(self._closed_until, now + wait)
        else:
            self._buckets.exhausted(route, major, now, wait)
        return Refused(scope=scope, wait_s=wait)

    def invalid(self, now: float) -> int:
        """How many requests were refused with 401, 403 or 429 in the last ten minutes."""
        while self._invalid and self._invalid[0] <= now - INVALID_WINDOW_S:
            self._invalid.popleft()
        return len(self._invalid)

    def alarm(self, now: float) -> Alarm:
        """How near the refusals are to a block of our address."""
        count = self.invalid(now)
        if count >= STOP_AT:
            return "stopped"
        if count >= STOP_OPTIONAL_AT:
            return "optional stopped"
        return "warn" if count >= WARN_AT else "none"

    def known(self) -> tuple[int, int]:
        """How many limiters and how many learnt buckets are remembered."""
        return self._buckets.known()

    # --- the gates ------------------------------------------------------------------------------------------------

    def _available(self, now: float) -> float:
        gained = (now - self._tokens_at) * GLOBAL_PER_S
        return GLOBAL_BURST if gained >= GLOBAL_BURST else min(GLOBAL_BURST, self._tokens + gained)

    def _guarded_until(self, now: float, *, optional: bool) -> float:
        allowed = STOP_OPTIONAL_AT if optional else STOP_AT
        count = self.invalid(now)
        return -math.inf if count < allowed else self._invalid[count - allowed] + INVALID_WINDOW_S

    def _count_invalid(self, now: float) -> None:
        self.invalid(now)
        self._invalid.append(now)

    def _block(self, headers: Mapping[str, str], now: float) -> Refused:
        self._edge_streak += 1
        doubling = min(EDGE_CAP_S, EDGE_FIRST_S * 2.0 ** min(self._edge_streak - 1, 8))
        wait = min(first_number(headers.get("retry-after"), default=doubling), LONGEST_S) + MARGIN_S
        self._edge_until = max(self._edge_until, now + wait)
        return Refused(scope="edge", wait_s=self._edge_until - now)


def _scope(
    status: int, headers: Mapping[str, str], retry_after: float | None, *, blocked: bool, everywhere: bool
) -> Scope | None:
    if blocked:
        return "edge"
    if status != 429:
        return None
    if retry_after is None and not any(name.startswith("x-ratelimit-") for name in headers):
        return "edge"  # discord.md 3.2: HTML, or JSON without a time; Discord itself always tells
    scope = headers.get("x-ratelimit-scope")
    if everywhere or scope == "global" or headers.get("x-ratelimit-global", "").lower() == "true":
        return "global"
    return "shared" if scope == "shared" else "user"
