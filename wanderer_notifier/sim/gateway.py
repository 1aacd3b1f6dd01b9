"""The gateway of the fake Discord: sessions that resume, events by intents, and misfortunes on order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, TypeAlias

import trio

from wanderer_notifier.sim.discord_api import Answer
from wanderer_notifier.sim.discord_routes import Call, Reply, gateway_url, give
from wanderer_notifier.sim.gateway_connection import Connection
from wanderer_notifier.sim.gateway_crowd import CHANNELS, ROLES, VOICE_USERS, crowd
from wanderer_notifier.sim.gateway_faults import OP7, PING, REQUESTED_BEAT, Close, Reset, Say, Wire, invalid_session
from wanderer_notifier.sim.gateway_orders import check
from wanderer_notifier.sim.gateway_payloads import channel
from wanderer_notifier.sim.gateway_rules import Action, Point, Rule
from wanderer_notifier.sim.gateway_sessions import Sessions
from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.ratelimits import Limit

if TYPE_CHECKING:
    from wanderer_notifier.sim.discord import Discord
    from wanderer_notifier.sim.interactions import Interaction

JsonObject: TypeAlias = dict[str, Any]

OP7_GRACE_S = 5.0
"""Seconds after op 7 until the server closes by itself."""


class FakeGateway(Sessions):
    """The gateway of one bot in one guild.

    Args:
        discord: whose gateway it is.
        rng: names sessions and decides faults with a probability.
    """

    def __init__(self, discord: Discord, rng: Random) -> None:
        super().__init__(discord, rng)
        self._numbers = itertools.count(1)
        discord.api.limits.routes["GET /gateway/bot"] = Limit(2, 5.0)  # as seen (discord.md 1.1)

    # --- control ----------------------------------------------------------------------------------------------------

    def fault(
        self,
        point: Point,
        action: Action,
        *,
        event: str | None = None,
        channel: str | None = None,
        nth: int | None = None,
        probability: float = 1.0,
        times: int | None = 1,
    ) -> Rule:
        """Order a misfortune; the arguments say where it strikes (see `Rule`, which raises `ValueError`)."""
        rule = Rule(
            point=point,
            action=action,
            event=event,
            channel=channel,
            nth=nth,
            probability=probability,
            times=times,
        )
        self.faults.rules.append(rule)
        return rule

    def tune(self, **settings: Any) -> None:
        """Change settings by name (`gateway_orders.SETTINGS`), or none of them: raises `LookupError` or `TypeError`."""
        for name, value in settings.items():
            check(name, value)
        for name, value in settings.items():
            setattr(self, name, value)

    def suffer(self, action: Action) -> None:
        """Let a misfortune happen now, on every open connection."""
        for connection in list(self.connections):
            connection.suffer(action)

    def dispatch(self, event: str, data: Any) -> None:
        """Send an event to every session that its intents let it reach, also to those without a connection now."""
        self.forget_expired()
        for session in list(self.sessions.values()):
            self.push(session, event, data)

    def burst(self, times: int, event: str = "SOMETHING_NEW", data: Any = None) -> None:
        """Send an event many times at once."""
        for _ in range(times):
            self.dispatch(event, data)

    def op7(self) -> None:
        """Ask every client to reconnect; who does not is closed after `OP7_GRACE_S`."""
        for connection in list(self.connections):
            connection.send(OP7)
            connection.later(OP7_GRACE_S, partial(connection.close, 1000))

    def invalid_session(self, resumable: bool) -> None:
        """Op 9 to every client."""
        self.suffer(invalid_session(resumable))

    def request_beat(self) -> None:
        """Op 1 to every client."""
        self.suffer(Say(payloads=(REQUESTED_BEAT,)))

    def ping(self) -> None:
        """A WebSocket ping to every client."""
        self.suffer(Wire(data=PING))

    def close_all(self, code: int | None) -> None:
        """Close every connection with *code*, None for none."""
        self.suffer(Close(code))

    def cut_all(self) -> None:
        """Reset every connection."""
        self.suffer(Reset())

    def stall_acks(self, on: bool = True) -> None:
        """Answer no heartbeat, until switched off."""
        self.acks_stalled = on

    def forget_sessions(self) -> None:
        """Lose every session: the next RESUME is answered by op 9 false."""
        self.sessions.clear()

    def brick(self) -> None:
        """Answer each RESUME of the sessions there are by a reset."""
        for session in self.sessions.values():
            session.bricked = True

    def outage(self, on: bool = True) -> None:
        """Make the guild unavailable, or let it come back."""
        guild = self._discord.guild
        guild.unavailable = on
        if on:
            self.dispatch("GUILD_DELETE", {"id": guild.id, "unavailable": True})
        else:
            self.show_guild()

    def kick_bot(self) -> None:
        """Remove the bot from its guild."""
        self._discord.membership.joined = False
        self.dispatch("GUILD_DELETE", {"id": self._discord.guild.id})

    def invite_bot(self) -> None:
        """Let the bot into its guild (again)."""
        self._discord.membership.joined = True
        self.show_guild()

    def huge_guild(self, channels: int = CHANNELS, roles: int = ROLES, voice_users: int = VOICE_USERS) -> None:
        """Let the guild grow by so much, and show it again to whoever is there."""
        crowd(self._discord.guild, channels=channels, roles=roles, voice_users=voice_users)
        self.show_guild()

    def channel_changed(self, channel_id: str) -> None:
        """Tell that a channel is not as it was; one that was deleted is told as such."""
        guild = self._discord.guild
        one = guild.channels[channel_id]
        event = "CHANNEL_DELETE" if one.deleted else "CHANNEL_UPDATE"
        self.dispatch(event, channel(guild, one, obfuscate=self.obfuscate and not one.deleted))

    def voice_join(self, user: str, channel: str, *, bot: bool = False, deaf: bool = False) -> None:
        """Let somebody sit in a voice channel."""
        self._discord.voice.join(user, channel, bot=bot, deaf=deaf)

    def voice_leave(self, user: str) -> None:
        """Let somebody hang up."""
        self._discord.voice.leave(user)

    def invoke(self, command: str, options: Mapping[str, Any] | None = None, **asked: Any) -> Interaction:
        """Let a user send a slash command (arguments of `Interactions.invoke`)."""
        return self._discord.interactions.invoke(command, options, **asked)

    async def until(self, ready: Callable[[], bool]) -> None:
        """Return as soon as *ready*() holds; it is asked again after every frame and request."""
        await self._discord.until(ready)

    @property
    def live(self) -> list[Connection]:
        """The connections with a session."""
        return [one for one in self.connections if one.session is not None]

    # --- the wire ----------------------------------------------------------------------------------------------------

    def routes(self) -> Mapping[str, Answer]:
        """What REST tells about the gateway, by route."""
        return {"GET /gateway/bot": self._discovery}

    async def handle(self, exchange: Exchange) -> None:
        """Serve one socket."""
        self.journal.counts["connections"] += 1
        await Connection(self, next(self._numbers), exchange).run()

    def _discovery(self, call: Call, request: Request, at: float) -> Reply:
        limit = self.budget.json(trio.current_time())
        return give({"url": gateway_url(request), "shards": 1, "session_start_limit": limit})
