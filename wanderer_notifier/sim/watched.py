"""What the fake servers have in common: a test waits for what they saw, and can hold back what they say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import trio


class Watched:
    """A server that can be waited on and stalled; it tells of each change with `touch`."""

    def __init__(self) -> None:
        self._changed = trio.lowlevel.ParkingLot()
        self._flowing = trio.Event()
        self._flowing.set()

    async def until(self, condition: Callable[[Self], bool]) -> None:
        """Wait until *condition* holds; it is looked at after each change: a request, connection, frame or end."""
        while not condition(self):
            await self._changed.park()
        await trio.lowlevel.checkpoint()

    def touch(self) -> None:
        """Let those who wait look again."""
        self._changed.unpark_all()

    def stall(self, on: bool = True) -> None:
        """Take what comes and send nothing, not even signs of life; what gathered is sent when it is lifted."""
        if on and self._flowing.is_set():
            self._flowing = trio.Event()
        elif not on:
            self._flowing.set()

    async def flowing(self) -> None:
        """Return as soon as the server is not stalled."""
        await self._flowing.wait()
