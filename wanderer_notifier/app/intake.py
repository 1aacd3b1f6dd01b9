"""The feeds: every map and both audiences of the kill feed, from where an earlier process left off."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

import trio

from wanderer_notifier.app.helm import Helm
from wanderer_notifier.app.registry import Registry
from wanderer_notifier.app.upstreams import Upstreams
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import Arrival, MapLeft
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.pipeline import begun_name, cursor_name
from wanderer_notifier.feeds.kill_audience import AudienceName
from wanderer_notifier.feeds.kill_rest import KillRest
from wanderer_notifier.feeds.kills import follow_kills
from wanderer_notifier.feeds.maps import MapSource, follow_map
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime.following import follow_set
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import memory
from wanderer_notifier.state.feed_marks import complete_until
from wanderer_notifier.state.store import Store

SHORTEST_PAUSE_S = 0.05
"""A stream that ends at once must not be asked for in a tight loop, whatever is set."""


class Intake:
    """Follows what the settings name; `load` comes first, `follow_tracking` and `run` run beside each other.

    *known* is what the maps track, as the pipeline folds it; *first_start* when this installation began.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        helm: Helm,
        registry: Registry,
        known: Watch[Tracking],
        upstreams: Upstreams,
        *,
        dial: Dial,
        health: Health,
        metrics: Metrics,
        now: Callable[[], datetime],
        roll: Callable[[], float],
    ) -> None:
        self._settings, self._store, self._helm, self._known = settings, store, helm, known
        self._registry = registry
        self._maps, self._kill_rest = upstreams.maps, KillRest(upstreams.kills)
        self._dial, self._health, self._metrics, self._now, self._roll = dial, health, metrics, now, roll
        self._systems: Watch[frozenset[int]] = Watch(frozenset())
        self._characters: Watch[frozenset[int]] = Watch(frozenset())
        for slug in registry.slugs.value:  # the probes name it before it has done anything
            self._declare(slug)

    def load(self, conn: sqlite3.Connection, first_start: datetime) -> None:
        """Take up what an earlier process left; raises `sqlite3.Error`."""
        self._first_start = first_start
        stored = memory.load_tracking(conn).maps
        # The server's list may still bring a map back that is stored; what it does not name leaves when it is settled.
        slugs = self._registry.slugs.value | (stored.keys() if self._registry.listed else frozenset())
        self._known.set(Tracking(maps={slug: state for slug, state in stored.items() if slug in slugs}))
        self._publish()
        self.cursors = {slug: memory.get_cursor(conn, cursor_name(slug)) for slug in slugs}
        self._begun = {slug: begun for slug in slugs if (begun := memory.get_cursor(conn, begun_name(slug)))}
        self._marks = complete_until(conn)
        # A list without a stream is as good as a sign of life: nothing was missing when it had been read.
        self._last_heard = {
            slug: max(filter(None, (memory.last_heard(conn, slug), self._read_at(slug))), default=None)
            for slug in slugs
        }

    def kills_shunned(self) -> bool:
        """Whether the kill service is left alone just now, after failures."""
        return self._kill_rest.shunned

    async def run(self, arrivals: trio.MemorySendChannel[Arrival], cursor: Callable[[str], str | None]) -> None:
        """Hand everything that happens to *arrivals* until cancelled; *cursor* tells up to where a map is decided."""
        audiences: dict[AudienceName, Watch[frozenset[int]]]
        audiences = {"systems": self._systems, "characters": self._characters}
        async with trio.open_nursery() as feeds:
            feeds.start_soon(self._follow_maps, arrivals, cursor, name="maps")
            for audience, wanted in audiences.items():
                feeds.start_soon(self._follow_kills, audience, wanted, arrivals, name=f"kill feed: {audience}")

    async def follow_tracking(self) -> None:
        """Keep the subscriptions of the kill feed in step with what maps and members track, until cancelled."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._follow, self._known)
            nursery.start_soon(self._follow, self._helm.steering)

    async def _follow(self, watch: Watch[Any]) -> None:
        seen = watch.value
        while True:
            seen = await watch.wait_change(seen)
            self._publish()

    def _publish(self) -> None:
        known, settings = self._known.value, self._settings
        tracked = known.system_ids() | frozenset(self._helm.rules.extra_systems)
        self._systems.set(tracked if settings.system_tracking else frozenset())
        self._characters.set(known.character_ids() if settings.character_tracking else frozenset())

    def _read_at(self, slug: str) -> datetime | None:
        state = self._known.value.maps.get(slug)
        return state.loaded_at if state else None

    async def _follow_maps(
        self, arrivals: trio.MemorySendChannel[Arrival], cursor: Callable[[str], str | None]
    ) -> None:
        """One follower for each map that is wanted; maps come and go without the others noticing."""

        async def follow(slug: str) -> None:
            self._declare(slug)
            await self._follow_map(slug, arrivals, cursor)

        async def leave(slug: str) -> None:
            self._last_heard.pop(slug, None)
            self._begun.pop(slug, None)
            parts = (f"map_data:{slug}", f"map_stream:{slug}")
            for part in parts:
                self._health.forget(part)
            await arrivals.send(MapLeft(slug=slug, received_at=self._now()))
            self._metrics.map_left(slug, parts)

        await self._registry.ready()
        for slug in sorted(self._known.value.maps.keys() - self._registry.slugs.value):
            await leave(slug)
        await follow_set(self._registry.slugs, follow, left=leave, name="map {}".format)

    def _declare(self, slug: str) -> None:
        self._health.component(f"map_data:{slug}")
        self._health.component(f"map_stream:{slug}")

    async def _follow_map(
        self, slug: str, arrivals: trio.MemorySendChannel[Arrival], cursor: Callable[[str], str | None]
    ) -> None:
        async def seed(event_id: str) -> None:
            def job(conn: sqlite3.Connection) -> None:
                memory.set_cursor(conn, cursor_name(slug), event_id)
                memory.set_cursor(conn, begun_name(slug), event_id)

            self._begun[slug] = event_id
            await self._store.write(job)

        sse = self._settings.sse
        await follow_map(
            MapSource(
                slug=slug,
                api=self._maps,
                silence_s=sse.recv_timeout_s,
                open_s=sse.connect_timeout_s,
                backoff=Backoff(first_s=max(sse.reconnect_first_s, SHORTEST_PAUSE_S), cap_s=sse.reconnect_cap_s),
            ),
            arrivals,
            component=self._health.component,
            cursor=partial(cursor, slug),
            last_heard=self._last_heard.get(slug),
            read_at=self._read_at(slug),
            metrics=self._metrics,
            now=self._now,
            roll=self._roll,
            seed_cursor=seed,
            begun=self._begun.get(slug),
        )

    async def _follow_kills(
        self, audience: AudienceName, wanted: Watch[frozenset[int]], arrivals: trio.MemorySendChannel[Arrival]
    ) -> None:
        await follow_kills(
            audience,
            wanted,
            arrivals,
            url=self._settings.kills.websocket_url,
            dial=self._dial,
            component=self._health.component,
            now=self._now,
            roll=self._roll,
            metrics=self._metrics,
            rest=self._kill_rest,
            marks=self._marks,
            first_start=self._first_start,
            max_age_s=self._settings.rules.max_kill_age_s,
        )
