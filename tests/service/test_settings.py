"""Variables that nothing but the whole service shows an effect of (operations.md W40)."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.service.simulation import BEGIN, inline
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import World


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


@asynccontextmanager
async def serving(folder: Path, **variables: str) -> AsyncIterator[World]:
    world = World(9, now)
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(folder), **variables}, cwd=folder)
        seams = Seams(now=now, dice=Random(9), dial=network.dial, store_run=inline, signals=False, web=False)
        nursery.start_soon(lambda: service.run(settings, seams=seams))
        await trio.sleep(30)
        yield world
        nursery.cancel_scope.cancel()


def tries(world: World) -> int:
    return sum(request.path.endswith("/events/stream") for request in world.maps.journal)


@pytest.mark.parametrize(("first", "cap", "expected"), [("1s", "1s", 50), ("30s", "60s", 3)])
async def test_a_stream_is_asked_for_again_as_often_as_is_set(
    autojump_clock: MockClock, tmp_path: Path, first: str, cap: str, expected: int
) -> None:
    pauses = {"SSE_RECONNECT_INITIAL_DELAY": first, "SSE_RECONNECT_MAX_DELAY": cap}
    async with serving(tmp_path, **pauses) as world:
        before = tries(world)
        world.maps.down = True
        world.maps.cut_streams()
        await trio.sleep(100)
        asked = tries(world) - before
        assert asked >= expected if expected > 10 else asked <= expected


async def test_with_telemetry_every_event_is_in_the_debug_log(autojump_clock: MockClock, tmp_path: Path) -> None:
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        for wanted in ("true", "false"):
            with structlog.testing.capture_logs() as lines:
                async with serving(tmp_path / wanted, TELEMETRY_LOGGING_ENABLED=wanted) as world:
                    world.map.add_system(31002001)
                    await trio.sleep(5)
            kinds = {line["kind"] for line in lines if line["event"] == "event_arrived"}
            assert kinds == ({"MapLoaded", "MapEventArrived"} if wanted == "true" else set())
    finally:
        structlog.configure(wrapper_class=before)


async def test_a_test_installation_sends_nothing_to_other_machines(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with serving(tmp_path, APP_ENV="test") as world:
        assert not world.maps.journal
        assert not world.discord.journal


async def test_the_status_message_links_to_the_page(autojump_clock: MockClock, tmp_path: Path) -> None:
    more = {"STATUS_MESSAGES_ENABLED": "true", "PUBLIC_URL": "https://notifier.example"}
    async with serving(tmp_path, **more) as world:
        await trio.sleep(60)
        (message,) = world.discord.messages(world.channel("primary"))
        assert message.embeds[0]["url"] == "https://notifier.example"
