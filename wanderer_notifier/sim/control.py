"""Steering the universe from another process: JSON over HTTP, each call a thin cover of the Python interface."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from wanderer_notifier.sim.control_discord import DiscordCalls
from wanderer_notifier.sim.http import Exchange

if TYPE_CHECKING:
    from wanderer_notifier.sim.world import World

JsonObject: TypeAlias = dict[str, Any]
Call: TypeAlias = Callable[[JsonObject], object]

KILLFEED_FAULTS = """
crash_channels close_all cut_all restart stall stall_heartbeats delay_join drop_replies refuse_upgrades
"""
MAP_FAULTS = "cut_streams restart stall fail_rest empty_lists"
GATEWAY = """
op7 invalid_session close_all cut_all stall_acks request_beat ping forget_sessions brick outage kick_bot invite_bot
voice_join voice_leave huge_guild burst tune
"""
UPSTREAM_FAULTS = {"killfeed": KILLFEED_FAULTS.split(), "maps": MAP_FAULTS.split(), "gateway": GATEWAY.split()}
"""The methods of the feeds and of Discord's gateway that a caller may use."""

MAX_WAIT_S = 30.0
"""How long `POST /wait` may keep its caller."""

NONSENSE = (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError)
"""What calls raise for arguments that make no sense to them; a caller's slip must not end the universe."""


class Control:
    """Answers `POST /<call>` with a JSON object of arguments; `GET /` lists the calls.

    Args:
        world: what is steered.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._calls: dict[str, Call] = {
            **DiscordCalls(world.discord).calls,
            "kill": self._kill,
            "push": self._push,
            "history": self._history,
            "system": self._system,
            "remove-system": self._remove_system,
            "character": self._character,
            "rally": self._rally,
            "cut": self._cut,
            "shut": self._shut,
            "upstream": self._upstream,
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
                if not isinstance(arguments, dict):
                    raise ValueError("the arguments must be a JSON object")
                answer = await self._wait(arguments) if name == "wait" else self._calls[name](arguments)
            except NONSENSE as error:
                told = f"missing or unknown: {error}" if isinstance(error, KeyError) else str(error)
                status, answer = 400, {"error": f"{type(error).__name__}: {told}"}
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

    def _upstream(self, arguments: JsonObject) -> object:
        """Trouble with `killfeed`, `maps` or `gateway`: one of its methods above, and that method's arguments."""
        target, method = arguments["upstream"], arguments["method"]
        if method not in UPSTREAM_FAULTS[target]:
            raise LookupError(f"{target} cannot {method}")
        owner = self._world.discord.gateway if target == "gateway" else getattr(self._world, target)
        return {"result": getattr(owner, method)(**arguments.get("arguments", {}))}

    # --- what can be seen -------------------------------------------------------------------------------------------

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
