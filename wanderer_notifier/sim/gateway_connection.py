"""One socket of the fake gateway: from its upgrade to its end, with the misfortunes on order."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from wanderer_notifier.sim.gateway_faults import Late, frame
from wanderer_notifier.sim.gateway_frames import Frames
from wanderer_notifier.sim.gateway_journal import Entry
from wanderer_notifier.sim.gateway_mishaps import befall, takes_the_place, turn_away
from wanderer_notifier.sim.gateway_pulse import Pulse
from wanderer_notifier.sim.gateway_rules import Action, Point
from wanderer_notifier.sim.gateway_session import Dispatch, Session
from wanderer_notifier.sim.gateway_tap import Tap
from wanderer_notifier.sim.gateway_writer import Bye, Cut, Garbage, Item, Writer
from wanderer_notifier.sim.http import Exchange

if TYPE_CHECKING:
    from wanderer_notifier.sim.gateway import FakeGateway

JsonObject: TypeAlias = dict[str, Any]

ENDS_SESSION = frozenset({4003, 4004, 4006, 4007, 4009, 4010, 4011, 4012, 4013, 4014})
"""Codes of ours after which a RESUME is answered by op 9."""

LOST = 1006
"""Stands for a connection that was reset."""

LOGIN_S = 30.0
COMPRESSIONS = (None, "zlib-stream")
"""What a client may ask for; `zstd-stream` is refused like everything unknown (discord.md 5.2 leaves it open)."""


class Connection:
    """A client's socket, from its upgrade to its end.

    Args:
        gateway: the gateway it came to.
        number: counts the sockets from 1.
        exchange: the upgrade request.
    """

    def __init__(self, gateway: FakeGateway, number: int, exchange: Exchange) -> None:
        self.number = number
        self.session: Session | None = None
        self.pulse = Pulse(gateway.heartbeat_s)
        self.query = exchange.request.query
        self.host = exchange.request.headers.get("host", "localhost")
        self.closing: int | None = None
        """The code with which we close, once we do; 0 for none."""
        self._gateway = gateway
        self._exchange = exchange
        self._frames = Frames(self, gateway)
        self._end = trio.Event()
        self._writer = Writer(
            compress=self.query.get("compress") == "zlib-stream",
            pieces=lambda: gateway.zlib_pieces,
            note=self.note,
            hang_up=self._hang_up,
        )
        self._login = trio.CancelScope()

    # --- what the gateway does with it ----------------------------------------------------------------------------

    def send(self, payload: JsonObject) -> None:
        """Queue a payload."""
        if payload.get("op") == 1:
            self.pulse.asked = True
        if payload.get("op") == 9:
            self._leave(lost=not payload.get("d"))
        self.push(json.dumps(payload, separators=(",", ":")))

    def dispatch(self, dispatch: Dispatch) -> None:
        """Queue a numbered event."""
        self.push(dispatch)

    def garbage(self, dispatch: Dispatch) -> None:
        """Queue a dispatch that breaks on the way."""
        self.push(Garbage(dispatch.text))

    def close(self, code: int | None, *, keep_tcp: bool = False) -> None:
        """Say goodbye after what is queued; None for no code."""
        if self.closing is None:
            self.push(Bye(code, keep_tcp))
            self.closing = code or 0
            if code in ENDS_SESSION:
                self._leave(lost=True)

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Call *act* at once for 0 seconds, else later if the connection still lives."""
        if seconds > 0:
            self._nursery.start_soon(_after, seconds, act)
        else:
            act()

    def cut(self) -> None:
        """Reset the TCP connection; what is on the way is lost."""
        if not self._end.is_set():
            self._break()
            self._exchange.abort()

    def cut_after_queue(self) -> None:
        """End the TCP connection after what is queued, without a close frame."""
        self.push(Cut())

    def push(self, item: Item) -> None:
        """Queue anything, unless it is over; a client that lets too much wait is cut."""
        if self.closing is not None or self._end.is_set():
            return
        if not self._writer.put(item):
            self.cut()

    def meet(self, point: Point, usual: Callable[[], None], data: Any = None) -> None:
        """Do what is *usual* at this point, or let happen what was ordered for it; *data* is a login's `d`."""
        action = self._gateway.faults.strike(point)
        if action is None:
            usual()
        elif isinstance(action, Late):
            self.later(action.seconds, usual)
        elif not self._gateway.special(self, action, data):
            self.suffer(action)
            if not takes_the_place(action):
                usual()

    def suffer(self, action: Action) -> None:
        """Let a misfortune happen that needs no frame to be due; raises `ValueError` for one that does."""
        befall(self, action)

    async def late(self, payload: JsonObject) -> None:
        """Send a payload past everything, even where the close handshake is over but TCP was kept."""
        await self.tap.inject(frame(1, json.dumps(payload).encode()))

    def logged_in(self, session: Session) -> None:
        """The client has a session now."""
        self.session = session
        self._login.cancel()

    def note(self, kind: Any, **fields: Any) -> None:
        """Remember something about this socket (fields of `Entry`)."""
        self._gateway.journal.note(Entry(at=trio.current_time(), connection=self.number, kind=kind, **fields))
        self._gateway.notify()

    # --- its life ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        if await turn_away(self._exchange, self._gateway.faults.strike("connect")):
            return
        request = await self._exchange.upgrade(through=self._put_tap)
        ws = await request.accept()
        self.note("open", query=self._exchange.request.target.partition("?")[2], path=self._exchange.request.path)
        try:
            async with trio.open_nursery() as self._nursery:
                self._gateway.connections.append(self)
                self._nursery.start_soon(self._write, ws)
                self._nursery.start_soon(self._watch_login)
                self._nursery.start_soon(self._watch_beats)
                self._nursery.start_soon(self._read, ws)
                self._open()
                await self._end.wait()
                self._nursery.cancel_scope.cancel(reason="socket over")
        finally:
            self._gateway.connections.remove(self)
            self._leave(lost=False)
            self.note("gone")
        if self.tap.held:
            await self.tap.drain()

    def _open(self) -> None:
        if self.query.get("v") != "10":
            self.close(4012)
        elif self.query.get("encoding", "json") != "json" or self.query.get("compress") not in COMPRESSIONS:
            self.close(4002)
        else:
            self.meet("hello", lambda: self.send(self.pulse.hello()))

    async def _read(self, ws: WebSocketConnection) -> None:
        try:
            while True:
                self._frames.receive(await ws.get_message())
        except ConnectionClosed as closed:
            code = closed.reason.code if closed.reason else LOST
            if self.closing is None:
                self.note("closed", code=code)
                # These two say that the client really leaves (discord.md 1.8).
                self._leave(lost=code in (1000, 1001))
        self._end.set()

    async def _write(self, ws: WebSocketConnection) -> None:
        await self._writer.run(ws, self.tap)
        if self.closing is not None:
            self._end.set()

    async def _watch_login(self) -> None:
        self._login.deadline = trio.current_time() + LOGIN_S
        with self._login:
            await trio.sleep_forever()
        if self._login.cancelled_caught and self.session is None:
            self.close(self._gateway.no_login_code)

    async def _watch_beats(self) -> None:
        await self.pulse.missed()
        self._gateway.journal.counts["missed_beats"] += 1
        self.close(self._gateway.missed_beat_code)

    async def _hang_up(self) -> None:
        self._break()
        await self._exchange.hang_up()

    def _break(self) -> None:
        self.closing = LOST
        self.note("bye", code=LOST)
        self._end.set()

    def _put_tap(self, stream: trio.abc.Stream) -> Tap:
        self.tap = Tap(stream)
        self.tap.ignores_close = self._gateway.ignore_closes
        self.tap.ping_at_close = self._gateway.ping_at_close
        return self.tap

    def _leave(self, *, lost: bool) -> None:
        session, self.session = self.session, None
        if session is not None:
            self._gateway.release(session, self, lost=lost)


async def _after(seconds: float, act: Callable[[], None]) -> None:
    await trio.sleep(seconds)
    act()
