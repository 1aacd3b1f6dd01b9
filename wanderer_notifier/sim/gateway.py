"""The gateway of the fake Discord: sessions that resume, events by intents, and misfortunes on order."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from datetime import datetime
from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from wanderer_notifier.sim.discord_api import Answer
from wanderer_notifier.sim.discord_routes import Call, Reply, gateway_url, give
from wanderer_notifier.sim.gateway_connection import Connection
from wanderer_notifier.sim.gateway_faults import (
    OP7,
    PING,
    REQUESTED_BEAT,
    Action,
    Bare,
    Close,
    Corrupt,
    GatewayFaults,
    Partly,
    Point,
    Repeat,
    Rule,
    Say,
    Silence,
    Skip,
    Swap,
    Wire,
    invalid_session,
)
from wanderer_notifier.sim.gateway_journal import Journal
from wanderer_notifier.sim.gateway_login import identify_is_wrong
from wanderer_notifier.sim.gateway_payloads import channel, guild_create, passes, ready
from wanderer_notifier.sim.gateway_session import IdentifyBudget, Session
from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.ratelimits import Limit

if TYPE_CHECKING:
    from wanderer_notifier.sim.discord import Discord
    from wanderer_notifier.sim.interactions import Interaction

JsonObject: TypeAlias = dict[str, Any]

HEARTBEAT_S = 41.25
"""What Discord's HELLO usually says."""

OP7_GRACE_S = 5.0
"""Seconds after op 7 until the server closes by itself."""


class FakeGateway:
    """The gateway of one bot in one guild.

    Args:
        discord: whose gateway it is.
        now: the wall clock, aware and UTC.
        rng: names sessions and decides faults with a probability.
    """

    def __init__(self, discord: Discord, now: Callable[[], datetime], rng: Random) -> None:
        self._discord = discord
        self._now = now
        self._rng = rng
        self._numbers = itertools.count(1)
        self.faults = GatewayFaults(rng)
        self.journal = Journal()
        self.budget = IdentifyBudget()
        self.connections: list[Connection] = []
        """The open ones, oldest first."""
        self.sessions: dict[str, Session] = {}
        self.heartbeat_s = HEARTBEAT_S
        self.session_ttl_s = 120.0
        """How long a session survives without a connection; the true time is not documented."""
        self.zlib_pieces = 1
        """Into how many WebSocket messages each compressed payload is split."""
        self.privileged = 0
        """The privileged intents that are switched on for the bot."""
        self.resume_url: str | None = None
        """What READY says instead of this gateway's own address."""
        self.phantoms: list[str] = []
        """Guilds that READY lists and that never come."""
        self.obfuscate = True
        """Whether channels the bot may not view are shown without name (in force since 16 November 2026)."""
        self.guild_delay_s = 0.0
        """Between READY and GUILD_CREATE."""
        self.acks_stalled = False
        self.ignore_closes = False
        """Whether the close frames of clients stay unanswered and TCP open."""
        self.ping_at_close = False
        """Whether such a close frame is answered by a ping first."""
        self.missed_beat_code = 1000
        self.no_login_code = 4003
        self.stolen_code: int | None = 4006
        """With what the old socket is closed when another resumes its session."""
        self.token_reset = False
        """Whether the token died of too many IDENTIFYs."""
        discord.api.limits.routes["GET /gateway/bot"] = Limit(2, 5.0)  # as seen (discord.md 1.1)

    # --- control ----------------------------------------------------------------------------------------------------

    def fault(
        self,
        point: Point,
        action: Action,
        *,
        event: str | None = None,
        nth: int | None = None,
        probability: float = 1.0,
        times: int | None = 1,
    ) -> Rule:
        """Order a misfortune; the arguments say where it strikes (see `gateway_faults.Rule`)."""
        rule = Rule(point=point, action=action, event=event, nth=nth, probability=probability, times=times)
        self.faults.rules.append(rule)
        return rule

    def suffer(self, action: Action) -> None:
        """Let a misfortune happen now, on every open connection."""
        for connection in list(self.connections):
            connection.suffer(action)

    def dispatch(self, event: str, data: Any) -> None:
        """Send an event to every session that its intents let it reach, also to those without a connection now."""
        self._forget_expired()
        for session in list(self.sessions.values()):
            self.push(session, event, data)

    def op7(self) -> None:
        """Ask every client to reconnect; who does not is closed after `OP7_GRACE_S`."""
        for connection in list(self.connections):
            connection.send(OP7)
            connection.close_after(OP7_GRACE_S, 1000)

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
        for connection in list(self.connections):
            connection.cut()

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
            self._show_guild()

    def kick_bot(self) -> None:
        """Remove the bot from its guild."""
        self._discord.membership.joined = False
        self.dispatch("GUILD_DELETE", {"id": self._discord.guild.id})

    def invite_bot(self) -> None:
        """Let the bot into its guild (again)."""
        self._discord.membership.joined = True
        self._show_guild()

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

    # --- for the connections ------------------------------------------------------------------------------------------

    def routes(self) -> Mapping[str, Answer]:
        """What REST tells about the gateway, by route."""
        return {"GET /gateway/bot": self._discovery}

    async def handle(self, exchange: Exchange) -> None:
        """Serve one socket."""
        self.journal.counts["connections"] += 1
        await Connection(self, next(self._numbers), exchange).run()

    def notify(self) -> None:
        """Something happened."""
        self._discord.notify()

    def judge_identify(self, data: Any) -> int | Literal["too fast"] | None:
        """The close code for an IDENTIFY, or that it came too early; None when a session may start."""
        if self.token_reset or self._discord.api.revoked:
            return 4004
        wrong = identify_is_wrong(data, token=self._discord.token, privileged=self.privileged)
        if wrong is not None:
            return wrong
        match self.budget.take(trio.current_time()):
            case "spent":
                self.token_reset = self._discord.api.revoked = True
                self.sessions.clear()
                return 4004
            case "too fast":
                return "too fast"
        return None

    def start_session(self, connection: Connection, data: JsonObject, *, bare: bool = False) -> None:
        """Give a client a session, READY, and its guild unless it stays *bare*."""
        self._forget_expired()
        session = Session(
            id=f"{self._rng.getrandbits(128):032x}",
            intents=data["intents"],
            shard=data.get("shard"),
            presence=data.get("presence"),
            connection=connection,
        )
        self.sessions[session.id] = session
        connection.logged_in(session)
        if session.presence is not None:
            self.journal.presences.append(session.presence)
        self.journal.counts["ready"] += 1
        guilds = [self._discord.guild.id] if self._discord.membership.joined else []
        body = ready(
            user=self._discord.guild.bot,
            guilds=[*guilds, *self.phantoms],
            session_id=session.id,
            resume_url=self.resume_url or f"ws://{connection.host}/gateway",
            application=self._discord.application_id,
            shard=session.shard,
        )
        self.push(session, "READY", body)
        if not bare:
            connection.later(self.guild_delay_s, lambda: self._show_guild(session))

    def resume_session(self, connection: Connection, data: Any, *, at_most: int | None = None) -> None:
        """Let a client take its session up again; *at_most*: replay so many dispatches, then break."""
        self._forget_expired()
        if not isinstance(data, dict) or not isinstance(data.get("seq"), int):
            connection.close(4002)
            return
        if data.get("token") != self._discord.token or self._discord.api.revoked or self.token_reset:
            connection.close(4004)
            return
        session = self.sessions.get(str(data.get("session_id")))
        missed = session.missed(data["seq"]) if session else None
        if session is None or missed is None:
            connection.send({"op": 9, "d": False, "s": None, "t": None})
            return
        if session.bricked:
            connection.cut()
            return
        if data["seq"] > session.seq:
            self.sessions.pop(session.id)
            connection.close(4007)
            return
        if session.connection is not None:
            session.connection.session = None
            session.connection.close(self.stolen_code)
        session.connection, session.alone_since = connection, None
        connection.logged_in(session)
        for dispatch in missed[:at_most]:
            connection.dispatch(dispatch)
        if at_most is not None:
            connection.cut(after_queue=True)
            return
        self.journal.counts["resumed"] += 1
        connection.dispatch(session.number("RESUMED", {"_trace": ["fake"]}, keep=False))

    def special(self, connection: Connection, action: Action, data: Any) -> bool:
        """Carry out an action that changes what a login leads to; False for every other."""
        match action:
            case Bare():
                self.start_session(connection, data, bare=True)
            case Partly(dispatches):
                self.resume_session(connection, data, at_most=dispatches)
            case _:
                return False
        return True

    def release(self, session: Session, connection: Connection, *, lost: bool) -> None:
        """A connection and its session part; *lost*: the session is over as well."""
        if session.connection is connection:
            session.connection, session.alone_since = None, trio.current_time()
            if lost:
                self.sessions.pop(session.id, None)

    def push(self, session: Session, event: str, data: Any) -> None:
        """Number an event for one session and send it, if its intents let it through."""
        if not passes(event, session.intents):
            return
        action = self.faults.strike("dispatch", event) if session.connection is not None else None
        lost = isinstance(action, Skip | Silence)
        dispatch = session.number(event, data, keep=not lost)
        connection = session.connection
        if connection is None or lost:
            return
        if isinstance(action, Corrupt):
            connection.garbage(dispatch)
            return
        if isinstance(action, Swap):
            session.withheld = dispatch
            return
        for _ in range(action.times if isinstance(action, Repeat) else 1):
            connection.dispatch(dispatch)
        if session.withheld is not None:
            connection.dispatch(session.withheld)
            session.withheld = None
        if action is not None and not isinstance(action, Repeat):
            connection.suffer(action)

    # --- within -------------------------------------------------------------------------------------------------------

    def _show_guild(self, only: Session | None = None) -> None:
        guild = self._discord.guild
        if not self._discord.membership.joined:
            return
        for session in [only] if only else list(self.sessions.values()):
            if guild.unavailable:
                self.push(session, "GUILD_DELETE", {"id": guild.id, "unavailable": True})
            else:
                body = guild_create(guild, session.intents, obfuscate=self.obfuscate)
                self.push(session, "GUILD_CREATE", body)

    def _forget_expired(self) -> None:
        at = trio.current_time()
        for session in list(self.sessions.values()):
            if session.alone_since is not None and at - session.alone_since > self.session_ttl_s:
                del self.sessions[session.id]

    def _discovery(self, call: Call, request: Request, at: float) -> Reply:
        limit = self.budget.json(trio.current_time())
        return give({"url": gateway_url(request), "shards": 1, "session_start_limit": limit})
