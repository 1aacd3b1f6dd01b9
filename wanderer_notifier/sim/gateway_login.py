"""What the gateway asks of an IDENTIFY and of a presence."""

from __future__ import annotations

from typing import Any

from wanderer_notifier.sim.gateway_payloads import KNOWN, PRIVILEGED

STATUSES = ("online", "idle", "dnd", "invisible", "offline")


def identify_is_wrong(data: Any, *, token: str, privileged: int) -> int | None:
    """The close code for this IDENTIFY's data; None when it is right.

    Args:
        data: the frame's `d`.
        token: the right one.
        privileged: the privileged intents that are switched on for the bot.
    """
    if not isinstance(data, dict) or not isinstance(data.get("properties"), dict):
        return 4002
    if data.get("token") != token:
        return 4004
    intents = data.get("intents")
    if isinstance(intents, bool) or not isinstance(intents, int) or intents < 0 or intents & ~KNOWN:
        return 4013
    if intents & PRIVILEGED & ~privileged:
        return 4014
    shard = data.get("shard")
    if shard is not None and not _is_shard(shard):
        return 4010
    return 4002 if data.get("presence") is not None and presence_is_wrong(data["presence"]) else None


def presence_is_wrong(data: Any) -> bool:
    """Whether a presence update has no known status or an activity without name and type (discord.md 1.10)."""
    if not isinstance(data, dict) or data.get("status") not in STATUSES:
        return True
    activities = data.get("activities") or []
    return not isinstance(activities, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("type"), int)
        for one in activities
    )


def _is_shard(shard: Any) -> bool:
    return (
        isinstance(shard, list)
        and len(shard) == 2
        and all(isinstance(one, int) for one in shard)
        and 0 <= shard[0] < shard[1]
    )
