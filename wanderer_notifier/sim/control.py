"""Steering the universe from another process: JSON over HTTP, each call a thin cover of the Python interface."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.ratelimits import Limit

if TYPE_CHECKING:
    from wanderer_notifier.sim.world import World

JsonObject: TypeAlias = dict[str, Any]
Call: TypeAlias = Callable[[JsonObject], object]

FAULTS: dict[str, Callable[..., faults.Fault]] = {
    "slow": faults.slow,
    "status": faults.status,
    "limited": faults.limited,
    "cut": faults.cut,
    "stall": faults.stall,
    "truncated": faults.truncated,
    "revoked": faults.revoked,
}
"""The misfortunes by name; their arguments are those of the function."""

KILLFEED_FAULTS = """
crash_channels close_all cut_all restart stall stall_heartbeats delay_join drop_replies refuse_upgrades
"""
MAP_FAULTS = "cut_streams restart stall fail_rest empty_lists"
GATEWAY = """
op7 invalid_session close_all cut_all stall_acks request_beat ping forget_sessions brick outage kick_bot invite_bot
voice_join voice_leave
"""
UPSTREAM_FAULTS = {"killfeed": KILLFEED_FAULTS.split(), "maps": MAP_FAULTS.split(), "gateway": GATEWAY.split()}
"""The methods of the feeds and of Discord's gateway that a caller may use."""

POST = "POST /channels/{c}/messages"

MAX_WAIT_S = 30.0
"""How long `POST /wait` may keep its caller."""


class Control:
    """Answers `POST /<call>` with a JSON object of arguments; `GET /` lists the calls.

    Args:
        world: what is steered.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: dict[str, Call] = {
            "kill": self._kill,
            "push": self._push,
            "history": self._history,
            "system": self._system,
            "remove-system": self._remove_system,
            "character": self._character,
            "rally": self._rally,
            "cut": self._cut,
            "shut": self._shut,
            "fault": self._fault,
            "calm": self._calm,
            "limit": self._limit,
            "permission": self._permission,
            "revive": self._revive,
            "upstream": self._upstream,
            "invoke": self._invoke,
            "answers": self._answers,
            "messages": self._messages,
            "counts": self._counts,
            "environment": self._environment,
        }

    async def handle(self, exchange: Exchange) -> None:
        """Carry out one call: 200 with its result, 400 with `error` for arguments that make no sense, or 404."""
        request = exchange.request
        name = request.path.strip("/")
        status: int = 200
        answer: object
        if request.method == "GET" and request.path == "/":
            answer = {"calls": sorted([*self._calls, "wait"])}
        elif name not in (*self._calls, "wait") or request.method != "POST":
            status, answer = 404, {"error": f"no such call: {request.method} {request.path}"}
        else:
            try:
                arguments = json.loads(request.body or b"{}")
                answer = await self._wait(arguments) if name == "wait" else self._calls[name](arguments)
            except (ValueError, TypeError, LookupError) as error:
                status, answer = 400, {"error": f"{type(error).__name__}: {error}"}
        await exchange.respond(status, [("Content-Type", "application/json")], json.dumps(answer).encode())

    # --- what happens in the game and on the map --------------------------------------------------------------------

    def _kill(self, arguments: JsonObject) -> object:
        """Invent a kill (arguments of `Inventor.kill`, time now) and push it."""
        kill = self._world.inventor.kill(self._world.now(), **arguments)
        return self._push({"kill": kill})

    def _push(self, arguments: JsonObject) -> object:
        """Push a given kill, ESI's form with `zkb`."""
        kill = arguments["kill"]
        frames = self._world.killfeed.push(kill, times=arguments.get("times", 1))
        return {"killmail_id": kill["killmail_id"], "frames": frames}

    def _history(self, arguments: JsonObject) -> object:
        """Keep a kill without pushing it."""
        self._world.killfeed.keep(arguments["kill"])
        return {}

    def _system(self, arguments: JsonObject) -> object:
        """Add a system to the map (arguments of `Map.add_system`)."""
        return {"id": self._world.map.add_system(**arguments).id}

    def _remove_system(self, arguments: JsonObject) -> object:
        self._world.map.remove_system(**arguments)
        return {}

    def _character(self, arguments: JsonObject) -> object:
        """Track a pilot (arguments of `Map.add_character`)."""
        return {"id": self._world.map.add_character(**arguments).character_id}

    def _rally(self, arguments: JsonObject) -> object:
        """Set a rally point (arguments of `Map.rally`)."""
        return {"rally_id": self._world.map.rally(**arguments)}

    # --- misfortunes ------------------------------------------------------------------------------------------------

    def _cut(self, arguments: JsonObject) -> object:
        """Reset all connections of one upstream."""
        return {"connections": self._world.doors[arguments["upstream"]].cut()}

    def _shut(self, arguments: JsonObject) -> object:
        """Turn new connections of one upstream away (`on`, default true), after cutting those that are open."""
        door = self._world.doors[arguments["upstream"]]
        door.shut = arguments.get("on", True)
        return {"connections": door.cut() if door.shut else 0}

    def _fault(self, arguments: JsonObject) -> object:
        """Order a misfortune for Discord: `kind` with its `arguments`, and which requests it meets."""
        fault = FAULTS[arguments.pop("kind")](**arguments.pop("arguments", {}))
        self._world.discord.fault(fault, **arguments)
        return {"rules": len(self._world.discord.faults.rules)}

    def _calm(self, arguments: JsonObject) -> object:
        """Forget all misfortunes ordered for Discord."""
        self._world.discord.faults.clear()
        return {}

    def _limit(self, arguments: JsonObject) -> object:
        """Give a route of Discord (default: posting) another rate limit: `requests` in `per_s` seconds."""
        limit = Limit(int(arguments["requests"]), float(arguments["per_s"]))
        self._world.discord.api.limits.routes[arguments.get("route", POST)] = limit
        return {}

    def _permission(self, arguments: JsonObject) -> object:
        """Take the permission `bits` from the bot in `channel`, or give them back (`allow`: true)."""
        change = self._world.discord.allow if arguments.get("allow") else self._world.discord.deny
        change(arguments["channel"], int(arguments["bits"]))
        return {}

    def _revive(self, arguments: JsonObject) -> object:
        """Let the token live again."""
        self._world.discord.api.revoked = False
        return {}

    def _upstream(self, arguments: JsonObject) -> object:
        """Trouble with `killfeed`, `maps` or `gateway`: one of its methods above, and that method's arguments."""
        target, method = arguments["upstream"], arguments["method"]
        if method not in UPSTREAM_FAULTS[target]:
            raise LookupError(f"{target} cannot {method}")
        owner = self._world.discord.gateway if target == "gateway" else getattr(self._world, target)
        return {"result": getattr(owner, method)(**arguments.get("arguments", {}))}

    def _invoke(self, arguments: JsonObject) -> object:
        """Let a user send a slash command (arguments of `Interactions.invoke`)."""
        try:
            return {"id": self._world.discord.interactions.invoke(**arguments).id}
        except PermissionError as error:
            raise ValueError(str(error)) from error

    # --- what can be seen -------------------------------------------------------------------------------------------

    def _messages(self, arguments: JsonObject) -> object:
        """The messages of one channel, or of all by id."""
        discord = self._world.discord
        channels = [arguments["channel"]] if "channel" in arguments else list(discord.guild.channels)
        return {channel: [_told(one) for one in discord.messages(channel)] for channel in channels}

    def _answers(self, arguments: JsonObject) -> object:
        """What users see in answer to their commands, oldest first; or only that of the interaction `id`."""
        asked = [one for one in self._world.discord.interactions.log if arguments.get("id") in (None, one.id)]
        return [
            {"id": one.id, "command": one.command, "loading": one.loading, "shown": [_told(each) for each in one.shown]}
            for one in asked
        ]

    async def _wait(self, arguments: JsonObject) -> object:
        """Wait until `channel` (default: all together) holds `count` messages or the killfeed has `joined` channels."""
        world = self._world
        with trio.move_on_after(min(arguments.get("timeout_s", 10.0), MAX_WAIT_S)) as waited:
            if "joined" in arguments:
                await world.killfeed.until(lambda feed: len(feed.joined) >= arguments["joined"])
            else:
                await world.discord.until(lambda: self._posted(arguments.get("channel")) >= arguments["count"])
        return {"happened": not waited.cancelled_caught}

    def _counts(self, arguments: JsonObject) -> object:
        """Numbers for a test's assertions."""
        world = self._world
        return {
            "messages": {channel: self._posted(channel) for channel in world.discord.guild.channels},
            "duplicates": len(world.discord.duplicates()),
            "discord_statuses": {str(status): count for status, count in world.discord.statuses.items()},
            "discord_requests": sum(world.discord.statuses.values()),
            "joined": len(world.killfeed.joined),
            "streams": sum(not stream.gone for stream in world.maps.streams),
            "connections": {name: door.open for name, door in world.doors.items()},
        }

    def _environment(self, arguments: JsonObject) -> object:
        return self._world.environment()

    def _posted(self, channel: str | None) -> int:
        channels = self._world.discord.guild.channels
        return sum(len(one.messages) for number, one in channels.items() if channel in (None, number))


def _told(message: Posted) -> JsonObject:
    return {**message.json(created=True), "pinged": list(message.pinged)}
