"""Says once each when the maps are read and when everything works (operations.md OPS-83)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog
import trio

from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.web.views import Snapshot

log = structlog.get_logger("app")

LOOK_S = 0.25


async def tell_landmarks(known: Watch[Tracking], slugs: Iterable[str], snapshot: Callable[[], Snapshot]) -> None:
    """Wait for the first lists of all maps in this run, then until the service is ready; returns when both are told."""
    began_s, started_at, maps = trio.current_time(), snapshot().started_at, tuple(slugs)

    def took_ms() -> int:
        return round((trio.current_time() - began_s) * 1000)

    tracked = known.value
    while not all(_read_since(tracked, slug) >= started_at.timestamp() for slug in maps):
        tracked = await known.wait_change(tracked)
    systems, pilots = len(tracked.system_ids()), len(tracked.character_ids())
    log.info("Map data initialization complete", maps=len(maps), duration_ms=took_ms())
    log.info("Cache warming completed", systems=systems, characters=pilots, duration_ms=took_ms())
    while not snapshot().readiness.ready:  # noqa: ASYNC110  # it is computed from many parts; none of them calls
        await trio.sleep(LOOK_S)
    log.info("All services started", duration_ms=took_ms())


def _read_since(known: Tracking, slug: str) -> float:
    state = known.maps.get(slug)
    return state.loaded_at.timestamp() if state is not None and state.loaded_at is not None else 0.0
