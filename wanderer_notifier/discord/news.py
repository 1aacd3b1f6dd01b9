"""Which channels an event of the gateway may have opened again for us (discord.md 3.9, last paragraph); pure."""

from __future__ import annotations

from wanderer_notifier.core.events import JsonObject

ONE = frozenset({"CHANNEL_CREATE", "CHANNEL_UPDATE", "THREAD_CREATE", "THREAD_UPDATE"})
ROLES = frozenset({"GUILD_ROLE_CREATE", "GUILD_ROLE_UPDATE", "GUILD_ROLE_DELETE"})


def reopened(kind: str, data: JsonObject, ourselves: str | None) -> frozenset[str] | None:
    """The channels worth another try after the event *kind*: none (empty) for most; None: any channel.

    *ourselves* is the bot's user id: whose roles somebody changed matters only when they are ours.
    """
    if kind in ONE:
        identity = data.get("id")
        return frozenset({identity} if isinstance(identity, str) else ())
    if kind == "GUILD_CREATE" and not data.get("unavailable"):
        return None  # the server is back, or lets us in again; its list lacks archived threads
    if kind in ROLES:
        return None  # roles say nothing of channels
    if kind == "GUILD_MEMBER_UPDATE" and ourselves is not None:
        user = data.get("user")
        if isinstance(user, dict) and user.get("id") == ourselves:
            return None
    return frozenset()
