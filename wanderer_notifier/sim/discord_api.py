"""What Discord's REST API does with a request: authorisation, limits, then the call itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from attrs import evolve

from wanderer_notifier.sim.discord_form import JsonObject, Problems, invalid_form, is_snowflake
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_messages import Channel, Nonces, Posted, Snowflakes, mention_lists, pinged
from wanderer_notifier.sim.discord_permissions import (
    EMBED_LINKS,
    MANAGE_MESSAGES,
    MENTION_EVERYONE,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    SEND_MESSAGES_IN_THREADS,
)
from wanderer_notifier.sim.discord_routes import (
    Call,
    Reply,
    find_route,
    gateway_url,
    give,
    page,
    read_form,
    refuse,
    tell,
)
from wanderer_notifier.sim.discord_rules import EMPTY_MESSAGE, check_create, check_edit, check_post, check_thread
from wanderer_notifier.sim.http import Request
from wanderer_notifier.sim.ratelimits import RateLimits, limited_body

_ID_WORDS = {
    "c": "channel_id",
    "m": "message_id",
    "g": "guild_id",
    "u": "user_id",
    "a": "application_id",
    "k": "command_id",
    "i": "interaction_id",
}

Answer: TypeAlias = Callable[[Call, Request, float], Reply]
"""Carries out one route at a moment (seconds of a monotonic clock)."""

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
        self.snowflakes = Snowflakes(now)
        self.more: dict[str, Answer] = {}
        """Routes that others answer: guild, commands, interactions, gateway."""
        self._token = token
        self._application_id = application_id
        self.guild = guild
        self.limits = RateLimits()
        self.nonces = Nonces()
        self.interactions_endpoint_url: str | None = None
        """Where the application sends interactions instead of the gateway."""
        self.bot_public = False
        """Whether anybody may take the bot into a server of their own."""
        self.revoked = False
        """Whether the token has died."""
        self.history_without_permission: Literal["refuse", "empty"] = "empty"
        """What reading messages gives without READ_MESSAGE_HISTORY: an empty list as Discord's page has it, which a
        careless client takes for "not there"; or 403."""
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
        call = find_route(request.method, request.path)
        # discord.py answers interactions with the plain agent of its HTTP library (discord.md 5.1).
        unknown_agent = _AGENT.match(request.headers.get("user-agent", "")) is None
        if unknown_agent and not (isinstance(call, Call) and call.open):
            return page(403, "Access denied", code=1010)
        if isinstance(call, Reply):
            return call
        if call.route == "GET /gateway":
            return give({"url": gateway_url(request)})
        if call.route == "POST /interactions/{i}/{t}/callback":
            return self._carry_out(call, request, at)
        if not call.open and (self.revoked or request.headers.get("authorization") != f"Bot {self._token}"):
            return refuse(401, 0, "401: Unauthorized")
        verdict = self.limits.take(call.route, call.major, at, self._now(), counts_for_bot=not call.open)
        if verdict.refused is not None:
            body = limited_body(verdict.retry_after, everywhere=verdict.refused == "global")
            return give(body, 429).plus(verdict.headers)
        return self._carry_out(call, request, at).plus(verdict.headers)

    def _carry_out(self, call: Call, request: Request, at: float) -> Reply:
        for name, value in call.ids.items():
            if name in _ID_WORDS and not (is_snowflake(value) or (call.open and value == "@original")):
                problems = Problems()
                problems.add((_ID_WORDS[name],), "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.')
                return tell(invalid_form(problems.tree))
        elsewhere = self.more.get(call.route)
        if elsewhere is not None:
            return elsewhere(call, request, at)
        match call.route:
            case "GET /users/@me":
                return give(self.guild.bot)
            case "GET /applications/@me" | "GET /oauth2/applications/@me":
                return give(self._application())
        return self._in_channel(call, request, at)

    def _in_channel(self, call: Call, request: Request, at: float) -> Reply:
        channel = self.guild.channels.get(call.ids["c"])
        if channel is None or channel.deleted:
            return refuse(404, 10003, "Unknown Channel")
        if not self.guild.may(channel):
            return refuse(403, 50001, "Missing Access")
        match call.route:
            case "GET /channels/{c}":
                return give(self.guild.channel_json(channel))
            case "POST /channels/{c}/messages":
                return self._create(channel, request, at)
            case "GET /channels/{c}/messages":
                return self._list(channel, request.query)
            case "POST /channels/{c}/typing":
                return Reply(status=204) if self._may_write(channel) else refuse(403, 50013, "Missing Permissions")
            case "POST /channels/{c}/threads":
                return self._start_thread(channel, request)
        message = channel.find(call.ids["m"])
        if message is None:
            return refuse(404, 10008, "Unknown Message")
        own = message.author["id"] == self.guild.bot["id"]
        match call.route:
            case "POST /channels/{c}/messages/{m}/crosspost":
                return self._crosspost(channel, message)
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
        if not self.guild.may(channel, READ_MESSAGE_HISTORY):
            return refuse(403, 50013, "Missing Permissions")
        return give(message.json())

    def _create(self, channel: Channel, request: Request, at: float) -> Reply:
        if channel.type in (15, 16):
            return refuse(400, 40058, "Cannot message this channel until a thread is created")
        if channel.type not in (0, 2, 5, 10, 11, 12, 13):
            return refuse(400, 50008, "Cannot send messages in a non-text channel")
        if not self._may_write(channel):
            return refuse(403, 50013, "Missing Permissions")
        if channel.locked:
            return refuse(400, 160005, "Thread is locked")
        checked = read_form(request, check_create)
        if isinstance(checked, Reply):
            return checked
        if checked.get("embeds") and not self.guild.may(channel, EMBED_LINKS):
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

    def _may_write(self, channel: Channel) -> bool:
        return self.guild.may(channel, SEND_MESSAGES_IN_THREADS if channel.is_thread else SEND_MESSAGES)

    def _start_thread(self, channel: Channel, request: Request) -> Reply:
        if channel.type not in (0, 5, 15, 16):
            return refuse(400, 50024, "Cannot execute action on this channel type")
        if not self._may_write(channel):
            return refuse(403, 50013, "Missing Permissions")
        form = read_form(request, check_thread if channel.type in (0, 5) else check_post)
        if isinstance(form, Reply):
            return form
        thread = Channel(id=self.snowflakes.next(), name=form["name"], type=11, parent_id=channel.id)
        self.guild.channels[thread.id] = thread
        body = self.guild.channel_json(thread)
        if "message" in form:
            body["message"] = self.store(thread, form["message"], author=self.guild.bot).json()
        self._changed()
        return give(body, 201)

    def _crosspost(self, channel: Channel, message: Posted) -> Reply:
        if channel.type != 5:
            return refuse(400, 50024, "Cannot execute action on this channel type")
        own = message.author["id"] == self.guild.bot["id"]
        if not self.guild.may(channel, SEND_MESSAGES if own else MANAGE_MESSAGES):
            return refuse(403, 50013, "Missing Permissions")
        if message.id in channel.crossposted:
            return refuse(400, 40033, "This message has already been crossposted")
        channel.crossposted.add(message.id)
        return give({**message.json(), "flags": message.flags | 1})

    def _list(self, channel: Channel, query: Mapping[str, str]) -> Reply:
        if not self.guild.may(channel, READ_MESSAGE_HISTORY):
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
        edited = self.edit(channel, message, checked)
        return edited if isinstance(edited, Reply) else give(edited.json())

    def edit(self, channel: Channel, message: Posted, checked: JsonObject) -> Posted | Reply:
        """Change a message by a checked form; or the answer that refuses to leave it empty."""
        content = checked.get("content", message.content)
        embeds = tuple(checked.get("embeds", message.embeds))
        if not (content or embeds or checked.get("components", message.components)):
            return refuse(400, EMPTY_MESSAGE, "Cannot send an empty message")
        who = (
            self._pinged(channel, content, checked.get("allowed_mentions")) if "content" in checked else message.pinged
        )
        edited = evolve(
            message,
            content=content,
            embeds=embeds,
            components=tuple(checked.get("components", message.components)),
            flags=checked.get("flags", message.flags),
            pinged=who,
            mentions=mention_lists(who),
            edited=self._now(),
        )
        channel.replace(message, edited)
        self._changed()
        return edited

    def store(
        self, channel: Channel, checked: JsonObject, *, author: JsonObject, origin: JsonObject | None = None
    ) -> Posted:
        """Let *author* say in *channel* what a checked form holds; an ephemeral message stands in no channel."""
        content = checked.get("content", "")
        who = self._pinged(channel, content, checked.get("allowed_mentions"))
        message = Posted(
            id=self.snowflakes.next(),
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
            origin=origin or {},
        )
        if not message.ephemeral:
            channel.messages.append(message)
        self._changed()
        return message

    def _pinged(self, channel: Channel, content: str, allowed: JsonObject | None) -> tuple[str, ...]:
        everyone = self.guild.may(channel, MENTION_EVERYONE)
        return pinged(content, allowed, roles=self.guild.mentionable(), may_mention_everyone=everyone)

    def _application(self) -> JsonObject:
        return {
            "id": self._application_id,
            "name": self.guild.bot["username"],
            "icon": None,
            "description": "",
            "bot_public": self.bot_public,
            "bot_require_code_grant": False,
            "interactions_endpoint_url": self.interactions_endpoint_url,
            "approximate_guild_count": 1,
            "approximate_user_install_count": 0,
            "flags": 0,
            "verify_key": "0" * 64,
            "owner": {"id": self.guild.owner_id, "username": "operator", "discriminator": "0", "avatar": None},
            "team": None,
            "bot": self.guild.bot,
        }
