"""A value that others can wait on: latest wins, nobody is ever behind by more than one read."""

from __future__ import annotations

from typing import Generic, TypeVar

import trio

T = TypeVar("T")


class Watch(Generic[T]):
    """One owner sets, any number of tasks read or wait; values between two reads may be skipped."""

    def __init__(self, value: T) -> None:
        self._value = value
        self._changed = trio.Event()

    @property
    def value(self) -> T:
        return self._value

    def set(self, value: T) -> None:
        """Replace the value; waiters wake only if it differs from the present one."""
        if value == self._value:
            return
        self._value = value
        self._changed.set()
        self._changed = trio.Event()

    async def wait_change(self, seen: T) -> T:
        """Return the value as soon as it is not *seen* (at once if it already differs)."""
        while self._value == seen:
            await self._changed.wait()
        return self._value
