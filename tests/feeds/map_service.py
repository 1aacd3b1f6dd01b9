"""One map, its feed and the pipeline with a real database: a small service that can crash and live again."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypeVar

import trio

from tests.feeds.follower import DATA, HOME, PILOT, STREAM
from wanderer_notifier.core.events import Arrival
from wanderer_notifier.core.rules import Channels, MapRules, Rules
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.pipeline import Pipeline, cursor_name
from wanderer_notifier.feeds.maps import MapSource, follow_map
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.state import memory, outbox
from wanderer_notifier.state.store import Store

T = TypeVar("T")
BEGIN = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
HOST, KEY = "map.test", "test-token-map"


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


class MapService:
    """The upstream, the database, and at most one life of the service at a time."""

    def __init__(self, nursery: trio.Nursery, *, seed: int = 1, rules: Rules | None = None) -> None:
        self.network = MemoryNetwork(nursery)
        self.dice = random.Random(seed)
        self.clock_s = 0.0
        self.server = MapServer(now=self.server_now, rng=random.Random(seed))
        self.network.attach(HOST, 80, partial(serve_stream, handler=self.server.handle))
        self.home: Map = self.server.add_map("home", KEY)
        self.store = Store.open(":memory:", run=inline)
        self.rules = rules or Rules(maps=(MapRules(slug="home", channels=Channels(primary="100")),))
        self.metrics, self.known = Metrics(), Watch(Tracking())
        self.health = Health(self.now)
        self._nursery, self._life = nursery, trio.CancelScope()

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=trio.current_time())

    def server_now(self) -> datetime:
        """The map server's clock, which may be wrong by `clock_s` seconds."""
        return self.now() + timedelta(seconds=self.clock_s)

    async def start(self) -> None:
        """Begin a life with what the database holds."""
        self._life = trio.CancelScope()
        self.health, self.known = Health(self.now), Watch(await self.store.read(memory.load_tracking))
        self._nursery.start_soon(self._live, self._life)

    def crash(self) -> None:
        """End the present life without a word."""
        self._life.cancel()

    async def _live(self, life: trio.CancelScope) -> None:
        with life:
            state = self.known.value.maps.get("home")
            read_at = state.loaded_at if state else None
            cursor = await self.store.read(lambda conn: memory.get_cursor(conn, cursor_name("home")))
            heard = await self.store.read(lambda conn: memory.last_heard(conn, "home"))
            pipeline = Pipeline(
                self.store,
                lambda: self.rules,
                self.known,
                first_start=BEGIN,
                cursors={"home": cursor},
                now=self.now,
                metrics=self.metrics,
                storage=self.health.component("data_dir"),
                wake=lambda channels: None,
                roll=self.dice.random,
            )
            api = Upstream("map", f"http://{HOST}", dial=self.network.dial, headers={"authorization": f"Bearer {KEY}"})

            async def seed(event_id: str) -> None:
                await self.store.write(lambda conn: memory.set_cursor(conn, cursor_name("home"), event_id))

            send, receive = trio.open_memory_channel[Arrival](256)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(
                    partial(
                        follow_map,
                        MapSource(slug="home", api=api),
                        send,
                        component=self.health.component,
                        cursor=lambda: pipeline.cursor("home"),
                        last_heard=max(filter(None, (heard, read_at)), default=None),
                        read_at=read_at,
                        metrics=self.metrics,
                        now=self.now,
                        roll=self.dice.random,
                        seed_cursor=seed,
                    )
                )
                nursery.start_soon(pipeline.run, receive)

    async def told(self) -> list[str]:
        """The claims of all messages, oldest first."""
        rows = await self.store.read(lambda conn: outbox.rows(conn, limit=10_000))
        return [row.claim for row in reversed(rows)]

    async def texts(self) -> list[str]:
        """The messages themselves as JSON, oldest first."""
        rows = await self.store.read(lambda conn: outbox.rows(conn, limit=10_000))
        return [json.dumps(row.body, ensure_ascii=False) for row in reversed(rows)]

    async def decided(self) -> set[str]:
        """The ids of all events that were decided."""
        found = await self.store.read(lambda conn: conn.execute("SELECT event_id FROM seen_event").fetchall())
        return {event_id for (event_id,) in found}

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


ONE = MapRules(slug="home", channels=Channels(primary="100"))


@asynccontextmanager
async def serving(rules: Rules | None = None) -> AsyncIterator[MapService]:
    """A service whose map shows HOME and is loaded."""
    async with trio.open_nursery() as nursery:
        service = MapService(nursery, rules=rules)
        service.home.add_system(HOME, quiet=True)
        service.home.add_character(PILOT, quiet=True)
        await service.start()
        await trio.sleep(30)
        assert service.health.component(STREAM).state == service.health.component(DATA).state == "ok"
        yield service
        nursery.cancel_scope.cancel()
    service.store.close()
