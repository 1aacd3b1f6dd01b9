"""What Discord's REST API does with a request: authorisation, limits, then the call itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime

from wanderer_notifier.sim.discord_channel_rest import ChannelRest
from wanderer_notifier.sim.discord_form import JsonObject, Problems, invalid_form, is_snowflake
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_messages import Snowflakes
from wanderer_notifier.sim.discord_routes import Answer as Answer  # what answers a route here
from wanderer_notifier.sim.discord_routes import (
    Call,
    Reply,
    find_route,
    gateway_url,
    give,
    page,
    refuse,
    tell,
    upstream_error,
)
from wanderer_notifier.sim.discord_store import MessageStore
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
        self.snowflakes = Snowflakes(now)
        self.store = MessageStore(now=now, guild=guild, new_id=self.snowflakes.next, changed=changed)
        self.channels = ChannelRest(guild, self.store, self.snowflakes.next, changed)
        self.more: dict[str, Answer] = {**self.channels.routes()}
        """Routes that others answer: channels, guild, commands, interactions, gateway."""
        self._token = token
        self._application_id = application_id
        self.guild = guild
        self.limits = RateLimits()
        self.interactions_endpoint_url: str | None = None
        """Where the application sends interactions instead of the gateway."""
        self.bot_public = False
        """Whether anybody may take the bot into a server of their own."""
        self.revoked = False
        """Whether the token has died."""
        self.outage_status: int | None = None
        """What everything in the guild answers while the guild has an outage; None: there is none."""

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
        if self.outage_status is not None and call.ids.keys() & {"c", "g"}:
            return upstream_error(self.outage_status)
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
        return give(self.guild.bot if call.route == "GET /users/@me" else self._application())

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
