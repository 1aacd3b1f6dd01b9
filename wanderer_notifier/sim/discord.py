"""A Discord that strangers' clients believe, with a journal of what was asked and misfortunes on order."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from functools import partial
from random import Random

import trio
from attrs import evolve, frozen

from wanderer_notifier.sim.discord_api import Api
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_guild_rest import GuildRest
from wanderer_notifier.sim.discord_messages import Channel, Posted
from wanderer_notifier.sim.discord_routes import Call, Reply, find_route, give, page, upstream_error
from wanderer_notifier.sim.faults import Broken, Cut, Fault, Faults, Rule, Stall, Status, TooMany, Truncated
from wanderer_notifier.sim.gateway import FakeGateway
from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.interactions import Interactions
from wanderer_notifier.sim.interactions_registry import Commands
from wanderer_notifier.sim.interactions_rest import InteractionRest
from wanderer_notifier.sim.ratelimits import limited_body, retry_after_header
from wanderer_notifier.sim.voice import Voice

JOURNAL = 20_000
"""Requests that are remembered; the oldest go first."""

_ZKILL = re.compile(r"https://zkillboard\.com/kill/\d+/?")


@frozen(kw_only=True)
class Seen:
    """One request as the fake remembers it; headers are left out, they hold the token."""

    at: float
    """Seconds of Trio's clock."""
    method: str
    path: str
    route: str | None
    channel: str | None
    status: int | None
    """None: it was never answered."""
    fault: Fault | None = None
    refused_by: str | None = None
    """The scope of the rate limit that refused it."""


class Discord:
    """One bot in one guild, as the tests and the demo see it.

    Args:
        now: the wall clock, aware and UTC; message ids and timestamps come from it. Windows run on Trio's clock.
        rng: decides faults with a probability.
        guild: the guild with its channels.
        token: what must stand behind `Bot ` in the header.
        application_id: of the bot's application.
    """

    def __init__(
        self, *, now: Callable[[], datetime], rng: Random, guild: Guild, token: str, application_id: str
    ) -> None:
        self._now = now
        self.clock_ahead = timedelta()
        """How far the `Date` of its answers is ahead of *now*."""
        self._changed = trio.lowlevel.ParkingLot()
        self.guild = guild
        self.token = token
        self.application_id = application_id
        self.api = Api(now=now, guild=guild, token=token, application_id=application_id, changed=self.notify)
        self.membership = GuildRest(guild)
        self.api.more |= self.membership.routes()
        self.gateway = FakeGateway(self, rng)
        self.voice = Voice(guild, partial(self.gateway.dispatch, "VOICE_STATE_UPDATE"))
        self.commands = Commands(application_id, guild.id, self.api.snowflakes.next)
        self.interactions = Interactions(self)
        answers = InteractionRest(self.api, self.interactions, application_id)
        for part in (self.gateway, self.commands, answers):
            self.api.more |= part.routes()
        self.faults = Faults(rng)
        self.journal: deque[Seen] = deque(maxlen=JOURNAL)
        self.statuses: Counter[int | None] = Counter()
        """How often each status was answered; None counts the requests that never were."""

    # --- what tests and the demo ask and do -------------------------------------------------------------------

    def channel(self, channel_id: str) -> Channel:
        """The channel of this id; raises `KeyError`."""
        return self.guild.channels[channel_id]

    def messages(self, channel_id: str) -> list[Posted]:
        """What stands in a channel, oldest first."""
        return list(self.channel(channel_id).messages)

    def duplicates(self) -> list[list[Posted]]:
        """The messages that say the same thing in the same channel: same kill, or same nonce."""
        groups: dict[tuple[str, str], list[Posted]] = {}
        for channel in self.guild.channels.values():
            for message in channel.messages:
                if (what := identity(message)) is not None:
                    groups.setdefault((channel.id, what), []).append(message)
        return [group for group in groups.values() if len(group) > 1]

    def fault(
        self,
        fault: Fault,
        *,
        route: str | None = None,
        channel: str | None = None,
        nth: int | None = None,
        probability: float = 1.0,
        times: int | None = 1,
    ) -> Rule:
        """Order a misfortune; the arguments say which requests it meets (see `faults.Rule`)."""
        return self.faults.add(
            Rule(fault=fault, route=route, channel=channel, nth=nth, probability=probability, times=times)
        )

    def deny(self, channel_id: str, *bits: int) -> None:
        """Take permissions from the bot in one channel."""
        for bit in bits:
            self.channel(channel_id).denied |= bit
        self.gateway.channel_changed(channel_id)

    def allow(self, channel_id: str, *bits: int) -> None:
        """Give them back."""
        for bit in bits:
            self.channel(channel_id).denied &= ~bit
        self.gateway.channel_changed(channel_id)

    def delete_channel(self, channel_id: str) -> None:
        """Remove a channel; who is in it hangs up."""
        self.channel(channel_id).deleted = True
        for user in [one.user_id for one in self.guild.voice.values() if one.channel_id == channel_id]:
            self.voice.leave(user)
        self.gateway.channel_changed(channel_id)

    def post_as(self, channel_id: str, user_id: str, content: str) -> Posted:
        """Let somebody else say something."""
        author = {"id": user_id, "username": f"pilot{user_id[-4:]}", "discriminator": "0", "avatar": None}
        return self.api.store.add(self.channel(channel_id), {"content": content}, author=author)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Return as soon as *ready*() holds; it is asked again after every request and every posted message."""
        while not ready():
            await self._changed.park()
        await trio.lowlevel.checkpoint()

    # --- the wire -----------------------------------------------------------------------------------------------

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request, or let happen to it what was ordered."""
        request = exchange.request
        if exchange.wants_websocket:
            await self.gateway.handle(exchange)
            return
        call = find_route(request.method, request.path)
        route, channel = (call.route, call.channel) if isinstance(call, Call) else ("", None)
        fault = self.faults.strike(route, channel)
        if fault is None:
            await self._send(exchange, self.api.answer(request, trio.current_time()), None)
            return
        await trio.sleep(fault.before_s)
        if fault.revoke:
            self.api.revoked = True
        reply = self.api.answer(request, trio.current_time()) if fault.effect else None
        await self._end(exchange, reply, fault)

    # --- endings ------------------------------------------------------------------------------------------------

    async def _end(self, exchange: Exchange, reply: Reply | None, fault: Fault) -> None:
        await trio.sleep(fault.after_s)
        match fault.ending:
            case None:
                assert reply is not None
                await self._send(exchange, reply, fault)
            case Status() as ending:
                told = upstream_error(ending.status)
                if ending.body is not None:
                    told = Reply(status=ending.status, body=ending.body, content_type=ending.content_type)
                await self._send(exchange, told, fault)
            case TooMany() as ending:
                await self._send(exchange, self._too_many(exchange.request, ending), fault)
            case Cut():
                self._note(exchange.request, None, fault)
                exchange.abort()
            case Stall():
                self._note(exchange.request, None, fault)
                await exchange.peer_left()
            case Truncated():
                assert reply is not None
                self._note(exchange.request, reply, fault)
                whole = [*reply.all_headers(), ("Content-Length", str(len(reply.body)))]
                await exchange.start(reply.status, whole)
                await exchange.send(reply.body[: len(reply.body) // 2])
                await exchange.hang_up()
            case Broken():
                assert reply is not None
                half = evolve(reply, body=reply.body[: len(reply.body) // 2])
                await self._send(exchange, half, fault)

    def _too_many(self, request: Request, ending: TooMany) -> Reply:
        at = trio.current_time()
        if ending.scope != "shared":
            self.api.limits.count_invalid(at)
        if ending.scope == "edge":
            return page(429, "You are being blocked", code=1015).plus([retry_after_header(ending.retry_after)])
        call = find_route(request.method, request.path)
        route, major = (call.route, call.major) if isinstance(call, Call) else ("", "")
        headers = self.api.limits.exhausted(route, ending.scope, ending.retry_after, at, self._now(), major)
        return give(limited_body(ending.retry_after, everywhere=ending.scope == "global"), 429).plus(headers)

    async def _send(self, exchange: Exchange, reply: Reply, fault: Fault | None) -> None:
        self._note(exchange.request, reply, fault)
        date = ("Date", format_datetime(self._now() + self.clock_ahead, usegmt=True))
        await exchange.respond(reply.status, [date, *reply.all_headers()], reply.body)

    def _note(self, request: Request, reply: Reply | None, fault: Fault | None) -> None:
        call = find_route(request.method, request.path)
        self.journal.append(
            Seen(
                at=trio.current_time(),
                method=request.method,
                path=request.path,
                route=call.route if isinstance(call, Call) else None,
                channel=call.channel if isinstance(call, Call) else None,
                status=reply.status if reply else None,
                fault=fault,
                refused_by=dict(reply.headers).get("X-RateLimit-Scope") if reply else None,
            )
        )
        self.statuses[reply.status if reply else None] += 1
        self.notify()

    def notify(self) -> None:
        """Something happened; who waits in `until` asks again."""
        self._changed.unpark_all()


def identity(message: Posted) -> str | None:
    """What a message is about, for telling doubles: the kill it links to, else its nonce; None for what has neither."""
    for embed in message.embeds:
        if _ZKILL.fullmatch(embed.get("url", "")):
            return str(embed["url"]).rstrip("/")
    return str(message.nonce) if message.nonce is not None else None
