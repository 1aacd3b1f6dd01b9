"""One socket of the fake kill service: reading, writing, the idle timer and its ends."""

from __future__ import annotations

from email.utils import format_datetime
from typing import TYPE_CHECKING

import trio
from trio_websocket import WebSocketConnection

from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.killfeed_channel import Reaction, Session
from wanderer_notifier.sim.killfeed_wire import Frame, Undecodable, Version, decode, encode

if TYPE_CHECKING:
    from wanderer_notifier.sim.killfeed import KillFeed

MAX_FRAME = 131_072
"""Bytes of a client's message; a larger one closes the socket with 1009 (wanderer-kills.md 1.4)."""

LIBRARY_LIMIT = 2**24
"""Above `MAX_FRAME`, so that this file decides about the close and not the library."""

WAITING_FRAMES = 20_000
"""Frames that may wait for a slow client; one more and the connection is cut, as its buffers would be."""

GOODBYE_S = 1.0
"""Seconds a client has to answer a close frame."""


class Connection:
    """A client, from its handshake to its end.

    Args:
        feed: the service it belongs to.
        number: counts the sockets from 1.
        version: the serializer the client asked for.
        session: its side of the channel protocol.
        exchange: the handshake.
    """

    def __init__(self, feed: KillFeed, number: int, version: Version, session: Session, exchange: Exchange) -> None:
        self.number = number
        self.version = version
        self.session = session
        self._feed = feed
        self._exchange = exchange
        self._out, self._queue = trio.open_memory_channel[str | None](WAITING_FRAMES + 1)
        self._silence = trio.CancelScope()
        self._life = trio.CancelScope()
        self._ending: int | None = None
        self._closing = trio.Event()
        self._end = trio.Event()

    @property
    def systems(self) -> tuple[int, ...]:
        """The systems it is subscribed to; empty when it has not joined."""
        return tuple(self.session.channel.systems) if self.session.channel else ()

    @property
    def characters(self) -> tuple[int, ...]:
        """The characters it is subscribed to; empty when it has not joined."""
        return tuple(self.session.channel.characters) if self.session.channel else ()

    def push(self, frame: Frame) -> None:
        """Queue a frame for the client."""
        self.push_text(encode(self.version, frame))

    def push_text(self, text: str) -> None:
        """Queue a text frame as it is."""
        if self._ending is not None:
            return
        if self._out.statistics().current_buffer_used >= WAITING_FRAMES:
            self.cut()
        else:
            self._out.send_nowait(text)

    def crash(self) -> None:
        """Let its channel die."""
        self._carry_out(self.session.crash())

    def close(self, code: int) -> None:
        """Say goodbye with *code* after what is already queued; it is not joined any more from this moment on."""
        if self._ending is None:
            self._ending = code
            self.session.channel = None
            self._out.send_nowait(None)
            self._closing.set()

    def cut(self) -> None:
        """Reset the TCP connection."""
        self.session.channel = None
        self._exchange.abort()
        self._end.set()

    def linger(self, seconds: float) -> None:
        """Be cut after *seconds*, unless it ends before."""
        self._life.deadline = trio.current_time() + seconds

    async def run(self) -> None:
        """Serve the client until either side ends it."""
        request = await self._exchange.upgrade(max_message_size=LIBRARY_LIMIT, on_bytes=self._note_life)
        ws = await request.accept(
            extra_headers=[
                (b"cache-control", b"max-age=0, private, must-revalidate"),
                (b"date", format_datetime(self._feed.now(), usegmt=True).encode()),
                (b"server", b"Cowboy"),
            ]
        )
        self._feed.touch()
        self._note_life()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._write, ws)
            nursery.start_soon(self._watch_idle)
            nursery.start_soon(self._give_up)
            nursery.start_soon(self._read, ws, nursery)
            with self._life:
                await self._end.wait()
            if self._life.cancelled_caught:
                self.cut()
            nursery.cancel_scope.cancel(reason="socket over")
        if self._ending is not None:
            with trio.move_on_after(GOODBYE_S):
                await ws.aclose(self._ending)

    def _note_life(self) -> None:
        self._silence.deadline = trio.current_time() + self._feed.idle_s

    async def _watch_idle(self) -> None:
        """Only what the client sends counts, but of that everything, pings too."""
        with self._silence:
            await trio.sleep_forever()
        self.close(1000)

    async def _write(self, ws: WebSocketConnection) -> None:
        async for text in self._queue:
            await self._feed.flowing()
            if text is None:
                break
            await ws.send_message(text)
        self._end.set()

    async def _give_up(self) -> None:
        """A client that does not read must not keep a closed socket alive."""
        await self._closing.wait()
        await trio.sleep(GOODBYE_S)
        self._end.set()

    async def _read(self, ws: WebSocketConnection, nursery: trio.Nursery) -> None:
        while True:
            text = await ws.get_message()
            self._feed.hear(self, text)
            if len(text.encode() if isinstance(text, str) else text) > MAX_FRAME:
                self.close(1009)
                return
            try:
                frame = decode(self.version, text)
            except Undecodable:
                self.close(1011)
                return
            if frame.event == "phx_join" and self._feed.delay_join_s:
                nursery.start_soon(self._answer_late, frame, self._feed.delay_join_s)
            else:
                self._answer(frame)

    async def _answer_late(self, frame: Frame, seconds: float) -> None:
        await trio.sleep(seconds)
        self._answer(frame)

    def _answer(self, frame: Frame) -> None:
        heartbeat = frame.topic == "phoenix"
        if heartbeat and self._feed.mute_heartbeats:
            return
        reaction = self.session.receive(frame)
        if not heartbeat and self._feed.replies_to_drop > 0:
            self._feed.replies_to_drop -= 1
            others = tuple(one for one in reaction.frames if one.event != "phx_reply")
            reaction = Reaction(frames=others, preload=reaction.preload)
        self._carry_out(reaction)
        self._feed.touch()

    def _carry_out(self, reaction: Reaction) -> None:
        for frame in reaction.frames:
            self.push(frame)
        if reaction.preload:
            self._feed.preload(self, reaction.preload)
