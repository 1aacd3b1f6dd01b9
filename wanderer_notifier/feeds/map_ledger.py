"""Finds out what a stream keeps to itself: what it told is held against the map's lists (wanderer-map.md 1.4)."""

from __future__ import annotations

from collections.abc import Iterable

from wanderer_notifier.core.mapevents import BadMapEvent, SystemHidden, SystemShown, parse_event

CONCERNED = frozenset({"add_system", "deleted_system"})


class Ledger:
    """The systems that the map shows according to its stream, since the first list of one connection.

    A list and an event of the same change may come in either order. So a difference counts only if the stream did not
    speak of that system while the list was read, nor for some time afterwards.
    """

    def __init__(self) -> None:
        self._shown: set[int] | None = None
        self._touched: set[int] = set()

    def told(self, type: str, data: str) -> None:  # noqa: A002
        """Take in one event of the stream."""
        if type not in CONCERNED:
            return
        try:
            event = parse_event("", type, data)
        except BadMapEvent:
            return  # whoever decides on it will park it
        match event:
            case SystemShown(system=system):
                self._touched.add(system.system_id)
                if self._shown is not None:
                    self._shown.add(system.system_id)
            case SystemHidden(system_id=system_id):
                self._touched.add(system_id)
                if self._shown is not None:
                    self._shown.discard(system_id)

    def begin(self) -> None:
        """A list is about to be read."""
        self._touched = set()

    def differences(self, listed: Iterable[int]) -> frozenset[int]:
        """The systems of which the list says something else than the stream; from now on the list is believed."""
        now, before = set(listed), self._shown
        if before is None:
            self._shown = now
            return frozenset()
        if before and not now:  # how the server says that its database failed (3.2)
            return frozenset()
        self._shown = (now - self._touched) | (before & self._touched)
        return frozenset((before ^ now) - self._touched)

    def unexplained(self, differences: frozenset[int]) -> frozenset[int]:
        """Those of *differences* of which the stream has still not spoken."""
        return differences - self._touched
