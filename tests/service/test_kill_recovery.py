"""The whole service and the kill service's absences, in virtual time: restarts, outages, and what readiness says."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import trio
from trio.testing import MockClock

from tests.service.simulation import BEGIN, STRANGERS, SYSTEMS, inline
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import World


class Stage:
    """A universe, and lives of the service in it that share one database."""

    def __init__(self, nursery: trio.Nursery, folder: Path) -> None:
        self.world = World(1, self.now)
        for system in SYSTEMS:
            self.world.map.add_system(system, name=f"J{system}", quiet=True)
        network = MemoryNetwork(nursery)
        self.world.attach(network)
        self.settings = load({**self.world.environment(), "DATA_DIR": str(folder)}, cwd=folder)
        self.seams = Seams(now=self.now, dice=Random(1), dial=network.dial, store_run=inline, signals=False, web=False)

    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=trio.current_time())

    @asynccontextmanager
    async def life(self) -> AsyncIterator[None]:
        """One life, ended without warning."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: service.run(self.settings, seams=self.seams))
            with trio.fail_after(60):
                await self.world.killfeed.until(lambda feed: bool(feed.joined))
            yield
            nursery.cancel_scope.cancel()

    def kill(self) -> str:
        victim, attacker = STRANGERS
        kill = self.world.inventor.kill(self.now(), system_id=SYSTEMS[0], victim=victim, attackers=[attacker])
        self.world.killfeed.push(kill)
        return str(kill["killmail_id"])

    def told(self) -> Counter[str]:
        """How often each kill was told."""
        embeds = [
            embed
            for channel in self.world.discord.guild.channels.values()
            for message in channel.messages
            for embed in message.json()["embeds"]
        ]
        found = (re.search(r"/kill/(\d+)/", embed.get("url", "")) for embed in embeds)
        return Counter(match[1] for match in found if match)

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(900):
            await self.world.discord.until(condition)


async def test_scenario_5_four_copies_a_preload_and_a_restart_are_one_message(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery, tmp_path)
        async with stage.life():
            kill = stage.kill()
            await stage.until(lambda: stage.told()[kill] == 1)
            stage.world.killfeed.crash_channels()
            await trio.sleep(30)
        async with stage.life():
            await trio.sleep(120)
        assert stage.told() == {kill: 1}
        nursery.cancel_scope.cancel()


async def test_what_happened_while_the_service_was_away_is_told_once_it_is_back(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    """More than a preload shows, and the late ones say that they are late."""
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery, tmp_path)
        async with stage.life():
            await trio.sleep(60)
        missed = [stage.kill() for _ in range(9)]
        await trio.sleep(1200)
        async with stage.life():
            await stage.until(lambda: len(stage.told()) == 9)
            await trio.sleep(120)
        assert stage.told() == dict.fromkeys(missed, 1)
        footers = [
            embed["footer"]["text"]
            for channel in stage.world.discord.guild.channels.values()
            for message in channel.messages
            for embed in message.json()["embeds"]
            if "/kill/" in embed.get("url", "")
        ]
        assert all(text.endswith("reported late") for text in footers)
        nursery.cancel_scope.cancel()


async def test_kills_are_told_while_the_socket_is_refused(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        stage = Stage(nursery, tmp_path)
        async with stage.life():
            await trio.sleep(60)
            stage.world.killfeed.refuse_upgrades(503)
            stage.world.killfeed.cut_all()
            kills = [stage.kill() for _ in range(3)]
            await stage.until(lambda: len(stage.told()) == 3)
            stage.world.killfeed.refuse_upgrades(None)
            await trio.sleep(120)
            assert stage.told() == dict.fromkeys(kills, 1)
        nursery.cancel_scope.cancel()
