"""What Discord's answers about the bot itself mean: token, application, sessions, commands (discord.md 3.9)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wanderer_notifier.core.commands import COMMAND, NAME
from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.core.permissions import invite_link
from wanderer_notifier.core.wording import duration
from wanderer_notifier.discord.answers import DEAD_TOKEN, MISSING_ACCESS, closed_words, read
from wanderer_notifier.net.question import Reply

FEW_SESSIONS = 50
PORTAL = "https://discord.com/developers/applications"


def refused(check: str, reply: Reply) -> Finding:
    """For an answer that is no success and has no special meaning for *check*."""
    if not reply.status:
        return fail(
            check,
            f"Discord could not be asked: {reply.trouble}",
            "check this machine's network, DNS and proxy; outbound HTTPS to discord.com must be open",
        )
    answer = read(reply.status, reply.headers, reply.body)
    if answer.blocked:
        return fail(
            check,
            f"the protection in front of Discord turned us away (HTTP {reply.status})",
            "too many refused requests came from this address; wait an hour, and end what else uses it",
        )
    if reply.status == 401 or answer.code in DEAD_TOKEN:
        return fail(
            check,
            "Discord refuses DISCORD_BOT_TOKEN",
            f"make a new one at {PORTAL}: your application, Bot, Reset Token; put it into DISCORD_BOT_TOKEN",
        )
    if reply.status == 429:
        return warn(check, "Discord asks us to wait (HTTP 429)", "try again in a minute")
    if reply.status >= 500:
        return fail(check, f"Discord is in trouble (HTTP {reply.status})", "try again; see https://discordstatus.com")
    if 200 <= reply.status < 300:
        return fail(check, "the answer is not what Discord gives", "check DISCORD_API_URL and any proxy")
    return fail(check, f"Discord refuses: {closed_words(answer)}")


def token(reply: Reply) -> Finding:
    """`GET /users/@me`."""
    me = _object(reply)
    if me is None or not isinstance(me.get("id"), str):
        return refused("token", reply)
    name = me.get("username")
    if me.get("bot") is not True:
        return fail("token", f"this is the token of a person ({name}), not of a bot", f"use the token of {PORTAL}, Bot")
    return ok("token", f"the bot's name is {name} ({me['id']})")


def application(reply: Reply, configured: str | None) -> list[Finding]:
    """`GET /applications/@me`; *configured* is DISCORD_APPLICATION_ID."""
    app = _object(reply)
    if app is None or not isinstance(app.get("id"), str):
        return [refused("application", reply)]
    found = []
    if url := app.get("interactions_endpoint_url"):
        found.append(
            fail(
                "application",
                f"Discord sends slash commands to {str(url)[:200]} and not to us",
                f"clear Interactions Endpoint URL at {PORTAL}: your application, General Information",
            )
        )
    if app.get("bot_public") is True:
        found.append(
            warn(
                "application",
                "anybody may take the bot into a server of their own, and whoever manages that may steer it for yours",
                f"switch Public Bot off at {PORTAL}: your application, Bot",
            )
        )
    if configured not in (None, app["id"]):
        found.append(
            warn(
                "application",
                f"DISCORD_APPLICATION_ID is {configured}, but the token belongs to application {app['id']}",
                f"set DISCORD_APPLICATION_ID={app['id']}, or leave it out",
            )
        )
    return found or [ok("application", f"{app.get('name')} ({app['id']}); commands come to us")]


def gateway(reply: Reply) -> Finding:
    """`GET /gateway/bot`: how many sessions may still be begun."""
    answer = _object(reply)
    limit = answer.get("session_start_limit") if answer else None
    remaining = limit.get("remaining") if isinstance(limit, dict) else None
    if not isinstance(limit, dict) or not isinstance(remaining, int):
        return refused("gateway", reply)
    reset_ms = limit.get("reset_after")
    again = f"more in {duration(reset_ms / 1000)}" if isinstance(reset_ms, int | float) and reset_ms > 0 else ""
    words = f"{remaining} of {limit.get('total', '?')} sessions left today" + (f", {again}" if again else "")
    if remaining <= 0:
        return fail(
            "gateway", words, "no commands until then; find out what restarts again and again, here or elsewhere"
        )
    if remaining < FEW_SESSIONS:
        return warn("gateway", words, "something with this token restarts often; is a second copy running?")
    return ok("gateway", words)


def guild(reply: Reply, guild_id: str, application_id: str) -> Finding | None:
    """`GET /guilds/{id}`; None when the bot is in it."""
    if _object(reply) is not None:
        return None
    if reply.status in (403, 404):
        return fail(
            f"server {guild_id}",
            "the bot is not in this server, or the id is wrong",
            f"invite it: {invite_link(application_id, guild_id)}",
        )
    return refused(f"server {guild_id}", reply)


def commands(
    scope: str, everywhere: Reply | None, by_guild: Mapping[str, Reply], application_id: str, guild_id: str | None
) -> list[Finding]:
    """The registered commands, of all servers (*everywhere*) and of each server the bot posts in (cases.md D26)."""
    if scope == "none":
        return [ok("commands", "switched off by DISCORD_COMMAND_SCOPE=none")]
    found = []
    for number, reply in by_guild.items():
        if reply.status == 403 and read(reply.status, reply.headers, reply.body).code == MISSING_ACCESS:
            found.append(
                fail(
                    "commands",
                    f"the bot was invited to server {number} without the scope applications.commands: /{NAME} cannot"
                    " appear there",
                    f"invite it once more with this link, nothing is lost: {invite_link(application_id, number)}",
                )
            )
        elif not _is_list(reply):
            found.append(refused("commands", reply))
    wanted = everywhere if scope == "global" else by_guild.get(guild_id or "")
    if scope == "guild" and guild_id is None:
        found.append(
            fail("commands", "DISCORD_COMMAND_SCOPE=guild without DISCORD_GUILD_ID", "set DISCORD_GUILD_ID as well")
        )
    elif wanted is not None and not _is_list(wanted):
        if wanted not in by_guild.values():
            found.append(refused("commands", wanted))
    elif wanted is not None:
        found.append(_registered(wanted.value))
    where = {"global": list(by_guild)}.get(scope, [])
    twice = [number for number in where if _is_list(by_guild[number]) and _ours(by_guild[number].value)]
    if twice and wanted is not None and _is_list(wanted) and _ours(wanted.value):
        found.append(
            warn(
                "commands",
                f"/{NAME} is registered both everywhere and for server {', '.join(twice)}: members see it twice",
                "restart the service once with DISCORD_COMMAND_SCOPE=guild, or remove the bot and invite it again",
            )
        )
    return found


def _registered(known: Sequence[object]) -> Finding:
    ours = _ours(known)
    if ours is None:
        return warn(
            "commands",
            f"/{NAME} is not registered yet",
            "the service does it at its next start; members may have to restart their client to see it",
        )
    if _subcommands(ours) != _subcommands(COMMAND):
        return warn("commands", f"/{NAME} is registered in another form", "the service mends it at its next start")
    return ok("commands", f"/{NAME} is registered")


def _ours(known: Sequence[object]) -> Mapping[str, Any] | None:
    return next((one for one in known if isinstance(one, dict) and one.get("name") == NAME), None)


def _subcommands(command: Mapping[str, Any]) -> set[object]:
    return {one.get("name") for one in command.get("options") or () if isinstance(one, dict)}


def _object(reply: Reply) -> Mapping[str, Any] | None:
    return reply.value if reply.good and isinstance(reply.value, dict) else None


def _is_list(reply: Reply) -> bool:
    return reply.good and isinstance(reply.value, list)
