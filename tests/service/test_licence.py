"""Rows L1 to L7 of notifications.md 4 through the whole service, in virtual time, with a manager to ask."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.log_lines import logged
from tests.service.simulation import BEGIN, inline
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.faults import status
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import World

HOME = 31001503
POST = "POST /channels/{c}/messages"


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


class Evening:
    """The service and its universe."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.systems = iter(range(31002101, 31002400))

    def forms(self, kind: str = "system_kill") -> str:
        """What stands in a channel, oldest first: R for rich, t for text."""
        return "".join(
            "R" if message.embeds else "t" for message in self.world.discord.messages(self.world.channel(kind))
        )

    async def kills(self, number: int) -> None:
        """So many kills, and until they are all told."""
        told = len(self.forms()) + number
        for _ in range(number):
            self.world.killfeed.push(
                self.world.inventor.kill(now(), system_id=HOME, victim=2147481007, attackers=[2147481008])
            )
            await trio.sleep(1.0)
        with trio.fail_after(120):
            await self.world.discord.until(lambda: len(self.forms()) >= told)


@asynccontextmanager
async def evening(folder: Path, *, verdict: Any = "valid", **environment: str) -> AsyncIterator[Evening]:
    world = World(3, now)
    world.licence.verdict = verdict
    world.map.add_system(HOME, quiet=True)
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(folder), **environment}, cwd=folder)
        seams = Seams(now=now, dice=Random(3), dial=network.dial, store_run=inline, signals=False, web=False)
        nursery.start_soon(lambda: service.run(settings, seams=seams))
        await trio.sleep(30)
        yield Evening(world)
        nursery.cancel_scope.cancel()


async def test_l1_a_valid_licence_makes_all_rich(autojump_clock: MockClock, tmp_path: Path) -> None:
    with logged() as lines:
        async with evening(tmp_path) as night:
            await night.kills(8)
            assert night.forms() == "R" * 8
    assert sum(line["event"] == "License validation successful" for line in lines) == 1


async def test_l2_l3_l5_an_invalid_one_allows_five_of_a_kind_and_any_rally(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with evening(tmp_path, verdict="invalid") as night:
        await night.kills(7)
        assert night.forms() == "R" * 5 + "tt"
        for _ in range(6):
            night.world.map.add_system(next(night.systems))
            await trio.sleep(2)
        with trio.fail_after(60):
            await night.world.discord.until(lambda: len(night.forms("system")) == 6)
        assert night.forms("system") == "R" * 5 + "t"
        for number in range(7):
            night.world.map.rally(HOME, 2147481007, f"form up {number}")
            await trio.sleep(2)
        with trio.fail_after(60):
            await night.world.discord.until(lambda: len(night.forms("rally")) == 7)
        assert night.forms("rally") == "R" * 7


async def test_l4_what_discord_refuses_is_not_counted(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path, verdict="invalid") as night:
        channel = night.world.channel("system_kill")
        night.world.discord.fault(status(400), route=POST, channel=channel, times=4)  # each, and its simpler form
        for _ in range(2):
            night.world.killfeed.push(
                night.world.inventor.kill(now(), system_id=HOME, victim=2147481007, attackers=[2147481008])
            )
            await trio.sleep(5)
        assert night.forms() == ""
        await night.kills(6)
        assert night.forms() == "R" * 5 + "t"


@pytest.mark.parametrize("trouble", ["stalls", "down", "500", "429", "401", "html"])
async def test_l6_a_manager_that_does_not_answer_is_not_counted(
    autojump_clock: MockClock, tmp_path: Path, trouble: str
) -> None:
    async with evening(tmp_path, verdict="valid", LICENSE_REFRESH_INTERVAL="60000") as night:
        manager = night.world.licence
        match trouble:
            case "stalls":
                manager.delay_s = 1e6
            case "down":
                night.world.doors["licence"].shut = True
                night.world.doors["licence"].cut()
            case "html":
                manager.says = (200, b"<html></html>")
            case number:
                manager.says = (int(number), b"{}")
        await trio.sleep(600)
        await night.kills(7)
        assert night.forms() == "R" * 7


async def test_l6_nor_is_one_that_was_never_reached(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path, LICENSE_MANAGER_URL="http://nowhere.sim/api") as night:
        await night.kills(7)
        assert night.forms() == "R" * 7


async def test_l7_the_free_messages_are_spent_once_per_run(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path, verdict="invalid", LICENSE_REFRESH_INTERVAL="60000") as night:
        await night.kills(6)
        night.world.licence.verdict = "valid"
        await trio.sleep(1000)
        await night.kills(3)
        night.world.licence.verdict = "invalid"
        await trio.sleep(1000)
        await night.kills(2)
        assert night.forms() == "R" * 5 + "t" + "R" * 3 + "tt"


async def test_enforcement_off_asks_and_limits_nothing(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with evening(tmp_path, verdict="invalid", LICENSE_ENFORCEMENT="off") as night:
        await night.kills(7)
        assert night.forms() == "R" * 7
        assert night.world.licence.asked
