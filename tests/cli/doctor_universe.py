"""A simulated universe that is well, and what `doctor` finds in it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trio

from wanderer_notifier.cli import doctor
from wanderer_notifier.config.load import load
from wanderer_notifier.core.commands import COMMAND
from wanderer_notifier.core.findings import Finding
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import (
    APPLICATION,
    JANICE_TOKEN,
    LICENCE_KEY,
    LICENCE_TOKEN,
    MAP_KEY,
    TOKEN,
    World,
)

BEGIN = datetime(2026, 11, 25, 15, 0, tzinfo=UTC)


KILLS, PRIMARY, RALLY = "1180000000000000011", "1180000000000000010", "1180000000000000015"


THREAD = "1180000000000000071"


INVITE = "https://discord.com/oauth2/authorize?client_id="


POST = "POST /channels/{c}/messages"


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


def universe() -> World:
    """One in which all is well."""
    world = World(5, now)
    world.map.add_system(31001503, quiet=True)
    world.map.add_character(2147481001, "Orsa Velden")
    register(world, "")
    return world


def register(world: World, scope: str) -> None:
    world.discord.commands.scopes[scope] = [{**COMMAND, "type": 1, "id": "1", "application_id": APPLICATION}]


async def examined(
    world: World, folder: Path, environment: Mapping[str, str] | None = None, *, test_message: bool = False
) -> list[Finding]:
    """Everything the doctor says."""
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        given = {**world.environment(), "DATA_DIR": str(folder), "WEB_AUTH_TOKEN": "test-token-web"} | dict(
            environment or {}
        )
        settings = load({name: value for name, value in given.items() if value != "-"}, cwd=folder)
        with trio.fail_after(90):
            groups = await doctor.examine(settings, dial=network.dial, now=now, test_message=test_message)
        nursery.cancel_scope.cancel()
    report = doctor.in_words(groups) + doctor.in_json(groups)
    for secret in (TOKEN, MAP_KEY, LICENCE_KEY, LICENCE_TOKEN, JANICE_TOKEN, "test-token-web"):
        assert secret not in report
    return [one for found in groups.values() for one in found]


def sick(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.level != "ok"]
