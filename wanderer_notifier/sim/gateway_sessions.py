"""The sessions of the fake gateway: who may start one, what a resume brings back, what reaches whom."""

from __future__ import annotations

from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import trio

from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.gateway_connection import Connection
from wanderer_notifier.sim.gateway_faults import (
    Bare,
    Corrupt,
    Late,
    Partly,
    Repeat,
    Silence,
    Skip,
    Swap,
)
from wanderer_notifier.sim.gateway_journal import Journal
from wanderer_notifier.sim.gateway_login import identify_is_wrong
from wanderer_notifier.sim.gateway_payloads import guild_create, passes, ready
from wanderer_notifier.sim.gateway_rules import Action, GatewayFaults
from wanderer_notifier.sim.gateway_session import IdentifyBudget, Session

if TYPE_CHECKING:
    from wanderer_notifier.sim.discord import Discord

JsonObject: TypeAlias = dict[str, Any]

HEARTBEAT_S = 41.25
"""What Discord's HELLO usually says."""


class Sessions:
    """The sessions of one bot in one guild, and the rules they follow.

    Args:
        discord: whose they are.
        rng: names sessions and decides faults with a probability.
    """

    def __init__(self, discord: Discord, rng: Random) -> None:
        self._discord = discord
        self._rng = rng
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
        self.elsewhere: list[Guild] = []
        """Further guilds with the bot in them; nothing ever happens there."""
        self.own_last = False
        """Whether a new session is sent those before its own guild."""
        self.obfuscate = True
        """Whether channels the bot may not view are shown without name (in force since 16 November 2026)."""
        self.guild_delay_s = 0.0
        """Between READY and GUILD_CREATE, and between the guilds."""
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
                for other in [one for one in self.connections if one.session is not None]:
                    other.close(4004)
                self.sessions.clear()
                return 4004
            case "too fast":
                return "too fast"
        return None

    def start_session(self, connection: Connection, data: JsonObject, *, bare: bool = False) -> None:
        """Give a client a session, READY, and its guild unless it stays *bare*."""
        self.forget_expired()
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
        guilds = self._guilds()
        body = ready(
            user=self._discord.guild.bot,
            guilds=[*(one.id for one in guilds), *self.phantoms],
            session_id=session.id,
            resume_url=self.resume_url or f"ws://{connection.host}/gateway",
            application=self._discord.application_id,
            shard=session.shard,
        )
        self.push(session, "READY", body)
        if not bare:
            for number, guild in enumerate(guilds, 1):
                connection.later(number * self.guild_delay_s, partial(self._show, session, guild))

    def resume_session(self, connection: Connection, data: Any, *, at_most: int | None = None) -> None:
        """Let a client take its session up again; *at_most*: replay so many dispatches, then break."""
        self.forget_expired()
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
            connection.cut_after_queue()
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
        action = self._strike(event, data) if session.connection is not None else None
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
        if isinstance(action, Late):
            connection.later(action.seconds, partial(connection.dispatch, dispatch))
            return
        for _ in range(action.times if isinstance(action, Repeat) else 1):
            connection.dispatch(dispatch)
        if session.withheld is not None:
            connection.dispatch(session.withheld)
            session.withheld = None
        if action is not None and not isinstance(action, Repeat):
            connection.suffer(action)

    # --- within -------------------------------------------------------------------------------------------------------

    def show_guild(self) -> None:
        """Send the guild, or that it is unavailable, to all sessions."""
        for session in list(self.sessions.values()):
            self._show(session, self._discord.guild)

    def _guilds(self) -> list[Guild]:
        own = [self._discord.guild] if self._discord.membership.joined else []
        return [*self.elsewhere, *own] if self.own_last else [*own, *self.elsewhere]

    def _show(self, session: Session, guild: Guild) -> None:
        if not any(one is guild for one in self._guilds()):
            return
        if guild.unavailable:
            self.push(session, "GUILD_DELETE", {"id": guild.id, "unavailable": True})
        else:
            self.push(session, "GUILD_CREATE", guild_create(guild, session.intents, obfuscate=self.obfuscate))

    def _strike(self, event: str, data: Any) -> Action | None:
        about = data if isinstance(data, dict) else {}
        channel = about.get("id") if event.startswith("CHANNEL_") else about.get("channel_id")
        return self.faults.strike("dispatch", event, channel)

    def forget_expired(self) -> None:
        """Drop the sessions that were alone for too long."""
        at = trio.current_time()
        for session in list(self.sessions.values()):
            if session.alone_since is not None and at - session.alone_since > self.session_ttl_s:
                del self.sessions[session.id]
