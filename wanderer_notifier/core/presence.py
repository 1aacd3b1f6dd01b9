"""What members see the bot doing (operations.md OPS-44)."""

from __future__ import annotations

from wanderer_notifier.core.events import JsonObject

WATCHING = 3


def presence(systems: int, *, degraded: bool) -> JsonObject:
    """Discord's presence for a bot that watches *systems* systems; idle while a feed of it is down."""
    name = f"{systems} system{'' if systems == 1 else 's'}"
    if degraded:
        name += ", feeds degraded"
    return {
        "since": None,
        "activities": [{"name": name, "type": WATCHING}],
        "status": "idle" if degraded else "online",
        "afk": False,
    }
