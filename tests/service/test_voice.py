"""Who sits in voice is pinged for a kill, through the whole service in virtual time (notifications.md 6)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import trio
from trio.testing import MockClock

from tests.service.simulation import BEGIN, inline
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import AFK_CHANNEL, MEMBERS, VOICE_CHANNEL, World

HOME = 31001503
ONE, TWO, THREE = sorted(MEMBERS, key=int)


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


class Night:
    """The service and its universe."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def kill(self) -> Posted:
        """One kill in a tracked system, and how it was told."""
        discord, channel = self.world.discord, self.world.channel("system_kill")
        before = len(discord.messages(channel))
        kill = self.world.inventor.kill(now(), system_id=HOME, victim=2147481007, attackers=[2147481008])
        self.world.killfeed.push(kill)
        with trio.fail_after(60):
            await discord.until(lambda: len(discord.messages(channel)) > before)
        return discord.messages(channel)[-1]

    async def content(self) -> str:
        """What stands above the next kill; it must have pinged exactly those it names."""
        message = await self.kill()
        assert set(message.pinged) == {
            f"user:{word[2:-1]}" for word in message.content.split() if word.startswith("<@")
        }
        return message.content.strip()


@asynccontextmanager
async def night(folder: Path, *, voice: bool = True) -> AsyncIterator[Night]:
    world = World(5, now)
    world.map.add_system(HOME, quiet=True)
    flag = "true" if voice else "false"
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        environment = {**world.environment(), "DATA_DIR": str(folder)}
        settings = load({**environment, "VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED": flag}, cwd=folder)
        seams = Seams(now=now, dice=Random(5), dial=network.dial, store_run=inline, signals=False, web=False)
        nursery.start_soon(lambda: service.run(settings, seams=seams))
        await trio.sleep(30)
        yield Night(world)
        nursery.cancel_scope.cancel()


async def test_those_in_voice_are_pinged_through_resume_outage_and_a_new_session(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with night(tmp_path) as at:
        gateway = at.world.discord.gateway
        assert await at.content() == ""
        gateway.voice_join(TWO, VOICE_CHANNEL)
        gateway.voice_join(ONE, VOICE_CHANNEL)
        gateway.voice_join(THREE, AFK_CHANNEL)
        await trio.sleep(1)
        assert await at.content() == f"<@{ONE}> <@{TWO}>"  # D27: not who is away
        gateway.cut_all()
        gateway.voice_leave(ONE)  # told by the resume
        await trio.sleep(30)
        assert await at.content() == f"<@{TWO}>"
        gateway.outage()
        await trio.sleep(1)
        assert await at.content() == ""  # nobody is known to sit there
        gateway.outage(False)
        await trio.sleep(1)
        assert await at.content() == f"<@{TWO}>"
        gateway.forget_sessions()
        gateway.cut_all()
        gateway.voice_leave(TWO)
        gateway.voice_join(ONE, VOICE_CHANNEL, deaf=True)
        gateway.voice_join(THREE, VOICE_CHANNEL)
        await trio.sleep(60)
        assert gateway.journal.counts["ready"] == 2
        assert await at.content() == f"<@{THREE}>"


async def test_without_the_flag_nobody_is_pinged_and_no_voice_is_heard(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with night(tmp_path, voice=False) as at:
        at.world.discord.gateway.voice_join(ONE, VOICE_CHANNEL)
        await trio.sleep(1)
        assert await at.content() == ""
        (login,) = [one for one in at.world.discord.gateway.journal.frames("in") if one.op == 2]
        assert login.data["intents"] == 1


async def test_a_gateway_that_is_closed_for_good_stops_no_notification(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-42, OPS-43, P02
    async with night(tmp_path) as at:
        gateway = at.world.discord.gateway
        gateway.close_all(4014)
        await trio.sleep(60)
        asked = len(at.world.discord.journal)
        await trio.sleep(600)
        assert gateway.journal.counts["connections"] == 1
        assert not [one.route for one in list(at.world.discord.journal)[asked:] if "gateway" in (one.route or "")]
        assert await at.content() == ""


async def test_the_presence_counts_the_systems_and_shows_a_feed_that_is_down(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-44
    async with night(tmp_path) as at:
        presences = at.world.discord.gateway.journal.presences
        await trio.sleep(60)
        systems = presences[-1]["activities"][0]["name"]
        assert (presences[-1]["status"], systems.endswith(("system", "systems"))) == ("online", True)
        at.world.doors["map"].shut = True
        at.world.doors["map"].cut()
        await trio.sleep(60)
        assert (presences[-1]["status"], presences[-1]["activities"][0]["name"]) == (
            "idle",
            f"{systems}, feeds degraded",
        )
        at.world.doors["map"].shut = False
        await trio.sleep(300)
        assert presences[-1]["status"] == "online"
