"""A day of the whole service in virtual time: one process, one seed, crashes and cuts, all upstreams in memory."""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import trio
from attrs import define
from trio.testing import MockClock

from tests.service.harness import forget_crashes
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.faults import cut, limited, slow, stall, status
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.stubs import Stub
from wanderer_notifier.sim.world import World

T = TypeVar("T")
BEGIN = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
SYSTEMS = range(31002001, 31002013)
KILLS = 24
STRANGERS = (2147481007, 2147481008)
PATIENCE_S = 1800.0


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    """The store's work in virtual time: a thread would look like idleness to the clock."""
    await trio.lowlevel.checkpoint()
    return sync_fn()


@define
class Story:
    """What happened and what came of it."""

    seed: int
    expected: Counter[str]
    told: Counter[str]
    crashes: int = 0
    virtual_s: float = 0.0

    def wrong(self) -> dict[str, int]:
        """Notices that were not told exactly once, and how often instead."""
        every = self.expected.keys() | self.told.keys()
        return {notice: self.told[notice] for notice in every if self.told[notice] != self.expected[notice]}


def repeatable(seed: int) -> None:
    """Trio shuffles its run queue; with its dice seeded a failing story can be told again."""
    run: Any = trio._core._run
    run._ALLOW_DETERMINISTIC_SCHEDULING = True
    run._r.seed(seed)


def play(seed: int) -> Story:
    """One story; the same seed tells the same one."""
    repeatable(seed)
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.is_dir() else None) as folder:
        return trio.run(_play, seed, Path(folder), clock=MockClock(autojump_threshold=0))


async def _play(seed: int, folder: Path) -> Story:
    rng = Random(seed)
    story = Story(seed, Counter(), Counter())

    def now() -> datetime:
        return BEGIN + timedelta(seconds=trio.current_time())

    world = World(seed, now)
    for system in SYSTEMS:
        world.map.add_system(system, name=f"J{system}", quiet=True)
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(folder), "CRASH_LOOP_PAUSE_SECONDS": "0"}, cwd=folder)
        seams = Seams(now=now, dice=Random(seed), dial=network.dial, store_run=inline, signals=False, web=False)

        async def live(until: float) -> None:
            """One life of the service, ended without warning."""
            with trio.move_on_at(until):
                await service.run(settings, seams=seams)

        async def lives() -> None:
            await live(trio.current_time() + 60)  # the first start, so that what follows is no history
            nursery.start_soon(_happen, world, rng, story, now)
            for _ in range(rng.randint(1, 5)):
                await live(trio.current_time() + rng.uniform(0.0, 40.0))
                story.crashes += 1
                forget_crashes(folder)
                await trio.sleep(rng.choice((0.0, 1.0, rng.uniform(0, 60))))
            await live(trio.current_time() + PATIENCE_S)

        nursery.start_soon(_vex, world, rng)
        with trio.move_on_after(PATIENCE_S) as patience:
            nursery.start_soon(lives)
            await trio.sleep(61)
            await world.discord.until(lambda: story.expected.total() == KILLS + 6 and told(world) >= story.expected)
        story.virtual_s = trio.current_time()
        if not patience.cancelled_caught:
            await trio.sleep(130)  # a double would come now, after the nonce window
        nursery.cancel_scope.cancel()
    story.told = told(world)
    return story


async def _happen(world: World, rng: Random, story: Story, now: Callable[[], datetime]) -> None:
    """Kills, systems and rallies; each is expected exactly once."""
    extra = iter(range(31003001, 31003004))
    things = ["kill"] * KILLS + ["system"] * 3 + ["rally"] * 3
    rng.shuffle(things)
    turn = 0
    for thing in things:
        await trio.sleep(rng.choice((0.0, 0.2, rng.uniform(0, 12))))
        if thing == "kill":
            system = SYSTEMS[turn % len(SYSTEMS)]
            turn += 1
            victim, attacker = STRANGERS
            kill = world.inventor.kill(now(), system_id=system, victim=victim, attackers=[attacker])
            story.expected[f"kill {kill['killmail_id']}"] += 1
            world.killfeed.push(kill)
        elif thing == "system":
            system = next(extra)
            story.expected[f"system {system}"] += 1
            world.map.add_system(system, name=f"J{system}")
        else:
            story.expected[f"rally {world.map.rally(rng.choice(SYSTEMS), STRANGERS[0], 'form up')}"] += 1


async def _vex(world: World, rng: Random) -> None:
    """Misfortunes of every upstream."""
    discord = world.discord
    discord.fault(slow(before_s=0.3, after_s=0.3), probability=0.2, times=None)
    discord.fault(limited(1.2), probability=0.05, times=None)
    discord.fault(cut(effect=True), probability=0.06, times=None)
    discord.fault(cut(effect=False), probability=0.04, times=None)
    discord.fault(status(502, effect=True), probability=0.04, times=None)
    discord.fault(stall(effect=True), probability=0.02, times=None)
    misfortunes: tuple[Callable[[], object], ...] = (
        world.doors["kills"].cut,
        world.doors["map"].cut,
        world.doors["discord"].cut,
        world.killfeed.crash_channels,
        lambda: world.killfeed.close_all(1012),
        world.maps.cut_streams,
        lambda: world.maps.fail_rest(2),
        world.doors["esi"].cut,
        lambda: _toggle(world.esi),
    )
    while trio.current_time() < 600:
        await trio.sleep(rng.uniform(2, 40))
        rng.choice(misfortunes)()


def _toggle(stub: Stub) -> None:
    stub.down = not stub.down


def told(world: World) -> Counter[str]:
    """How often each kill, system and rally point was posted, by kind and id."""
    found = Counter[str]()
    for channel in world.discord.guild.channels.values():
        for message in channel.messages:
            for embed in message.json()["embeds"]:
                found.update(f"kill {number}" for number in re.findall(r"/kill/(\d+)/", embed.get("url", "")))
                footer = embed.get("footer", {}).get("text", "")
                found.update(f"system {number}" for number in re.findall(r"System ID: (\d+)", footer))
                found.update(f"rally {name}" for name in re.findall(r"Rally ID: (\S+)", footer))
    return found
