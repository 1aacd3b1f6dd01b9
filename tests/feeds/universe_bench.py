"""ESI, Janice, the map server and the kill service in memory, and what asks them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import TypeVar

import trio
from attrs import Factory, define

from tests.feeds.conftest import World
from wanderer_notifier.core.notable import Rule
from wanderer_notifier.feeds.bodies import Bodies
from wanderer_notifier.feeds.loot import Loot
from wanderer_notifier.feeds.prices import Janice
from wanderer_notifier.feeds.universe import Universe
from wanderer_notifier.feeds.universe_esi import READ_S, Esi
from wanderer_notifier.feeds.universe_systems import Systems
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.janice import Janice as FakeJanice
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.stubs import Esi as FakeEsi
from wanderer_notifier.sim.world import NAMES
from wanderer_notifier.state.store import Store

T = TypeVar("T")
JANICE_TOKEN = "test-token-janice"


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


@define(kw_only=True)
class Bench:
    """Both ends of every look-up."""

    world: World
    fake_esi: FakeEsi
    fake_janice: FakeJanice
    kills: KillFeed
    maps: MapServer
    store: Store
    esi: Esi
    universe: Universe
    systems: Systems
    janice: Janice
    bodies: Bodies
    headers: list[dict[str, str]] = Factory(list)
    """Of every request to ESI."""
    counted: list[tuple[str, str, int]] = Factory(list)
    errors_left: list[int] = Factory(list)
    maps_failing: int | None = None
    """The status of every answer of the map server, if any."""

    def loot(self, **rule: float) -> Loot:
        return Loot(self.esi, self.universe, self.janice, Rule(**rule))  # type: ignore[arg-type]

    def asked(self) -> int:
        """How many requests ESI got."""
        return self.fake_esi.asked.total()


def soon(seconds: float = 2.0) -> float:
    return trio.current_time() + seconds


@asynccontextmanager
async def looking_up(world: World, *, store: Store | None = None, running: bool = True) -> AsyncIterator[Bench]:
    """Everything running in virtual time; the store survives if it is the caller's."""
    kills = KillFeed(now=world.now, rng=Random(3))
    maps = MapServer(now=world.now, rng=Random(4))
    fake_esi = FakeEsi(now=world.now, names=NAMES, kill=kills.store.known)
    fake_janice = FakeJanice(token=JANICE_TOKEN)
    headers: list[dict[str, str]] = []

    async def esi_handler(exchange: Exchange) -> None:
        headers.append(dict(exchange.request.headers))
        await fake_esi.handle(exchange)

    async def map_handler(exchange: Exchange) -> None:
        if bench.maps_failing is not None:
            await exchange.respond(bench.maps_failing, [("content-type", "application/json")], b"{}")
        else:
            await maps.handle(exchange)

    for host, handler in (
        ("esi.sim", esi_handler),
        ("janice.sim", fake_janice.handle),
        ("kills.sim", kills.handle),
        ("maps.sim", map_handler),
    ):
        world.attach(host, 80, handler)
    dial = world.network.dial
    upstreams = {
        "esi": Upstream("esi", "http://esi.sim", dial=dial, read_s=READ_S, headers={"user-agent": "notifier-test"}),
        "janice": Upstream("janice", "http://janice.sim", dial=dial, headers={"x-apikey": JANICE_TOKEN}),
        "kills": Upstream("kills", "http://kills.sim", dial=dial),
        "maps": Upstream("maps", "http://maps.sim", dial=dial),
    }
    own = store is None
    store = store or Store.open(":memory:", run=inline, now=world.now)
    counted: list[tuple[str, str, int]] = []
    errors_left: list[int] = []
    esi = Esi(upstreams["esi"], part=world.health.component("esi"), roll=world.roll, told=errors_left.append)
    universe = Universe(
        store, esi, now=world.now, counted=lambda kind, result, count: counted.append((kind, result, count))
    )
    bench = Bench(
        world=world,
        fake_esi=fake_esi,
        fake_janice=fake_janice,
        kills=kills,
        maps=maps,
        store=store,
        esi=esi,
        universe=universe,
        systems=Systems(store, maps=upstreams["maps"], kills=upstreams["kills"], now=world.now),
        janice=Janice(store, upstreams["janice"], part=world.health.component("janice"), now=world.now),
        bodies=Bodies(store, esi, now=world.now, roll=world.roll),
        headers=headers,
        counted=counted,
        errors_left=errors_left,
    )
    async with trio.open_nursery() as nursery:
        if running:
            nursery.start_soon(universe.run)
        yield bench
        nursery.cancel_scope.cancel(reason="test ended")
    for upstream in upstreams.values():
        await upstream.aclose()
    if own:
        store.close()
