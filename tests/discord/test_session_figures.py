"""What operators see of the gateway client: counters, logs, and nothing secret; and what long runs leave behind."""

from __future__ import annotations

import gc
import logging
from typing import Any

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.discord.gateway_stage import (
    inline,
    live,
    stage,
)
from tests.discord.peer import TOKEN
from wanderer_notifier.sim.faults import status
from wanderer_notifier.sim.gateway_faults import (
    Close,
    Hold,
    Http,
    Reset,
    Silence,
    invalid_session,
    op7,
    reserved_opcode,
    truncated_json,
)
from wanderer_notifier.state.store import Store

CAUSES = {
    "op7": (op7(), "op7"),
    "op 9": (invalid_session(False), "op9_false"),
    "op 9 true": (invalid_session(True), "op9_true"),
    "close": (Close(4000), "close_4000"),
    "lost": (Reset(), "close_1006"),
    "garbled": (truncated_json(), "garbled"),
    "half-open": (Hold(), "zombie"),
}


@pytest.mark.parametrize(("action", "cause"), CAUSES.values(), ids=CAUSES)
async def test_every_misfortune_has_a_counter_of_its_own(
    action: Any, cause: str, autojump_clock: MockClock
) -> None:  # P79
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.suffer(action)
        await at.until(lambda: at.count("connections") == 2, 200)
        assert at.counted("losses_total", cause=cause) == 1


@pytest.mark.parametrize(
    ("point", "action", "cause"),
    [
        ("connect", Reset(), "not_reached"),
        ("connect", Http(status=503), "not_reached"),
        ("hello", Silence(), "hello_timeout"),
        ("hello", op7(), "op7"),
        ("identify", Hold(), "auth_timeout"),
        ("identify", Close(4003), "close_4003"),
    ],
)
async def test_every_misfortune_at_the_beginning_has_one_as_well(
    point: Any, action: Any, cause: str, autojump_clock: MockClock
) -> None:  # P79
    async with stage() as at:
        at.gateway.fault(point, action)
        await live(at)
        assert at.counted("losses_total", cause=cause) == 1


async def test_a_gateway_that_is_not_found_has_a_counter_too(autojump_clock: MockClock) -> None:  # P79
    async with stage() as at:
        at.discord.fault(status(503), route="GET /gateway/bot", times=2)
        await live(at)
        assert at.counted("losses_total", cause="discovery") == 2


async def test_without_voice_only_the_guilds_intent_is_asked_for(autojump_clock: MockClock) -> None:  # OPS-40
    async with stage() as at:
        at.intents = 1
        await live(at)
        (login,) = [one for one in at.gateway.journal.frames("in") if one.op == 2]
        assert login.data["intents"] == 1


async def test_no_log_line_holds_a_token_or_a_session(autojump_clock: MockClock) -> None:  # P77
    before = structlog.get_config()["wrapper_class"]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    try:
        with structlog.testing.capture_logs() as lines:
            async with stage() as at:
                await live(at, stable=True)
                (session,) = at.gateway.sessions
                at.interaction(1)
                for action in (op7(), truncated_json(), reserved_opcode(), Close(4000), Hold(), invalid_session(False)):
                    at.gateway.suffer(action)
                    await trio.sleep(150)
                    await at.until_live(120)
                at.gateway.close_all(4004)
                await at.until(lambda: at.part.state == "failed", 60)
    finally:
        structlog.configure(wrapper_class=before)
    told = repr(lines)
    assert len(lines) > 10
    assert TOKEN not in told
    assert session not in told
    assert "test-interaction" not in told


async def test_two_clients_on_one_token_do_not_fight(autojump_clock: MockClock) -> None:  # P28
    async with stage() as at:
        await live(at, stable=True)
        first, at.store = at.store, Store.open(":memory:", run=inline)  # another machine, new to it
        await at.start()
        await trio.sleep(600)
        assert at.count("identify") == 2
        assert len(at.gateway.live) == 2
        data = at.interaction(1)
        await trio.sleep(1)
        assert at.drain() == [data["id"], data["id"]]  # both hear it: only the lock keeps a second copy away
    first.close()


async def test_thousands_of_reconnects_leave_nothing_behind(gateway_seeds: int, autojump_clock: MockClock) -> None:
    rounds = 10_000 if gateway_seeds >= 200 else 150
    async with stage() as at:
        await live(at, stable=True)
        sizes = []
        for number in range(rounds):
            at.gateway.close_all(4000)
            await at.until_count("resumed", number + 1, 300)
            if number in (rounds // 3, rounds - 1):
                at.gateway.journal.entries.clear()
                at.gateway.journal.beats.clear()
                at.discord.journal.clear()
                gc.collect()
                sizes.append(len(gc.get_objects()))
        assert sizes[1] < sizes[0] * 1.02
        assert at.count("identify") == 1
        assert at.gateway.journal.worst_beat_s < 1.0
