"""Discord's rate limits: sliding windows per bucket, one for the whole bot, and a counter of bad requests."""

from __future__ import annotations

import hashlib
import math
from collections import deque
from datetime import datetime
from typing import Literal, TypeAlias

from attrs import Factory, define, frozen

Scope: TypeAlias = Literal["user", "global", "shared"]
HeaderList: TypeAlias = list[tuple[str, str]]

ROUNDING_S = 1e-6
"""Sums of times differ by less than this from what they should be; nobody is refused for that."""


@frozen
class Limit:
    """So many requests in so many seconds."""

    requests: int
    per_s: float


MESSAGES = Limit(5, 5.0)
"""What is commonly seen for creating messages in one channel (discord.md 3.2)."""

GLOBAL = Limit(50, 1.0)
"""Documented for a whole bot (discord.md 3.2)."""

INVALID = Limit(10_000, 600.0)
"""401, 403 and 429 from one address before the edge blocks it (discord.md 3.2)."""


@define
class Window:
    """A sliding window: each request takes a place and gives it back `per_s` seconds later."""

    limit: Limit
    _taken: deque[float] = Factory(deque)

    def left(self, at: float) -> int:
        """Free places at the moment *at* (seconds of any monotonic clock)."""
        while self._taken and self._taken[0] + self.limit.per_s <= at + ROUNDING_S:
            self._taken.popleft()
        return self.limit.requests - len(self._taken)

    def take(self, at: float) -> bool:
        """Take a place if one is free."""
        if self.left(at) <= 0:
            return False
        self._taken.append(at)
        return True

    def next_free_s(self, at: float) -> float:
        """Seconds until a place is free; 0 when one is."""
        if self.left(at) > 0 or not self._taken:
            return 0.0
        return min(self._taken[0] + self.limit.per_s - at, self.limit.per_s)

    def all_free_s(self, at: float) -> float:
        """Seconds until every place is free again, which is what the headers tell."""
        self.left(at)
        return min(self._taken[-1] + self.limit.per_s - at, self.limit.per_s) if self._taken else 0.0


@frozen(kw_only=True)
class Verdict:
    """Whether a request passes, and what its answer says about the limits."""

    headers: HeaderList
    refused: Scope | None = None
    retry_after: float = 0.0
    """Seconds, as the body of a 429 tells them."""


@define(kw_only=True)
class RateLimits:
    """All limits of one bot.

    Args:
        routes: limit per route template such as `POST /channels/{c}/messages`; what is not listed has `default`.
        overall: the limit over all routes together.
        invalid: how many bad requests make the edge block the address.
        hidden: further limits of a route that no header tells; where they refuse, places remain (discord.md 3.2).
        shared: limits of a resource that others use up; they refuse with the scope `shared`.
    """

    routes: dict[str, Limit] = Factory(lambda: {"POST /channels/{c}/messages": MESSAGES})
    default: Limit = Limit(50, 5.0)
    overall: Limit = GLOBAL
    invalid: Limit = INVALID
    hidden: dict[str, Limit] = Factory(dict)
    shared: dict[str, Limit] = Factory(dict)
    _renamed: dict[str, int] = Factory(dict)
    _windows: dict[tuple[str, str], Window] = Factory(dict)

    def take(self, route: str, major: str, at: float, wall: datetime, *, counts_for_bot: bool = True) -> Verdict:
        """Count one request to *route* with the major parameter *major* (discord.md 3.2); *at* in monotonic seconds.

        Interaction calls do not count for the bot's limit over all routes (*counts_for_bot*).
        """
        overall = self._kept("every route", "", self.overall)
        window = self._window(route, major)
        if counts_for_bot and overall.left(at) <= 0:
            wait = overall.next_free_s(at)
            headers = [("X-RateLimit-Global", "true"), ("X-RateLimit-Scope", "global"), retry_after_header(wait)]
            return Verdict(headers=headers, refused="global", retry_after=wait)
        # A refused request takes no place in its bucket, but it does count for the bot.
        if counts_for_bot:
            overall.take(at)
        passed = window.take(at)
        headers = self.describe(route, major, at, wall)
        refused: Scope = "user"
        wait = 0.0 if passed else window.next_free_s(at)
        if passed:
            for scope, beyond in self._beyond(route, major):
                if not beyond.take(at):
                    refused, wait, passed = scope, beyond.next_free_s(at), False
                    break
        if passed:
            return Verdict(headers=headers)
        headers += [("X-RateLimit-Scope", refused), retry_after_header(wait)]
        return Verdict(headers=headers, refused=refused, retry_after=wait)

    def describe(self, route: str, major: str, at: float, wall: datetime) -> HeaderList:
        """What the headers tell about a bucket now."""
        window = self._window(route, major)
        return self._bucket(route, window.limit, window.left(at), window.all_free_s(at), wall)

    def rename(self, route: str) -> str:
        """From now on the bucket of *route* has another opaque name, as Discord may do at any time; gives that."""
        self._renamed[route] = self._renamed.get(route, 0) + 1
        return self.bucket(route)

    def bucket(self, route: str) -> str:
        """The opaque name of a route's bucket now."""
        return bucket_hash(route + "'" * self._renamed.get(route, 0))

    def exhausted(
        self, route: str, scope: Scope, retry_after: float, wall: datetime, major: str = "", remaining: int = 0
    ) -> HeaderList:
        """The headers of a 429 that is given although our own count would let the request pass."""
        if scope == "global":
            return [("X-RateLimit-Global", "true"), ("X-RateLimit-Scope", "global"), retry_after_header(retry_after)]
        limit = self._window(route, major).limit
        return [
            *self._bucket(route, limit, remaining, retry_after, wall),
            ("X-RateLimit-Scope", scope),
            retry_after_header(retry_after),
        ]

    def count_invalid(self, at: float) -> None:
        """Count one 401, 403 or 429 (not of scope shared) against the address."""
        self._kept("bad requests", "", self.invalid).take(at)

    def banned(self, at: float) -> bool:
        """Whether the edge blocks the address now."""
        return self._kept("bad requests", "", self.invalid).left(at) <= 0

    def _window(self, route: str, major: str) -> Window:
        return self._kept(route, major, self.routes.get(route, self.default))

    def _kept(self, route: str, major: str, limit: Limit) -> Window:
        # A limit that was changed meanwhile starts over.
        window = self._windows.get((route, major))
        if window is None or window.limit != limit:
            window = self._windows[route, major] = Window(limit)
        return window

    def _beyond(self, route: str, major: str) -> list[tuple[Scope, Window]]:
        known: list[tuple[Scope, str, dict[str, Limit]]] = [
            ("user", "hidden", self.hidden),
            ("shared", "shared", self.shared),
        ]
        return [
            (scope, self._kept(f"{name} {route}", major, limits[route]))
            for scope, name, limits in known
            if route in limits
        ]

    def _bucket(self, route: str, limit: Limit, remaining: int, reset_after: float, wall: datetime) -> HeaderList:
        return [
            ("X-RateLimit-Limit", str(limit.requests)),
            ("X-RateLimit-Remaining", str(remaining)),
            ("X-RateLimit-Reset", f"{wall.timestamp() + reset_after:.3f}"),
            ("X-RateLimit-Reset-After", f"{_up(reset_after):.3f}"),
            ("X-RateLimit-Bucket", self.bucket(route)),
        ]


def bucket_hash(route: str) -> str:
    """The opaque name of a route's bucket; the same for every channel."""
    return hashlib.sha256(route.encode()).hexdigest()[:32]


def limited_body(retry_after: float, *, everywhere: bool, code: int | None = None) -> dict[str, object]:
    """The JSON body of a 429 from Discord itself; *retry_after* in seconds."""
    message = "You are being rate limited." if not everywhere else "You are being globally rate limited."
    told = {} if code is None else {"code": code}
    return {"message": message, "retry_after": _up(retry_after), "global": everywhere, **told}


def retry_after_header(retry_after: float) -> tuple[str, str]:
    """`Retry-After` counts whole seconds and is rounded up (discord.md 3.2)."""
    return "Retry-After", str(math.ceil(retry_after - ROUNDING_S))


def _up(seconds: float) -> float:
    # Three digits are told; rounding down would let an obedient client come a fraction too early.
    return math.ceil((seconds - ROUNDING_S) * 1000) / 1000
