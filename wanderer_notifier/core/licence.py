"""What a licence, or its absence, means for the looks of messages (notifications.md 4, design.md 5.6 and 5.12)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from wanderer_notifier.core.policy import Kind

LicenceState = Literal["valid", "invalid", "unknown"]
"""`unknown`: nobody could be asked, which is never held against the user."""

RICH_PER_KIND = 5
LIMITED: frozenset[Kind] = frozenset({"kill", "system", "character"})
"""Rally points and status messages are never limited."""


class RichLimit:
    """Counts the rich messages of the free tier, per kind, over all maps, for one run of the process.

    *state* is asked for each message; *enforced* off means that everything is rich. A message is reserved before it
    is sent; when it could not be sent after all, its place is free again.
    """

    def __init__(
        self, state: Callable[[], LicenceState], *, enforced: bool = True, per_kind: int = RICH_PER_KIND
    ) -> None:
        self._state, self._enforced, self._per_kind = state, enforced, per_kind
        self._used: dict[Kind, int] = {}
        self._open: dict[tuple[str, str], Kind] = {}

    def reserve(self, kind: Kind, claim: str, channel: str) -> bool:
        """Whether the message for *claim* in *channel* may be rich; counts it, once, where that is limited."""
        if not self._enforced or kind not in LIMITED or self._state() != "invalid" or self.holds(claim, channel):
            return True
        if self.used(kind) >= self._per_kind:
            return False
        self._used[kind] = self.used(kind) + 1
        self._open[claim, channel] = kind
        return True

    def holds(self, claim: str, channel: str) -> bool:
        """Whether a place is reserved for that message and not yet settled."""
        return (claim, channel) in self._open

    def settle(self, claim: str, channel: str, *, sent: bool) -> None:
        """The message is *sent*, or never will be; unknown and uncounted ones do not matter."""
        kind = self._open.pop((claim, channel), None)
        if kind is not None and not sent:
            self._used[kind] -= 1

    def used(self, kind: Kind) -> int:
        """How many rich messages of *kind* the free tier has spent."""
        return self._used.get(kind, 0)
