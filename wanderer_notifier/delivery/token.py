"""One answer "your token is dead" stops every channel; one of them asks again now and then."""

from __future__ import annotations

import math

import trio

PROBE_S = 300.0


class TokenGate:
    """Open until `rejected`; then one passer every five minutes tries whether the token works again."""

    def __init__(self) -> None:
        self._until: float | None = None
        self._probing = False
        self._moved = trio.Event()

    @property
    def barred(self) -> bool:
        """Whether the token was last found dead."""
        return self._until is not None

    async def passed(self, stop: trio.Event) -> bool:
        """Wait until something may be sent; False when *stop* comes first (`nudge` must follow it).

        Whoever passes must call one of `rejected`, `works`, `undecided` afterwards.
        """
        while self._until is not None:
            wait = self._until - trio.current_time()
            if wait <= 0 and not self._probing:
                self._probing = True
                break
            if stop.is_set():
                return False
            with trio.move_on_after(wait if wait > 0 else math.inf):  # else somebody is trying just now
                await self._moved.wait()
        return True

    def rejected(self) -> None:
        """Discord does not know the token."""
        self._until, self._probing = trio.current_time() + PROBE_S, False
        self.nudge()

    def works(self) -> None:
        """Discord answered to the token."""
        if self._until is not None:
            self._until, self._probing = None, False
            self.nudge()

    def undecided(self) -> None:
        """The attempt ended without an answer; the next one may try."""
        if self._probing:
            self._probing = False
            self.nudge()

    def nudge(self) -> None:
        """Let those who wait look again."""
        self._moved.set()
        self._moved = trio.Event()
