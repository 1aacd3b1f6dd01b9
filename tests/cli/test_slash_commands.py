"""`list-commands` and `unregister-commands` against the fake Discord (operations.md OPS-24)."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.cli.ran import beside, runner
from tests.discord.peer import START, virtual_now
from wanderer_notifier.cli import slash_commands
from wanderer_notifier.config.load import load
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.commands import COMMAND
from wanderer_notifier.discord.rest import DiscordError
from wanderer_notifier.sim.discord_form import Problems
from wanderer_notifier.sim.faults import limited, revoked
from wanderer_notifier.sim.interactions_commands import check_command
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import APPLICATION, GUILD, World

OURS = {**check_command(copy.deepcopy(COMMAND), (), Problems()), "id": "5", "application_id": APPLICATION}
OTHER = {**OURS, "id": "6", "name": "other", "description": "Of another program"}


class Office:
    """A Discord in memory, and settings that point at it."""

    def __init__(self, nursery: trio.Nursery, folder: Path, **environment: str) -> None:
        self.world = World(1, virtual_now)
        network = MemoryNetwork(nursery)
        self.world.attach(network)
        self.dial = network.dial
        self.settings: Settings = load({**self.world.environment(), **environment}, cwd=folder)
        self.scopes: dict[str, list[dict[str, Any]]] = self.world.discord.commands.scopes
        self.scopes[""], self.scopes[GUILD] = [], []

    async def list(self, **more: Any) -> str:
        return await slash_commands.listing(self.settings, dial=self.dial, **more)

    async def unregister(self) -> str:
        return await slash_commands.unregister(self.settings, dial=self.dial)


async def test_the_list_names_every_command_with_its_scope(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with trio.open_nursery() as nursery:
        office = Office(nursery, tmp_path)
        assert await office.list() == "no commands are registered"
        office.scopes[""] = [OURS]
        office.scopes[GUILD] = [OTHER]
        head, ours, other, standing = (await office.list()).splitlines()
        assert head.split() == ["SCOPE", "ID", "COMMAND", "SUB-COMMANDS", "DESCRIPTION"]
        assert ours.split()[:4] == ["global", "5", "/notifier", "system,"]
        assert other.startswith(f"guild {GUILD}")
        assert standing == "/notifier is registered as this version has it"
        described = json.loads(await office.list(json=True))
        assert [(one["scope"], one["guild_id"], one["name"]) for one in described] == [
            ("global", None, "notifier"),
            ("guild", GUILD, "other"),
        ]
        office.scopes[GUILD] = [OURS]
        assert "registered twice" in await office.list()
        office.scopes[""], office.scopes[GUILD] = [OTHER], [{**OURS, "description": "old"}]
        assert "is of another version" in await office.list()
        office.scopes[GUILD] = []
        assert "is not registered" in await office.list()
        nursery.cancel_scope.cancel()


async def test_unregistering_removes_ours_in_both_scopes_and_nobody_elses(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        office = Office(nursery, tmp_path)
        office.scopes[""], office.scopes[GUILD] = [OURS, OTHER], [OURS]
        said = await office.unregister()
        assert said.splitlines()[:2] == ["removed /notifier (global)", f"removed /notifier (guild {GUILD})"]
        assert [one["name"] for one in office.scopes[""]] == ["other"]
        assert office.scopes[GUILD] == []
        assert await office.unregister() == "/notifier is not registered"
        nursery.cancel_scope.cancel()


async def test_the_application_is_asked_for_when_it_is_not_configured(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        office = Office(nursery, tmp_path, DISCORD_APPLICATION_ID="", DISCORD_GUILD_ID="")
        office.scopes[""] = [OURS]
        assert "global" in await office.list()
        assert [seen.route for seen in office.world.discord.journal] == [
            "GET /applications/@me",
            "GET /applications/{a}/commands",
        ]
        nursery.cancel_scope.cancel()


async def test_discord_is_waited_for_when_it_asks_for_that_and_other_trouble_is_told(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with trio.open_nursery() as nursery:
        office = Office(nursery, tmp_path)
        office.scopes[""] = [OURS]
        office.world.discord.fault(limited(7.5), route="PUT /applications/{a}/commands")
        assert "removed /notifier (global)" in await office.unregister()
        assert (virtual_now() - START).total_seconds() >= 7.5
        office.world.discord.fault(revoked(), route="GET /applications/{a}/commands")
        with pytest.raises(DiscordError, match="401"):
            await office.list()
        nursery.cancel_scope.cancel()


async def test_both_work_from_the_command_line(tmp_path: Path) -> None:
    world = World(1, virtual_now)
    world.discord.commands.scopes[""] = [OURS]
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(world.serve))
        environment: Mapping[str, str] = world.environment()
        run = partial(beside, environment=environment, data_dir=tmp_path / "priv")
        listed = await run("list-commands", "--json")
        assert (listed.code, [one["name"] for one in json.loads(listed.out)]) == (0, ["notifier"])
        removed = await run("unregister-commands")
        assert (removed.code, removed.out.splitlines()[0]) == (0, "removed /notifier (global)")
        assert world.discord.commands.scopes[""] == []
        nursery.cancel_scope.cancel()


def test_without_discord_the_reason_is_told_and_the_exit_code_is_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = runner(tmp_path / "priv", monkeypatch, capsys)
    for command in ("list-commands", "unregister-commands"):
        ran = run(command, DISCORD_API_URL="http://127.0.0.1:9")
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.startswith("Discord does not answer as it should: ")
        assert run(command, DISCORD_BOT_TOKEN="").code == 78
