"""One task for each member of a set that changes while it runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import trio

from wanderer_notifier.runtime.watch import Watch

K = TypeVar("K", bound="str | tuple[str, ...]")


async def _nothing(member: object) -> None:
    await trio.lowlevel.checkpoint()


async def follow_set(
    wanted: Watch[frozenset[K]],
    one: Callable[[K], Awaitable[None]],
    *,
    name: Callable[[K], str],
    left: Callable[[K], Awaitable[None]] = _nothing,
) -> None:
    """Run *one* for every member of *wanted* for as long as it is one, until cancelled.

    A member that goes has its task cancelled; *left* is awaited when that has ended, and before the member's task can
    begin again. The others never notice. *name* is what an operator reads of the task.
    """
    running: dict[K, trio.CancelScope] = {}
    ended = trio.lowlevel.ParkingLot()

    async def run(member: K, scope: trio.CancelScope) -> None:
        with scope:
            await one(member)
            await trio.sleep_forever()
        if scope.cancelled_caught:
            await left(member)
        del running[member]
        ended.unpark_all()

    async with trio.open_nursery() as nursery:
        while True:
            seen = wanted.value
            for member in sorted(running.keys() - seen):
                running[member].cancel(reason="not wanted any more")
            while running.keys() - seen:
                await ended.park()
            for member in sorted(seen - running.keys()):
                running[member] = trio.CancelScope()
                nursery.start_soon(run, member, running[member], name=name(member))
            await wanted.wait_change(seen)
