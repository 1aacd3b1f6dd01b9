"""The whole service in virtual time: what it says of itself, and what it says without a licence."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import pytest
import trio
from trio.testing import MockClock

from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import World

T = TypeVar("T")
BEGIN = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
SYSTEM = 31002001


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


@asynccontextmanager
async def evening(folder: Path, *, licensed: bool = True, **environment: Any) -> AsyncIterator[World]:
    """The service and its universe in memory; the block's end ends both."""
    world = World(3, now)
    world.licence.verdict = "valid" if licensed else "invalid"
    world.map.add_system(SYSTEM, name="J102001", quiet=True)
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(folder), **environment}, cwd=folder)
        seams = Seams(now=now, dice=Random(3), dial=network.dial, store_run=inline, signals=False, web=False)
        nursery.start_soon(lambda: service.run(settings, seams=seams))
        yield world
        nursery.cancel_scope.cancel()


def virtual(body: Callable[[Path], Awaitable[None]], folder: Path) -> None:
    trio.run(body, folder, clock=MockClock(autojump_threshold=0))


def texts(world: World, kind: str = "primary") -> list[str]:
    """What stands in a channel: titles, or the text of what has none."""
    found = []
    for message in world.discord.messages(world.channel(kind)):
        (embed,) = message.embeds or [{}]
        found.append(embed.get("title") or embed.get("description") or message.content)
    return found


def test_one_report_after_the_start_and_one_each_hour(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, STATUS_MESSAGES_ENABLED="true") as world:
            await world.discord.until(lambda: len(texts(world)) == 1)
            assert trio.current_time() < 60, "the start is told once it is over"
            await trio.sleep(2 * 3600 + 60)
            assert texts(world) == [
                "WandererNotifier Service Started",
                "WandererNotifier Service Status",
                "WandererNotifier Service Status",
            ]
            (embed,) = world.discord.messages(world.channel("primary"))[-1].embeds
            assert embed["description"].startswith("✅ System is operational")
            shown = {field["name"]: field["value"] for field in embed["fields"]}
            assert (shown["Uptime"][:5], shown["Systems"], shown["Map"]) == ("⏱️ 2h", "🗺️ 1", "🟢")

    virtual(body, tmp_path)


def test_a_feed_that_is_gone_for_long_is_told_and_so_is_its_return(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, STATUS_MESSAGES_ENABLED="true") as world:
            await world.discord.until(lambda: len(texts(world)) == 1)
            world.doors["kills"].shut = True
            world.doors["kills"].cut()
            await trio.sleep(240)
            assert len(texts(world)) == 1
            await world.discord.until(lambda: len(texts(world)) == 2)
            assert texts(world)[1].startswith("🔴 The Kill feed has been down for 5m")
            world.doors["kills"].shut = False
            await world.discord.until(lambda: len(texts(world)) == 3)
            assert texts(world)[2].startswith("🟢 The Kill feed is back after ")

    virtual(body, tmp_path)


def test_by_default_the_service_keeps_quiet_about_itself(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder) as world:
            await trio.sleep(7200)
            assert texts(world) == []

    virtual(body, tmp_path)


def test_without_schedulers_there_are_no_reports(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, STATUS_MESSAGES_ENABLED="true", SCHEDULERS_ENABLED="false") as world:
            await trio.sleep(7200)
            assert texts(world) == []

    virtual(body, tmp_path)


async def _kills(world: World, count: int) -> None:
    await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
    for _ in range(count):
        world.killfeed.push(
            world.inventor.kill(now(), system_id=SYSTEM, victim=2147481007, attackers=[2147481008]), times=2
        )


def test_the_free_tier_has_five_rich_kills_then_words_in_the_same_channel(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, LICENSE_KEY="") as world:
            await _kills(world, 7)
            await world.discord.until(lambda: len(texts(world, "system_kill")) == 7)
            shown = texts(world, "system_kill")
            assert shown[:5] == ["Ship destroyed in J102001"] * 5
            assert all(" lost a " in text and "zkillboard.com/kill/" in text for text in shown[5:])

    virtual(body, tmp_path)


@pytest.mark.parametrize(
    "environment", [{}, {"LICENSE_KEY": "", "LICENSE_ENFORCEMENT": "off"}], ids=["a key on trust", "not enforced"]
)
def test_otherwise_everything_is_rich(environment: dict[str, Any], tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, **environment) as world:
            await _kills(world, 7)
            await world.discord.until(lambda: len(texts(world, "system_kill")) == 7)
            assert texts(world, "system_kill") == ["Ship destroyed in J102001"] * 7

    virtual(body, tmp_path)


def test_a_message_that_discord_never_took_frees_its_place(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, licensed=False) as world:
            channel = world.channel("system_kill")
            await _kills(world, 0)
            world.doors["discord"].shut = True
            world.doors["discord"].cut()
            await _kills(world, 5)
            await trio.sleep(3700)  # past their deadline
            world.doors["discord"].shut = False
            await trio.sleep(120)
            (lost,) = world.discord.messages(channel)
            assert lost.content.startswith("5 messages for this channel could not be sent in time")
            await _kills(world, 6)
            await world.discord.until(lambda: len(texts(world, "system_kill")) == 7)
            kills = world.discord.messages(channel)[1:]
            assert [bool(message.embeds) for message in kills] == [True] * 5 + [False]

    virtual(body, tmp_path)
