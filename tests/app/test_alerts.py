"""Operator alerts of the whole service in virtual time: in the channel, in the webhook, and when not."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio

from tests.app.test_status import inline, virtual
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.discord_messages import SEND_MESSAGES
from wanderer_notifier.sim.http import Exchange, serve_stream
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import World
from wanderer_notifier.state import outbox
from wanderer_notifier.state.outbox import NewRow
from wanderer_notifier.state.store import Store

MORNING = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
DOWNTIME = datetime(2026, 11, 25, 11, 0, tzinfo=UTC)


class Hook:
    """The receiver of a webhook."""

    def __init__(self) -> None:
        self.got: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.answers: list[int] = []

    async def handle(self, exchange: Exchange) -> None:
        self.paths.append(exchange.request.target)
        code = self.answers.pop(0) if self.answers else 204
        if code < 300:
            self.got.append(json.loads(exchange.request.body))
        await exchange.respond(code, [], b"")


@asynccontextmanager
async def evening(
    folder: Path, hook: Hook, *, begin: datetime = MORNING, closed: Sequence[str] = (), **environment: Any
) -> AsyncIterator[World]:
    def now() -> datetime:
        return begin + timedelta(seconds=trio.current_time())

    world = World(3, now)
    world.map.add_system(31002001, name="J102001", quiet=True)
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        network.attach("hook.sim", 80, lambda stream: serve_stream(stream, hook.handle))
        for door in closed:
            shut(world, door)
        settings = load({**world.environment(), "DATA_DIR": str(folder), **environment}, cwd=folder)
        seams = Seams(now=now, dice=Random(3), dial=network.dial, store_run=inline, signals=False, web=False)
        nursery.start_soon(lambda: service.run(settings, seams=seams))
        await trio.sleep(60)
        yield world
        nursery.cancel_scope.cancel()


def lines(world: World, kind: str = "primary") -> list[str]:
    return [embed["description"] for one in world.discord.messages(world.channel(kind)) for embed in one.embeds]


def shut(world: World, door: str, closed: bool = True) -> None:
    world.doors[door].shut = closed
    if closed:
        world.doors[door].cut()


def test_a_feed_that_is_gone_for_two_minutes_is_told_and_so_is_its_return(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, Hook()) as world:
            shut(world, "map")
            await trio.sleep(100)
            assert lines(world) == []
            await trio.sleep(100)
            told = lines(world)
            assert any(line.startswith("🔴 Map stream home-chain has been down for ") for line in told), told
            before = len(told)
            await trio.sleep(3600)
            assert len(lines(world)) == before, "once, not again and again"
            shut(world, "map", closed=False)
            await world.discord.until(
                lambda: any(line.startswith("🟢 Map stream home-chain is back after ") for line in lines(world))
            )

    virtual(body, tmp_path)


def test_alerts_go_where_the_operators_are_and_can_be_switched_off(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        channel = World(3, lambda: MORNING).channel("rally")
        async with evening(folder / "a", Hook(), ALERT_CHANNEL_ID=channel) as world:
            shut(world, "map")
            await trio.sleep(300)
            assert lines(world, "rally")
            assert not lines(world)
        async with evening(folder / "b", Hook(), ALERTS_ENABLED="false") as world:
            shut(world, "map")
            await trio.sleep(300)
            assert not lines(world)

    for name in "ab":
        (tmp_path / name).mkdir()
    virtual(body, tmp_path)


def test_discord_down_is_told_by_the_webhook_which_is_tried_again(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        hook = Hook()
        hook.answers = [500, 503]
        async with evening(folder, hook, ALERT_WEBHOOK_URL="http://hook.sim/alerts?key=test-token-hook") as world:
            await world.killfeed.until(lambda feed: any(one.systems or one.characters for one in feed.joined))
            shut(world, "discord")
            await trio.sleep(300)
            told = {(one["subject"], one["state"]) for one in hook.got}
            assert ("discord_gateway", "down") in told
            assert set(hook.paths) == {"/alerts?key=test-token-hook"}
            assert all(one["event"] == "alert" and one["text"] and one["timestamp"] for one in hook.got)
            shut(world, "discord", closed=False)
            await trio.sleep(300)
            assert ("discord_gateway", "back") in {(one["subject"], one["state"]) for one in hook.got}
            assert any("Discord gateway is back after" in line for line in lines(world))

    virtual(body, tmp_path)


@pytest.mark.parametrize(("begin", "told"), [(MORNING, True), (DOWNTIME, False)], ids=["any time", "downtime"])
def test_the_kill_feed_may_be_away_while_the_game_is(begin: datetime, told: bool, tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, Hook(), begin=begin) as world:
            shut(world, "kills")
            await trio.sleep(1200)
            assert any("Kill feed" in line for line in lines(world)) is told
            await trio.sleep(3000)
            assert any("Kill feed" in line for line in lines(world)), "what outlasts the downtime is told"

    virtual(body, tmp_path)


def test_a_licence_that_turns_invalid_is_told_and_so_is_its_return(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, Hook(), LICENSE_REFRESH_INTERVAL="60s") as world:
            assert lines(world) == []
            world.licence.verdict = "invalid"
            await trio.sleep(400)
            assert lines(world) == ["🔴 Licence is not valid: License not found"]
            world.licence.verdict = "valid"
            await trio.sleep(1800)
            assert lines(world)[1].startswith("🟢 Licence is valid again after ")

    virtual(body, tmp_path)


def test_a_queue_that_is_four_fifths_full_is_told(tmp_path: Path) -> None:
    def fill(conn: sqlite3.Connection) -> None:
        for number in range(800):
            outbox.enqueue(
                conn,
                NewRow(
                    claim=f"kill:{number}",
                    channel="1180000000000000010",
                    kind="kill",
                    slug="home-chain",
                    body={"content": "a loss"},
                    nonce=f"n{number}",
                    source=None,
                    expires_at=MORNING + timedelta(hours=1),
                    received_at=MORNING,
                ),
            )

    async def body(folder: Path) -> None:
        left_behind = Store.open(folder / "notifier.db", run=inline)
        await left_behind.write(fill)
        left_behind.close()
        hook = Hook()
        async with evening(folder, hook, closed=["discord"], ALERT_WEBHOOK_URL="http://hook.sim/alerts"):
            (queue,) = [one for one in hook.got if one["subject"] == "delivery_queue"]
            assert queue["state"] == "down"
            assert queue["text"] == "Delivery queue is nearly full: 800 messages wait, 1000 are the limit"

    virtual(body, tmp_path)


def test_a_run_after_an_unexpected_end_says_so(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        async with evening(folder, Hook()) as world:
            assert lines(world) == []
        # The block ended as a crash does: nothing was noted.
        async with evening(folder, Hook()) as world:
            assert lines(world) == ["⚠️ Service: the previous run ended unexpectedly, 1 in all"]

    virtual(body, tmp_path)


def test_a_channel_that_takes_no_messages_is_told_where_its_note_is_not(tmp_path: Path) -> None:
    """operations.md OPS-113; without an alert channel of its own the one note of the delivery stands there already."""

    async def something_new(world: World) -> None:
        await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
        await trio.sleep(30)
        world.map.add_system(31002002, name="J102002")

    async def body(folder: Path) -> None:
        channel = World(3, lambda: MORNING).channel("rally")
        alone: list[dict[str, str]] = [{}, {"ALERT_CHANNEL_ID": channel}]
        for name, settings in zip("ab", alone, strict=True):
            hook = Hook()
            (folder / name).mkdir()
            more: dict[str, Any] = {"ALERT_WEBHOOK_URL": "http://hook.sim/alerts", **settings}
            async with evening(folder / name, hook, **more) as world:
                closed = world.channel("system")
                world.discord.deny(closed, SEND_MESSAGES)
                await something_new(world)
                await trio.sleep(300)
                subject = f"channel:{closed}"
                assert (subject, "down") in {(one["subject"], one["state"]) for one in hook.got}
                shown = lines(world, "rally" if settings else "primary")
                told = [line for line in shown if f"Channel {closed}" in line]
                assert len(told) == len(settings)
                world.discord.allow(closed, SEND_MESSAGES)
                await trio.sleep(60)
                assert (subject, "back") in {(one["subject"], one["state"]) for one in hook.got}

    virtual(body, tmp_path)
