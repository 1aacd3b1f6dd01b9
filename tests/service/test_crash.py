"""The promise itself: the service is killed again and again, and every kill is told exactly once.

Ten crashes in the suite; `just crash` makes it fifty.
"""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest
import trio

from tests.service.harness import forget_crashes, running
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.faults import cut, limited, slow, status
from wanderer_notifier.sim.killmails import Inventor
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.sim.world import World

KILLS = 200
SYSTEMS = range(31002001, 31002051)
"""Four kills each: what happens while the service is dead comes with the preload, which holds five a system."""
SEED = 20261125


def now() -> datetime:
    return datetime.now(UTC)


def told(discord: Discord) -> Counter[int]:
    """How often each kill stands in a channel."""
    found = Counter[int]()
    for channel in discord.guild.channels.values():
        for message in channel.messages:
            for embed in message.json()["embeds"]:
                found.update(int(number) for number in re.findall(r"/kill/(\d+)/", embed.get("url", "")))
    return found


@pytest.mark.timeout(1800)
async def test_every_kill_is_told_exactly_once_though_the_service_is_killed_again_and_again(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    crashes: int = request.config.getoption("--crashes")
    rng = Random(SEED)
    world = World(SEED, now)
    discord = world.discord
    discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(requests=20, per_s=1.0)  # or 200 take minutes
    discord.fault(slow(before_s=0.01, after_s=0.02), probability=0.3, times=None)
    discord.fault(limited(0.2), probability=0.03, times=None)
    discord.fault(cut(effect=True), probability=0.03, times=None)
    discord.fault(status(502, effect=True), probability=0.02, times=None)
    discord.fault(status(500), probability=0.01, times=None)
    inventor = Inventor(rng)
    expected: list[int] = []

    async def push_kills() -> None:
        for number in range(KILLS):
            await trio.sleep(rng.uniform(0.5, 1.5) * crashes * 1.1 / KILLS)
            kill = inventor.kill(now(), system_id=SYSTEMS[number % len(SYSTEMS)])
            expected.append(kill["killmail_id"])
            world.killfeed.push(kill)

    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        environment = {**world.environment(), "CRASH_LOOP_PAUSE_SECONDS": "0"}  # here crashing is the business
        for system in SYSTEMS:
            world.map.add_system(system, name=f"J{system - 30900000}")
        async with running(environment, tmp_path / "priv") as first:
            await first.ready()  # history before the first start stays silent, so the story begins here
            nursery.start_soon(push_kills)
            await trio.sleep(rng.uniform(0.2, 1.0))
            first.kill()
            await first.process.wait()
        for _ in range(crashes - 1):
            async with running(environment, tmp_path / "priv") as service:
                await trio.sleep(rng.uniform(0.3, 1.9))
                service.kill()
                await service.process.wait()
            forget_crashes(tmp_path / "priv")
        async with running(environment, tmp_path / "priv") as last:
            with trio.fail_after(120):
                await discord.until(lambda: len(expected) == KILLS and len(told(discord)) == KILLS)
            assert await last.stop() == 0
        nursery.cancel_scope.cancel()
    found = told(discord)
    assert sorted(found) == sorted(expected)
    assert {kill: times for kill, times in found.items() if times != 1} == {}
    assert discord.duplicates() == []
