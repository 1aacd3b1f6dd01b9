"""A Discord that strangers' clients believe, with a journal of what was asked and misfortunes on order."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from random import Random

import trio

from wanderer_notifier.sim.discord_api import Api
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_guild_rest import GuildRest
from wanderer_notifier.sim.discord_messages import Channel, Posted
from wanderer_notifier.sim.discord_wire import RestWire, Seen
from wanderer_notifier.sim.faults import Fault, Faults, Rule
from wanderer_notifier.sim.gateway import FakeGateway
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.interactions import Interactions
from wanderer_notifier.sim.interactions_registry import Commands
from wanderer_notifier.sim.interactions_rest import InteractionRest
from wanderer_notifier.sim.voice import Voice

_ZKILL = re.compile(r"https://zkillboard\.com/kill/\d+/?")


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
        self.clock_ahead = timedelta()
        """How far Discord's clock is ahead of *now*: in ids, times of messages, and headers."""

        def wall() -> datetime:
            return now() + self.clock_ahead

        self._changed = trio.lowlevel.ParkingLot()
        self.guild = guild
        self.token = token
        self.application_id = application_id
        self.api = Api(now=wall, guild=guild, token=token, application_id=application_id, changed=self.notify)
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
        self._rest = RestWire(self.api, self.faults, now=wall, changed=self.notify)
        self.journal: deque[Seen] = self._rest.journal
        """The latest requests, oldest first."""
        self.statuses: Counter[int | None] = self._rest.statuses
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

    def outage(self, on: bool = True, *, status: int | None = 503) -> None:
        """Make the guild unavailable on the gateway, and let REST answer *status* for all that is in it (None: no)."""
        self.gateway.outage(on)
        self.api.outage_status = status if on else None

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
        await (self.gateway if exchange.wants_websocket else self._rest).handle(exchange)

    def notify(self) -> None:
        """Something happened; who waits in `until` asks again."""
        self._changed.unpark_all()


def identity(message: Posted) -> str | None:
    """What a message is about, for telling doubles: the kill it links to, else its nonce; None for what has neither."""
    for embed in message.embeds:
        if _ZKILL.fullmatch(embed.get("url", "")):
            return str(embed["url"]).rstrip("/")
    return str(message.nonce) if message.nonce is not None else None
