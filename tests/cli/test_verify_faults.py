"""`verify` beside the real service: a fault in one checked thing makes its check fail, and no other.

Where a thing is seen from two sides, by the service and by `verify` itself, both say so; those cases name both.
"""

from __future__ import annotations

import argparse
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import frozen

from tests.service.harness import Service, until
from tests.service.test_run import ready_service, universe
from wanderer_notifier.cli import verify
from wanderer_notifier.cli.verify_checks import Check
from wanderer_notifier.sim.discord_permissions import EMBED_LINKS, SEND_MESSAGES, VIEW_CHANNEL
from wanderer_notifier.sim.http import Instead
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.sim.world import World

ARGUMENTS = argparse.Namespace(
    quick=False, json=False, strict=False, timeout=None, container=None, send_test_message=False,
    checklist=False, fire_test_alert=False,
)  # fmt: skip
NOT_READY = ("Readiness Check", "ready", "fail")


@frozen
class Stage:
    """A service that is ready in a world in which all is well, and the variables with which it is verified."""

    world: World
    service: Service
    environment: Mapping[str, str]
    folder: Path

    async def bad(self, *flags: str, **environment: str) -> set[tuple[str, str, str]]:
        """Section, check and level of all that does not pass; the words about the machine the test runs on left out."""
        given = {**self.environment, **environment}
        settings, configuration = verify._settings(given)
        target = verify._target(ARGUMENTS, given, settings)
        found = list[Check]()
        arguments = argparse.Namespace(**{**vars(ARGUMENTS), **dict.fromkeys(flags, True)})
        with trio.fail_after(30):
            await verify._all(arguments, target, settings, configuration, given, found.append)
        return {
            (one.section.removeprefix("External Services: "), one.name, one.level)
            for one in found
            if one.level in ("warn", "fail") and one.name not in ("user", "memory", "data directory", "response time")
        }


@asynccontextmanager
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with universe() as world:
        world.map.add_character(2147481005, "Ilan Orr")
        # Each verification asks for these anew, faster than people do.
        world.discord.api.limits.routes["GET /gateway/bot"] = Limit(50, 1.0)
        world.maps.max_streams_per_key = 1000
        token = {"WEB_AUTH_TOKEN": "test-token-web-0123456789abcdefghij"}
        async with ready_service(world, tmp_path, **token) as service:
            port = await service.port()
            await until(lambda: service.events("gateway_live"), "gateway")
            (tmp_path / "priv").chmod(0o700)
            environment = world.environment() | token | {"APP_ENV": "prod", "PORT": str(port)}
            environment |= {"HEALTH_ENDPOINT": f"http://127.0.0.1:{port}/health", "RETRY_COUNT": "1"}
            yield Stage(world, service, environment | {"DATA_DIR": str(tmp_path / "priv")}, tmp_path)


def denied(kind: str, bits: int) -> Callable[[World], object]:
    return lambda world: setattr(world.discord.guild.channels[world.channel(kind)], "denied", bits)


def let(*path: str, to: Any) -> Callable[[World], object]:
    def change(world: World) -> None:
        owner: Any = world
        for name in path[:-1]:
            owner = getattr(owner, name)
        setattr(owner, path[-1], to)

    return change


PILOTS, SYSTEMS = "channel 1180000000000000014 (pilots)", "channel 1180000000000000013 (systems)"

ALONE: tuple[tuple[str, Callable[[World], object], Callable[[World], object], tuple[str, str, str]], ...] = (
    ("may not write", denied("character", SEND_MESSAGES), denied("character", 0), ("Discord", PILOTS, "fail")),
    ("no embeds", denied("system", EMBED_LINKS), denied("system", 0), ("Discord", SYSTEMS, "fail")),
    ("hidden", denied("system", VIEW_CHANNEL), denied("system", 0), ("Discord", SYSTEMS, "fail")),
    (
        "commands go elsewhere",
        let("discord", "api", "interactions_endpoint_url", to="https://x.example/i"),
        let("discord", "api", "interactions_endpoint_url", to=None),
        ("Discord", "application", "fail"),
    ),
    (
        "no command scope",
        let("discord", "commands", "scope_granted", to=False),
        let("discord", "commands", "scope_granted", to=True),
        ("Commands", "commands", "fail"),
    ),
    (
        "kill service ill",
        let("killfeed", "unhealthy", to=True),
        let("killfeed", "unhealthy", to=False),
        ("Kills", "kill service", "fail"),
    ),
    (
        "no place for another stream",
        let("maps", "max_streams", to=0),
        let("maps", "max_streams", to=1000),
        ("Map", "map home-chain: event stream", "fail"),
    ),
    (
        "licence not valid",
        let("licence", "verdict", to="invalid"),
        let("licence", "verdict", to="valid"),
        ("Licence", "licence", "fail"),
    ),
    ("ESI in trouble", let("esi", "failing", to=502), let("esi", "failing", to=None), ("ESI", "ESI", "warn")),
    (
        "Janice in trouble",
        let("janice", "failing", to=500),
        let("janice", "failing", to=None),
        ("Janice", "Janice", "warn"),
    ),
)
"""What `verify` sees at once and the service need not have noticed yet; each is undone before the next."""


async def test_a_fault_outside_fails_its_check_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(tmp_path) as on:
        assert await on.bad("send_test_message", "fire_test_alert") == set()
        wrong = {}
        for name, break_, mend, expected in ALONE:
            break_(on.world)
            if (found := await on.bad()) != {expected}:
                wrong[name] = found
            mend(on.world)
        assert wrong == {}
        assert await on.bad() == set()


async def test_a_fault_in_how_it_is_installed_fails_its_check_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with stage(tmp_path) as on:
        file = tmp_path / "env"
        file.write_text("LOG_LEVEL=info\n")
        file.chmod(0o644)
        exposed = {("Security", "env file", "warn"), ("Configuration", "configuration", "warn")}
        assert await on.bad(ENV_FILE=str(file)) == exposed
        assert await on.bad("fire_test_alert", ALERT_CHANNEL_ID="1180000000000000097") == {
            ("Alerting", "alert channel", "fail"),
            ("Discord", "channel 1180000000000000097 (alerts)", "fail"),
        }
        assert await on.bad("fire_test_alert", ALERTS_ENABLED="false") == {("Alerting", "alerts", "warn")}
        # Without the token nothing but the probes answers.
        assert await on.bad(WEB_AUTH_TOKEN="") >= {
            ("Feeds", "status", "fail"),
            ("Detailed Health Check", "details", "warn"),
        }
        # Nobody there: nothing else is asked of the service.
        nobody = await on.bad(HEALTH_ENDPOINT="http://127.0.0.1:9/health")
        assert nobody == {("Basic Health Check", "health", "fail")}


def shut(door: str) -> Callable[[Stage], None]:
    def close(on: Stage) -> None:
        on.world.doors[door].shut = True
        on.world.doors[door].cut()

    return close


def usurped(on: Stage) -> None:
    """Something else answers where the kill service was."""
    on.world.killfeed.instead = Instead(status=200, body=b"<html>")
    on.world.doors["kills"].cut()


BOTH: dict[str, tuple[Callable[[Stage], None], str, set[tuple[str, str, str]]]] = {
    "the map is gone": (
        shut("map"),
        "map_stream",
        {
            ("Feeds", "map home-chain", "fail"),
            ("Map", "map home-chain: systems", "fail"),
            ("Map", "map home-chain", "warn"),
        },
    ),
    "the kill service is another": (
        usurped,
        "killmail_stream",
        {("Feeds", "kill feed", "fail"), ("Kills", "kill service", "fail"), ("Kills", "kill feed", "fail")},
    ),
}


@pytest.mark.parametrize("name", BOTH)
async def test_what_service_and_verify_both_see_is_said_by_both(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    break_, part, expected = BOTH[name]
    async with stage(tmp_path) as on:
        break_(on)
        await until(
            lambda: any(line.get("component", "").startswith(part) for line in on.service.events("component_lost")),
            part,
        )
        found = await on.bad()
        # Readiness waits for its grace, so that it may or may not say so already.
        assert found - {NOT_READY, ("Detailed Health Check", "details", "warn")} == expected
