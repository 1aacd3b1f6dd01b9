"""`/notifier` is registered once per start, and written only where Discord has something else (P70, P71, D26)."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.discord.command_stage import CommandStage, command_stage, go_live
from tests.discord.peer import GUILD
from wanderer_notifier.core.commands import COMMAND, same_commands
from wanderer_notifier.discord.registration import Scope
from wanderer_notifier.sim.discord_form import Problems
from wanderer_notifier.sim.faults import limited, revoked, status
from wanderer_notifier.sim.interactions_commands import check_command

GLOBAL = "/applications/{a}/commands"
IN_GUILD = "/applications/{a}/guilds/{g}/commands"
LINES = (
    "Discord consumer ready, registering slash commands",
    "Successfully registered Discord slash commands",
    "Registered command: /notifier",
    "Slash commands registered successfully",
)


@pytest.fixture
def told() -> Iterator[list[Any]]:
    """Every line that the service writes at info and above."""
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    with structlog.testing.capture_logs() as lines:
        yield lines
    structlog.configure(**before)


def asked(at: CommandStage, method: str, path: str = GLOBAL) -> int:
    return sum(seen.route == f"{method} {path}" for seen in at.discord.journal)


async def test_the_command_is_registered_after_ready_and_says_so_in_the_known_lines(
    autojump_clock: MockClock, told: list[Any]
) -> None:  # OPS-20
    async with command_stage() as at:
        (registered,) = at.discord.commands.scopes[""]
    lines = told
    assert [line["event"] for line in lines if line["event"] in LINES] == list(LINES)
    assert all(line["log_level"] == "info" for line in lines if line["event"] in LINES)
    assert next(line for line in lines if line["event"] == LINES[1])["changed"] is True
    assert same_commands([COMMAND], [registered])
    actions = registered["options"][0]["options"][1]["choices"]
    four = [("add-priority", "add_priority"), ("remove-priority", "remove_priority"), ("track", "track")]
    assert {(one["name"], one["value"]) for one in actions} >= {*four, ("untrack", "untrack")}


async def test_what_is_registered_already_is_not_written_again_but_said_all_the_same(
    autojump_clock: MockClock, told: list[Any]
) -> None:  # OPS-21
    async with command_stage(live=False) as at:
        at.discord.commands.scopes[""] = registered_elsewhere()
        await go_live(at)
        await at.until_state("ok")
        assert asked(at, "PUT") == 0
        assert next(line for line in told if line["event"] == LINES[1])["changed"] is False


def registered_elsewhere() -> list[dict[str, Any]]:
    """Our command as Discord gives it back: with ids, defaults and another order of keys."""
    given = check_command(copy.deepcopy(COMMAND), (), Problems())
    for option in given["options"]:
        for key in list(reversed(option)):
            option[key] = option.pop(key)
    return [given | {"id": "1", "application_id": "2", "version": "3"}]


@pytest.mark.parametrize("what", ["description", "option", "choice", "permissions", "translation", "missing", "more"])
async def test_any_difference_is_overwritten_in_one_request(
    autojump_clock: MockClock, what: str
) -> None:  # P71: bulk, so that deletes come before creates
    async with command_stage(live=False) as at:
        known = registered_elsewhere()
        match what:
            case "description":
                known[0]["description"] = "old"
            case "option":
                del known[0]["options"][2]
            case "choice":
                del known[0]["options"][0]["options"][1]["choices"][2]
            case "permissions":
                known[0]["default_member_permissions"] = "0"
            case "translation":
                known[0]["options"][1]["description_localizations"] = {"de": "alt"}
            case "missing":
                known = []
            case "more":
                known += [{**known[0], "id": str(10 + one), "name": f"old{one}"} for one in range(99)]
        at.discord.commands.scopes[""] = known
        await go_live(at)
        await at.until_state("ok")
        assert asked(at, "PUT") == 1
        assert same_commands([COMMAND], at.discord.commands.scopes[""])


async def test_fifty_reconnects_write_nothing(autojump_clock: MockClock) -> None:  # P70
    async with command_stage() as at:
        before = (asked(at, "GET"), asked(at, "PUT"))
        for number in range(50):
            at.gateway.gateway.op7()
            await at.gateway.until_count("resumed", number + 1, 3600)
        for number in range(3):
            at.gateway.gateway.invalid_session(False)
            await at.gateway.until_count("ready", number + 2, 3600)
        assert (asked(at, "GET"), asked(at, "PUT")) == before


async def test_too_many_creates_today_is_waited_for_and_harms_nothing(autojump_clock: MockClock) -> None:  # P70
    async with command_stage(live=False) as at:
        at.discord.commands.creates_per_day = 0
        await go_live(at)
        await at.until_state("degraded")
        await trio.sleep(1800)
        assert at.gateway.part.state == "ok"
        assert asked(at, "PUT") < 20
        at.discord.commands.creates_per_day = 200
        await at.until_state("ok")


@pytest.mark.parametrize(
    ("fault", "at_least_s", "at_most_s"),
    [(limited(7.5), 7.5, 9.0), (status(500), 0.5, 2.0), (status(503), 0.5, 2.0)],
)
async def test_trouble_is_waited_out_with_the_pause_that_fits(
    autojump_clock: MockClock, fault: Any, at_least_s: float, at_most_s: float
) -> None:  # OPS-22
    async with command_stage(live=False) as at:
        at.discord.fault(fault, route=f"PUT {GLOBAL}")
        await go_live(at)
        began = trio.current_time()
        await at.until_state("ok")
        assert at_least_s <= trio.current_time() - began <= at_most_s


async def test_long_trouble_is_never_given_up_and_asked_every_five_minutes(autojump_clock: MockClock) -> None:  # OPS-22
    async with command_stage(live=False) as at:
        at.discord.fault(status(502), route=f"PUT {GLOBAL}", times=None)
        await go_live(at)
        await trio.sleep(6 * 3600)
        assert 60 < asked(at, "PUT") < 120
        at.discord.faults.clear()
        await at.until_state("ok")


async def test_trouble_that_lasts_is_told_in_the_known_lines(
    autojump_clock: MockClock, told: list[Any]
) -> None:  # operations.md 2.2: after three retries
    async with command_stage(live=False) as at:
        at.discord.fault(status(500), route=f"PUT {GLOBAL}", times=6)
        await go_live(at)
        await at.until_state("ok")
    lines = [(one["event"], one["log_level"]) for one in told if one["event"].startswith("Failed to register")]
    first = ("Failed to register Discord commands", "warning")
    both = [("Failed to register Discord commands", "error"), ("Failed to register slash commands", "error")]
    assert lines == [first] * 3 + both + [first] * 2


async def test_an_application_without_id_gets_one_line_and_commands_once_ready_names_it(
    autojump_clock: MockClock, told: list[Any]
) -> None:
    async with command_stage(live=False) as at:
        at.registration.ready(None)
        await trio.sleep(60)
        (line,) = [one for one in told if "DISCORD_APPLICATION_ID" in one["event"]]
        assert (line["log_level"], "notifications still work" in line["event"]) == ("info", True)
        await go_live(at)
        await at.until_state("ok")


async def test_without_the_scope_an_operator_gets_the_invitation_and_the_next_ready_tries_again(
    autojump_clock: MockClock,
) -> None:  # D26, OPS-22
    async with command_stage("guild", live=False) as at:
        at.discord.commands.scope_granted = False
        with structlog.testing.capture_logs() as lines:
            await go_live(at)
            await at.until_state("failed")
        (line,) = [line for line in lines if line["event"] == "Bot lacks permissions to register commands"]
        assert "scope=bot%20applications.commands" in line["invite"]
        assert at.discord.application_id in line["invite"]
        asked_before = asked(at, "GET", IN_GUILD)
        await trio.sleep(3600)
        assert asked(at, "GET", IN_GUILD) == asked_before
        at.discord.commands.scope_granted = True
        at.gateway.gateway.forget_sessions()
        at.gateway.gateway.op7()
        await at.until_state("ok")


async def test_a_dead_token_is_not_tried_again(autojump_clock: MockClock) -> None:
    async with command_stage(live=False) as at:
        at.discord.fault(revoked(), route=f"GET {GLOBAL}")
        with structlog.testing.capture_logs() as lines:
            await go_live(at)
            await at.until_state("failed")
            await trio.sleep(3600)
        assert [line["event"] for line in lines].count("Invalid Discord bot token for command registration") == 1


@pytest.mark.parametrize(("scope", "there", "elsewhere"), [("guild", GUILD, ""), ("global", "", GUILD)])
async def test_a_changed_scope_leaves_no_second_command_behind(
    autojump_clock: MockClock, scope: Scope, there: str, elsewhere: str
) -> None:  # OPS-23
    async with command_stage(scope, live=False) as at:
        other = {**registered_elsewhere()[0], "name": "other"}
        at.discord.commands.scopes[elsewhere] = [*registered_elsewhere(), other]
        await go_live(at)
        await at.until_state("ok")
        assert same_commands([COMMAND], at.discord.commands.scopes[there])
        assert [one["name"] for one in at.discord.commands.scopes[elsewhere]] == ["other"]


async def test_no_scope_asks_nothing(autojump_clock: MockClock) -> None:  # OPS-23
    async with command_stage("none", live=False) as at:
        await go_live(at)
        await trio.sleep(60)
        assert at.part.state == "disabled"
        assert asked(at, "GET") == asked(at, "PUT") == 0
