"""A world without sockets for the feeds: a network in memory, a clock that jumps, health that can be waited on."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
import trio
import trio.testing

from tests.feeds.killing import Killing
from wanderer_notifier.core.events import Arrival, FeedHeard
from wanderer_notifier.runtime.health import ComponentView, Health
from wanderer_notifier.sim.http import Handler, serve_stream
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map
from wanderer_notifier.sim.network import MemoryNetwork

BEGIN = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


class World:
    """What a feed needs, and what a test looks at."""

    def __init__(self, nursery: trio.Nursery, network: MemoryNetwork) -> None:
        self.nursery, self.network = nursery, network
        self.states: list[ComponentView] = []
        self.counted: list[str] = []
        self.marks: dict[str, datetime] = {}
        self._changed = trio.lowlevel.ParkingLot()
        self.health = Health(self.now, self._note)
        self.out, self.arrivals = trio.open_memory_channel[Arrival](256)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=trio.current_time())

    def roll(self) -> float:
        return 0.0

    def attach(self, host: str, port: int, handler: Handler) -> None:
        self.network.attach(host, port, partial(serve_stream, handler=handler))

    def count(self, what: str) -> None:
        self.counted.append(what)
        self._changed.unpark_all()

    def state(self, name: str) -> tuple[str, str]:
        view = self.health.component(name).view()
        return view.state, view.reason

    async def until(self, condition: Callable[[], bool], within_s: float = 600.0) -> None:
        """Wait until *condition* holds; looked at after each change of a component's state and each count."""
        with trio.fail_after(within_s):
            while not condition():
                await self._changed.park()

    async def until_state(self, name: str, state: str, within_s: float = 600.0) -> str:
        """Wait for a component's state; gives its reason."""
        await self.until(lambda: self.state(name)[0] == state, within_s)
        return self.state(name)[1]

    async def take(self, number: int, within_s: float = 600.0) -> list[Arrival]:
        """The next *number* arrivals."""
        taken: list[Arrival] = []
        with trio.fail_after(within_s):
            while len(taken) < number:
                taken.append(await self.receive())
        return taken

    async def receive(self) -> Arrival:
        """The next arrival that is no mark; marks are kept aside."""
        while isinstance(arrival := await self.arrivals.receive(), FeedHeard):
            self.marks[arrival.feed] = arrival.until
        return arrival

    async def nothing_arrives(self, for_s: float) -> None:
        with trio.move_on_after(for_s):
            raise AssertionError(f"arrived: {await self.receive()}")

    def _note(self, view: ComponentView) -> None:
        self.states.append(view)
        self._changed.unpark_all()


@pytest.fixture
def world(nursery: trio.Nursery) -> World:
    """A test that uses it must itself ask for `autojump_clock`, or it runs in real time."""
    return World(nursery, MemoryNetwork(nursery))


@pytest.fixture
async def killing(world: World) -> AsyncIterator[Killing]:
    """A kill service that has run for five hours, and what follows it."""
    feed = KillFeed(now=world.now, rng=random.Random(7))
    feed.started_at = BEGIN - timedelta(hours=5)
    killing = Killing(world, feed)
    yield killing
    await killing.end()


@pytest.fixture
def server(world: World) -> MapServer:
    """A map server with no map yet."""
    server = MapServer(now=world.now, rng=random.Random(7))
    world.attach("map.test", 80, server.handle)
    return server


@pytest.fixture
def home(server: MapServer) -> Map:
    """Its map `home`, with one system and one pilot."""
    home = server.add_map("home", "test-token-map")
    home.add_system(31001503, quiet=True)
    home.add_character(2147480001, quiet=True)
    return home


@pytest.fixture
def feed(world: World) -> KillFeed:
    feed = KillFeed(now=world.now, rng=random.Random(7))
    world.attach("kills.test", 4004, feed.handle)
    return feed
