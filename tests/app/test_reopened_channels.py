"""The whole service in virtual time: a closed channel is served again as soon as Discord says that it may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from tests.app.test_status import SYSTEM, evening, now, texts, virtual
from wanderer_notifier.sim.discord_messages import SEND_MESSAGES
from wanderer_notifier.sim.world import World


def _channel_update(world: World) -> None:
    world.discord.allow(world.channel("system_kill"), SEND_MESSAGES)


def _silently(world: World) -> None:
    world.discord.channel(world.channel("system_kill")).denied &= ~SEND_MESSAGES


def _role_update(world: World) -> None:
    _silently(world)
    guild = world.discord.guild.id
    world.discord.gateway.dispatch("GUILD_ROLE_UPDATE", {"guild_id": guild, "role": {"id": guild}})


def _our_roles(world: World) -> None:
    _silently(world)
    guild = world.discord.guild
    world.discord.gateway.dispatch("GUILD_MEMBER_UPDATE", {"guild_id": guild.id, "user": guild.bot, "roles": []})


def _guild_back(world: World) -> None:
    _silently(world)
    world.discord.gateway.kick_bot()
    world.discord.gateway.invite_bot()


def _kill(world: World) -> None:
    kill = world.inventor.kill(now(), system_id=SYSTEM, victim=2147481007, attackers=[2147481008])
    world.killfeed.push(kill, times=2)


@pytest.mark.parametrize("reopen", [_channel_update, _role_update, _our_roles, _guild_back])
def test_a_permission_given_back_sends_what_waits_at_once(reopen: Callable[[World], None], tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder) as world:
            await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
            await world.discord.gateway.until(lambda: bool(world.discord.gateway.live))
            await trio.sleep(5)
            channel = world.channel("system_kill")
            world.discord.channel(channel).denied |= SEND_MESSAGES
            for _ in range(2):
                _kill(world)
                await trio.sleep(150)
            assert texts(world, "system_kill") == []
            reopen(world)
            await trio.sleep(2)
            assert len(texts(world, "system_kill")) == 2
            notes = [text for text in texts(world) if text.startswith(f"Messages for <#{channel}>")]
            assert len(notes) == 1, "the primary channel hears of it once"

    virtual(body, tmp_path)
