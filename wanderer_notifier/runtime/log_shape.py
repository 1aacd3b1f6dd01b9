"""What every line of the log says besides its event, and which lines are not worth repeating."""

from __future__ import annotations

import re
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import structlog

CATEGORIES: Mapping[str, str] = {
    "app": "startup",
    "turn": "startup",
    "notify": "startup",
    "config": "config",
    "delivery": "discord",
    "discord": "discord",
    "gateway": "discord",
    "trio-websocket": "discord",
    "commands": "commands",
    "steering": "commands",
    "plugin": "config",
    "killmail": "killmail",
    "pipeline": "killmail",
    "replay": "killmail",
    "kills": "killmail",
    "maps": "map",
    "license": "license",
    "prices": "enrichment",
    "universe": "enrichment",
    "store": "persistence",
    "legacy": "persistence",
    "housekeeping": "persistence",
    "http": "http",
    "web": "http",
    "hypercorn": "http",
    "quart": "http",
    "quart_trio": "http",
    "httpx": "http",
    "httpcore": "http",
    "runtime": "health",
    "status": "alert",
    "alerts": "alert",
    "shutdown": "shutdown",
}
"""Logger -> category (operations.md OPS-93); what is missing speaks of the health of the process."""

_EVENTS: Mapping[str, str] = {
    "configuration": "config",
    "configuration_warning": "config",
    "shutdown_complete": "shutdown",
}
"""Events of another category than their logger's."""


def origin(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Adds who speaks and the category, and splits the event into a stable name and a sentence for people.

    An event is written as either, `shutdown_complete` or `License validation successful`; both forms come out.
    """
    speaker = getattr(logger, "name", "") or "app"
    said = str(event.get("event", ""))
    event["event"] = stable = _NOT_SNAKE.sub("_", said.lower()).strip("_")
    sentence = said if " " in said else said.replace("_", " ")
    event.setdefault("message", sentence[:1].upper() + sentence[1:])
    event.setdefault("logger", speaker)
    event.setdefault("category", _EVENTS.get(stable, CATEGORIES.get(speaker.partition(".")[0], "health")))
    return event


def for_readers(logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The same for the text layout: the sentence leads, its category stands where a logger's name would."""
    event["event"], event["logger"] = event.pop("message"), event.pop("category")
    return event


_NOT_SNAKE = re.compile(r"[^a-z0-9]+")


class Collapsed:
    """Lets one of many identical warnings through: the first, then one every *every_s* seconds with their count.

    Identical are warnings with the same event about the same things; how long the next pause is does not matter.
    """

    def __init__(self, every_s: float = 600.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._every_s, self._clock = every_s, clock
        self._known: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __call__(self, logger: object, name: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if name not in ("warning", "warn"):
            return event
        key = repr(sorted((field, str(value)) for field, value in event.items() if field not in _PASSING))
        at = self._clock()
        shown_at, held = self._known.get(key, (-self._every_s, 0))
        if at - shown_at < self._every_s:
            self._known[key] = (shown_at, held + 1)
            raise structlog.DropEvent
        self._known[key] = (at, 0)
        self._known.move_to_end(key)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        if held:
            event["repeated"] = held
        return event


_PASSING = frozenset({"pause_s", "failures", "falls", "again_s", "attempts", "seconds", "duration_ms", "request_id"})
"""What differs from one repetition to the next without making it news."""
_REMEMBERED = 512
