"""For how long a message may have been standing in its channel without our knowing."""

from __future__ import annotations

import math
from datetime import datetime

from wanderer_notifier.state.outbox import Row

NONCE_WINDOW_S = 90.0
"""How long a repeat with the same nonce is harmless; Discord says "a few minutes" (discord.md 3.6)."""


class Doubt:
    """The age of the first attempt of unknown end, by whichever clock says more.

    The database has it by the wall clock, which may step; for attempts of this process the monotonic clock is asked
    as well. One instance follows the row at the head of one channel.
    """

    def __init__(self) -> None:
        self._since: tuple[int, float] | None = None

    def began(self, row: Row, at: float) -> None:
        """An attempt that began *at* (monotonic seconds) ended unknown; only the first one of a row counts."""
        if self._since is None or self._since[0] != row.id:
            self._since = (row.id, at)

    def settled(self) -> None:
        """It is known again what is in the channel."""
        self._since = None

    def outlived_nonce(self, row: Row, now: datetime, at: float) -> bool:
        """Whether a repeat could double the message; a wall clock that stepped back counts as a long time."""
        if row.first_unknown_at is None:
            return False
        by_wall = (now - row.first_unknown_at).total_seconds()
        if by_wall < 0:
            by_wall = math.inf
        by_ours = at - self._since[1] if self._since is not None and self._since[0] == row.id else 0.0
        return max(by_wall, by_ours) >= NONCE_WINDOW_S
