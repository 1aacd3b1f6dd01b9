"""Holes in the kill feed: how far back one must look, what can be found there, and when silence is suspicious."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.reading import as_id, as_number, as_time, is_object

INGEST_LIMIT = timedelta(hours=1)
"""The service publishes no kill older than this (wanderer-kills.md 4.7), so a gap hides none that is older."""

PRELOAD_MOST = 5
"""What a join replays per system at most (2.8); a system that shows fewer has shown all."""

LONG_GAP = timedelta(minutes=2)
"""After a longer one every system is asked for: cheap, and the preload need not be trusted."""

RESTART_MARGIN = timedelta(seconds=2)
UPTIME_STEP_S = 36.0
"""Some versions tell their uptime only in hundredths of an hour."""

INGEST_SILENCE_S = 600.0
"""All of New Eden gives a kill every few seconds (5.4): a service that took in none for this long is cut off."""

DOWNTIME = (time(11, 0), time(12, 0))
"""The game is down from 11:00 UTC, and nobody is alarmed before 12:00 (cases.md S23)."""


@frozen
class Gap:
    """A time in which a feed was not heard."""

    begin: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        return max((self.end - self.begin).total_seconds(), 0.0)

    def earliest(self, now: datetime, max_age_s: float) -> datetime:
        """The oldest kill time that is worth recovering: published in the gap, and still young enough to tell."""
        return max(self.begin - INGEST_LIMIT, now - timedelta(seconds=max_age_s))

    def forgotten(self, uptime_s: float | None, now: datetime) -> bool:
        """Whether the service started within the gap, so that its memory does not reach back to the beginning."""
        return uptime_s is not None and now - timedelta(seconds=uptime_s) > self.begin - RESTART_MARGIN


@frozen(kw_only=True)
class Condition:
    """What the service says of itself; None where it says nothing."""

    uptime_s: float | None = None
    ingest_age_s: float | None = None
    """Seconds since it took in a kill of anybody."""
    healthy: bool | None = None

    def fault(self) -> str | None:
        """Why no kills can be expected of it; None when nothing speaks against it."""
        if self.ingest_age_s is not None and self.ingest_age_s >= INGEST_SILENCE_S:
            return f"the kill service itself has taken in none for {self.ingest_age_s / 60:.0f} min"
        if self.healthy is False:
            return "the kill service says that it is unhealthy"
        return None


def read_condition(status: object, health: object) -> Condition:
    """What `/status` and `/health` tell, whatever they are; names differ between versions (5.4)."""
    metrics, summary = _inner(status, "metrics"), _inner(status, "summary")
    processing, system = _inner(metrics, "processing"), _inner(metrics, "system")
    ages = [as_number(value) for name, value in processing.items() if name.endswith("last_killmail_ago_seconds")]
    uptime = as_number(system.get("uptime_seconds"))
    if uptime is None and (hours := as_number(summary.get("uptime_hours"))) is not None:
        uptime = max(hours * 3600.0 - UPTIME_STEP_S, 0.0)
    if uptime is None and is_object(health):
        uptime = as_number(health.get("uptime_seconds"))
    healthy = health.get("healthy") if is_object(health) else None
    return Condition(
        uptime_s=uptime,
        ingest_age_s=next((age for age in ages if age is not None), None),
        healthy=healthy if isinstance(healthy, bool) else None,
    )


def in_downtime(now: datetime) -> bool:
    """Whether silence is owed to the game's daily downtime; *now* is UTC."""
    return DOWNTIME[0] <= now.time() < DOWNTIME[1]


def doubtful(shown: Mapping[int, Sequence[datetime | None]], earliest: datetime) -> tuple[int, ...]:
    """The systems whose preload may have left out kills: it was full, and all of it newer than *earliest*."""
    return tuple(
        sorted(
            system
            for system, times in shown.items()
            if len(times) >= PRELOAD_MOST and all(when is None or when > earliest for when in times)
        )
    )


def kill_id(raw: object) -> int | None:
    """The id of a raw killmail in any of its shapes."""
    return as_id(raw.get("killmail_id") or raw.get("killID")) if is_object(raw) else None


def kill_time(raw: object) -> datetime | None:
    """The time of a raw killmail in any of its shapes."""
    return as_time(raw.get("kill_time") or raw.get("killmail_time")) if is_object(raw) else None


def is_whole(raw: object) -> bool:
    """Whether *raw* is a killmail and not only a reference to one (4.5)."""
    return is_object(raw) and kill_time(raw) is not None and is_object(raw.get("victim"))


class Seen:
    """The kills a feed has brought lately, so that copies are known as such; the oldest of *limit* are forgotten."""

    def __init__(self, limit: int = 20_000) -> None:
        self._limit = limit
        self._ids: OrderedDict[int, None] = OrderedDict()

    def __contains__(self, number: int | None) -> bool:
        return number in self._ids

    def __len__(self) -> int:
        return len(self._ids)

    def add(self, number: int | None) -> bool:
        """Note *number*; False when it was known (or is none)."""
        if number is None or number in self._ids:
            return False
        self._ids[number] = None
        if len(self._ids) > self._limit:
            self._ids.popitem(last=False)
        return True

    def update(self, numbers: Iterable[int | None]) -> None:
        for number in numbers:
            self.add(number)


def _inner(value: object, key: str) -> JsonObject:
    inner = value.get(key) if is_object(value) else None
    return inner if is_object(inner) else {}
