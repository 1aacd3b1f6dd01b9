"""What happened lately, as values for the pages: from memory (`Activity`) and from the database (`Stored`)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from attrs import Factory, frozen

Fate = Literal["sent", "waiting", "given up", "not sent"]
Level = Literal["good", "fair", "bad", "off"]
"""`off`: neither news nor trouble."""


@frozen(kw_only=True)
class KillSeen:
    """One kill and what became of it."""

    killmail_id: int
    at: datetime
    """When it first came."""
    what: str
    """Ship, pilot and system, in words; may hold names that players chose."""
    fate: Fate
    why: str


@frozen(kw_only=True)
class Happened:
    """Something worth a line: a part changed its state, a message was given up."""

    at: datetime
    subject: str
    text: str
    level: Level


@frozen(kw_only=True)
class FailedKill:
    """A kill whose message could not be delivered."""

    killmail_id: int
    reason: str
    at: datetime


@frozen(kw_only=True)
class Deliveries:
    """How talking to Discord went in this run of the process."""

    in_a_row_timed_out: int = 0
    in_a_row_failed: int = 0
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None
    last_failure: str | None = None
    successes: int = 0
    failures: int = 0
    timeouts: int = 0
    limited: int = 0
    """How often Discord asked us to wait."""
    failed_kills: tuple[FailedKill, ...] = ()
    """The latest five."""


@frozen(kw_only=True)
class Link:
    """One connection over its whole life in this process."""

    id: str
    kind: Literal["websocket", "sse", "gateway"]
    state: str
    uptime_percent: float
    ping_s: float | None
    quality: Literal["excellent", "good", "poor", "critical"]


@frozen(kw_only=True)
class Counted:
    """Counters: of this run, or over the whole life of the installation."""

    received: int = 0
    """Deliveries of killmails, copies included."""
    queued: int = 0
    """Deliveries of killmails that led to a message."""
    duplicate: int = 0
    skipped: int = 0
    malformed: int = 0
    sent: Mapping[str, int] = Factory(dict)
    """Messages that stand in a channel, by kind."""
    given_up: int = 0

    @property
    def processed(self) -> int:
        return self.queued + self.duplicate + self.skipped

    @property
    def sent_in_all(self) -> int:
        return sum(self.sent.values())


@frozen(kw_only=True)
class Activity:
    """What the process remembers of itself."""

    counted: Counted = Counted()
    lifetime: Counted = Counted()
    deliveries: Deliveries = Deliveries()
    links: tuple[Link, ...] = ()
    recent: tuple[Happened, ...] = ()
    """Newest first."""
    tasks: tuple[str, ...] = ()
    """Names of the essential tasks that run."""
    lookups: Mapping[str, int] = Factory(dict)
    """Names needed by how they were had: hit, stale, miss; and `entries` remembered."""
    skipped: Mapping[str, int] = Factory(dict)
    """Why kills were not told, in this run."""
    collections: int = 0
    collected: int = 0
    open_files: int | None = None
    priority_systems: int = 0


@frozen(kw_only=True)
class Stored:
    """What the database tells; asked for when a page is."""

    kills: tuple[KillSeen, ...] = ()
    """The latest, newest first."""
    last_received_id: int | None = None
    last_received_at: datetime | None = None
    last_notified_id: int | None = None
    last_notified_at: datetime | None = None
    last_sent_at: datetime | None = None
    """The latest message of any kind."""
    oldest_waiting: datetime | None = None
    parked: int = 0
    """Events that nobody could make sense of and nobody has looked after."""
    database_bytes: int = 0
    queue: Mapping[str, int] = Factory(dict)
    """Messages by state."""
    commands: int = 0
    """Slash commands in the log."""


def ago(then: datetime | None, now: datetime) -> str:
    """`42s ago`, `5m ago`, `2h ago`, `3d ago`, or `never`."""
    if then is None:
        return "never"
    return f"{span((now - then).total_seconds(), parts=1)} ago"


def span(seconds: float, *, parts: int = 2) -> str:
    """`12s`, `3m 4s`, `2h 10m`, `3d 2h`: the *parts* largest units."""
    left = max(int(seconds), 0)
    found: list[str] = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or found or unit == "s":
            found.append(f"{count}{unit}")
    return " ".join(found[:parts])


def percent(part: float, whole: float) -> float:
    """*part* of *whole* in percent, one decimal; 0 of nothing is 0."""
    return round(100.0 * part / whole, 1) if whole else 0.0
