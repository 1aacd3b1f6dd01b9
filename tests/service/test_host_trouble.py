"""What a machine does to a service: process 1, no names at boot, a million kills (cases.md O01, O10, O14).

`just soak` plays a hundred thousand kills; the suite a hundred and twenty.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import tracemalloc
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import httpx
import pytest
import trio
import trio.abc
from trio.testing import MockClock

from tests.service.harness import forget_crashes, running
from tests.service.inprocess import service_in_process
from tests.service.isolation import as_process_one
from tests.service.simulation import BEGIN, STRANGERS, SYSTEMS, inline, repeatable
from tests.service.test_run import HOME, posted, strangers_kill, universe
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.net.dial import Dial, tcp_dial
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.sim.world import World
from wanderer_notifier.state import outbox
from wanderer_notifier.state.visit import looking


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


def child_of(pid: int) -> int:
    """The process that `unshare --fork` started."""
    told = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)], capture_output=True, text=True, check=False)
    return int(told.stdout.split()[0])


async def test_o01_as_process_1_sigterm_saves_the_queue_and_exits_0_within_ten_seconds(tmp_path: Path) -> None:
    data = tmp_path / "priv"
    async with universe() as world:
        async with running(world.environment(), data, inside=as_process_one()) as first:
            await first.ready()
            await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
            world.doors["discord"].shut = True
            world.doors["discord"].cut()
            kills = [strangers_kill(world, HOME) for _ in range(3)]
            for kill in kills:
                world.killfeed.push(kill)
            with trio.fail_after(20):
                while True:
                    with looking(data / "notifier.db") as conn:
                        if outbox.counts(conn).queued + outbox.counts(conn).sending == 3:
                            break
                    await trio.sleep(0.05)
            began = trio.current_time()
            os.kill(child_of(first.process.pid), signal.SIGTERM)
            with trio.fail_after(10):
                assert await first.process.wait() == 0
            assert trio.current_time() - began < 10
            (end,) = first.events("shutdown_complete")
            assert end["waiting"] == 3
        world.doors["discord"].shut = False
        async with running(world.environment(), data) as second:
            with trio.fail_after(30):
                await world.discord.until(lambda: len(posted(world, "system_kill")) == 3)
            assert await second.stop() == 0


class NoNames:
    """A host whose resolver answers nothing as long as `away`."""

    def __init__(self, dial: Dial) -> None:
        self._dial, self.away, self.asked = dial, True, 0

    async def dial(self, host: str, port: int) -> trio.abc.HalfCloseableStream:
        self.asked += 1
        await trio.lowlevel.checkpoint()
        if self.away:
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return await self._dial(host, port)


async def test_o10_no_names_at_boot_is_no_end_but_shown_and_heals(tmp_path: Path) -> None:
    async with universe() as world:
        names = NoNames(tcp_dial())
        (tmp_path / "priv").mkdir()
        seams = Seams(dial=names.dial, signals=False)
        async with (
            service_in_process(world.environment(), tmp_path / "priv", seams) as running_,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{running_.port}", trust_env=False, timeout=10) as client,
        ):
            with trio.fail_after(20):
                while not (words := (await client.get("/ready")).json()["checks"])["map_data"].startswith("starting: "):
                    await trio.sleep(0.05)
            assert "Temporary failure in name resolution" in words["map_data"]
            assert (await client.get("/ready")).status_code == 503
            assert (await client.get("/health")).status_code == 200, "starting anew would help nobody"
            names.away = False
            with trio.fail_after(40):
                while (await client.get("/ready")).status_code != 200:
                    await trio.sleep(0.05)
        assert running_.exit_code == 0


async def test_o10_after_two_minutes_without_names_kills_are_told(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        world, network = World(1, now), MemoryNetwork(nursery)
        for system in SYSTEMS:
            world.map.add_system(system, name=f"J{system}", quiet=True)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(tmp_path)}, cwd=tmp_path)
        names = NoNames(network.dial)
        seams = Seams(now=now, dice=Random(1), dial=names.dial, store_run=inline, signals=False, web=False)
        nursery.start_soon(lambda: service.run(settings, seams=seams))
        await trio.sleep(120)
        assert 10 < names.asked < 500, "tried again, and not in a storm"
        names.away = False
        with trio.fail_after(120):
            await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
        kill = world.inventor.kill(now(), system_id=SYSTEMS[0], victim=STRANGERS[0], attackers=[STRANGERS[1]])
        world.killfeed.push(kill)
        with trio.fail_after(120):
            await world.discord.until(lambda: len(posted(world, "system_kill")) == 1)
        nursery.cancel_scope.cancel()


async def test_a_crash_loop_leaves_discord_and_the_map_alone_for_a_minute(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        world, network = World(1, now), MemoryNetwork(nursery)
        world.map.add_system(HOME, name="J102001", quiet=True)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(tmp_path)}, cwd=tmp_path)
        asked: set[str] = set()

        async def dial(host: str, port: int) -> trio.abc.HalfCloseableStream:
            asked.add(host)
            return await network.dial(host, port)

        seams = Seams(now=now, dice=Random(1), dial=dial, store_run=inline, signals=False, web=False)
        for _ in range(3):
            with trio.move_on_after(20):
                await service.run(settings, seams=seams)
        asked.clear()
        with trio.move_on_after(50):
            await service.run(settings, seams=seams)
        assert not asked & {"map.sim", "kills.sim"}
        forget_crashes(tmp_path)
        asked.clear()
        with trio.move_on_after(50):
            await service.run(settings, seams=seams)
        assert {"map.sim", "kills.sim"} <= asked
        nursery.cancel_scope.cancel()


def soak(kills: int, folder: Path, tell: Callable[[str], None]) -> list[int]:
    """Play *kills* in virtual time; the traced memory, in bytes, after each tenth of them."""

    async def play() -> list[int]:
        figures: list[int] = []
        async with trio.open_nursery() as nursery:
            world, network = World(1, now), MemoryNetwork(nursery)
            world.discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(requests=1000, per_s=1.0)
            for system in SYSTEMS:
                world.map.add_system(system, name=f"J{system}", quiet=True)
            world.attach(network)
            settings = load({**world.environment(), "DATA_DIR": str(folder)}, cwd=folder)
            seams = Seams(now=now, dice=Random(1), dial=network.dial, store_run=inline, signals=False, web=False)
            nursery.start_soon(lambda: service.run(settings, seams=seams))
            await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
            told = 0
            for number in range(1, kills + 1):
                system = SYSTEMS[number % len(SYSTEMS)] if number % 10 else 30002187  # a tenth is nobody's business
                kill = world.inventor.kill(now(), system_id=system, victim=STRANGERS[0], attackers=[STRANGERS[1]])
                world.killfeed.push(kill)
                told += number % 10 != 0
                await trio.sleep(0.5)
                if number % max(kills // 10, 1) == 0:
                    with trio.fail_after(600):
                        await world.discord.until(lambda: sum_of(world) >= told)  # noqa: B023
                    forget(world)
                    told = 0
                    gc.collect()
                    figures.append(service_bytes())
                    tell(f"{number} kills: {figures[-1] / 2**20:.2f} MiB")
            nursery.cancel_scope.cancel()
        return figures

    repeatable(1)
    return trio.run(play, clock=MockClock(autojump_threshold=0))


def sum_of(world: World) -> int:
    return sum(len(channel.messages) for channel in world.discord.guild.channels.values())


def forget(world: World) -> None:
    """The fakes keep everything; what is measured is the service."""
    for channel in world.discord.guild.channels.values():
        channel.messages.clear()


def service_bytes() -> int:
    """What was allocated in the code of the service and lives, the simulated universe not counted."""
    shown = tracemalloc.take_snapshot().filter_traces(
        (
            tracemalloc.Filter(True, "*/wanderer_notifier/*"),
            tracemalloc.Filter(False, "*/wanderer_notifier/sim/*"),
        )
    )
    return sum(one.size for one in shown.statistics("filename"))


@pytest.mark.timeout(7200)
def test_o14_memory_is_flat_over_many_kills(tmp_path: Path) -> None:
    kills = int(os.environ.get("SOAK_KILLS", "120"))
    tracemalloc.start()
    try:
        figures = soak(kills, tmp_path, lambda words: print(words, flush=True))
    finally:
        tracemalloc.stop()
    half = len(figures) // 2
    grown = max(figures[half:]) - max(figures[:half])
    # The list of kills seen lately fills up to 20,000, about 200 bytes each for both audiences; all else is flat.
    filling = 200 * (min(kills, 20_000) - min(kills // 2, 20_000))
    assert grown < 256 * 1024 + filling, [f"{figure / 2**20:.2f} MiB" for figure in figures]
