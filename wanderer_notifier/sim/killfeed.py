"""A fake of the kill service: its socket and HTTP interface on one port, and the faults a test can ask of it."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim import killfeed_http
from wanderer_notifier.sim.http import Exchange, Instead
from wanderer_notifier.sim.killfeed_channel import COPIES, Channel, Copies, Dialect, Session
from wanderer_notifier.sim.killfeed_socket import Connection
from wanderer_notifier.sim.killfeed_store import KillStore
from wanderer_notifier.sim.killfeed_stream import KillStream
from wanderer_notifier.sim.killfeed_wire import identifier, version_asked
from wanderer_notifier.sim.killmails import iso, live_form, stored_form
from wanderer_notifier.sim.mapdata import INVENTED, Names
from wanderer_notifier.sim.watched import Watched

MAX_INGEST_AGE = timedelta(hours=1)
"""Older kills are dropped silently when the service takes them in (wanderer-kills.md 4.7)."""

LINGER_S = 10.0
"""How long a stopping service keeps sockets that never joined."""
PRELOAD_KILLS = 5
PRELOAD_AGE = timedelta(hours=24)
JOURNAL = 10_000


@frozen
class Heard:
    """One frame that a client sent."""

    at: datetime
    connection: int
    text: str | bytes


class KillFeed(Watched):
    """The service as a whole; give `handle` to a listener, and steer it with the other methods.

    Args:
        now: wall clock (aware, UTC).
        rng: source of ids.
        dialect: how many copies of a kill are sent (wanderer-kills.md 2.7).
        names: what the service finds when it looks up ids.
        idle_s: seconds without anything from a client until its socket is closed with 1000.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        rng: random.Random,
        dialect: Dialect = "W1",
        names: Names = INVENTED,
        idle_s: float = 60.0,
    ) -> None:
        super().__init__()
        self.now = now
        self.rng = rng
        self.names = names
        self.idle_s = idle_s
        self.copies: Copies = COPIES[dialect]
        self.store = KillStore()
        self.journal: deque[Heard] = deque(maxlen=JOURNAL)
        self.started_at = now()
        self.down = False
        """While true every connection is cut at once, as if nothing listened."""
        self.refused_status: int | None = None
        self.instead: Instead | None = None
        """What a proxy in front answers to everything."""
        self.delay_join_s = 0.0
        """Seconds between a join and its reply."""
        self.replies_to_drop = 0
        self.mute_heartbeats = False
        self.unhealthy = False
        """Makes `/health` answer 503."""
        self.upstream_lost_at: datetime | None = None
        """Since when its own upstreams refuse it: `/health` follows after three minutes, lists and look-ups fail."""
        self.failing_lists: set[int] = set()
        """Systems for which zKillboard answers 500."""
        self._connections: list[Connection] = []
        self._streams: list[KillStream] = []
        self._count = 0

    # --- what the world does -----------------------------------------------------------------------------------------

    def push(self, kill: JsonObject, *, names: Names | None = None, times: int = 1) -> int:
        """Take in a kill as the feed of the game gives it, keep it, and send it to whom it concerns.

        Args:
            kill: as ESI serves it, with zKillboard's block under `zkb`.
            names: what look-ups find for this kill, if not the usual.
            times: how often the upstream repeats it; each is sent again.

        Gives the number of frames sent; 0 also for a kill that is too old to be taken in.
        """
        if self.now() - datetime.fromisoformat(kill["killmail_time"]) > MAX_INGEST_AGE:
            return 0
        self.store.keep(kill, names or self.names)
        live = live_form(kill, names or self.names)
        sent = 0
        for _ in range(times):
            for number in range(self.copies.broadcasts):
                moment = self.now() + timedelta(microseconds=200 * number)
                payload = _update(moment, kill["solar_system_id"], [live], preload=False)
                for stream in list(self._streams):
                    stream.offer(live, kill["solar_system_id"])
                for connection, channel in self._joined():
                    for _ in range(channel.copies(kill, self.copies)):
                        connection.push(channel.push("killmail_update", payload))
                        sent += 1
        return sent

    def keep(self, kill: JsonObject, *, names: Names | None = None) -> None:
        """Have a kill in memory without sending it: it is preloaded and in the cache."""
        self.store.keep(kill, names or self.names)

    def know(self, kill: JsonObject) -> None:
        """Let only the upstreams know a kill: it is in the lists and found by id, but not in memory."""
        self.store.know(kill)

    def push_raw(self, payload: Any, *, event: str = "killmail_update") -> int:
        """Send any payload under any event name to every joined channel; gives how many got it."""
        joined = self._joined()
        for connection, channel in joined:
            connection.push(channel.push(event, payload))
        return len(joined)

    def push_text(self, text: str) -> int:
        """Send a text frame of any content to every socket; gives how many got it."""
        for connection in self._connections:
            connection.push_text(text)
        return len(self._connections)

    def preload(self, connection: Connection, systems: tuple[int, ...]) -> None:
        """Send what is kept of *systems*: one frame a system that has something, the newest five of a day."""
        channel = connection.session.channel
        for system in systems:
            oldest = iso(self.now() - PRELOAD_AGE)
            recent = [one for one in self.store.in_memory(system) if one.kill["killmail_time"] >= oldest]
            recent.sort(key=lambda one: str(one.kill["killmail_time"]), reverse=True)
            if recent and channel is not None:
                stored = [stored_form(one.kill, one.names) for one in recent[:PRELOAD_KILLS]]
                connection.push(channel.push("killmail_update", _update(self.now(), system, stored, preload=True)))

    # --- faults ------------------------------------------------------------------------------------------------------

    def crash_channels(self) -> int:
        """Let every channel process die: `phx_error`, the subscription is gone, the sockets stay."""
        joined = self._joined()
        for connection, _ in joined:
            connection.crash()
        self.touch()
        return len(joined)

    def close_all(self, code: int = 1012) -> int:
        """Close every socket with *code*; gives how many."""
        for connection in self._connections:
            connection.close(code)
        return len(self._connections)

    def cut_all(self) -> int:
        """Reset the TCP connection of every socket; gives how many."""
        for connection in list(self._connections):
            connection.cut()
        return len(self._connections)

    def restart(self, *, down: bool = False) -> None:
        """Stop in an orderly way and come back with an empty memory (capture ws-09).

        Joined sockets get 1012 at once; the others, and event streams, live on for `LINGER_S` and are cut then.
        With *down* new connections are turned away until `down` is set to False.
        """
        self.store.forget()
        self.started_at = self.now()
        self.down = down or self.down
        for connection in self._connections:
            if connection.session.channel is not None:
                connection.close(1012)
            else:
                connection.linger(LINGER_S)
        for stream in self._streams:
            stream.linger(LINGER_S)

    def kill(self, *, down: bool = False) -> None:
        """Die without a goodbye and come back with an empty memory (capture ws-10)."""
        self.store.forget()
        self.started_at = self.now()
        self.down = down or self.down
        self.cut_all()
        for stream in list(self._streams):
            stream.cut()

    def stall_heartbeats(self, on: bool = True) -> None:
        """Leave heartbeats unanswered while all else goes on."""
        self.mute_heartbeats = on

    def delay_join(self, seconds: float) -> None:
        """Let *seconds* pass before a join is handled."""
        self.delay_join_s = seconds

    def drop_replies(self, count: int = 1) -> None:
        """Carry out the next *count* events (heartbeats aside) without answering them."""
        self.replies_to_drop = count

    def refuse_upgrades(self, status: int | None = 503) -> None:
        """Answer handshakes with *status* (None: accept them again)."""
        self.refused_status = status

    # --- what a test looks at ----------------------------------------------------------------------------------------

    @property
    def connections(self) -> tuple[Connection, ...]:
        """The open sockets, oldest first."""
        return tuple(self._connections)

    @property
    def streams(self) -> int:
        """How many event streams are open."""
        return len(self._streams)

    @property
    def joined(self) -> tuple[Channel, ...]:
        """The joined channels, in the order of their sockets."""
        return tuple(channel for _, channel in self._joined())

    def hear(self, connection: Connection, text: str | bytes) -> None:
        """Note a frame of a client."""
        self.journal.append(Heard(self.now(), connection.number, text))

    # --- serving -----------------------------------------------------------------------------------------------------

    async def handle(self, exchange: Exchange) -> None:
        """Serve one exchange: the socket under `/socket/websocket`, HTTP elsewhere."""
        if self.down:
            exchange.abort()
        elif self.instead is not None:
            await exchange.respond(self.instead.status, self.instead.headers, self.instead.body)
            self.touch()
        elif exchange.request.path.rstrip("/") == "/socket/websocket":
            await self._handshake(exchange)
        else:
            await killfeed_http.answer(self, exchange)

    async def _handshake(self, exchange: Exchange) -> None:
        version = version_asked(exchange.request.query.get("vsn"))
        refusal = self.refused_status or (None if version else 403)
        if refusal is not None or version is None:
            await exchange.respond(
                refusal or 403, killfeed_http.headers(self, None, length=[("content-length", "0")]), b""
            )
            return
        if not exchange.wants_websocket:
            await killfeed_http.not_a_handshake(self, exchange)
            return
        session = Session(identifier=identifier(exchange.request.query), now=self.now, rng=self.rng)
        self._count += 1
        connection = Connection(self, self._count, version, session, exchange)
        self._connections.append(connection)
        try:
            await connection.run()
        finally:
            self._connections.remove(connection)
            self.touch()

    async def stream(self, stream: KillStream) -> None:
        """Serve an event stream whose headers are out."""
        self._streams.append(stream)
        self.touch()
        try:
            await stream.run()
        finally:
            self._streams.remove(stream)
            self.touch()

    def _joined(self) -> list[tuple[Connection, Channel]]:
        return [(one, one.session.channel) for one in self._connections if one.session.channel is not None]


def _update(moment: datetime, system_id: int, killmails: list[JsonObject], *, preload: bool) -> JsonObject:
    return {
        "timestamp": iso(moment, micros=True),
        "killmails": killmails,
        "preload": preload,
        "system_id": system_id,
    }
