"""Two hours of the service in virtual time while its two feeds break in every way that upstreams have.

An oracle watches the fakes, not the service: it knows for each kill and each map change whether the upstreams could
still hand it out. What they could must be told exactly once, what they could not at most once, all else never.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random

import trio
from attrs import Factory, define
from trio.testing import MockClock

from tests.service.listening import Listening
from tests.service.simulation import BEGIN, STRANGERS, inline, repeatable, told
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.cursors import ulid_time_ms
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.killfeed_channel import COPIES
from wanderer_notifier.sim.killfeed_socket import Connection
from wanderer_notifier.sim.mapserver_map import Map
from wanderer_notifier.sim.mapserver_stream import Stream
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.sim.world import PORTS, World

CALM_BEFORE_S = 60.0
STORM_S = 6300.0
END_S = 7200.0
"""The last quarter of an hour is calm: what can be made good must have been made good by its end."""

SYSTEMS = range(31002001, 31002006)
NEW_SYSTEMS = range(31003001, 31003200)
ELSEWHERE = 30002187
PILOT = 2147481001
"""Tracked; the strangers of the story are not."""

SETTLED_S = 3.0
"""What was delivered this long ago, on a connection that is still there, has been read."""
FRESH_S = 520.0
"""A rally point is told within ten minutes; what the replay brings back later is rightly left untold."""
OVERLAP_MS = 4000
"""Ids of one moment are in no order, and the service asks for a little more than it missed: five seconds."""


@define
class Tale:
    """What a run came to."""

    seed: int
    must: set[str] = Factory(set)
    may: set[str] = Factory(set)
    told: Counter[str] = Factory(Counter)
    faults: Counter[str] = Factory(Counter)
    virtual_s: float = 0.0

    def wrong(self) -> dict[str, list[str]]:
        """What was missed, what was told more than once, and what should not have been told at all."""
        found = {
            "missed": sorted(self.must - self.told.keys()),
            "doubled": sorted(notice for notice, count in self.told.items() if count > 1),
            "uncalled": sorted(self.told.keys() - self.must - self.may),
        }
        return {word: notices for word, notices in found.items() if notices}


Probe = Callable[[float], None]
"""Called at every full hour, with Trio's clock."""


def play(seed: int, *, whole: bool = False, recovers: bool = True, probe: Probe = lambda now: None) -> Tale:
    """One run; the same seed makes the same one.

    Args:
        whole: have the whole service post to the fake Discord, instead of the feeds and the pipeline decide only.
        recovers: whether gaps of the kill feed are looked up; without it the oracle must notice.
        probe: called at every full hour.
    """
    repeatable(seed)
    if not whole:
        return trio.run(_play, seed, None, recovers, probe, clock=MockClock(autojump_threshold=0))
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None) as folder:
        return trio.run(_play, seed, Path(folder), recovers, probe, clock=MockClock(autojump_threshold=0))


async def _play(seed: int, folder: Path | None, recovers: bool, probe: Probe) -> Tale:
    def now() -> datetime:
        return BEGIN + timedelta(seconds=trio.current_time())

    world = World(seed, now)
    world.discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(requests=1000, per_s=1.0)
    for system in SYSTEMS:
        world.map.add_system(system, name=f"J{system}", quiet=True)
    world.map.add_character(PILOT, quiet=True)
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        storm = Storm(world, network, Random(seed), Tale(seed))
        settings = load({**world.environment(), "DATA_DIR": str(folder or Path())}, cwd=folder or Path())
        if folder is None:
            listening = Listening(settings, now=now, dial=network.dial, dice=Random(seed), recovers=recovers)
            nursery.start_soon(listening.run)
        else:
            seams = Seams(now=now, dice=Random(seed), dial=network.dial, store_run=inline, signals=False, web=False)
            nursery.start_soon(partial(_serve, settings, seams))
        await trio.sleep_until(CALM_BEFORE_S)
        nursery.start_soon(storm.happen)
        nursery.start_soon(storm.rage)
        nursery.start_soon(storm.watch_streams)
        for hour in (1, 2):
            await trio.sleep_until(END_S / 2 * hour)
            probe(trio.current_time())
        storm.tale.told = told(world) if folder is not None else await listening.told()
        nursery.cancel_scope.cancel()
    if folder is None:
        listening.close()
    storm.tale.virtual_s = END_S
    return storm.tale


async def _serve(settings: Settings, seams: Seams) -> None:
    await service.run(settings, seams=seams)


class Storm:
    """What happens in the game and to the upstreams, and what of it could be heard."""

    def __init__(self, world: World, network: MemoryNetwork, rng: Random, tale: Tale) -> None:
        self.world, self.network, self.rng, self.tale = world, network, rng, tale
        self._stalled: Counter[str] = Counter()
        """What is on its way to the service stands still, for whatever reasons, by upstream."""
        self._half_opened: Counter[str] = Counter()
        self._watched: set[Stream] = set()
        self._skew: Counter[str] = Counter()
        self._rallies: dict[str, tuple[str, datetime]] = {}
        """By the id of the event: the id of the rally point, and when it was set by the map's clock."""
        self._newest_ms = 0
        self._disordered: set[str] = set()
        """Events that a clock set back gave an older id than one before: a resume cannot ask for them."""
        world.killfeed.copies = COPIES[rng.choice(("W1", "W2", "W2", "single"))]
        world.killfeed.now = self._clock("killfeed")
        world.maps.now = world.map.now = self._clock("maps")
        self._announce = world.map.announce
        world.map.announce = self._announced

    def _clock(self, name: str) -> Callable[[], datetime]:
        return lambda: self.world.now() + timedelta(seconds=self._skew[name])

    # --- what happens ------------------------------------------------------------------------------------------------

    async def happen(self) -> None:
        """Kills, new systems and rally points, until the storm is over."""
        new = iter(NEW_SYSTEMS)
        async with trio.open_nursery() as nursery:
            while trio.current_time() < STORM_S:
                await trio.sleep(self.rng.choice((0.0, 30.0, self.rng.uniform(0, 500))))
                dice = self.rng.random()
                if dice < 0.5:
                    self._kill_in_a_system(self.rng.choice(SYSTEMS))
                elif dice < 0.7:
                    self._kill_of_a_pilot(nursery)
                elif dice < 0.8:
                    self._take_in(self._invent(ELSEWHERE, STRANGERS[0]))
                elif dice < 0.9:
                    system = next(new)
                    self.world.map.add_system(system, name=f"J{system}")
                    self.tale.must.add(f"system {system}")
                else:
                    self._rally(nursery)

    def _invent(self, system: int, victim: int) -> JsonObject:
        moment = self.world.now()
        return self.world.inventor.kill(moment, system_id=system, victim=victim, attackers=[STRANGERS[1]])

    def _take_in(self, kill: JsonObject) -> int:
        """The service takes a kill in, unless it is down: then only zKillboard knows it."""
        feed = self.world.killfeed
        if feed.down:
            feed.know(kill)
            return 0
        return feed.push(kill)

    def _kill_in_a_system(self, system: int) -> None:
        kill = self._invent(system, STRANGERS[0])
        self._take_in(kill)
        # Memory, preload and zKillboard's lists have it for an hour and more, and no fault lasts so long.
        self.tale.must.add(f"kill {kill['killmail_id']}")

    def _kill_of_a_pilot(self, nursery: trio.Nursery) -> None:
        kill = self._invent(ELSEWHERE, PILOT)
        listeners = [one for one in self.world.killfeed.connections if PILOT in one.characters]
        self._take_in(kill)
        notice = f"kill {kill['killmail_id']}"
        self.tale.may.add(notice)
        if listeners and not self._stalled["kills"]:
            nursery.start_soon(self._heard_if, listeners[0], notice)

    async def _heard_if(self, listener: Connection, notice: str) -> None:
        """A kill of a pilot elsewhere is in no list: it was heard if the connection outlived it."""
        await trio.sleep(SETTLED_S)
        if listener in self.world.killfeed.connections and not self._stalled["kills"]:
            self.tale.must.add(notice)

    def _rally(self, nursery: trio.Nursery) -> None:
        rally = self.world.map.rally(self.rng.choice(SYSTEMS), STRANGERS[0], "form up")
        self.tale.may.add(f"rally {rally}")
        for stream in self.world.maps.streams:
            if not stream.gone and not self._stalled["map"]:
                nursery.start_soon(self._read_if, stream, f"rally {rally}")

    def _announced(self, changed: Map, event_type: str, payload: JsonObject) -> str:
        """Note rally points, and events whose id a clock that was set back made too old to be asked for."""
        event_id = self._announce(changed, event_type, payload)
        moment = ulid_time_ms(event_id) or 0
        if moment < self._newest_ms - OVERLAP_MS:
            self._disordered.add(event_id)
        self._newest_ms = max(self._newest_ms, moment)
        if event_type == "rally_point_added":
            self._rallies[event_id] = payload["rally_point_id"], self.world.maps.now()
        return event_id

    async def _read_if(self, stream: Stream, notice: str) -> None:
        await trio.sleep(SETTLED_S)
        if stream in self.world.maps.streams and not stream.gone and not self._stalled["map"]:
            self.tale.must.add(notice)

    async def watch_streams(self) -> None:
        """What the server could replay to a stream that lasted, it could still hand out."""
        maps = self.world.maps
        async with trio.open_nursery() as nursery:
            while True:
                await maps.until(lambda maps: not self._watched.issuperset(maps.streams))
                for stream in set(maps.streams) - self._watched:
                    nursery.start_soon(self._replayed, stream)
                self._watched = set(maps.streams)

    async def _replayed(self, stream: Stream) -> None:
        maps = self.world.maps
        await trio.sleep(SETTLED_S)
        if stream not in maps.streams or stream.gone or self._stalled["map"]:
            return
        for event in maps.buffer.after(self.world.map.id, "", maps.now()):
            rally, at = self._rallies.get(event.id, ("", maps.now()))
            age_s = (self.world.now() - at).total_seconds()
            if rally and event.id not in self._disordered and age_s < FRESH_S:
                self.tale.must.add(f"rally {rally}")

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    async def rage(self) -> None:
        """One misfortune after the other, some at once, until the storm is over; then everything is mended."""
        feed, maps = self.world.killfeed, self.world.maps
        async with trio.open_nursery() as nursery:
            while trio.current_time() < STORM_S - 400:
                await trio.sleep(self.rng.uniform(0, 300))
                name, fault = self.rng.choice(self._faults())
                self.tale.faults[name] += 1
                nursery.start_soon(fault)
        assert not feed.down
        assert not maps.down

    def _faults(self) -> tuple[tuple[str, Callable[[], Awaitable[None]]], ...]:
        world, feed, maps = self.world, self.world.killfeed, self.world.maps
        at_once: dict[str, Callable[[], object]] = {
            "kills: reset": world.doors["kills"].cut,
            "kills: channels crash": feed.crash_channels,
            "kills: close": lambda: feed.close_all(self.rng.choice((1000, 1001, 1009, 1011, 1012))),
            "kills: restart": feed.restart,
            "kills: killed": feed.kill,
            "kills: replies lost": lambda: feed.drop_replies(2),
            "kills: upstream repeats": self._repeat,
            "kills: clock jumps": lambda: self._jump("killfeed"),
            "map: reset": world.doors["map"].cut,
            "map: streams reset": maps.cut_streams,
            "map: restart": maps.restart,
            "map: cut inside an event": lambda: setattr(maps, "cut_in_next_frame", True),
            "map: lists fail": lambda: maps.fail_rest(self.rng.randint(1, 4), self.rng.choice((500, 502, 503))),
            "map: list empty": maps.empty_lists,
            "map: split": lambda: setattr(maps, "split_at", self.rng.choice((None, 7, 100))),
            "map: replay doubled": lambda: setattr(maps, "duplicate_backfill", True),
            "map: clock jumps": lambda: self._jump("maps"),
        }

        def once(act: Callable[[], object]) -> Callable[[], Awaitable[None]]:
            async def fault() -> None:
                act()
                await trio.lowlevel.checkpoint()

            return fault

        lasting: dict[str, Callable[[], Awaitable[None]]] = {
            "kills: half-open": lambda: self._half_open("kills"),
            "kills: refused": lambda: self._refused("kills"),
            "kills: takes, says nothing": self._mute_kills,
            "kills: heartbeats unanswered": lambda: self._for(feed.stall_heartbeats, False),
            "kills: no upgrades": lambda: self._for(lambda on: feed.refuse_upgrades(503 if on else None), False),
            "kills: slow joins": lambda: self._for(lambda on: feed.delay_join(8.0 if on else 0.0), False),
            "kills: down": self._kills_down,
            "kills: lists fail": self._lists_fail,
            "map: half-open": lambda: self._half_open("map"),
            "map: refused": lambda: self._refused("map"),
            "map: silent": self._mute_map,
            "map: streams end": self._end_streams,
            "map: no place": lambda: self._for(lambda on: setattr(maps, "max_streams_per_key", 0 if on else 10), True),
            "map: streams off": lambda: self._for(lambda on: setattr(maps, "sse_enabled", not on), True),
        }
        return (*((name, once(act)) for name, act in at_once.items()), *lasting.items())

    async def _for(self, switch: Callable[[bool], object], cut: bool) -> None:
        """Switch something on for a while; *cut* ends the map's streams, so that it is noticed."""
        switch(True)
        if cut:
            self.world.maps.cut_streams()
        await trio.sleep(self.rng.choice((5.0, 40.0, 200.0)))
        switch(False)

    async def _fight(self, name: str) -> None:
        """More kills in one system than a join replays, while nobody hears them; at times the memory goes as well."""
        if name != "kills" or self.rng.random() < 0.5:
            return
        await trio.sleep(self.rng.uniform(0, 3))
        system = self.rng.choice(SYSTEMS)
        for _ in range(self.rng.choice((2, 6, 9))):
            self._kill_in_a_system(system)
        if self.rng.random() < 0.3:
            self.world.killfeed.kill()

    async def _half_open(self, name: str) -> None:
        address = f"{name}.sim", PORTS[name]
        self._stalled[name] += 1
        self._half_opened[name] += 1
        self.network.stall(*address)
        await self._fight(name)
        await trio.sleep(self.rng.choice((3.0, 30.0, 150.0)))
        self._half_opened[name] -= 1
        self._stalled[name] -= 1
        if not self._half_opened[name]:
            self.network.stall(*address, on=False)

    async def _refused(self, name: str) -> None:
        address = f"{name}.sim", PORTS[name]
        self.network.refuse(*address)
        self.network.cut(*address)
        await self._fight(name)
        await trio.sleep(self.rng.choice((3.0, 30.0, 200.0)))
        self.network.refuse(*address, on=False)

    async def _mute_kills(self) -> None:
        self._stalled["kills"] += 1
        self.world.killfeed.stall()
        await self._fight("kills")
        await trio.sleep(self.rng.choice((3.0, 30.0, 150.0)))
        self.world.killfeed.stall(False)
        self._stalled["kills"] -= 1

    async def _mute_map(self) -> None:
        self._stalled["map"] += 1
        self.world.maps.stall()
        await trio.sleep(self.rng.choice((3.0, 30.0, 150.0)))
        self.world.maps.stall(False)
        self._stalled["map"] -= 1

    async def _kills_down(self) -> None:
        """Stopped or killed, and away for a while: what happens meanwhile is on zKillboard only."""
        feed = self.world.killfeed
        if feed.down:
            return
        self.rng.choice((feed.restart, feed.kill))(down=True)
        await self._fight("kills")
        await trio.sleep(self.rng.choice((5.0, 60.0, 300.0)))
        feed.down = False
        feed.started_at = feed.now()

    async def _lists_fail(self) -> None:
        feed = self.world.killfeed
        feed.failing_lists |= set(SYSTEMS)
        await trio.sleep(self.rng.choice((30.0, 200.0)))
        feed.failing_lists.clear()

    async def _end_streams(self) -> None:
        await self.world.maps.end_streams()

    def _repeat(self) -> None:
        """The upstream offers a recent kill once more."""
        recent = self.world.killfeed.store.in_memory(SYSTEMS[0])
        if recent and not self.world.killfeed.down:
            self.world.killfeed.push(recent[0].kill, times=2)

    def _jump(self, name: str) -> None:
        """The clock of an upstream is set; its uptime is not."""
        jump = self.rng.uniform(-60, 60)
        if abs(self._skew[name] + jump) <= 90:
            self._skew[name] += int(jump)
            if name == "killfeed":
                self.world.killfeed.started_at += timedelta(seconds=int(jump))
