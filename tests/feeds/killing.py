"""A kill feed that can look things up, and a fake service for it, in virtual time."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
import trio.testing

from wanderer_notifier.core.events import JsonObject, KillArrived
from wanderer_notifier.feeds.kill_audience import AudienceName
from wanderer_notifier.feeds.kill_rest import KillRest
from wanderer_notifier.feeds.kills import follow_kills
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killmails import Inventor

if TYPE_CHECKING:
    from tests.feeds.conftest import World

HOST, PORT = "kills.test", 4004
HOME, OTHER, FAR = 31001503, 31002318, 31002999
PILOT = 2147481001
SYSTEMS, CHARACTERS, FALLBACK = "killmail_stream:systems", "killmail_stream:characters", "killmail_fallback"


class Killing:
    """One service, and what follows it; every HTTP path asked for is noted."""

    def __init__(self, world: World, feed: KillFeed) -> None:
        self.world, self.feed = world, feed
        self.asked: list[str] = []
        self._scopes: list[trio.CancelScope] = []
        self.metrics = Metrics()
        self.api = Upstream("kills", f"http://{HOST}:{PORT}", dial=world.network.dial)
        self.rest = KillRest(self.api)
        self.inventor = Inventor(random.Random(3))
        self.answer: Callable[[Exchange], Any] | None = None
        """Called instead of the service for HTTP requests."""
        world.attach(HOST, PORT, self._handle)

    async def _handle(self, exchange: Exchange) -> None:
        path = exchange.request.path
        if path.startswith("/socket"):
            await self.feed.handle(exchange)
            return
        self.asked.append(path)
        if self.answer is not None and (done := self.answer(exchange)) is not None:
            await done
            return
        await self.feed.handle(exchange)

    def follow(
        self,
        audience: AudienceName,
        *ids: int,
        marks: Mapping[str, datetime] = {},
        first_start: datetime | None = None,
        max_age_s: float = 3600.0,
    ) -> Watch[frozenset[int]]:
        """Start to follow; the first start is now if not said otherwise."""
        wanted = Watch(frozenset(ids))
        self.world.nursery.start_soon(
            partial(
                self._within_scope,
                audience,
                wanted,
                self.world.out,
                url=f"ws://{HOST}:{PORT}",
                dial=self.world.network.dial,
                component=self.world.health.component,
                now=self.world.now,
                roll=self.world.roll,
                count=self.world.count,
                metrics=self.metrics,
                rest=self.rest,
                marks=marks,
                first_start=first_start or self.world.now(),
                max_age_s=max_age_s,
            )
        )
        return wanted

    async def _within_scope(self, *args: Any, **given: Any) -> None:
        with trio.CancelScope() as scope:
            self._scopes.append(scope)
            await follow_kills(*args, **given)

    async def end(self) -> None:
        """Stop to follow, so that nobody asks any more."""
        for scope in self._scopes:
            scope.cancel()
        await trio.testing.wait_all_tasks_blocked()
        await self.api.aclose()

    def kill(self, **given: Any) -> JsonObject:
        """A new kill of this moment, at home if not said otherwise."""
        return self.inventor.kill(self.world.now(), **({"system_id": HOME} | given))

    def happen(self, **given: Any) -> int:
        """Let a kill happen that the service takes in; gives its id."""
        kill = self.kill(**given)
        self.feed.push(kill)
        return int(kill["killmail_id"])

    async def heard(self, *expected: int, within_s: float = 600.0) -> dict[int, set[str]]:
        """Wait until all *expected* kills have arrived; gives the sources of each kill that came."""
        found: dict[int, set[str]] = {}
        with trio.move_on_after(within_s):
            while not found.keys() >= set(expected):
                arrival = await self.world.receive()
                assert isinstance(arrival, KillArrived)
                assert isinstance(arrival.raw, dict)
                found.setdefault(arrival.raw["killmail_id"], set()).add(arrival.source)
        assert found.keys() >= set(expected), f"missing {set(expected) - found.keys()}"
        return found

    def lookups(self, what: str) -> list[str]:
        """The ids asked for under `/api/v1/{what}/`."""
        start = f"/api/v1/{what}/"
        return [path.removeprefix(start) for path in self.asked if path.startswith(start)]

    def value(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0
