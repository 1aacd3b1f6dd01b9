"""When one channel may be tried again: growing pauses, what Discord asked for, and news that make waiting pointless."""

from __future__ import annotations

import math
from collections.abc import Callable

import trio

from wanderer_notifier.core.backoff import Backoff

RETRY = Backoff(first_s=1.0, cap_s=30.0)  # operations.md OPS-112
CLOSED = Backoff(first_s=60.0, cap_s=600.0)
LONGEST_REST_S = 600.0  # a pause noted by a former process counts for no longer: its clock may have been wrong
LONGEST_LOOK_S = 0.05  # the wall clock may stand or step back; looking at it again must not become a busy loop
PROBE_GAP_S = 15.0
"""A closed channel is not tried sooner after its last refusal, whatever the news: refusals are counted against us."""


class Pace:
    """The pauses of one channel; *roll* is jitter, in [0, 1)."""

    def __init__(self, roll: Callable[[], float]) -> None:
        self._roll = roll
        self._failures = 0
        self._not_before = -math.inf
        self._closed_at: float | None = None
        self._moved = trio.Event()

    def remember(self, rest_s: float, *, closed: bool) -> None:
        """Keep the pause that a former process (or a worker that ended) left behind."""
        self._not_before = trio.current_time() + min(rest_s, LONGEST_REST_S)
        self._closed_at = -math.inf if closed else None

    def rest(self, seconds: float) -> None:
        """Try no sooner than in so many seconds."""
        self._not_before = trio.current_time() + seconds
        self._closed_at = None

    def failed(self) -> float:
        """One more failure in a row; how long to pause for it."""
        self._failures += 1
        return RETRY.pause(self._failures, self._roll())

    def went_well(self) -> None:
        """Discord answered to the channel."""
        self._failures, self._closed_at = 0, None

    def closed(self, seconds: float) -> None:
        """The channel as a whole was refused: rest, unless there is news."""
        self.went_well()
        self.rest(seconds)
        self._closed_at = trio.current_time()

    def probe(self) -> None:
        """There is news of the channel: a refusal may be over. Other pauses stay as they are."""
        if self._closed_at is not None:
            soonest = max(trio.current_time(), self._closed_at + PROBE_GAP_S)
            self._not_before = min(self._not_before, soonest)
            self.nudge()

    def nudge(self) -> None:
        """Let who waits look again."""
        self._moved.set()
        self._moved = trio.Event()

    async def due(self, stop: trio.Event, fresh_for_s: Callable[[], float]) -> bool:
        """Wait until the channel may be tried or *fresh_for_s*() is over; False when asked to stop before that.

        A `nudge` must follow *stop*.
        """
        while (wait := self._not_before - trio.current_time()) > 0:
            if stop.is_set():
                return False
            fresh = fresh_for_s()
            if fresh <= 0:
                return True
            with trio.move_on_after(min(wait, max(fresh, LONGEST_LOOK_S))):
                await self._moved.wait()
        return True
