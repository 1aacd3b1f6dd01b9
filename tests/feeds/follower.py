"""A map feed under test: the feed, the little that a pipeline does for it, and servers to run it against."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

import trio

from tests.feeds.conftest import World
from wanderer_notifier.core.events import Arrival, CharactersLoaded, MapEventArrived, MapLoaded
from wanderer_notifier.feeds.maps import MapSource, follow_map
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.mapserver import MapServer

HOST, PORT, KEY = "map.test", 80, "test-token-map"
STREAM, DATA = "map_stream:home", "map_data:home"
HOME, OTHER, THIRD = 31001503, 31002318, 30002187
PILOT, SECOND = 2147480001, 2147480002
T = TypeVar("T")


class Follower:
    """A map feed under test and the little that a pipeline does for it."""

    def __init__(
        self,
        world: World,
        *,
        cursor: str | None = None,
        begun: str | None = None,
        last_heard_s: float | None = None,
        read_s: float | None = None,
    ) -> None:
        self.world, self.committed = world, cursor
        self.metrics = Metrics()
        self.seeds: list[str] = []
        self.api = Upstream(
            "map", f"http://{HOST}", dial=world.network.dial, headers={"authorization": f"Bearer {KEY}"}
        )
        self.run: Callable[[], Awaitable[None]] = partial(
            follow_map,
            MapSource(slug="home", api=self.api),
            world.out,
            component=world.health.component,
            cursor=lambda: self.committed,
            last_heard=None if last_heard_s is None else world.now() - timedelta(seconds=last_heard_s),
            read_at=None if read_s is None else world.now() - timedelta(seconds=read_s),
            metrics=self.metrics,
            now=world.now,
            roll=world.roll,
            seed_cursor=self._seed,
            begun=begun,
        )

    async def _seed(self, event_id: str) -> None:
        self.seeds.append(event_id)

    async def take(self, within_s: float = 600.0) -> Arrival:
        """The next arrival; an event's id is committed as the pipeline would."""
        (arrival,) = await self.world.take(1, within_s)
        if isinstance(arrival, MapEventArrived):
            self.committed = arrival.event_id
        return arrival

    async def loaded(self, within_s: float = 600.0) -> MapLoaded:
        return await self._expect(MapLoaded, within_s)

    async def event(self, within_s: float = 600.0) -> MapEventArrived:
        return await self._expect(MapEventArrived, within_s)

    async def characters(self, within_s: float = 600.0) -> CharactersLoaded:
        return await self._expect(CharactersLoaded, within_s)

    def count(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, labels) or 0.0

    async def _expect(self, kind: type[T], within_s: float) -> T:
        arrival = await self.take(within_s)
        assert isinstance(arrival, kind)
        return arrival


@asynccontextmanager
async def following(world: World, **options: Any) -> AsyncIterator[Follower]:
    follower = Follower(world, **options)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follower.run)
        yield follower
        nursery.cancel_scope.cancel()
    await follower.api.aclose()


async def until(server: MapServer, condition: Callable[[], bool], within_s: float = 600.0) -> None:
    with trio.fail_after(within_s):
        await server.until(lambda server: condition())


def streams(server: MapServer) -> list[dict[str, str]]:
    """The queries of all streams asked for so far."""
    return [request.query for request in server.journal if request.path.endswith("/events/stream")]


def solar_system(event: MapEventArrived) -> int:
    return int(json.loads(event.data)["payload"]["solar_system_id"])


def frame(number: int, **payload: Any) -> bytes:
    event_id = f"01M1F372CR3WQ3TK2VD{number:07d}"
    data = json.dumps({"id": event_id, "type": "add_system", "payload": {"solar_system_id": number, **payload}})
    return f"event: add_system\nid: {event_id}\ndata: {data}\n\n".encode()


CONNECTED = b'event: connected\nid: 01M1F371HB3WQ3TK2VD9WRH0G5\ndata: {"map_id":"x","server_time":"y"}\n\n'


def scripted(world: World, talk: Callable[[Exchange], Awaitable[None]], server: MapServer | None = None) -> list[float]:
    """A server whose stream does *talk*; gives when the stream was asked for."""
    asked: list[float] = []

    async def handle(exchange: Exchange) -> None:
        if exchange.request.path.endswith("/events/stream"):
            asked.append(trio.current_time())
            await talk(exchange)
        elif server is not None:
            await server.handle(exchange)
        else:
            await exchange.respond(200, [("content-type", "application/json")], b'{"data":[]}')

    world.attach(HOST, PORT, handle)
    return asked


def serve_bytes(world: World, server: MapServer, *chunks: bytes) -> None:
    async def talk(exchange: Exchange) -> None:
        await exchange.start(200, [("content-type", "text/event-stream")])
        for chunk in chunks:
            await exchange.send(chunk)
            await trio.sleep(0.01)  # its own read
        await trio.sleep_forever()

    scripted(world, talk, server)
