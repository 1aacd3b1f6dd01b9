"""The kill feed of one map and the pipeline with a real database: a small service that can crash and live again."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import trio

from wanderer_notifier.core.events import Arrival, CharacterRecord, MapLoaded, SystemRecord
from wanderer_notifier.core.rules import Channels, MapRules, Rules
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.pipeline import Pipeline
from wanderer_notifier.feeds.kill_rest import KillRest
from wanderer_notifier.feeds.kills import follow_kills
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.sim.http import Exchange, serve_stream
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killmails import Inventor
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.state import memory, outbox
from wanderer_notifier.state.feed_marks import complete_until
from wanderer_notifier.state.store import Store

T = TypeVar("T")
BEGIN = datetime(2026, 11, 25, 13, 0, tzinfo=UTC)
HOST, PORT = "kills.test", 4004
SYSTEMS = tuple(range(31002001, 31002005))
PILOT = 2147481001


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


class KillService:
    """The upstream, the database, and at most one life of the service at a time."""

    def __init__(self, nursery: trio.Nursery, *, seed: int = 1) -> None:
        self.network = MemoryNetwork(nursery)
        self.dice = random.Random(seed)
        self.feed = KillFeed(now=self.now, rng=random.Random(seed))
        self.feed.started_at = BEGIN - timedelta(days=1)
        self.network.attach(HOST, PORT, partial(serve_stream, handler=self._handle))
        self.inventor = Inventor(random.Random(seed))
        self.http_failures = 0
        """So many of the next HTTP requests are answered with 500."""
        self.store = Store.open(":memory:", run=inline)
        self.rules = Rules(maps=(MapRules(slug="home", channels=Channels(primary="100")),), max_kill_age_s=6 * 3600)
        self.expected: set[str] = set()
        self.health = Health(self.now)
        self._nursery, self._life = nursery, trio.CancelScope()

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=trio.current_time())

    async def _handle(self, exchange: Exchange) -> None:
        if self.http_failures and exchange.request.path.startswith("/api"):
            self.http_failures -= 1
            await exchange.respond(500, [], b"")
        else:
            await self.feed.handle(exchange)

    # --- what happens ---

    def kill(self, *, age_s: float = 0.0, times: int = 1, **given: Any) -> None:
        """A kill in a tracked system; it must be told once."""
        kill = self.inventor.kill(self.now() - timedelta(seconds=age_s), **({"system_id": SYSTEMS[0]} | given))
        self.expected.add(f"kill:{kill['killmail_id']}")
        self.feed.push(kill, times=times)

    async def start(self) -> None:
        """Begin a life with what the database holds."""
        self._life = trio.CancelScope()
        self._nursery.start_soon(self._live, self._life)

    def crash(self) -> None:
        """End the present life without a word."""
        self._life.cancel()

    async def _live(self, life: trio.CancelScope) -> None:
        with life:
            self.health, metrics = Health(self.now), Metrics()
            known = Watch(await self.store.read(memory.load_tracking))
            pipeline = Pipeline(
                self.store,
                lambda: self.rules,
                known,
                first_start=BEGIN - timedelta(days=9),
                cursors={},
                now=self.now,
                metrics=metrics,
                storage=self.health.component("data_dir"),
                wake=lambda channels: None,
                roll=self.dice.random,
            )
            if known.value == Tracking():
                await pipeline.handle(
                    MapLoaded(
                        slug="home",
                        systems=tuple(SystemRecord(system_id=one, name=f"J{one}") for one in SYSTEMS),
                        characters=(CharacterRecord(character_id=PILOT, name="Orsa Velden"),),
                        gap_s=None,
                        received_at=self.now(),
                    )
                )
            rest = KillRest(Upstream("kills", f"http://{HOST}:{PORT}", dial=self.network.dial))
            send, receive = trio.open_memory_channel[Arrival](256)
            follow = partial(
                follow_kills,
                url=f"ws://{HOST}:{PORT}",
                dial=self.network.dial,
                component=self.health.component,
                now=self.now,
                roll=self.dice.random,
                metrics=metrics,
                rest=rest,
                marks=await self.store.read(complete_until),
                first_start=BEGIN,
                max_age_s=self.rules.max_kill_age_s,
            )
            async with trio.open_nursery() as nursery:
                nursery.start_soon(follow, "systems", Watch(known.value.system_ids()), send)
                nursery.start_soon(follow, "characters", Watch(known.value.character_ids()), send)
                nursery.start_soon(pipeline.run, receive)

    async def told(self) -> Counter[str]:
        """The claims of all messages."""
        rows = await self.store.read(lambda conn: outbox.rows(conn, limit=10_000))
        return Counter(row.claim for row in rows)
