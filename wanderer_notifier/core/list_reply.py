"""What members have steered so far, as lists that fit into one message (operations.md OPS-32)."""

from __future__ import annotations

from collections.abc import Sequence

from wanderer_notifier.core.limits import CONTENT
from wanderer_notifier.core.replies import bold
from wanderer_notifier.core.steering import Place, Steering
from wanderer_notifier.core.wording import fitting

NO_PRIORITY = "📍 There are no priority systems"
NOTHING = "📍 There are no priority systems, and no system is tracked or untracked by command"
ROOM_FOR_MORE = 20
"""Of the line that says how many entries found no room."""


def priority_list(steering: Steering) -> str:
    """All priority systems, as far as a message has room."""
    return _fitted(_priority(steering)) or NO_PRIORITY


def steered(steering: Steering) -> str:
    """All three lists: priority systems, those tracked besides the maps, and those hidden."""
    tracked = [one.place for one in steering.overrides if one.kind == "track"]
    hidden = [one.place for one in steering.overrides if one.kind == "untrack"]
    sections = [
        *_priority(steering),
        *_section(f"**Tracked Systems:** {len(tracked)}", tracked),
        *_section(f"**Untracked Systems:** {len(hidden)}", hidden),
    ]
    return _fitted(sections) or NOTHING


def counted(steering: Steering) -> str:
    """How many priority systems there are, and how many more of which only the hash is known (OPS-62)."""
    left = steering.unresolved
    more = f" (+{left} unresolved legacy {'entry' if left == 1 else 'entries'})" if left else ""
    return f"{len(steering.systems) - left}{more}"


def _priority(steering: Steering) -> list[list[str]]:
    named = [one.place for one in steering.systems if one.place is not None]
    head = f"**Priority Systems:** {counted(steering)}"
    return _section(head, named) or ([[head]] if steering.unresolved else [])


def _section(head: str, places: Sequence[Place]) -> list[list[str]]:
    lines = [f"• {bold(place.name)}" + ("" if place.known else " (by name)") for place in places]
    return [[head, *lines]] if places else []


def _fitted(sections: Sequence[Sequence[str]]) -> str:
    """The sections below each other; each may have its share of what the ones before it left."""
    room = CONTENT
    shown: list[str] = []
    for number, section in enumerate(sections):
        text = "\n".join(fitting(section, room // (len(sections) - number) - ROOM_FOR_MORE))
        room -= len(text) + 1
        shown.append(text)
    return "\n".join(shown)
