"""What is remembered about one map from connection to connection."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime

import trio
from attrs import frozen

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.cursors import cursor_before, ulid_time_ms
from wanderer_notifier.feeds.map_pace import Pace
from wanderer_notifier.net.client import Upstream

CLOCK_BACK_S = 2.0
"""Ids of one moment are milliseconds out of order (1.5); this is another clock."""
HORIZON_S = 720.0
"""The oldest that the server repeats (1.5)."""
SEEN_EVENTS = 10_000
"""Resuming a little early and the stream's own overlap repeat events; the server keeps at most 1,000 (1.5, 7.7)."""


@frozen(kw_only=True)
class MapSource:
    """Where a map is; *api* carries the map's key as its Authorization header."""

    slug: str
    api: Upstream
    silence_s: float = 90.0
    """Without a byte for this long the stream is dead: the server comments every 30 s."""
    open_s: float = 30.0
    """So long may connecting take, up to the answer's headers."""
    backoff: Backoff = Backoff()
    """How long to pause before connecting again."""
    reconcile_s: float = 600.0
    """How often the lists are compared although all seems well: a lapsed subscription only goes silent (1.4)."""
    poll_s: float = 60.0
    """How often the lists are read of a map that offers no stream."""


class MapMemory:
    """The resume cursor, the events already handed on, and until when the map is known without a gap."""

    def __init__(
        self,
        cursor: Callable[[], str | None],
        tell_seed: Callable[[str], Awaitable[None]] | None,
        begun: str | None,
        last_heard: datetime | None,
        read_at: datetime | None,
        now: Callable[[], datetime],
    ) -> None:
        self._committed, self._tell_seed = cursor, tell_seed
        self._seed: str | None = None
        self._begun = begun  # the greeting that the very first cursor was
        self._useless: str | None = None  # a cursor from before the server's clock went back, and what to use instead
        self._instead: str | None = None
        self._seen: set[tuple[str, str]] = set()
        self._order: deque[tuple[str, str]] = deque()
        self._known_until: float | None = None  # on Trio's clock
        if last_heard is not None:
            self._known_until = trio.current_time() - max(0.0, (now() - last_heard).total_seconds())
        self.loaded_at: float | None = None
        """When a snapshot was last handed on (Trio's clock)."""
        self.read_at = read_at
        """When the lists were last read (wall clock), by whichever process."""
        self.unknown_map = 0
        """How often in a row the server said that there is no such map."""
        self.refused_as_full = 0
        """How often in a row it had no place for us."""
        self.polling = False
        """The map offers no stream, so that its lists are read often."""
        self.pace = Pace()

    def cursor(self) -> str | None:
        committed = self._committed()
        if committed is not None and committed == self._useless:
            return self._instead
        return committed or self._seed

    def resume_at(self, overlap_s: float) -> str | None:
        """The cursor to ask for: *overlap_s* before the last decided event, but not before this map was first followed:
        what was there then is history, which is never told (notifications.md S11). None: there is no usable cursor."""
        cursor = self.cursor()
        early = None if cursor is None else cursor_before(cursor, overlap_s)
        if cursor is None or early is None or self._begun is None or cursor < self._begun:  # that is another clock's
            return early
        return max(early, self._begun)

    def clock_went_back(self, greeting_id: str) -> float:
        """By how many seconds the server's clock went back since the cursor, 0 if it did not.

        If it did, the cursor would hide what happens now, so that another takes its place, made up from the present
        clock and the length of the gap, until a new event is decided.
        """
        cursor, greeted = ulid_time_ms(self.cursor() or ""), ulid_time_ms(greeting_id)
        if cursor is None or greeted is None or cursor - greeted < CLOCK_BACK_S * 1000:
            return 0.0
        gap_s = self.gap_s()
        self._useless = self._committed()
        self._instead = cursor_before(greeting_id, HORIZON_S if gap_s is None else min(gap_s, HORIZON_S))
        if self._useless is None:
            self._seed = self._instead
        return (cursor - greeted) / 1000

    async def greeted(self, event_id: str) -> None:
        """The greeting's id is newer than the backlog (cases.md S08): it may begin a cursor, never move one."""
        self.unknown_map = self.refused_as_full = 0
        self.polling = False
        if event_id and self.cursor() is None:
            self._seed = self._begun = event_id
            if self._tell_seed is not None:
                await self._tell_seed(event_id)

    def is_new(self, event_id: str, data: str) -> bool:
        return (event_id, data) not in self._seen

    def handed_on(self, event_id: str, data: str) -> None:
        """Remember an event as delivered; only now, since what was merely received may be lost with its connection."""
        self._seen.add((event_id, data))
        self._order.append((event_id, data))
        if len(self._order) > SEEN_EVENTS:
            self._seen.discard(self._order.popleft())

    def gap_s(self) -> float | None:
        """Seconds since the map was last known without a gap; None: it never was."""
        return None if self._known_until is None else trio.current_time() - self._known_until

    def known_now(self) -> None:
        """Nothing is missing as of now: a snapshot was handed on, and the stream has been up since if it is older."""
        self._known_until = trio.current_time()
