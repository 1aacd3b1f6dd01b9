"""What a message was made from, as JSON in its row, so that it can be made anew when more is known."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import cattrs

from wanderer_notifier.core.events import (
    Change,
    CharacterAdded,
    JsonObject,
    Kill,
    KillArrived,
    RallyCreated,
    SystemAdded,
)
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.rules import Send

_KINDS: dict[str, type[Any]] = {kind.__name__: kind for kind in (SystemAdded, CharacterAdded, RallyCreated)}

_converter = cattrs.Converter(omit_if_default=True)
_converter.register_unstructure_hook(datetime, datetime.isoformat)
_converter.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))


def kill_source(arrival: KillArrived, send: Send) -> JsonObject:
    """For a kill: the killmail as it came, and the verdict for this channel."""
    return {"raw": arrival.raw, "system_id": arrival.system_id, "send": _converter.unstructure(send)}


def change_source(change: Change, send: Send) -> JsonObject:
    """For news of a map: the change itself, and the verdict for this channel."""
    return {
        "kind": type(change).__name__,
        "change": _converter.unstructure(change),
        "send": _converter.unstructure(send),
    }


def subject_of(source: JsonObject) -> tuple[Kill | Change, Send] | None:
    """What *source* was made from; None when it says nothing that this version can read."""
    try:
        send = _converter.structure(source["send"], Send)
        if "raw" in source:
            return parse_kill(source["raw"], source.get("system_id")), send
        change: Change = _converter.structure(source["change"], _KINDS[source["kind"]])
    except (KeyError, TypeError, ValueError, BadKillmail, cattrs.BaseValidationError):
        return None
    return change, send


def ended_at(source: JsonObject | None) -> datetime | None:
    """When that was over, as far as it is."""
    change = (source or {}).get("change")
    ended = change.get("ended_at") if isinstance(change, dict) else None
    return datetime.fromisoformat(ended) if isinstance(ended, str) else None
