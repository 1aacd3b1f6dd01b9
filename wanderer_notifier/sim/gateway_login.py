"""What the gateway asks of an IDENTIFY and of a presence."""

from __future__ import annotations

from typing import Any

from wanderer_notifier.sim.gateway_payloads import KNOWN, PRIVILEGED

STATUSES = ("online", "idle", "dnd", "invisible", "offline")
ACTIVITY_TYPES = range(6)
NUMBER_OR_NONE = (int, float, type(None))


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
    """Whether a presence update has a field of another form than discord.md 1.10 says; unknown fields do no harm."""
    if not isinstance(data, dict) or data.get("status") not in STATUSES:
        return True
    since, activities = data.get("since"), data.get("activities")
    if not isinstance(data.get("afk", False), bool) or isinstance(since, bool) or not isinstance(since, NUMBER_OR_NONE):
        return True
    return activities is not None and not (isinstance(activities, list) and all(map(_is_activity, activities)))


def _is_activity(one: Any) -> bool:
    return (
        isinstance(one, dict)
        and isinstance(one.get("name"), str)
        and type(one.get("type")) is int
        and one["type"] in ACTIVITY_TYPES
        and all(one.get(name) is None or isinstance(one[name], str) for name in ("state", "url"))
    )


def _is_shard(shard: Any) -> bool:
    return (
        isinstance(shard, list)
        and len(shard) == 2
        and all(type(one) is int for one in shard)
        and 0 <= shard[0] < shard[1]
    )
