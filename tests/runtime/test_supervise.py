"""The supervisor: lost connections come back, hopeless ones stay visible, essential tasks have a budget."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime

import pytest
import trio
from trio.testing import MockClock

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.runtime.supervise import BudgetSpent, Permanent, describe, keep_running, run_essential


def now() -> datetime:
    return datetime(2026, 11, 25, tzinfo=UTC)


def component() -> Component:
    return Health(now).component("feed")


async def test_pauses_double_up_to_the_cap(autojump_clock: MockClock) -> None:
    started: list[float] = []
    enough = trio.Event()

    async def connect(part: Component) -> None:
        started.append(trio.current_time())
        if len(started) == 9:
            enough.set()
        raise OSError("refused")

    part = component()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: keep_running(part, connect, roll=lambda: 0.0))
        await enough.wait()
        nursery.cancel_scope.cancel()
    pauses = [round(b - a, 3) for a, b in itertools.pairwise(started)]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert part.state == "degraded"
    assert part.view().reason == "OSError: refused"


async def test_one_good_hour_does_not_excuse_all_failures_after_it(autojump_clock: MockClock) -> None:
    """A peer that goes away after a long good time must not be hammered either (wanderer-kills.md 9.3, 9)."""
    started: list[float] = []
    enough = trio.Event()

    async def connect(part: Component) -> None:
        started.append(trio.current_time())
        if len(started) == 1:
            part.to("ok")
            await trio.sleep(3600)
        if len(started) == 6:
            enough.set()
        raise OSError("refused")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: keep_running(component(), connect, roll=lambda: 0.0))
        await enough.wait()
        nursery.cancel_scope.cancel()
    assert [round(b - a) for a, b in itertools.pairwise(started)] == [3601, 2, 4, 8, 16]


async def test_only_healthy_time_resets_the_pauses(autojump_clock: MockClock) -> None:
    """A peer that accepts and drops at once must not be hammered; one that lasted a minute starts over."""
    started: list[float] = []
    stays = iter([0, 0, 0, 59, 61, 0])
    enough = trio.Event()

    async def connect(part: Component) -> None:
        started.append(trio.current_time())
        stay = next(stays, None)
        if stay is None:
            enough.set()
            return
        part.to("ok")
        await trio.sleep(stay)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: keep_running(component(), connect, roll=lambda: 0.0))
        await enough.wait()
        nursery.cancel_scope.cancel()
    gaps = [b - a for a, b in itertools.pairwise(started)]
    assert gaps == [1, 2, 4, 59 + 8, 61 + 1, 2]


async def test_a_child_task_that_fails_counts_like_the_connection_itself(autojump_clock: MockClock) -> None:
    tries = 0
    twice = trio.Event()

    async def connect(part: Component) -> None:
        nonlocal tries
        tries += 1
        if tries == 2:
            twice.set()

        async def child() -> None:
            raise ValueError("torn frame")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            await trio.sleep_forever()

    part = component()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: keep_running(part, connect, roll=lambda: 0.0))
        await twice.wait()
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert part.view().last_error == "ValueError: torn frame"


async def test_permanent_failure_stays_visible_and_stops_hammering(autojump_clock: MockClock) -> None:
    tries = 0

    async def connect(part: Component) -> None:
        nonlocal tries
        tries += 1
        raise Permanent("token rejected")

    part = component()
    with trio.move_on_after(86_400):
        await keep_running(part, connect, roll=lambda: 0.0)
    assert tries == 1
    assert (part.state, part.view().reason) == ("failed", "token rejected")


async def test_permanent_failure_is_tried_again_only_when_it_says_so(autojump_clock: MockClock) -> None:
    started: list[float] = []

    async def connect(part: Component) -> None:
        started.append(trio.current_time())
        if len(started) < 3:
            raise Permanent("stream switched off for this map", again_s=300)
        part.to("ok")
        await trio.sleep_forever()

    part = component()
    with trio.move_on_after(3600):
        await keep_running(part, connect, roll=lambda: 0.0)
    assert started == [0, 300, 600]
    assert part.state == "ok"


async def test_cancelling_is_not_a_failure() -> None:
    async def connect(part: Component) -> None:
        part.to("ok")
        await trio.sleep_forever()

    part = component()
    with trio.move_on_after(0) as scope:
        await keep_running(part, connect, roll=lambda: 0.0)
    assert scope.cancelled_caught
    assert part.view().last_error is None


async def test_essential_task_is_restarted_within_its_budget(autojump_clock: MockClock) -> None:
    falls, restarted = 0, list[str]()

    async def body() -> None:
        nonlocal falls
        if falls < 3:
            falls += 1
            raise RuntimeError("once more")

    await run_essential("pipeline", body, roll=lambda: 0.0, restarted=restarted.append)
    assert restarted == ["pipeline"] * 3


async def test_essential_task_over_budget_ends_the_process(autojump_clock: MockClock) -> None:
    async def body() -> None:
        raise RuntimeError("always")

    with pytest.raises(BudgetSpent, match=r"pipeline failed 11 times .* RuntimeError: always"):
        await run_essential("pipeline", body, roll=lambda: 0.0, backoff=Backoff(cap_s=5))


async def test_old_falls_do_not_count_against_the_budget(autojump_clock: MockClock) -> None:
    falls = 0

    async def body() -> None:
        nonlocal falls
        falls += 1
        await trio.sleep(120)
        if falls < 40:
            raise RuntimeError("now and then")

    await run_essential("pipeline", body, roll=lambda: 0.0)
    assert falls == 40


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError("connection\n refused"), "OSError: connection refused"),
        (ValueError(), "ValueError"),
        (ExceptionGroup("unhandled", [ExceptionGroup("in", [KeyError("x")])]), "KeyError: 'x'"),
        (RuntimeError("x" * 500), "RuntimeError: " + "x" * 186),
        (Permanent("the token was rejected"), "the token was rejected"),
    ],
)
def test_an_error_is_described_in_one_short_line(error: Exception, words: str) -> None:
    assert describe(error) == words
