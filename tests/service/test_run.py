"""`wanderer-notifier run` as a process against the simulated universe: the main job, outages, the end."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.service.harness import Service, running, until
from wanderer_notifier.config.table import DISCORD, GROUPS, MAP
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.faults import slow
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.sim.world import TOKEN, World

HOME, OTHER, FAR = 31002001, 31002002, 30000142
PILOT = 2147481001


def now() -> datetime:
    return datetime.now(UTC)


@asynccontextmanager
async def universe() -> AsyncIterator[World]:
    world = World(7, now)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        world.map.add_system(HOME, name="J102001", custom_name="Home")
        world.map.add_system(OTHER, name="J102002")
        world.map.add_character(PILOT, "Orsa Velden")
        yield world
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def ready_service(world: World, tmp_path: Path, **environment: str) -> AsyncIterator[Service]:
    async with running({**world.environment(), **environment}, tmp_path / "priv") as service:
        await service.ready()
        await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
        await world.killfeed.until(lambda feed: any(one.characters for one in feed.joined))
        yield service


def strangers_kill(world: World, system_id: int) -> dict[str, Any]:
    """A kill that only its system makes interesting."""
    return world.inventor.kill(now(), system_id=system_id, victim=2147481007, attackers=[2147481008])


def posted(world: World, kind: str) -> list[Posted]:
    return world.discord.messages(world.channel(kind))


def embed(message: Posted) -> dict[str, Any]:
    found: dict[str, Any] = message.json()["embeds"][0]
    return found


@pytest.mark.parametrize(
    ("why", "kill", "channel", "title", "author"),
    [
        (
            "system",
            {"system_id": HOME, "victim": 2147481007, "attackers": [2147481008]},
            "system_kill",
            "Ship destroyed in Home",
            "Kill",
        ),
        ("victim", {"system_id": FAR, "victim": PILOT}, "character_kill", "Ship destroyed in Jita", "Loss"),
        ("attacker", {"system_id": FAR, "attackers": [2147481007, PILOT]}, "character_kill", None, "Kill"),
    ],
)
async def test_a_kill_is_posted_within_a_second_and_once_though_it_comes_four_times(
    tmp_path: Path, why: str, kill: dict[str, Any], channel: str, title: str | None, author: str
) -> None:
    async with universe() as world, ready_service(world, tmp_path) as service:
        sent = world.inventor.kill(now(), **kill)
        began = trio.current_time()
        assert world.killfeed.push(sent) >= 2
        with trio.fail_after(10):
            await world.discord.until(lambda: bool(posted(world, channel)))
        took = trio.current_time() - began
        world.killfeed.push(sent)
        marker = strangers_kill(world, OTHER)
        world.killfeed.push(marker)
        with trio.fail_after(10):
            await world.discord.until(
                lambda: any("J102002" in embed(one)["title"] for one in posted(world, "system_kill"))
            )
        assert await service.stop() == 0
    assert took < 1.0
    assert len(posted(world, channel)) == (2 if channel == "system_kill" else 1)
    first = embed(posted(world, channel)[0])
    assert first["url"] == f"https://zkillboard.com/kill/{sent['killmail_id']}/"
    assert first["author"]["name"] == author
    assert title is None or first["title"] == title
    assert world.discord.duplicates() == []


async def test_systems_pilots_and_rallies_are_told_each_in_its_channel(tmp_path: Path) -> None:
    async with universe() as world, ready_service(world, tmp_path) as service:
        world.map.add_system(31002003, name="J102003")
        pilot = world.map.add_character(2147481002, "Lys Amaro")
        world.map.open_browser(pilot)
        rally_id = world.map.rally(HOME, PILOT, "Form up, bring scouts")
        for kind in ("system", "rally", "character"):
            with trio.fail_after(20):
                await world.discord.until(lambda kind=kind: bool(posted(world, kind)))  # type: ignore[misc]
        (rally,) = posted(world, "rally")
        assert rally.json()["content"].endswith("Rally point created!")
        assert rally.pinged
        gone = {"id": rally_id, "solar_system_id": None, "system_id": None, "system_name": None}
        world.map.emit("rally_point_removed", gone)  # cases.md M09: its system has left the map
        with trio.fail_after(20):
            await world.discord.until(lambda: posted(world, "rally")[0].edited is not None)
        assert await service.stop() == 0
    assert [embed(one)["title"] for one in posted(world, "system")] == ["New System Tracked: J102003"]
    assert [embed(one)["title"] for one in posted(world, "character")] == ["New Character Tracked: Lys Amaro"]
    (rally,) = posted(world, "rally")
    assert (rally.content, embed(rally)["title"]) == ("Rally point ended.", "⚔️ Rally Point Ended")
    assert rally.pinged == (), "nobody once more"
    assert posted(world, "primary") == []


async def test_a_newly_added_system_is_subscribed_within_five_seconds(tmp_path: Path) -> None:
    async with universe() as world, ready_service(world, tmp_path):
        world.map.add_system(31002009, name="J102009")
        with trio.fail_after(5):
            await world.killfeed.until(lambda feed: any(31002009 in channel.systems for channel in feed.joined))
        world.killfeed.push(strangers_kill(world, 31002009))
        with trio.fail_after(5):
            await world.discord.until(lambda: bool(posted(world, "system_kill")))


OUTAGES: dict[str, tuple[str, str]] = {
    "kills": ("killmail_stream", "kills"),
    "map": ("map_stream", "map"),
}


@pytest.mark.parametrize("upstream", OUTAGES)
async def test_stopping_one_upstream_stops_no_other_is_shown_and_heals(tmp_path: Path, upstream: str) -> None:
    check, door = OUTAGES[upstream]
    async with universe() as world, ready_service(world, tmp_path, READY_FEED_GRACE_SECONDS="0") as service:
        world.doors[door].shut = True
        world.doors[door].cut()
        words = await _not_ready(service, check)
        assert re.search(r"failed: .*(reset|refused|ended|closed|connection|cut)", words, re.IGNORECASE), words
        if upstream == "kills":
            world.map.add_system(31002005, name="J102005")
            with trio.fail_after(10):
                await world.discord.until(lambda: bool(posted(world, "system")))
        else:
            world.killfeed.push(strangers_kill(world, HOME))
            with trio.fail_after(10):
                await world.discord.until(lambda: bool(posted(world, "system_kill")))
        assert (await service.get("/health")).status_code == 200
        world.doors[door].shut = False
        await service.ready()


async def test_a_dead_discord_is_shown_and_what_waited_goes_out_when_it_is_back(tmp_path: Path) -> None:
    async with universe() as world, ready_service(world, tmp_path, READY_FEED_GRACE_SECONDS="0") as service:
        world.doors["discord"].shut = True
        world.doors["discord"].cut()
        kills = [strangers_kill(world, HOME) for _ in range(3)]
        for kill in kills:
            world.killfeed.push(kill)
        words = await _not_ready(service, "discord_rest")
        assert words.startswith("failed:")
        world.doors["discord"].shut = False
        with trio.fail_after(30):
            await world.discord.until(lambda: len(posted(world, "system_kill")) == 3)
        await service.ready()
    urls = [embed(one)["url"] for one in posted(world, "system_kill")]
    assert urls == [f"https://zkillboard.com/kill/{kill['killmail_id']}/" for kill in kills], "in order"


async def _not_ready(service: Service, check: str) -> str:
    """Wait until `/ready` calls *check* failed; its words."""
    with trio.fail_after(20):
        while True:
            words = str((await service.get("/ready")).json()["checks"][check])
            if words.startswith("failed"):
                return words
            await trio.sleep(0.05)


async def test_sigterm_under_load_ends_in_time_and_loses_nothing(tmp_path: Path) -> None:
    async with universe() as world:
        world.discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(requests=50, per_s=1.0)
        world.discord.fault(slow(before_s=0.2), times=None)
        kills = [strangers_kill(world, HOME) for _ in range(40)]
        async with ready_service(world, tmp_path, SHUTDOWN_GRACE_SECONDS="2") as service:
            for kill in kills:
                world.killfeed.push(kill)
            with trio.fail_after(10):
                await world.discord.until(lambda: len(posted(world, "system_kill")) >= 2)
            began = trio.current_time()
            assert await service.stop(signal.SIGTERM) == 0
            assert trio.current_time() - began < 5
            (end,) = service.events("shutdown_complete")
            assert end["waiting"] > 0
        world.discord.faults.clear()
        async with ready_service(world, tmp_path) as service:
            with trio.fail_after(30):
                await world.discord.until(lambda: len(posted(world, "system_kill")) >= len(kills))
            assert await service.stop() == 0
        told = [re.findall(r"\d+", embed(one)["url"])[0] for one in posted(world, "system_kill")]
    assert sorted(told) == sorted(str(kill["killmail_id"]) for kill in kills)


async def test_a_second_signal_ends_at_once_with_130(tmp_path: Path) -> None:
    async with universe() as world, ready_service(world, tmp_path, SHUTDOWN_GRACE_SECONDS="60") as service:
        world.discord.fault(slow(before_s=20.0), times=None)
        world.killfeed.push(strangers_kill(world, HOME))
        with trio.fail_after(10):
            await world.doors["discord"].until(1)
        service.process.send_signal(signal.SIGTERM)
        await until(lambda: service.events("shutdown_started"), "shutdown")
        assert (await service.get("/health")).status_code == 503
        assert await service.stop(signal.SIGTERM) == 130


async def test_a_rejected_token_keeps_the_rest_running_and_is_shown(tmp_path: Path) -> None:
    async with universe() as world:
        environment = world.environment() | {"DISCORD_BOT_TOKEN": TOKEN.replace("invented", "rejected")}
        async with running(environment, tmp_path / "priv") as service:
            with trio.fail_after(20):
                await world.killfeed.until(lambda feed: any(channel.systems for channel in feed.joined))
            world.killfeed.push(strangers_kill(world, HOME))
            words = await _not_ready(service, "discord_rest")
            assert "401" in words or "token" in words.lower()
            assert (await service.get("/health")).status_code == 200
            assert await service.stop() == 0


async def test_a_taken_port_exits_71(tmp_path: Path) -> None:
    async with universe() as world, ready_service(world, tmp_path) as first:
        port = str(await first.port())
        async with running({**world.environment(), "PORT": port}, tmp_path / "second") as second:
            with trio.fail_after(20):
                assert await second.process.wait() == 71
            assert second.events("port_or_file_unusable")


def _kinds(lines: list[dict[str, Any]]) -> set[str]:
    return {str(line["event"]) for line in lines}


async def test_the_log_tells_the_story_of_a_start(tmp_path: Path) -> None:
    async with universe() as world, ready_service(world, tmp_path) as service:
        await service.stop()
        lines = service.lines()
    assert {"starting", "web_listening", "shutdown_started", "shutdown_complete"} <= _kinds(lines)
    assert all({"ts", "level", "event"} <= line.keys() for line in lines)
    said = {line["group"]: line for line in lines if line["event"] == "configuration"}  # OPS-18
    assert set(said) == set(GROUPS)
    assert said[DISCORD]["DISCORD_BOT_TOKEN"] == "***"
    assert said[MAP]["MAP_NAME"] == world.environment()["MAP_NAME"]
    assert json.dumps(lines)
