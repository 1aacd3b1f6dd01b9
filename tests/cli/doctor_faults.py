"""Faults of the simulated universe, each with the only findings that it may cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest
import trio
from attrs import evolve, frozen

from tests.cli.doctor_universe import (
    BEGIN,
    INVITE,
    KILLS,
    RALLY,
    THREAD,
    register,
)
from wanderer_notifier.sim.discord_guild import Member
from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.discord_permissions import (
    ADMINISTRATOR,
    EMBED_LINKS,
    MENTION_EVERYONE,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
    VIEW_CHANNEL,
    Overwrite,
)
from wanderer_notifier.sim.faults import limited, stall, status
from wanderer_notifier.sim.http import Instead
from wanderer_notifier.sim.world import (
    APPLICATION,
    BOT,
    GUILD,
    RALLY_ROLE,
    World,
)

# --- the faults ----------------------------------------------------------------------------------------------------


@frozen
class Case:
    """A fault, and the only findings it may cause: check, level, words and fix, each in part."""

    name: str
    break_: Callable[[World], object]
    expected: tuple[tuple[str, str, str, str], ...]
    environment: Mapping[str, str]


def case(name: str, break_: Callable[[World], object], *expected: tuple[str, str, str, str], **environment: str) -> Any:
    return pytest.param(Case(name, break_, expected, environment), id=name)


def nothing(world: World) -> None:
    """All is well out there."""


def guild(**changes: Any) -> Callable[[World], object]:
    def change(world: World) -> None:
        for name, value in changes.items():
            setattr(world.discord.guild, name, value)

    return change


def channel(number: str, **changes: Any) -> Callable[[World], object]:
    def change(world: World) -> None:
        for name, value in changes.items():
            setattr(world.discord.guild.channels[number], name, value)

    return change


def thread(parent_denies: int = 0, **changes: Any) -> Callable[[World], object]:
    def change(world: World) -> None:
        channels = world.discord.guild.channels
        channels[THREAD] = Channel(id=THREAD, name="kills", type=11, parent_id=KILLS)
        channels[KILLS].denied = parent_denies
        channel(THREAD, **changes)(world)

    return change


def timed_out(world: World) -> None:
    world.discord.guild.members[BOT] = Member(id=BOT, name="Wanderer Notifier", bot=True, timed_out=True)


def unmentionable(world: World) -> None:
    roles = world.discord.guild.roles
    roles[RALLY_ROLE] = evolve(roles[RALLY_ROLE], mentionable=False)
    world.discord.guild.channels[RALLY].denied = MENTION_EVERYONE


def person(world: World) -> None:
    world.discord.guild.bot["bot"] = False


def spent(number: int) -> Callable[[World], object]:
    def change(world: World) -> None:
        budget = world.discord.gateway.budget
        budget.take(trio.current_time())
        budget.used = number

    return change


def both_scopes(world: World) -> None:
    register(world, GUILD)


DOOR = ("Discord", "warn", "not checked", "token")


DISCORD = [
    case(
        "token refused",
        lambda w: setattr(w.discord.api, "revoked", True),
        ("token", "fail", "refuses DISCORD_BOT_TOKEN", "Reset Token"),
        DOOR,
    ),
    case("a person's token", person, ("token", "fail", "a person", "Bot"), DOOR),
    case(
        "Discord gone",
        lambda w: setattr(w.doors["discord"], "shut", True),
        ("token", "fail", "could not be asked", "outbound HTTPS"),
        DOOR,
    ),
    case(
        "Discord silent",
        lambda w: w.discord.fault(stall(), times=None),
        ("token", "fail", "within 10 s", "network"),
        DOOR,
    ),
    case(
        "Discord in trouble",
        lambda w: w.discord.fault(status(503), times=None),
        ("token", "fail", "in trouble (HTTP 503)", "discordstatus.com"),
        DOOR,
    ),
    case(
        "blocked at the edge",
        lambda w: w.discord.fault(limited(600, scope="edge"), times=None),
        ("token", "fail", "turned us away", "wait"),
        DOOR,
    ),
    case(
        "a proxy's page",
        lambda w: w.discord.fault(status(200, body=b"<html>"), times=None),
        ("token", "fail", "not what Discord gives", "DISCORD_API_URL"),
        DOOR,
    ),
    case("limited for a moment", lambda w: w.discord.fault(limited(1.0), times=2)),
    case(
        "interactions endpoint",
        lambda w: setattr(w.discord.api, "interactions_endpoint_url", "https://x.example/i"),
        ("application", "fail", "https://x.example/i", "clear Interactions Endpoint URL"),
    ),
    case(
        "public bot",
        lambda w: setattr(w.discord.api, "bot_public", True),
        ("application", "warn", "anybody may take the bot", "switch Public Bot off"),
    ),
    case(
        "another application id",
        nothing,
        ("application", "warn", "belongs to application " + APPLICATION, f"DISCORD_APPLICATION_ID={APPLICATION}"),
        DISCORD_APPLICATION_ID="1180000000000000099",
    ),
    case(
        "no application id",
        nothing,
        ("configuration", "warn", "DISCORD_APPLICATION_ID", "check-config"),
        DISCORD_APPLICATION_ID="-",
    ),
    case("sessions spent", spent(1000), ("gateway", "fail", "0 of 1000", "second copy|restarts again")),
    case("few sessions", spent(990), ("gateway", "warn", "10 of 1000", "second copy")),
    case(
        "D26 no command scope",
        lambda w: setattr(w.discord.commands, "scope_granted", False),
        (
            "commands",
            "fail",
            "without the scope applications.commands",
            f"{INVITE}{APPLICATION}&scope=bot%20applications.commands",
        ),
    ),
    case(
        "not registered",
        lambda w: w.discord.commands.scopes.clear(),
        ("commands", "warn", "not registered yet", "next start"),
    ),
    case(
        "registered otherwise",
        lambda w: w.discord.commands.scopes[""][0].update(options=[]),
        ("commands", "warn", "another form", "next start"),
    ),
    case("registered twice", both_scopes, ("commands", "warn", "twice", "DISCORD_COMMAND_SCOPE")),
    case("commands off", lambda w: w.discord.commands.scopes.clear(), DISCORD_COMMAND_SCOPE="none"),
    case("commands of the server", both_scopes, DISCORD_COMMAND_SCOPE="guild"),
    case(
        "another server",
        nothing,
        ("server 11", "fail", "not in this server", INVITE),
        DISCORD_GUILD_ID="1180000000000000098",
    ),
    case("no server, no voice", nothing, DISCORD_GUILD_ID="-"),
]


CHANNELS = [
    case("deleted", channel(KILLS, deleted=True), ("kills by system", "fail", "no such channel", "Copy Channel ID")),
    case(
        "a wrong id",
        nothing,
        ("kills by system", "fail", "no such channel", "Copy Channel ID"),
        DISCORD_SYSTEM_KILL_CHANNEL_ID="1180000000000000097",
    ),
    case("hidden", channel(KILLS, denied=VIEW_CHANNEL), ("kills by system", "fail", "cannot see", "View Channel")),
    case(
        "hidden by a role overwrite",
        channel(KILLS, overwrites={GUILD: Overwrite(id=GUILD, deny=VIEW_CHANNEL)}),
        ("kills by system", "fail", "cannot see", "View Channel"),
    ),
    case(
        "given back by the bot's role",
        channel(
            KILLS,
            overwrites={
                GUILD: Overwrite(id=GUILD, deny=VIEW_CHANNEL | SEND_MESSAGES),
                str(int(BOT) + 1): Overwrite(id=str(int(BOT) + 1), allow=VIEW_CHANNEL | SEND_MESSAGES),
            },
        ),
    ),
    case(
        "may not write",
        channel(KILLS, denied=SEND_MESSAGES),
        ("kills by system", "fail", "lacks Send Messages there", "Send Messages"),
    ),
    case(
        "no embeds", channel(KILLS, denied=EMBED_LINKS), ("kills by system", "fail", "lacks Embed Links", "Embed Links")
    ),
    case(
        "no history",
        channel(KILLS, denied=READ_MESSAGE_HISTORY),
        ("kills by system", "warn", "may come twice", "Read Message History"),
    ),
    case(
        "no @here",
        channel(KILLS, denied=MENTION_EVERYONE),
        ("kills by system", "warn", "@here", "FALLBACK_TO_HERE_ENABLED=false"),
    ),
    case("no @here, not wanted", channel(KILLS, denied=MENTION_EVERYONE), FALLBACK_TO_HERE_ENABLED="false"),
    case("mentionable role needs nothing", channel(RALLY, denied=MENTION_EVERYONE)),
    case("unmentionable role", unmentionable, ("rally points", "warn", "Fleet reaches nobody", "allow anyone")),
    case(
        "unknown role",
        nothing,
        ("rally points", "fail", "does not exist", "Copy Role ID"),
        DISCORD_RALLY_GROUP_IDS="1180000000000000096",
    ),
    case("administrator", lambda w: (guild(bot_permissions=ADMINISTRATOR)(w), channel(KILLS, denied=SEND_MESSAGES)(w))),
    case("voice channel", channel(KILLS, type=2)),
    case("announcements", channel(KILLS, type=5)),
    case("category", channel(KILLS, type=4), ("kills by system", "fail", "a category", "text channel")),
    case("forum", channel(KILLS, type=15), ("kills by system", "fail", "a forum", "text channel")),
    case("thread", thread(), DISCORD_SYSTEM_KILL_CHANNEL_ID=THREAD),
    case("thread: writing in its parent is no matter", thread(SEND_MESSAGES), DISCORD_SYSTEM_KILL_CHANNEL_ID=THREAD),
    case(
        "thread: may not write",
        thread(SEND_MESSAGES_IN_THREADS),
        ("kills by system", "fail", "Send Messages in Threads", "in Threads"),
        DISCORD_SYSTEM_KILL_CHANNEL_ID=THREAD,
    ),
    case(
        "locked thread",
        thread(locked=True),
        ("kills by system", "fail", "locked", "unlock"),
        DISCORD_SYSTEM_KILL_CHANNEL_ID=THREAD,
    ),
]


MAP = [
    case(
        "wrong key",
        nothing,
        ("map home-chain: systems", "fail", "MAP_API_KEY is not the key", "copy the key"),
        ("map home-chain", "warn", "not checked", "mend"),
        MAP_API_KEY="test-map-key-of-another",
    ),
    case(
        "no subscription",
        lambda w: setattr(w.map, "subscribed", False),
        ("map home-chain: systems", "fail", "subscription of map home-chain is not active", "renew"),
        ("map home-chain", "warn", "not checked", "mend"),
    ),
    case(
        "unknown map",
        nothing,
        ("map nowhere: systems", "fail", "knows no map nowhere", "check MAP_NAME"),
        ("map nowhere", "warn", "not checked", "mend"),
        MAP_NAME="nowhere",
    ),
    case(
        "API off",
        lambda w: setattr(w.maps, "public_api", False),
        ("systems", "fail", "public API is switched off", ""),
        ("map", "warn", "not checked", ""),
    ),
    case(
        "map gone",
        lambda w: setattr(w.doors["map"], "shut", True),
        ("systems", "fail", "could not be asked", "check MAP_URL"),
        ("map", "warn", "not checked", ""),
    ),
    case(
        "map broken",
        lambda w: w.maps.fail_rest(1),
        ("systems", "fail", "HTTP 500", "try again"),
        ("map", "warn", "not checked", ""),
    ),
    case(
        "map moved",
        lambda w: setattr(w.maps, "instead", Instead(status=301, headers=[("location", "https://map.example/x")])),
        ("systems", "fail", "redirects to https://map.example", "set MAP_URL"),
        ("map", "warn", "not checked", ""),
    ),
    case(
        "a page instead",
        lambda w: setattr(w.maps, "instead", Instead(status=200, body=b"<html>")),
        ("systems", "fail", "no list", "check MAP_URL"),
        ("map", "warn", "not checked", ""),
    ),
    case("empty map", lambda w: w.map.systems.clear(), ("systems", "warn", "shows no systems", "look at the map")),
    case(
        "streams off for the map",
        lambda w: setattr(w.map, "sse_enabled", False),
        ("event stream", "warn", "switched off for map home-chain", "switch them on in the map's settings"),
    ),
    case(
        "streams off everywhere",
        lambda w: setattr(w.maps, "sse_enabled", False),
        ("event stream", "warn", "switched off on the map server", "WANDERER_SSE_ENABLED=true"),
    ),
    case(
        "S11 no place left",
        lambda w: setattr(w.maps, "max_streams", 0),
        ("event stream", "fail", "connection limit", "stop other listeners"),
    ),
    case(
        "no event stream",
        lambda w: setattr(w.maps, "stream_type", "text/html"),
        ("event stream", "fail", "not events", "proxy"),
    ),
    case("a proxy that holds back", lambda w: w.maps.stall(), ("event stream", "warn", "no greeting", "buffering")),
]


REST = [
    case(
        "kill service gone",
        lambda w: setattr(w.doors["kills"], "shut", True),
        ("kill service", "fail", "could not be asked", "WANDERER_KILLS_URL"),
        ("kill feed", "fail", "could not connect", "WEBSOCKET_URL"),
    ),
    case(
        "unhealthy",
        lambda w: setattr(w.killfeed, "unhealthy", True),
        ("kill service", "fail", "unhealthy", "log of WandererKills"),
    ),
    case(
        "cut off itself",
        lambda w: setattr(w.killfeed, "upstream_lost_at", BEGIN - timedelta(minutes=30)),
        ("kill service", "fail", "", "WandererKills"),
    ),
    case(
        "something else",
        lambda w: setattr(w.killfeed, "instead", Instead(status=200, body=b"<html>")),
        ("kill service", "fail", "no kill service", "WANDERER_KILLS_URL"),
        ("kill feed", "fail", "refuses the WebSocket", "WEBSOCKET_URL"),
    ),
    case(
        "upgrade refused",
        lambda w: w.killfeed.refuse_upgrades(503),
        ("kill feed", "fail", "refuses the WebSocket (HTTP 503)", "WEBSOCKET_URL"),
    ),
    case(
        "no answer to the join",
        lambda w: w.killfeed.drop_replies(9),
        ("kill feed", "fail", "no answer to our join", "restart"),
    ),
    case(
        "licence not found",
        lambda w: setattr(w.licence, "verdict", "invalid"),
        ("licence", "fail", "License not found", "LICENSE_KEY"),
    ),
    case("licence not assigned", lambda w: setattr(w.licence, "assigned", False)),
    case(
        "licence token refused",
        lambda w: setattr(w.licence, "revoked", True),
        ("licence", "fail", "NOTIFIER_API_TOKEN is refused", "NOTIFIER_API_TOKEN"),
    ),
    case(
        "licence manager gone",
        lambda w: setattr(w.doors["licence"], "shut", True),
        ("licence", "warn", "no answer", "24 hours"),
    ),
    case(
        "licence manager slow",
        lambda w: setattr(w.licence, "delay_s", 500),
        ("licence", "warn", "within 10 s", "24 hours"),
    ),
    case(
        "licence manager in trouble",
        lambda w: setattr(w.licence, "failing", 503),
        ("licence", "warn", "HTTP 503", "24 hours"),
    ),
    case(
        "licence manager elsewhere",
        lambda w: setattr(w.licence, "says", (404, b"<html>")),
        ("licence", "warn", "HTTP 404", ""),
    ),
    case(
        "no licence key",
        nothing,
        ("configuration", "warn", "LICENSE_KEY", "check-config"),
        ("licence", "warn", "free tier", "set LICENSE_KEY"),
        LICENSE_KEY="-",
    ),
    case("ESI gone", lambda w: setattr(w.esi, "down", True), ("ESI", "warn", "could not be asked", "ESI_URL")),
    case(
        "ESI in trouble", lambda w: setattr(w.esi, "failing", 502), ("ESI", "warn", "HTTP 502", "status.eveonline.com")
    ),
    case("ESI wants a pause", lambda w: setattr(w.esi, "failing", 420), ("ESI", "warn", "pause", "wait")),
    case(
        "Janice key refused",
        nothing,
        ("Janice", "fail", "refuses JANICE_API_TOKEN", "valid key"),
        JANICE_API_TOKEN="test-token-janice-of-another",
    ),
    case(
        "Janice gone",
        lambda w: setattr(w.janice, "down", True),
        ("Janice", "warn", "could not be asked", "JANICE_API_URL"),
    ),
    case("Janice in trouble", lambda w: setattr(w.janice, "failing", 500), ("Janice", "warn", "HTTP 500", "later")),
    case("no Janice", lambda w: setattr(w.janice, "down", True), JANICE_API_TOKEN="-"),
    case(
        "a clock apart",
        lambda w: setattr(w.discord, "clock_ahead", timedelta(hours=1)),
        ("clock", "warn", "not that of Discord", "who runs it"),
    ),
]
