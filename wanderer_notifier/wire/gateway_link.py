"""What belongs to one connection of the gateway and dies with it: heartbeats, patience, the pace of sending."""

from __future__ import annotations

import math
from collections import deque
from typing import Literal, TypeAlias

from attrs import Factory, define

from wanderer_notifier.core.events import JsonObject

Phase: TypeAlias = Literal["hello", "auth", "replay", "live"]
"""Waiting for HELLO; for READY or the first replayed dispatch; for RESUMED; nothing more to wait for."""

HELLO_S = 15.0
AUTH_S = 30.0
"""After IDENTIFY or RESUME without a frame of any kind: ask for a sign of life."""
PROBE_S = 10.0
PHASE_S = 600.0
"""With signs of life Discord may take long in an outage (discord.md 1.3); longer than this another try is better."""
WINDOW_S = 60.0
"""In it Discord takes 120 frames of one connection."""
MOST_REQUESTED = 100
MOST_FRAMES = 110
PRESENCE_S = 20.0
"""The presence is told no more often (discord.md 1.10)."""
LATE_S = 5.0
SLACK_S = 1e-6
"""Sums of floats: two intervals may come out a hair short."""


@define
class Link:
    """One connection; all times are seconds of one monotonic clock."""

    opened_at: float
    resuming: bool
    """Whether it goes on with a session (else it begins one)."""
    phase: Phase = "hello"
    left: str | None = None
    """Why we decided to leave; from then on nothing counts that still arrives."""
    live_at: float = math.inf
    latency_s: float | None = None
    """The latest heartbeat's way there and back."""
    _interval_s: float = math.inf
    _next_beat: float = math.inf
    _beat_at: float = -math.inf
    """When the last scheduled beat was sent."""
    _heard_at: float = -math.inf
    _unanswered_since: float | None = None
    _patient_since: float = math.inf
    _patience_until: float = math.inf
    _probed: bool = False
    _auth_at: float = math.inf
    _sent: deque[float] = Factory(lambda: deque(maxlen=MOST_FRAMES))

    @property
    def deadline(self) -> float:
        """When `overdue` or `beat_due` may have something to say next."""
        if self.phase == "hello":
            return self.opened_at + HELLO_S
        patience = self._patience_until if self.phase == "auth" else math.inf
        limit = self._auth_at + PHASE_S if self.phase in ("auth", "replay") else math.inf
        return min(self._next_beat, patience, limit)

    def heard(self, now: float) -> None:
        """A frame of any kind arrived."""
        self._heard_at = now

    def hello(self, interval_s: float, now: float, roll: float) -> None:
        """HELLO: the first beat goes out after a random part of the interval, and IDENTIFY or RESUME at once."""
        self._interval_s, self._next_beat = interval_s, now + interval_s * roll
        self.phase, self._auth_at = "auth", now
        self._patient_since, self._patience_until = now, now + AUTH_S

    def acked(self, now: float) -> None:
        """A beat was answered."""
        if self._unanswered_since is not None:
            self.latency_s = now - self._unanswered_since
        self._unanswered_since = None

    def beat_due(self, now: float) -> bool:
        """Whether the next scheduled beat must go out now."""
        return now >= self._next_beat

    def dead(self, now: float) -> str | None:
        """At a scheduled beat: why the peer counts as gone (discord.md 1.3).

        An answer may stand in line behind a backlog, so that any frame since the last beat is a sign of life; but two
        intervals without an answer are too many even then.
        """
        if now - self._next_beat > LATE_S:
            return None  # it was us who were away: let the reader catch up first
        if math.isfinite(self._beat_at) and self._heard_at < self._beat_at:
            return "no frame since the last heartbeat"
        if self._unanswered_since is not None and now - self._unanswered_since >= 2 * self._interval_s - SLACK_S:
            return "no answer to heartbeats for two intervals"
        return None

    def beaten(self, now: float, *, scheduled: bool) -> None:
        """A beat leaves; one that was asked for does not move the schedule (P06)."""
        if self._unanswered_since is None:
            self._unanswered_since = now
        if scheduled:
            self._beat_at = now
            following = self._next_beat + self._interval_s
            self._next_beat = following if following > now else now + self._interval_s

    def impatient(self, now: float) -> Literal["wait", "probe", "leave"]:
        """How to take it that neither READY nor RESUMED came so far."""
        if self.phase in ("auth", "replay") and now >= self._auth_at + PHASE_S:
            return "leave"
        if self.phase != "auth" or now < self._patience_until:
            return "wait"
        if self._heard_at > self._patient_since:
            self._patient_since, self._patience_until, self._probed = now, now + AUTH_S, False
            return "wait"
        if self._probed:
            return "leave"
        self._patience_until, self._probed = now + PROBE_S, True
        return "probe"

    def sent(self, now: float) -> None:
        """A frame other than a scheduled beat leaves."""
        self._sent.append(now)

    def may_send(self, now: float, *, most: int = MOST_FRAMES) -> bool:
        """Whether there is room for such a frame; scheduled beats go out in any case."""
        return sum(1 for at in self._sent if at > now - WINDOW_S) < most

    def went_live(self, now: float) -> None:
        """READY or RESUMED came."""
        self.phase, self.live_at = "live", now


@define
class PresenceWish:
    """What the bot should be seen doing, and what Discord was told last."""

    wanted: JsonObject | None = None
    told: JsonObject | None = None
    told_at: float = -math.inf

    @property
    def due(self) -> float:
        """When Discord may be told of it; never while it knows."""
        return math.inf if self.wanted == self.told else self.told_at + PRESENCE_S

    def tell(self, now: float) -> None:
        """Discord is told."""
        self.told, self.told_at = self.wanted, now
