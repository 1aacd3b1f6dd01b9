"""The service without its mouth: both feeds and the pipeline, deciding into a database in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial
from random import Random

import trio

from tests.service.simulation import inline
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.events import Arrival
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.pipeline import Pipeline, cursor_name
from wanderer_notifier.feeds.kill_audience import AudienceName
from wanderer_notifier.feeds.kill_rest import KillRest
from wanderer_notifier.feeds.kills import follow_kills
from wanderer_notifier.feeds.maps import MapSource, follow_map
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import memory, outbox
from wanderer_notifier.state.feed_marks import complete_until
from wanderer_notifier.state.store import Store


class Listening:
    """One life of it; the rows of its outbox are what it would tell. Without *recovers* it never looks back."""

    def __init__(
        self, settings: Settings, *, now: Callable[[], datetime], dial: Dial, dice: Random, recovers: bool = True
    ) -> None:
        self.settings, self.now, self.dial, self.roll, self.recovers = settings, now, dial, dice.random, recovers
        self.store = Store.open(":memory:", run=inline)
        self.metrics = Metrics()
        self.health = Health(now, lambda view: None)
        self.known: Watch[Tracking] = Watch(Tracking())
        self.systems: Watch[frozenset[int]] = Watch(frozenset())
        self.characters: Watch[frozenset[int]] = Watch(frozenset())

    async def told(self) -> Counter[str]:
        """How often each kill, system and rally point was queued for a channel, by kind and id."""
        rows = await self.store.read(lambda conn: outbox.rows(conn, limit=100_000))
        return Counter(f"{row.claim.partition(':')[0]} {row.claim.rpartition(':')[2]}" for row in rows)

    async def run(self) -> None:
        """Listen until cancelled."""
        settings = self.settings
        (slug,) = (each.slug for each in settings.rules.maps)
        first_start = await self.store.write(lambda conn: memory.first_start(conn, self.now()))
        marks = await self.store.read(complete_until)
        kill_api, map_api = self._api("kills", settings.kills.rest_url), self._api("map", settings.map.url)
        arrivals_in, arrivals_out = trio.open_memory_channel[Arrival](256)
        pipeline = Pipeline(
            self.store,
            lambda: settings.rules,
            self.known,
            first_start=first_start,
            cursors={},
            now=self.now,
            metrics=self.metrics,
            storage=self.health.component("data_dir"),
            wake=lambda channels: None,
            roll=self.roll,
        )

        async def seed(event_id: str) -> None:
            await self.store.write(lambda conn: memory.set_cursor(conn, cursor_name(slug), event_id))

        audiences: dict[AudienceName, Watch[frozenset[int]]]
        audiences = {"systems": self.systems, "characters": self.characters}
        rest = KillRest(kill_api)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pipeline.run, arrivals_out)
                nursery.start_soon(self._follow_known)
                follow = partial(
                    follow_map,
                    MapSource(slug=slug, api=map_api, silence_s=settings.sse.recv_timeout_s),
                    arrivals_in,
                    component=self.health.component,
                    cursor=lambda: pipeline.cursor(slug),
                    last_heard=None,
                    read_at=None,
                    metrics=self.metrics,
                    now=self.now,
                    roll=self.roll,
                    seed_cursor=seed,
                )
                nursery.start_soon(follow)
                for audience, wanted in audiences.items():
                    hear = partial(
                        follow_kills,
                        audience,
                        wanted,
                        arrivals_in,
                        url=settings.kills.websocket_url,
                        dial=self.dial,
                        component=self.health.component,
                        now=self.now,
                        roll=self.roll,
                        metrics=self.metrics,
                        rest=rest if self.recovers else None,
                        marks=marks,
                        first_start=first_start,
                        max_age_s=settings.rules.max_kill_age_s,
                    )
                    nursery.start_soon(hear)
        finally:
            with trio.CancelScope(shield=True):
                await kill_api.aclose()
                await map_api.aclose()

    def close(self) -> None:
        self.store.close()

    def _api(self, name: str, url: str) -> Upstream:
        key = f"Bearer {self.settings.map.api_key.reveal()}"
        return Upstream(
            name, url, dial=self.dial, headers={"Authorization": key} if name == "map" else {}, roll=self.roll
        )

    async def _follow_known(self) -> None:
        seen = self.known.value
        while True:
            seen = await self.known.wait_change(seen)
            self.systems.set(seen.system_ids())
            self.characters.set(seen.character_ids())
