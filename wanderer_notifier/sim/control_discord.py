"""Steering the fake Discord as JSON: its misfortunes, what changes in its guild, and what it saw."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

import attrs
import trio

from wanderer_notifier.sim.control_orders import Orders, fitting, plain
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.discord_routes import ROUTES
from wanderer_notifier.sim.ratelimits import Limit

JsonObject: TypeAlias = dict[str, Any]
Call: TypeAlias = Callable[[JsonObject], object]

POST = "POST /channels/{c}/messages"

LAST = 100
"""Entries of a journal that are told unless the caller says otherwise."""


class DiscordCalls:
    """The calls for one Discord.

    Args:
        discord: what is steered.
    """

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._orders = Orders(discord)
        self.calls: dict[str, Call] = {
            "fault": self._fault,
            "faults": self._faults,
            "calm": self._calm,
            "limit": self._limit,
            "rename-bucket": self._rename_bucket,
            "permission": self._permission,
            "delete-channel": self._delete_channel,
            "lock": self._lock,
            "outage": self._outage,
            "clock": self._clock,
            "revoke": self._revoke,
            "revive": self._revive,
            "invoke": self._invoke,
            "answers": self._answers,
            "messages": self._messages,
            "journal": self._journal,
            "gateway-journal": self._gateway_journal,
        }
        """By name; each takes its arguments as one JSON object."""

    # --- misfortunes ------------------------------------------------------------------------------------------------

    def _fault(self, arguments: JsonObject) -> object:
        """Order a misfortune (see `Orders.set`); tells the number of its rule and how many rules there are."""
        return {"rule": self._orders.set(arguments), "rules": len(self._orders.told())}

    def _faults(self, arguments: JsonObject) -> object:
        """List the rules that are set."""
        fitting(dict, arguments)
        return {"rules": self._orders.told()}

    def _calm(self, arguments: JsonObject) -> object:
        """Take back the misfortune number `rule`, or all."""
        return {"rules": self._orders.drop(**fitting(self._orders.drop, arguments))}

    def _limit(self, arguments: JsonObject) -> object:
        """Give a `route` (default: posting) another limit: `requests` in `per_s` seconds, null for the usual one.

        `kind` is `routes` (the announced one, default), `hidden` or `shared`.
        """
        kind, route = arguments.get("kind", "routes"), _route(arguments.get("route", POST))
        if kind not in ("routes", "hidden", "shared"):
            raise ValueError(f"kind must be routes, hidden or shared, not {kind!r}")
        limits: dict[str, Limit] = getattr(self._discord.api.limits, kind)
        if arguments["requests"] is None:
            limits.pop(route, None)
        else:
            limits[route] = Limit(int(arguments["requests"]), float(arguments["per_s"]))
        return {}

    def _rename_bucket(self, arguments: JsonObject) -> object:
        """Let the bucket of a `route` (default: posting) have another hash from now on."""
        return {"bucket": self._discord.api.limits.rename(_route(arguments.get("route", POST)))}

    def _permission(self, arguments: JsonObject) -> object:
        """Take the permission `bits` from the bot in `channel`, or give them back (`allow`: true)."""
        change = self._discord.allow if arguments.get("allow") else self._discord.deny
        change(arguments["channel"], int(arguments["bits"]))
        return {}

    def _delete_channel(self, arguments: JsonObject) -> object:
        """Remove `channel` for good."""
        self._discord.delete_channel(arguments["channel"])
        return {}

    def _lock(self, arguments: JsonObject) -> object:
        """Lock the thread `channel`, or open it again (`on`: false)."""
        self._discord.channel(arguments["channel"]).locked = arguments.get("on", True)
        return {}

    def _outage(self, arguments: JsonObject) -> object:
        """Take the guild away, from REST too, or bring it back (arguments of `Discord.outage`)."""
        self._discord.outage(**fitting(self._discord.outage, arguments))
        return {}

    def _clock(self, arguments: JsonObject) -> object:
        """Set Discord's clock `ahead_s` seconds ahead of the true one."""
        self._discord.clock_ahead = timedelta(seconds=arguments["ahead_s"])
        return {}

    def _revoke(self, arguments: JsonObject) -> object:
        """Let the token die."""
        self._discord.api.revoked = True
        return {}

    def _revive(self, arguments: JsonObject) -> object:
        """Let the token live again."""
        self._discord.api.revoked = False
        return {}

    # --- what users do and see --------------------------------------------------------------------------------------

    def _invoke(self, arguments: JsonObject) -> object:
        """Let a user send a slash command (arguments of `Interactions.invoke`)."""
        try:
            return {"id": self._discord.interactions.invoke(**arguments).id}
        except PermissionError as error:
            raise ValueError(str(error)) from error

    def _answers(self, arguments: JsonObject) -> object:
        """What users see in answer to their commands, oldest first; or only that of the interaction `id`."""
        asked = [one for one in self._discord.interactions.log if arguments.get("id") in (None, one.id)]
        return [
            {"id": one.id, "command": one.command, "loading": one.loading, "shown": [_told(each) for each in one.shown]}
            for one in asked
        ]

    def _messages(self, arguments: JsonObject) -> object:
        """The messages of one channel, or of all by id."""
        channels = [arguments["channel"]] if "channel" in arguments else list(self._discord.guild.channels)
        return {channel: [_told(one) for one in self._discord.messages(channel)] for channel in channels}

    # --- what was seen ----------------------------------------------------------------------------------------------

    def _journal(self, arguments: JsonObject) -> object:
        """The `last` requests (default 100), oldest first; of one `route`, `channel` or `status`, `after` a time."""
        chosen = _chosen(self._discord.journal, arguments, ("route", "channel", "status"))
        return {"at": trio.current_time(), "requests": [plain(one) for one in chosen]}

    def _gateway_journal(self, arguments: JsonObject) -> object:
        """What the gateway saw: the `last` entries (default 100), of one `kind`, `connection` or `event`; counts."""
        journal = self._discord.gateway.journal
        return {
            "at": trio.current_time(),
            "entries": [
                attrs.asdict(one) for one in _chosen(journal.entries, arguments, ("kind", "connection", "event"))
            ],
            "counts": dict(journal.counts),
            "close_codes": {str(code): count for code, count in journal.close_codes.items()},
            "sent_codes": {str(code): count for code, count in journal.sent_codes.items()},
            "dispatched": dict(journal.dispatched),
            "worst_beat_s": journal.worst_beat_s,
        }


def _chosen(journal: Any, arguments: JsonObject, filters: tuple[str, ...]) -> list[Any]:
    for name in arguments:
        if name not in (*filters, "after", "last"):
            raise ValueError(f"unknown argument {name!r}; there are: {', '.join((*filters, 'after', 'last'))}")
    after, last = float(arguments.get("after", "-inf")), int(arguments.get("last", LAST))
    wanted = {name: arguments[name] for name in filters if name in arguments}
    chosen = [
        one for one in journal if one.at > after and all(getattr(one, name) == value for name, value in wanted.items())
    ]
    return chosen[-last:] if last > 0 else []


def _route(name: object) -> str:
    if not isinstance(name, str) or name not in (f"{method} {path}" for method, path in ROUTES):
        raise ValueError(f"no such route: {name}")
    return name


def _told(message: Posted) -> JsonObject:
    return {**message.json(created=True), "pinged": list(message.pinged)}
