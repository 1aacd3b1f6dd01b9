"""When a new session may be begun: Discord's budget of IDENTIFYs, and a smaller one of our own (discord.md 1.9).

Whoever begins more than 1,000 sessions a day loses the token. A crash loop spends the same budget, so that the
times must outlive the process; they are unix seconds.
"""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from wanderer_notifier.core.events import JsonObject

SPACING_S = 5.0
"""Discord takes one IDENTIFY (times max_concurrency) in so many seconds."""
SLACK_S, JITTER_S = 0.5, 1.0
HOUR_S, DAY_S = 3_600.0, 86_400.0
HOURLY, DAILY = 20, 200
FRESH_S = 300.0
"""What `/gateway/bot` said counts for so long."""
LOW = 0.1
"""Below this part of the budget the rest is spread over the time that is left."""


@frozen(kw_only=True)
class Discovered:
    """The answer of `GET /gateway/bot`; *reset_at* and *seen_at* are unix seconds."""

    url: str
    total: int
    remaining: int
    reset_at: float
    seen_at: float

    def fresh(self, now: float) -> bool:
        """Whether its budget may still be believed."""
        return 0.0 <= now - self.seen_at < FRESH_S


class BadDiscovery(Exception):
    """The answer does not name a gateway."""


def read_discovery(value: object, now: float) -> Discovered:
    """Look into the answer of `/gateway/bot`; a missing budget counts as a full one. Raises `BadDiscovery`."""
    answer: JsonObject = value if isinstance(value, dict) else {}
    url = answer.get("url")
    if not isinstance(url, str) or not url:
        raise BadDiscovery("the answer of /gateway/bot has no url")
    limit = answer.get("session_start_limit")
    limit = limit if isinstance(limit, dict) else {}
    total = _count(limit.get("total"), 1000)
    return Discovered(
        url=url,
        total=total,
        remaining=_count(limit.get("remaining"), total),
        reset_at=now + _count(limit.get("reset_after"), 0) / 1000.0,  # it is in milliseconds
        seen_at=now,
    )


def wait_for(times: Sequence[float], found: Discovered | None, now: float, roll: float) -> tuple[float, str]:
    """How many seconds to wait before the next IDENTIFY, and for which reason; (0, "") when it may go out now.

    *times* are those of the last 24 hours. Half of our own budget may be spent at once, the other half only evenly,
    so that no outage of Discord's ends in hours of waiting of ours.
    """
    at = [min(one, now) for one in times if one > now - DAY_S]  # a clock that was set back must not stop us for long
    last = max(at, default=now - DAY_S)
    waits = [
        (last + SPACING_S + SLACK_S + JITTER_S * roll - now, "spacing"),
        (_spread(at, now, HOUR_S, HOURLY), "our hourly budget"),
        (_spread(at, now, DAY_S, DAILY), "our daily budget"),
    ]
    if found is not None and now < found.reset_at:
        left = found.remaining - sum(1 for one in times if one > found.seen_at)
        if left <= 0:
            waits.append((found.reset_at - now, "Discord's budget is spent"))
        elif left < LOW * found.total:
            waits.append((last + (found.reset_at - now) / left - now, "Discord's budget is low"))
    wait, why = max(waits)
    return (wait, why) if wait > 0 else (0.0, "")


def _spread(at: Sequence[float], now: float, window_s: float, allowed: int) -> float:
    recent = sorted(one for one in at if one > now - window_s)
    if len(recent) >= allowed:
        return recent[len(recent) - allowed] + window_s - now
    if len(recent) >= allowed // 2:
        return recent[-1] + window_s / (allowed - allowed // 2) - now
    return 0.0


def _count(value: object, otherwise: int) -> int:
    return value if type(value) is int and value >= 0 else otherwise
