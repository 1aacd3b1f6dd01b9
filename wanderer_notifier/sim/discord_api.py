"""What Discord's REST API does with a request: authorisation, limits, then the call itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal

from attrs import evolve

from wanderer_notifier.sim.discord_form import JsonObject, Problems, invalid_form, is_snowflake
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_messages import (
    EMBED_LINKS,
    MENTION_EVERYONE,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    Channel,
    Nonces,
    Posted,
    Snowflakes,
    mention_lists,
    pinged,
)
from wanderer_notifier.sim.discord_routes import Call, Reply, find_route, give, page, read_form, refuse, tell
from wanderer_notifier.sim.discord_rules import EMPTY_MESSAGE, check_create, check_edit
from wanderer_notifier.sim.http import Request
from wanderer_notifier.sim.ratelimits import RateLimits, limited_body

_AGENT = re.compile(r"DiscordBot \([^\s(),]+,? [^\s()]+\)")


class Api:
    """One bot in one guild, seen through its REST API.

    Args:
        now: the wall clock, aware and UTC; message ids and timestamps come from it.
        guild: the guild with its channels.
        token: what must stand behind `Bot ` in the header.
        application_id: of the bot's application.
        changed: called after every change of a channel.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        guild: Guild,
        token: str,
        application_id: str,
        changed: Callable[[], None],
    ) -> None:
        self._now = now
        self._changed = changed
        self._snowflakes = Snowflakes(now)
        self._token = token
        self._application_id = application_id
        self.guild = guild
        self.limits = RateLimits()
        self.nonces = Nonces()
        self.revoked = False
        """Whether the token has died."""
        self.history_without_permission: Literal["refuse", "empty"] = "refuse"
        """What reading messages gives without READ_MESSAGE_HISTORY: 403, or an empty list as Discord's page has it,
        which a careless client takes for "not there"."""
        self.without_embed_links: Literal["refuse", "strip"] = "refuse"
        """Whether embeds without that permission are refused or silently dropped; which is true is not known."""

    def answer(self, request: Request, at: float) -> Reply:
        """Carry out one request at the moment *at* (seconds of a monotonic clock) and give its answer."""
        if self.limits.banned(at):
            return page(429, "Access denied", code=1015)
        reply = self._answer(request, at)
        scope = dict(reply.headers).get("X-RateLimit-Scope")
        if reply.status in (401, 403) or (reply.status == 429 and scope != "shared"):
            self.limits.count_invalid(at)
        return reply

    def _answer(self, request: Request, at: float) -> Reply:
        if _AGENT.match(request.headers.get("user-agent", "")) is None:
            return page(403, "Access denied", code=1010)
        call = find_route(request.method, request.path)
        if isinstance(call, Reply):
            return call
        if call.route == "GET /gateway":
            return give({"url": f"ws://{request.headers.get('host', 'localhost')}"})
        if self.revoked or request.headers.get("authorization") != f"Bot {self._token}":
            return refuse(401, 0, "401: Unauthorized")
        verdict = self.limits.take(call.route, call.major, at, self._now())
        if verdict.refused is not None:
            body = limited_body(verdict.retry_after, everywhere=verdict.refused == "global")
            return give(body, 429).plus(verdict.headers)
        return self._carry_out(call, request, at).plus(verdict.headers)

    def _carry_out(self, call: Call, request: Request, at: float) -> Reply:
        for name, value in call.ids.items():
            if not is_snowflake(value):
                problems = Problems()
                word = {"c": "channel_id", "m": "message_id", "g": "guild_id"}[name]
                problems.add((word,), "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
                return tell(invalid_form(problems.tree))
        match call.route:
            case "GET /gateway/bot":
                budget = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
                url = f"ws://{request.headers.get('host', 'localhost')}"
                return give({"url": url, "shards": 1, "session_start_limit": budget})
            case "GET /users/@me":
                return give(self.guild.bot)
            case "GET /applications/@me" | "GET /oauth2/applications/@me":
                return give(self._application())
            case "GET /guilds/{g}":
                if call.ids["g"] != self.guild.id:
                    return refuse(404, 10004, "Unknown Guild")
                return give(self.guild.json())
        return self._in_channel(call, request, at)

    def _in_channel(self, call: Call, request: Request, at: float) -> Reply:
        channel = self.guild.channels.get(call.ids["c"])
        if channel is None or channel.deleted:
            return refuse(404, 10003, "Unknown Channel")
        if not channel.may():
            return refuse(403, 50001, "Missing Access")
        match call.route:
            case "GET /channels/{c}":
                return give(self.guild.channel_json(channel))
            case "POST /channels/{c}/messages":
                return self._create(channel, request, at)
            case "GET /channels/{c}/messages":
                return self._list(channel, request.query)
        message = channel.find(call.ids["m"])
        if message is None:
            return refuse(404, 10008, "Unknown Message")
        own = message.author["id"] == self.guild.bot["id"]
        match call.route:
            case "PATCH /channels/{c}/messages/{m}":
                if not own:
                    return refuse(403, 50005, "Cannot edit a message authored by another user")
                return self._edit(channel, message, request)
            case "DELETE /channels/{c}/messages/{m}":
                if not own:
                    return refuse(403, 50013, "Missing Permissions")
                channel.replace(message, None)
                self._changed()
                return Reply(status=204)
        if not channel.may(READ_MESSAGE_HISTORY):
            return refuse(403, 50013, "Missing Permissions")
        return give(message.json())

    def _create(self, channel: Channel, request: Request, at: float) -> Reply:
        if channel.type in (15, 16):
            return refuse(400, 40058, "Cannot message this channel until a thread is created")
        if channel.type not in (0, 2, 5, 13):
            return refuse(400, 50008, "Cannot send messages in a non-text channel")
        if not channel.may(SEND_MESSAGES):
            return refuse(403, 50013, "Missing Permissions")
        checked = read_form(request, check_create)
        if isinstance(checked, Reply):
            return checked
        if checked.get("embeds") and not channel.may(EMBED_LINKS):
            if self.without_embed_links == "refuse":
                return refuse(403, 50013, "Missing Permissions")
            checked["embeds"] = []
            if not checked.get("content"):
                return refuse(400, EMPTY_MESSAGE, "Cannot send an empty message")
        nonce = checked["nonce"]
        if nonce is not None and checked["enforce_nonce"]:
            used = self.nonces.known(str(nonce), at)
            if used is not None:
                before = self.guild.channels[used[0]].find(used[1])
                return give(before.json(created=True)) if before else refuse(404, 10008, "Unknown Message")
        message = self.store(channel, checked, author=self.guild.bot)
        if nonce is not None:
            self.nonces.use(str(nonce), channel.id, message.id, at)
        return give(message.json(created=True))

    def _list(self, channel: Channel, query: Mapping[str, str]) -> Reply:
        if not channel.may(READ_MESSAGE_HISTORY):
            return (
                refuse(403, 50013, "Missing Permissions") if self.history_without_permission == "refuse" else give([])
            )
        problems = Problems()
        limit = query.get("limit", "50")
        if not (limit.isdecimal() and 1 <= int(limit) <= 100):
            problems.add(("limit",), "NUMBER_TYPE_MAX", "int value should be less than or equal to 100.")
        for name in ("before", "after"):
            if name in query and not is_snowflake(query[name]):
                problems.add((name,), "NUMBER_TYPE_COERCE", f'Value "{query[name]}" is not snowflake.')
        refusal = problems.refusal()
        if refusal is not None:
            return tell(refusal)
        before, after = int(query.get("before", 2**64)), int(query.get("after", 0))
        chosen = [one for one in channel.messages if after < int(one.id) < before]
        # With `after` Discord gives the oldest that follow, else the newest; always newest first.
        chosen = chosen[: int(limit)] if "after" in query else chosen[-int(limit) :]
        return give([one.json() for one in reversed(chosen)])

    def _edit(self, channel: Channel, message: Posted, request: Request) -> Reply:
        checked = read_form(request, check_edit)
        if isinstance(checked, Reply):
            return checked
        content = checked.get("content", message.content)
        embeds = tuple(checked.get("embeds", message.embeds))
        if not (content or embeds or message.components):
            return refuse(400, EMPTY_MESSAGE, "Cannot send an empty message")
        who = (
            self._pinged(channel, content, checked.get("allowed_mentions")) if "content" in checked else message.pinged
        )
        edited = evolve(
            message,
            content=content,
            embeds=embeds,
            flags=checked.get("flags", message.flags),
            pinged=who,
            mentions=mention_lists(who),
            edited=self._now(),
        )
        channel.replace(message, edited)
        self._changed()
        return give(edited.json())

    def store(self, channel: Channel, checked: JsonObject, *, author: JsonObject) -> Posted:
        """Let *author* say in *channel* what a checked form holds."""
        content = checked.get("content", "")
        who = self._pinged(channel, content, checked.get("allowed_mentions"))
        message = Posted(
            id=self._snowflakes.next(),
            channel_id=channel.id,
            author=author,
            at=self._now(),
            content=content,
            embeds=tuple(checked.get("embeds", ())),
            components=tuple(checked.get("components", ())),
            flags=checked.get("flags", 0),
            nonce=checked.get("nonce"),
            pinged=who,
            mentions=mention_lists(who),
        )
        channel.messages.append(message)
        self._changed()
        return message

    def _pinged(self, channel: Channel, content: str, allowed: JsonObject | None) -> tuple[str, ...]:
        everyone = channel.may(MENTION_EVERYONE)
        return pinged(content, allowed, roles=self.guild.mentionable(), may_mention_everyone=everyone)

    def _application(self) -> JsonObject:
        return {
            "id": self._application_id,
            "name": self.guild.bot["username"],
            "icon": None,
            "description": "",
            "bot_public": False,
            "bot_require_code_grant": False,
            "interactions_endpoint_url": None,
            "flags": 0,
            "verify_key": "0" * 64,
            "owner": {"id": self.guild.owner_id, "username": "operator", "discriminator": "0", "avatar": None},
            "team": None,
            "bot": self.guild.bot,
        }
