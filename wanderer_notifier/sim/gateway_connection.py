"""One socket of the fake gateway: the frames of a client, the rules they must keep, and the misfortunes on order."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from trio_websocket import ConnectionClosed, WebSocketConnection

from wanderer_notifier.sim.discord_routes import page
from wanderer_notifier.sim.gateway_faults import (
    Action,
    Close,
    Drip,
    Hold,
    Http,
    Late,
    Point,
    Reset,
    Say,
    Silence,
    Wire,
    frame,
)
from wanderer_notifier.sim.gateway_journal import Beat, Entry
from wanderer_notifier.sim.gateway_login import presence_is_wrong
from wanderer_notifier.sim.gateway_session import Dispatch, Session
from wanderer_notifier.sim.gateway_tap import Tap
from wanderer_notifier.sim.gateway_writer import Bye, Cut, Garbage, Item, Writer
from wanderer_notifier.sim.http import Exchange

if TYPE_CHECKING:
    from wanderer_notifier.sim.gateway import FakeGateway

JsonObject: TypeAlias = dict[str, Any]

MAX_FRAME = 4096
"""Bytes of a client's frame (discord.md 1.2)."""

FRAMES, FRAMES_PER_S = 120, 60.0
"""Frames of a client in so many seconds (discord.md 1.10)."""

ENDS_SESSION = frozenset({4003, 4004, 4006, 4007, 4009, 4010, 4011, 4012, 4013, 4014})
"""Codes of ours after which a RESUME is answered by op 9."""

LOST = 1006
"""Stands for a connection that was reset."""

LOGIN_S = 30.0
RECORDED_OPS = (4, 8, 31, 43)


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
        self.query = exchange.request.query
        self.host = exchange.request.headers.get("host", "localhost")
        self.closing: int | None = None
        """The code with which we close, once we do; 0 for none."""
        self._gateway = gateway
        self._exchange = exchange
        self._journal = gateway.journal
        self._end = trio.Event()
        self._writer = Writer(
            compress=self.query.get("compress") == "zlib-stream",
            pieces=lambda: gateway.zlib_pieces,
            note=self._note,
            hang_up=self._hang_up,
        )
        self._sent_at: deque[float] = deque()
        self._interval = gateway.heartbeat_s
        self._due = 0.0
        self._asked = False
        self._silence = trio.CancelScope()
        self._login = trio.CancelScope()

    # --- what the gateway does with it ----------------------------------------------------------------------------

    def send(self, payload: JsonObject) -> None:
        """Queue a payload."""
        if payload.get("op") == 1:
            self._asked = True
        if payload.get("op") == 9:
            self._leave(lost=not payload.get("d"))
        self._push(json.dumps(payload, separators=(",", ":")))

    def dispatch(self, dispatch: Dispatch) -> None:
        """Queue a numbered event."""
        self._push(dispatch)

    def garbage(self, dispatch: Dispatch) -> None:
        """Queue a dispatch that breaks on the way."""
        self._push(Garbage(dispatch.text))

    def close(self, code: int | None, *, keep_tcp: bool = False) -> None:
        """Say goodbye after what is queued; None for no code."""
        if self.closing is None:
            self._push(Bye(code, keep_tcp))
            self.closing = code or 0
            if code in ENDS_SESSION:
                self._leave(lost=True)

    def close_after(self, seconds: float, code: int) -> None:
        """Say goodbye later, unless the client goes before."""
        self._nursery.start_soon(self._later, seconds, lambda: self.close(code))

    def later(self, seconds: float, act: Callable[[], None]) -> None:
        """Call *act* at once for 0 seconds, else later if the connection still lives."""
        if seconds > 0:
            self._nursery.start_soon(self._later, seconds, act)
        else:
            act()

    def cut(self) -> None:
        """Reset the TCP connection; what is on the way is lost."""
        if not self._end.is_set():
            self._break()
            self._exchange.abort()

    def cut_after_queue(self) -> None:
        """End the TCP connection after what is queued, without a close frame."""
        self._push(Cut())

    def suffer(self, action: Action) -> None:
        """Let a misfortune happen that needs no frame to be due; raises `ValueError` for one that does."""
        match action:
            case Reset():
                self.cut()
            case Hold():
                self.tap.held = True
            case Close(code, keep_tcp):
                self.close(code, keep_tcp=keep_tcp)
            case Say():
                for payload in action.payloads:
                    self.send(payload)
            case Wire() | Drip():
                self._push(action)
            case Silence():
                pass
            case _:
                raise ValueError(f"{action} has no place here")

    async def late(self, payload: JsonObject) -> None:
        """Send a payload past everything, even where the close handshake is over but TCP was kept."""
        await self.tap.inject(frame(1, json.dumps(payload).encode()))

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        action = self._gateway.faults.strike("connect")
        if isinstance(action, Http):
            reply = page(action.status, "discord is having a moment")
            await self._exchange.respond(reply.status, reply.all_headers(), reply.body)
            return
        if isinstance(action, Hold | Silence):
            await self._exchange.peer_left()
            return
        if isinstance(action, Reset):
            self._exchange.abort()
            return
        if isinstance(action, Late):
            await trio.sleep(action.seconds)
        request = await self._exchange.upgrade(through=self._put_tap)
        ws = await request.accept()
        self._note("open", query=self._exchange.request.target.partition("?")[2], path=self._exchange.request.path)
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
            self._note("gone")
        if self.tap.held:
            await self.tap.drain()

    # --- tasks ------------------------------------------------------------------------------------------------------

    async def _read(self, ws: WebSocketConnection) -> None:
        try:
            while True:
                self._receive(await ws.get_message())
        except ConnectionClosed as closed:
            code = closed.reason.code if closed.reason else 1006
            if self.closing is None:
                self._note("closed", code=code)
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
        with self._silence:
            await trio.sleep_forever()
        if self._silence.cancelled_caught:
            self._journal.counts["missed_beats"] += 1
            self.close(self._gateway.missed_beat_code)

    async def _later(self, seconds: float, usual: Callable[[], None]) -> None:
        await trio.sleep(seconds)
        usual()

    # --- frames -----------------------------------------------------------------------------------------------------

    def _open(self) -> None:
        if self.query.get("v") != "10":
            self.close(4012)
        elif self.query.get("encoding", "json") != "json" or self.query.get("compress") not in (None, "zlib-stream"):
            self.close(4002)
        else:
            self._meet("hello", self._hello)

    def _hello(self) -> None:
        self._due = trio.current_time() + self._interval
        self._silence.deadline = trio.current_time() + 1.5 * self._interval
        self.send({"op": 10, "d": {"heartbeat_interval": round(self._interval * 1000)}, "s": None, "t": None})

    def _receive(self, message: str | bytes) -> None:
        at = trio.current_time()
        if self.closing is not None:
            return
        while self._sent_at and self._sent_at[0] <= at - FRAMES_PER_S:
            self._sent_at.popleft()
        self._sent_at.append(at)
        if len(self._sent_at) > FRAMES:
            self.close(4008)
            return
        raw = message.encode() if isinstance(message, str) else bytes(message)
        if len(raw) > MAX_FRAME:
            self._journal.counts["oversized"] += 1
            self.close(4002)
            return
        try:
            payload = json.loads(raw)
            op, data = payload["op"], payload.get("d")
        except (ValueError, TypeError, LookupError, AttributeError):
            self.close(4002)
            return
        shown = {k: v for k, v in data.items() if k != "token"} if isinstance(data, dict) else data
        self._note("in", op=op if isinstance(op, int) else None, data=shown)
        self._act(op, data)

    def _act(self, op: object, data: Any) -> None:
        if op == 1:
            self._beat(data)
        elif op == 2:
            self._identify(data)
        elif op == 6:
            self._resume(data)
        elif op == 3 or op in RECORDED_OPS:
            if self.session is None:
                self._journal.counts["early_frames"] += 1
                self.close(4003)
            elif op == 3:
                self._presence(data)
        else:
            self.close(4001)

    def _beat(self, data: Any) -> None:
        at = trio.current_time()
        seq = data if isinstance(data, int) else None
        late = at - self._due
        self._journal.counts["beats"] += 1
        self._journal.beats.append(Beat(at=at, connection=self.number, seq=seq, late_s=late, asked=self._asked))
        if not self._asked:
            self._due = at + self._interval
        self._asked = False
        self._silence.deadline = at + 1.5 * self._interval
        if not self._gateway.acks_stalled:
            self._meet("beat", lambda: self.send({"op": 11, "d": None, "s": None, "t": None}))

    def _identify(self, data: Any) -> None:
        self._journal.counts["identify"] += 1
        if self.session is not None:
            self.close(4005)
            return
        verdict = self._gateway.judge_identify(data)
        if verdict == "too fast":
            self.send({"op": 9, "d": False, "s": None, "t": None})
        elif isinstance(verdict, int):
            self.close(verdict)
        else:
            action = self._gateway.faults.strike("identify")
            self._due_now(action, lambda: self._gateway.start_session(self, data), data)

    def _resume(self, data: Any) -> None:
        self._journal.counts["resume"] += 1
        if self.session is not None:
            self.close(4005)
            return
        action = self._gateway.faults.strike("resume")
        self._due_now(action, lambda: self._gateway.resume_session(self, data), data)

    def _presence(self, data: Any) -> None:
        if self.session is None or presence_is_wrong(data):
            self.close(4002)
            return
        self.session.presence = data
        self._journal.presences.append(data)

    async def _hang_up(self) -> None:
        self._break()
        await self._exchange.hang_up()

    def _break(self) -> None:
        self.closing = LOST
        self._note("bye", code=LOST)
        self._end.set()

    def _put_tap(self, stream: trio.abc.Stream) -> Tap:
        self.tap = Tap(stream)
        self.tap.ignores_close = self._gateway.ignore_closes
        self.tap.ping_at_close = self._gateway.ping_at_close
        return self.tap

    # --- within -----------------------------------------------------------------------------------------------------

    def _meet(self, point: Point, usual: Callable[[], None]) -> None:
        self._due_now(self._gateway.faults.strike(point), usual)

    def _due_now(self, action: Action | None, usual: Callable[[], None], data: Any = None) -> None:
        if action is None:
            usual()
        elif isinstance(action, Late):
            self._nursery.start_soon(self._later, action.seconds, usual)
        elif not self._gateway.special(self, action, data):
            self.suffer(action)
            if isinstance(action, Say | Wire) and action.then:
                usual()

    def logged_in(self, session: Session) -> None:
        """The client has a session now."""
        self.session = session
        self._login.cancel()

    def _leave(self, *, lost: bool) -> None:
        session, self.session = self.session, None
        if session is not None:
            self._gateway.release(session, self, lost=lost)

    def _push(self, item: Item) -> None:
        if self.closing is not None or self._end.is_set():
            return
        if not self._writer.put(item):
            self.cut()

    def _note(self, kind: Any, **fields: Any) -> None:
        self._journal.note(Entry(at=trio.current_time(), connection=self.number, kind=kind, **fields))
        self._gateway.notify()
