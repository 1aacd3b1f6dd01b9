"""Reads the lists of one map and hands them on; failure is a state and never leaves."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
import trio

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import Arrival, CharactersLoaded, MapLoaded
from wanderer_notifier.core.wording import duration
from wanderer_notifier.feeds.map_memory import MapMemory, MapSource
from wanderer_notifier.feeds.map_refusals import MapLost
from wanderer_notifier.feeds.map_rest import MapRest
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.supervise import Permanent

log = structlog.get_logger("maps")

AGAIN = Backoff(first_s=1.0, cap_s=60.0)
TOO_OLD = timedelta(hours=24)


class MapLoader:
    """One reading at a time, so that an older list never follows a newer one."""

    def __init__(
        self,
        source: MapSource,
        memory: MapMemory,
        out: trio.MemorySendChannel[Arrival],
        part: Component,
        now: Callable[[], datetime],
        roll: Callable[[], float],
    ) -> None:
        self._slug, self._rest = source.slug, MapRest(source.api, source.slug)
        self._memory, self._out, self._part, self._now, self._roll = memory, out, part, now, roll
        self._turn = trio.Lock()
        self._failures = 0

    async def load(self, gap_s: float | None) -> MapLoaded | None:
        """Read everything and hand it on; None when that failed, with the reason as state."""
        async with self._turn:
            try:
                systems, characters = await self._rest.snapshot()
            except (MapLost, Permanent) as error:
                self._failures += 1
                self._show(error)
                log.warning("map_snapshot_failed", map=self._slug, reason=str(error), failures=self._failures)
                return None
            loaded = MapLoaded(
                slug=self._slug, systems=systems, characters=characters, gap_s=gap_s, received_at=self._now()
            )
            await self._out.send(loaded)
        self._failures = 0
        self._memory.loaded_at, self._memory.read_at = trio.current_time(), loaded.received_at
        self._part.seen()
        self._part.to("ok")
        tell = log.debug if gap_s == 0.0 else log.info  # a mere comparison is no news
        tell("map_loaded", map=self._slug, systems=len(systems), characters=len(characters), gap_s=gap_s)
        return loaded

    def _show(self, error: Exception) -> None:
        """What is stored still matches kills; how old it is must be known, and a day is too old (operations.md 5.3)."""
        read_at = self._memory.read_at
        if read_at is None:
            self._part.to("failed" if isinstance(error, Permanent) else "degraded", f"{error}; never read so far")
            return
        age = self._now() - read_at
        reason = (
            f"{error}; not read since {read_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC, {duration(age.total_seconds())} ago"
        )
        if age <= TOO_OLD:
            self._part.to("degraded", reason, covered=True)
        else:
            self._part.to("failed", reason)

    async def load_characters(self) -> None:
        """Read the tracked pilots and hand them on; a failure is left to the next hint or comparison."""
        if self._memory.loaded_at is None:
            return  # without a first snapshot everybody would look new
        async with self._turn:
            try:
                characters = await self._rest.characters()
            except (MapLost, Permanent) as error:
                log.warning("map_characters_failed", map=self._slug, reason=str(error))
                return
            await self._out.send(CharactersLoaded(slug=self._slug, characters=characters, received_at=self._now()))

    async def pause(self) -> None:
        """Wait as long as the failures so far suggest."""
        await trio.sleep(AGAIN.pause(self._failures, self._roll()))
