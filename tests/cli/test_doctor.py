"""`doctor` against the whole simulated universe: one fault at a time, and what it says to each."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.cli.doctor_faults import (
    CHANNELS,
    DISCORD,
    MAP,
    REST,
    Case,
    timed_out,
)
from tests.cli.doctor_universe import (
    INVITE,
    KILLS,
    POST,
    PRIMARY,
    examined,
    register,
    sick,
    universe,
)
from tests.cli.ran import beside
from wanderer_notifier.sim.discord_permissions import (
    EMBED_LINKS,
    SEND_MESSAGES,
    VIEW_CHANNEL,
)
from wanderer_notifier.sim.faults import stall, status
from wanderer_notifier.sim.world import (
    GUILD,
    JANICE_TOKEN,
    LICENCE_KEY,
    LICENCE_TOKEN,
    MAP_KEY,
    TOKEN,
    World,
)


async def test_a_healthy_universe_has_nothing_to_complain_about(autojump_clock: MockClock, tmp_path: Path) -> None:
    found = await examined(universe(), tmp_path)
    assert sick(found) == []
    checks = " ".join(one.check for one in found)
    for word in (
        "token",
        "application",
        "gateway",
        "commands",
        "server",
        "channel",
        "map",
        "kill feed",
        "kill service",
    ):
        assert word in checks
    for word in ("licence", "ESI", "Janice", "clock", "disk", "data directory"):
        assert word in checks


@pytest.mark.parametrize("fault", [*DISCORD, *CHANNELS, *MAP, *REST])
async def test_each_fault_is_named_with_its_fix_and_nothing_else_is(
    autojump_clock: MockClock, tmp_path: Path, fault: Case
) -> None:
    world = universe()
    fault.break_(world)
    found = sick(await examined(world, tmp_path, fault.environment))
    assert len(found) == len(fault.expected), found
    for one, (check, level, words, fix) in zip(found, fault.expected, strict=True):
        assert check in one.check
        assert one.level == level
        assert words in one.words
        assert any(part in one.fix for part in fix.split("|")), one.fix


async def test_a_bot_in_time_out_is_told_so_everywhere(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = universe()
    timed_out(world)
    found = sick(await examined(world, tmp_path))
    assert len(found) == 6
    assert all(one.level == "fail" and "time-out until" in one.words for one in found)


async def test_a_bot_that_was_removed_gets_the_link_that_invites_it(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = universe()
    for one in world.discord.guild.channels.values():
        one.denied = VIEW_CHANNEL
    world.discord.gateway.kick_bot()
    found = sick(await examined(world, tmp_path))
    assert all(one.level == "fail" for one in found)
    assert any(one.check == f"server {GUILD}" and INVITE in one.fix for one in found)


async def test_one_channel_for_everything_is_looked_at_once(autojump_clock: MockClock, tmp_path: Path) -> None:
    rest = {
        f"DISCORD_{name}_CHANNEL_ID": "-" for name in ("SYSTEM", "CHARACTER", "SYSTEM_KILL", "CHARACTER_KILL", "RALLY")
    }
    found = await examined(universe(), tmp_path, rest)
    (one,) = [one for one in found if one.check.startswith("channel")]
    for use in ("status and notes", "systems", "pilots", "kills by system", "kills by pilot", "rally points"):
        assert use in one.check


async def test_a_test_message_comes_silently_and_goes(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = universe()
    world.discord.deny(KILLS, SEND_MESSAGES)
    found = [one for one in await examined(world, tmp_path, test_message=True) if one.check.startswith("test message")]
    assert [one.words for one in found] == ["posted and deleted"] * 5, "and none where it cannot arrive"
    posts = [seen for seen in world.discord.journal if seen.route == POST]
    assert len(posts) == 5
    assert not any(channel.messages for channel in world.discord.guild.channels.values())


async def test_the_test_message_is_silent_and_pings_nobody(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = universe()
    world.discord.fault(status(500), route="DELETE /channels/{c}/messages/{m}", times=None)
    found = [one for one in await examined(world, tmp_path, test_message=True) if one.check.startswith("test message")]
    assert {one.level for one in found} == {"warn"}
    (message,) = world.discord.messages(PRIMARY)
    assert message.flags & 1 << 12
    assert message.pinged == ()
    assert message.embeds


async def test_nothing_is_posted_unless_asked(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = universe()
    await examined(world, tmp_path)
    assert not [seen for seen in world.discord.journal if not (seen.route or "").startswith("GET")]


async def test_nobody_answers_and_it_ends_within_a_minute(autojump_clock: MockClock, tmp_path: Path) -> None:
    world = universe()
    world.discord.fault(stall(), times=None)
    for stub in (world.esi, world.janice, world.licence):
        stub.delay_s = 1e6
    world.killfeed.stall()
    world.maps.stall()
    began = trio.current_time()
    found = sick(await examined(world, tmp_path))
    assert trio.current_time() - began <= 61
    assert len(found) >= 5


# --- the command -----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served() -> AsyncIterator[World]:
    world = World(5, lambda: datetime.now(UTC))
    world.map.add_system(31001503, quiet=True)
    world.map.add_character(2147481001, "Orsa Velden")
    register(world, "")
    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        yield world
        nursery.cancel_scope.cancel()


async def test_the_command_says_all_is_well_and_ends_with_0(tmp_path: Path) -> None:
    async with served() as world:
        ran = await beside("doctor", environment=world.environment(), data_dir=tmp_path)
    assert ran.code == 0, ran.out + ran.err
    assert "[  ok  ] kill feed: connected and joined" in ran.out
    assert "0 failed" in ran.out


async def test_the_command_as_json_ends_with_1_when_something_fails(tmp_path: Path) -> None:
    async with served() as world:
        world.discord.deny(KILLS, EMBED_LINKS)
        environment = world.environment()
        ran = await beside("doctor", "--json", "--send-test-message", environment=environment, data_dir=tmp_path)
    assert ran.code == 1, ran.err
    report = json.loads(ran.out)
    assert report["ok"] is False
    assert list(report) == ["ok", "findings"]
    assert {tuple(one) for one in report["findings"]} == {("group", "check", "level", "words", "fix")}
    assert "Wanderer Notifier" in next(one["words"] for one in report["findings"] if one["check"] == "token")
    (failed,) = [one for one in report["findings"] if one["level"] == "fail"]
    assert failed["group"] == "Discord"
    assert "Embed Links" in failed["words"]
    assert sum(one["words"] == "posted and deleted" for one in report["findings"]) == 5
    for secret in (TOKEN, MAP_KEY, LICENCE_KEY, LICENCE_TOKEN, JANICE_TOKEN):
        assert secret not in ran.out + ran.err
