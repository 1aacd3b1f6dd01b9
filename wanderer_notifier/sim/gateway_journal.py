"""What the gateway saw, for assertions: frames with their times, counts, close codes, and how late the beats were."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, Literal, TypeAlias

from attrs import Factory, define, frozen

JsonObject: TypeAlias = dict[str, Any]

KEPT = 50_000
"""Entries that are remembered; the oldest go first."""


@frozen(kw_only=True)
class Entry:
    """One thing that happened on one connection."""

    at: float
    """Seconds of Trio's clock."""
    connection: int
    """Counted from 1."""
    kind: Literal["open", "in", "out", "bye", "closed", "gone"]
    """`bye`: we closed; `closed`: the client's close frame came, or TCP ended (code 1006); `gone`: it is over."""
    op: int | None = None
    event: str | None = None
    seq: int | None = None
    data: Any = None
    """The `d` of a client's frame, without tokens; of ours only op 9's."""
    code: int | None = None
    query: str | None = None
    """Of the address that was asked for."""
    path: str | None = None


@frozen(kw_only=True)
class Beat:
    """One heartbeat."""

    at: float
    connection: int
    seq: int | None
    late_s: float
    """Seconds after it was due; negative when early."""
    asked: bool
    """Whether op 1 had asked for it."""


@define
class Journal:
    """The memory of the gateway; `counts` never forgets."""

    entries: deque[Entry] = Factory(lambda: deque(maxlen=KEPT))
    beats: deque[Beat] = Factory(lambda: deque(maxlen=KEPT))
    counts: Counter[str] = Factory(Counter)
    """`connections`, `identify`, `resume`, `resumed`, `ready`, `beats`, `missed_beats`, `early_frames`, `oversized`."""
    close_codes: Counter[int] = Factory(Counter)
    """What clients closed with; 1006 for those that just went."""
    sent_codes: Counter[int | None] = Factory(Counter)
    """What we closed with; None for no code, 1006 for a reset."""
    dispatched: Counter[str] = Factory(Counter)
    """Dispatches put on the wire, by event; replays count again."""
    presences: deque[JsonObject] = Factory(lambda: deque(maxlen=1000))

    def note(self, entry: Entry) -> None:
        """Remember one entry, and count it where that is kept."""
        self.entries.append(entry)
        match entry.kind:
            case "bye":
                self.sent_codes[entry.code] += 1
            case "closed" if entry.code is not None:
                self.close_codes[entry.code] += 1
            case "out" if entry.event is not None:
                self.dispatched[entry.event] += 1

    def frames(self, kind: str = "in", *, connection: int | None = None) -> list[Entry]:
        """The frames of one direction, oldest first."""
        return [one for one in self.entries if one.kind == kind and connection in (None, one.connection)]

    @property
    def worst_beat_s(self) -> float:
        """How late the latest beat of all was, in seconds."""
        return max((one.late_s for one in self.beats if not one.asked), default=0.0)
