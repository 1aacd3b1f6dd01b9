"""`verify --checklist` and `--fire-test-alert`: which lines tick themselves, and alerts that somebody can see."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.cli.ran import MINIMAL, beside
from tests.service.harness import until
from tests.service.test_run import ready_service, universe
from wanderer_notifier.cli import verify_alert, verify_checklist, verify_host
from wanderer_notifier.cli.verify_checks import Check, Level
from wanderer_notifier.cli.verify_lines import LINES
from wanderer_notifier.config.load import load
from wanderer_notifier.net.question import Reply
from wanderer_notifier.sim.http import Exchange, serve_stream
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import World

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
ABOUT = "https://notifier.example"
DEPLOYMENT = Path(__file__).parents[2] / "DEPLOYMENT.md"


def check(address: str, level: Level = "pass", words: str = "well") -> Check:
    section, _, name = address.partition("/")
    return Check(section=section, name=name, level=level, words=words)


def line(number: int, *found: Check) -> verify_checklist.Line:
    return verify_checklist.lines(found)[number - 1]


def test_the_lines_are_those_of_the_manual() -> None:
    rows = re.findall(r"^\| \d+ \| (.*?) \| .*? \| .*? \|$", DEPLOYMENT.read_text(encoding="utf-8"), re.MULTILINE)
    assert [text for text, _ in LINES] == [re.sub(r"[`*]", "", row) for row in rows]
    assert len(LINES) == 137


def test_the_worst_answer_counts_and_what_was_not_looked_at_does_not() -> None:
    well = [
        check("External Services: Discord/channel 1 (systems)"),
        check("External Services: Discord/channel 2 (pilots)"),
    ]
    assert line(28, *well).result == "pass"
    assert line(28, *well).words == "channel 1 (systems): well (and 1 more)"
    refused = check("External Services: Discord/channel 3 (rally points)", "fail", "no such channel")
    assert (line(28, *well, refused).result, line(28, *well, refused).words) == (
        "fail",
        "channel 3 (rally points): no such channel",
    )
    assert line(8, *well, refused).result == line(9, *well, refused).result == "pass"
    assert line(85, check("Logs/log", "skip", "no log to read")).result == "open"
    assert line(88, check("Alerting/alert channel"), check("Alerting/alert webhook", "skip")).result == "pass"


def test_a_line_without_an_answer_says_how_to_get_one() -> None:
    assert (line(36).result, line(36).words) == ("open", "say --send-test-message")
    assert (line(75).result, line(75).words) == ("open", "/notifier status in Discord")
    assert line(32).result == "pass"


def test_the_totals_count_the_others_and_the_run() -> None:
    assert line(134, check("Feeds/kill feed")).result == "pass"
    assert line(134, check("Feeds/kill feed", "fail")).words == "1 checks failed"
    every = verify_checklist.lines([])
    assert every[132].words == f"{sum(one.result != 'pass' for one in every) - 1} lines are not ticked"


def info(**changes: Any) -> Reply:
    features = dict(verify_checklist.FEATURES) | changes.pop("features", {})
    value = {
        "version": "1.0.0",
        "environment": "prod",
        "build": {"commit": "c0ffee"},
        "features": features,
        "web_server": {"port": 4000},
        "components": [{"name": "map_stream:home", "state": "ok"}, {"name": "map_stream:other", "state": "ok"}],
    }
    return Reply(status=200, value=value | changes)


METRICS = Reply(
    status=200,
    body=b"process_resident_memory_bytes 1\nnotifier_component_up 1\n# TYPE notifier_notifications_total counter\n",
)


def bad(found: list[Check]) -> dict[str, str]:
    return {one.name: one.level for one in found if one.level != "pass"}


@pytest.mark.parametrize(
    ("told", "metrics", "expected"),
    [
        (info(), METRICS, {}),
        (info(environment="dev"), METRICS, {"environment": "warn"}),
        (info(build={"commit": "unknown"}), METRICS, {"build": "skip"}),
        (info(features={"track_kspace": False}), METRICS, {"track_kspace": "warn"}),
        (info(features={"priority_systems_only": True}), METRICS, {"priority_systems_only": "warn"}),
        (
            info(components=[{"name": "a", "state": "ok"}, {"name": "map_stream:home", "state": "degraded"}]),
            METRICS,
            {"map_stream": "fail"},
        ),
        (
            info(components=[{"name": "slash_commands", "state": "failed"}]),
            METRICS,
            {"slash_commands": "fail", "components": "fail"},
        ),
        (info(components=[{"name": "license", "state": "degraded"}]), METRICS, {"license": "warn"}),
        (Reply(status=401), METRICS, {"system info": "fail"}),
        (info(), Reply(status=401), dict.fromkeys(verify_checklist.METRICS, "fail")),
        (
            info(),
            Reply(status=200, body=b"process_resident_memory_bytes 1\nnotifier_component_up 1\n"),
            {"delivery metrics": "fail"},
        ),
    ],
)
def test_a_fault_of_the_service_shows_in_its_own_check(told: Reply, metrics: Reply, expected: dict[str, str]) -> None:
    assert bad(verify_checklist.service(told, metrics)) == expected


def test_any_shape_of_an_answer_is_no_crash() -> None:
    values: tuple[Any, ...] = (None, [], {"components": [3, {}], "features": 1, "build": []}, {"web_server": None})
    for value in values:
        assert verify_checklist.service(Reply(status=200, value=value), Reply(trouble="refused"))


def test_variables_that_differ_from_the_checklist_are_shown(tmp_path: Path) -> None:
    assert bad(verify_checklist.variables(load(MINIMAL, cwd=tmp_path))) == {}
    given = MINIMAL | {"ENABLE_STATUS_MESSAGES": "true", "LOG_LEVEL": "debug", "LOG_FILE_ENABLED": "true"}
    settings = load({**given, "LOG_DIR": str(tmp_path / "log")}, cwd=tmp_path)
    assert bad(verify_checklist.variables(settings)) == {
        "STATUS_MESSAGES_ENABLED": "warn",
        "LOG_LEVEL": "warn",
        "log directory": "warn",
    }


@pytest.mark.parametrize(
    ("address", "level"),
    [
        ("https://map.example", "pass"),
        ("http://map.example", "warn"),
        ("http://127.0.0.1:4000", "pass"),
        ("http://10.1.2.3", "pass"),
        ("http://[fd00::1]:80", "pass"),
        ("http://93.184.216.34", "warn"),
        ("http://wanderer:8000", "pass"),
        ("http://host.docker.internal:4004", "pass"),
    ],
)
def test_an_unencrypted_way_to_another_network_is_a_warning(address: str, level: str, tmp_path: Path) -> None:
    found = verify_host.addresses(load(MINIMAL | {"MAP_URL": address}, cwd=tmp_path))
    assert found.level == level
    assert ("map" in found.words) is True
    assert "canary" not in found.words + found.fix


# --- the test alert -----------------------------------------------------------------------------------------------


class Receiver:
    """Takes webhooks; *status* is its answer."""

    def __init__(self) -> None:
        self.status, self.bodies = 204, list[dict[str, Any]]()

    async def handle(self, exchange: Exchange) -> None:
        self.bodies.append(json.loads(exchange.request.body))
        await exchange.respond(self.status, [])


async def fired(world: World, receiver: Receiver, folder: Path, **environment: str) -> list[Check]:
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        world.attach(network)
        settings = load({**world.environment(), "DATA_DIR": str(folder), **environment}, cwd=folder)
        network.attach("alerts.sim", 80, partial(serve_stream, handler=receiver.handle))
        found = await verify_alert.fire(settings, dial=network.dial, now=lambda: NOW, about=ABOUT)
        nursery.cancel_scope.cancel()
    return found


HOOK = {"ALERT_WEBHOOK_URL": "http://alerts.sim/hook/test-token-hook"}


async def test_an_alert_goes_every_way(autojump_clock: MockClock, tmp_path: Path) -> None:
    world, receiver = World(5, lambda: NOW), Receiver()
    found = await fired(world, receiver, tmp_path, **HOOK)
    assert [(one.name, one.level) for one in found] == [("alert channel", "pass"), ("alert webhook", "pass")]
    (posted,) = world.discord.messages(world.channel("primary"))
    words = "Test alert: an operator tries whether alerts arrive; nothing is wrong"
    assert posted.json()["embeds"][0]["description"].endswith(words)
    (body,) = receiver.bodies
    assert (body["event"], body["subject"], body["state"], body["text"]) == ("alert", "test", "note", words)
    assert "test-token-hook" not in str(found)


async def test_each_way_that_is_shut_fails_alone(autojump_clock: MockClock, tmp_path: Path) -> None:
    world, receiver = World(5, lambda: NOW), Receiver()
    receiver.status = 500
    assert bad(await fired(world, receiver, tmp_path, **HOOK)) == {"alert webhook": "fail"}
    receiver.status = 200
    gone = {"ALERT_CHANNEL_ID": "1180000000000000097"}
    assert bad(await fired(world, receiver, tmp_path, **HOOK, **gone)) == {"alert channel": "fail"}
    assert bad(await fired(world, receiver, tmp_path)) == {"alert webhook": "skip"}
    assert bad(await fired(world, receiver, tmp_path, ALERTS_ENABLED="false")) == {"alerts": "warn"}


async def test_without_a_channel_of_the_environment_no_alert_is_posted(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    world, receiver = World(5, lambda: NOW), Receiver()
    listed = {"PLUGIN_NOTIFIER_API_KEY": "test-plugin-key", "DISCORD_CHANNEL_ID": ""}
    found = await fired(world, receiver, tmp_path, **HOOK, **listed)
    assert bad(found) == {"alert channel": "warn"}


# --- the command ----------------------------------------------------------------------------------------------------


async def test_the_whole_list_against_the_real_service(tmp_path: Path) -> None:
    async with universe() as world:
        world.map.add_character(2147481005, "Ilan Orr")
        async with ready_service(world, tmp_path) as service:
            port = await service.port()
            environment = world.environment() | {"HEALTH_ENDPOINT": f"http://127.0.0.1:{port}/health"}
            await until(lambda: service.events("gateway_live"), "gateway")
            (tmp_path / "priv").chmod(0o700)
            flags = ("--checklist", "--fire-test-alert", "--send-test-message", "--json")
            ran = await beside("verify", *flags, environment=environment, data_dir=tmp_path / "priv")
            assert ran.code == 0, ran.out + ran.err
            told = {one["line"]: one["result"] for one in map(json.loads, ran.out.splitlines()) if "line" in one}
    assert list(told) == list(range(1, 138))
    assert "fail" not in told.values()
    ticked = {number for number, result in told.items() if result == "pass"}
    machine = {*range(1, 14), 16, 17, 18, 24, 26, *range(27, 47), 67, 68, 69, *range(70, 75), 78, 79, 80, 82, 83, 84}
    assert machine | {90, 91, 92, 119, 134, 136, 137} <= ticked
    assert {told[number] for number in (47, 75, 86, 103, 126, 129, 135)} == {"open"}
