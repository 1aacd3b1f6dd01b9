"""Keeps connections and essential tasks running: restart with back-off, give up visibly, never hammer."""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterator

import structlog
import trio

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.runtime.health import Component

log = structlog.get_logger("runtime")


class Permanent(Exception):
    """Waiting will not cure this soon: rejected token, unknown map, a switched-off stream.

    *again_s* seconds later one more attempt is worthwhile (an operator may have mended it); None means never.
    """

    def __init__(self, reason: str, *, again_s: float | None = None) -> None:
        super().__init__(reason)
        self.again_s = again_s


class BudgetSpent(Exception):
    """An essential task failed more often than its restart budget allows; the process should end (exit 70)."""


def leaves(error: BaseException) -> Iterator[Exception]:
    """The plain exceptions inside *error*, however deeply nurseries have grouped them."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    elif isinstance(error, Exception):
        yield error


def describe(error: BaseException) -> str:
    """One short line for an operator: the error's own words, its kind in front unless it is one of ours."""
    first = next(leaves(error), error)
    words = " ".join(str(first).split())
    if words and type(first).__module__.startswith("wanderer_notifier."):
        return words[:200]
    return f"{type(first).__name__}: {words}"[:200] if words else type(first).__name__


async def keep_running(
    part: Component,
    connect: Callable[[Component], Awaitable[None]],
    *,
    roll: Callable[[], float],
    backoff: Backoff = Backoff(),
) -> None:
    """Run *connect* for ever: each return or error is a lost connection and is followed by a pause.

    *connect* calls ``part.to("ok")`` once the peer has really answered; only time spent `ok` counts as healthy and
    lets the pauses start small again. `Permanent` shows as `failed` and is tried again only when it says so.
    """
    failures = 0
    while True:
        why: Exception = ConnectionError("the peer ended the connection")  # returning normally is a loss too
        fatal: Permanent | None = None
        try:
            await connect(part)
        except* Permanent as group:
            first = next(leaves(group))
            assert isinstance(first, Permanent)
            fatal = first
        except* Exception as group:
            why = next(leaves(group))
        if fatal is not None:
            failures += 1
            part.to("failed", str(fatal))
            log.error("component_failed", component=part.name, reason=str(fatal), again_s=fatal.again_s)
            if fatal.again_s is None:
                await trio.sleep_forever()
                raise AssertionError("unreachable")
            pause = fatal.again_s * (1.0 - 0.1 * roll())
        else:
            failures = 1 if part.was_up_for(backoff.healthy_after_s) else failures + 1
            pause = backoff.pause(failures, roll())
            part.to("degraded", describe(why))
            log.warning(
                "component_lost", component=part.name, reason=describe(why), failures=failures, pause_s=round(pause, 1)
            )
        part.reconnecting(pause)
        await trio.sleep(pause)


async def run_essential(
    name: str,
    body: Callable[[], Awaitable[None]],
    *,
    roll: Callable[[], float],
    restarted: Callable[[str], None] = lambda name: None,
    budget: int = 10,
    window_s: float = 600.0,
    backoff: Backoff = Backoff(),
) -> None:
    """Run *body* until it returns; restart it after an error, at most *budget* times in *window_s* seconds.

    Raises `BudgetSpent` when the budget is used up (operations.md OPS-80). Returning is the normal end.
    """
    falls: deque[float] = deque()
    while True:
        failure: Exception | None = None
        try:
            await body()
        except* Exception as group:
            failure = next(leaves(group))
        if failure is None:
            return
        now = trio.current_time()
        falls.append(now)
        while falls and now - falls[0] > window_s:
            falls.popleft()
        log.error("task_failed", task=name, reason=describe(failure), falls=len(falls), exc_info=failure)
        restarted(name)
        if len(falls) > budget:
            raise BudgetSpent(f"{name} failed {len(falls)} times in {window_s:.0f} s, last: {describe(failure)}")
        await trio.sleep(backoff.pause(len(falls), roll()))
