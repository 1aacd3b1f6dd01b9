"""What every part of the service is doing right now, and why: the one source for probes, metrics and pages."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import trio
from attrs import frozen

State = Literal["starting", "ok", "degraded", "failed", "disabled"]

GAPS = 10
"""So many of the latest gaps of a feed are shown."""


@frozen(kw_only=True)
class FeedGap:
    """A time in which a feed was not heard, and what became of it."""

    begin: datetime
    end: datetime
    recovered: int
    """Events of that time that were found elsewhere."""
    unrecoverable: str = ""
    """What could not be made good, in words; empty when nothing is missing."""


@frozen(kw_only=True)
class ComponentView:
    """One component at one moment; times are UTC, `for_s` counts seconds in the present state."""

    name: str
    state: State
    reason: str
    since: datetime
    for_s: float
    last_ok_at: datetime | None
    last_error_at: datetime | None
    last_error: str | None
    reconnects: int
    """Attempts to connect again."""
    seen_at: datetime | None
    """When the peer was last heard of (any sign of life)."""
    covered: bool = False
    """Degraded, but its work is done by other means: by asking instead of listening, or from what is stored."""
    gaps: tuple[FeedGap, ...] = ()
    """The latest times in which a feed was not heard, oldest first."""
    failures: int = 0
    """How often it came into trouble, or into another one."""
    next_attempt_at: datetime | None = None
    """When it is tried again, as far as that is known."""


class Component:
    """The state of one part; written by the task that runs it, read by everyone through `view()`."""

    def __init__(self, name: str, now: Callable[[], datetime], changed: Callable[[ComponentView], None]) -> None:
        self.name = name
        self._now, self._changed = now, changed
        self._state: State = "starting"
        self._reason = ""
        self._covered = False
        self._since, self._since_s = now(), trio.current_time()
        self._was_ok_s = 0.0
        self._last_ok_at: datetime | None = None
        self._last_error_at: datetime | None = None
        self._last_error: str | None = None
        self._seen_at: datetime | None = None
        self._reconnects = self._failures = 0
        self._next_attempt_at: datetime | None = None
        self._gaps: deque[FeedGap] = deque(maxlen=GAPS)

    @property
    def state(self) -> State:
        return self._state

    def to(self, state: State, reason: str = "", *, covered: bool = False) -> None:
        """Enter *state* because of *reason*; repeating the same state and reason changes nothing.

        *covered* says that the part's work goes on by other means, so that being degraded is no reason to be unready.
        """
        if state in ("degraded", "failed"):
            self._last_error, self._last_error_at = reason[:200], self._now()
        if state == "ok":
            self._last_ok_at = self._now()
        self._covered = covered
        if (state, reason) == (self._state, self._reason):
            return
        self._failures += state in ("degraded", "failed")
        if state in ("ok", "disabled"):
            self._next_attempt_at = None
        if state != self._state:
            if self._state == "ok":
                self._was_ok_s = trio.current_time() - self._since_s
            elif state == "ok":
                self._was_ok_s = 0.0
            self._since, self._since_s = self._now(), trio.current_time()
        self._state, self._reason = state, reason
        self._changed(self.view())

    def seen(self) -> None:
        """Note a sign of life of the peer."""
        self._seen_at = self._now()

    def reconnecting(self, in_s: float | None = None) -> None:
        """Count one more attempt to connect, in so many seconds; what was good before it is not its merit."""
        self._reconnects += 1
        self._next_attempt_at = None if in_s is None else self._now() + timedelta(seconds=in_s)
        self._was_ok_s = 0.0
        self._changed(self.view())

    def note_gap(self, gap: FeedGap) -> None:
        """Keep what became of a time in which the feed was not heard."""
        self._gaps.append(gap)

    def was_up_for(self, seconds: float) -> bool:
        """Whether the last stretch in state `ok` (the present one included) lasted at least *seconds*."""
        present = trio.current_time() - self._since_s if self._state == "ok" else self._was_ok_s
        return present >= seconds

    def view(self) -> ComponentView:
        return ComponentView(
            name=self.name,
            state=self._state,
            reason=self._reason,
            since=self._since,
            for_s=trio.current_time() - self._since_s,
            last_ok_at=self._last_ok_at,
            last_error_at=self._last_error_at,
            last_error=self._last_error,
            reconnects=self._reconnects,
            seen_at=self._seen_at,
            covered=self._covered,
            gaps=tuple(self._gaps),
            failures=self._failures,
            next_attempt_at=self._next_attempt_at,
        )


class Health:
    """The registry of components."""

    def __init__(self, now: Callable[[], datetime], changed: Callable[[ComponentView], None] | None = None) -> None:
        self._now = now
        self._changed = changed or (lambda view: None)
        self._parts: dict[str, Component] = {}

    def component(self, name: str) -> Component:
        """The component called *name*, registered on first use (state `starting`)."""
        if name not in self._parts:
            self._parts[name] = Component(name, self._now, self._changed)
        return self._parts[name]

    def forget(self, name: str) -> None:
        """Drop a component that no longer exists (a removed map)."""
        self._parts.pop(name, None)

    def views(self) -> tuple[ComponentView, ...]:
        """All components now, in order of registration."""
        return tuple(part.view() for part in self._parts.values())
