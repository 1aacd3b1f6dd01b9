"""An HTTP/1.1 server for one connection over any Trio stream; it lets a fake misbehave as real peers do."""

from __future__ import annotations

import socket
import struct
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeAlias

import h11
import trio
import trio_websocket
from attrs import frozen

from wanderer_notifier.sim.http_requests import MAX_BODY, MAX_HEAD, RECEIVE, read_request
from wanderer_notifier.sim.http_requests import Request as Request  # what handlers are given

IDLE_S = 300.0
"""Seconds a kept-alive connection may be silent; longer than any client of ours keeps one."""

Headers: TypeAlias = Sequence[tuple[str, str]]


@frozen(kw_only=True)
class Instead:
    """An answer to whatever is asked, as of a proxy, a moved server or one that is being maintained."""

    status: int
    headers: Headers = ()
    body: bytes = b""


class Gone(Exception):
    """The peer left, or this exchange was cut on purpose; the server ends the connection quietly."""


PEER_LEFT = (
    Gone,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    h11.RemoteProtocolError,
    trio_websocket.ConnectionClosed,
)
"""What a handler may let out when its client is gone; none of it takes a fake down."""


class Exchange:
    """A request and the way to answer it: at once, in pieces, not at all, or as a WebSocket."""

    def __init__(
        self,
        request: Request,
        connection: h11.Connection,
        stream: trio.abc.Stream,
        seen: bytes,
        nursery: trio.Nursery,
    ) -> None:
        self.request = request
        self._connection = connection
        self._stream = stream
        self._seen = seen
        self._nursery = nursery
        self._late = bytearray()
        self._over = False

    @property
    def wants_websocket(self) -> bool:
        """Whether the request is a complete WebSocket handshake (RFC 6455 section 4.1)."""
        headers = self.request.headers
        return (
            self.request.method == "GET"
            and headers.get("upgrade", "").lower() == "websocket"
            and "upgrade" in headers.get("connection", "").lower()
            and headers.get("sec-websocket-version") == "13"
            and bool(headers.get("sec-websocket-key"))
        )

    async def respond(self, status: int, headers: Headers, body: bytes = b"") -> None:
        """Answer completely; `content-length` is added when *headers* frame the body in no other way."""
        framed = {name.lower() for name, _ in headers} & {"content-length", "transfer-encoding"}
        bodiless = status < 200 or status in (204, 304)
        if not framed and not bodiless:
            headers = [*headers, ("content-length", str(len(body)))]
        await self.start(status, headers)
        if body and not bodiless and self.request.method != "HEAD":
            await self.send(body)
        await self.end()

    async def start(self, status: int, headers: Headers) -> None:
        """Send the status line and headers; without a `content-length` the body that follows is chunked."""
        await self._write(h11.Response(status_code=status, headers=list(headers)))

    async def send(self, chunk: bytes) -> None:
        """Send one piece of the body; with chunked framing exactly one chunk, and nothing for no bytes."""
        if chunk:
            await self._write(h11.Data(data=chunk))

    async def end(self) -> None:
        """Complete the body (the last chunk, if it is chunked)."""
        await self._write(h11.EndOfMessage())

    async def raw(self, data: bytes) -> None:
        """Send bytes past the protocol, for answers no correct server gives; the connection ends with this exchange."""
        self._over = True
        await self._stream.send_all(data)

    async def hang_up(self) -> None:
        """Close the connection in an orderly way right where it is: a chunked body then lacks its last chunk."""
        self._over = True
        await self._stream.aclose()

    def abort(self) -> None:
        """Cut the connection at once: the peer sees a reset, and what was not yet read may be lost."""
        self._over = True
        reset(self._stream)

    async def peer_left(self) -> None:
        """Return when the peer has closed its side or the connection broke; for handlers that only write."""
        try:
            while data := await self._stream.receive_some(RECEIVE):
                self._late += data
                if len(self._late) > MAX_HEAD:
                    return
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        self._over = True

    async def upgrade(
        self,
        *,
        max_message_size: int = 2**20,
        message_queue_size: int = 64,
        on_bytes: Callable[[], None] = lambda: None,
        through: Callable[[trio.abc.Stream], trio.abc.Stream] = lambda stream: stream,
    ) -> trio_websocket.WebSocketRequest:
        """Hand the connection to a WebSocket, which lives until the handler returns; call `accept()` on the result.

        *on_bytes* is called whenever anything arrives, pings included. *through* may put something of its own between
        the WebSocket and the connection, to misbehave below the protocol. Raises `Gone` after answering 400 when the
        request is not a WebSocket handshake.
        """
        if not self.wants_websocket:
            await self.respond(400, [("connection", "close")], b"not a WebSocket handshake")
            raise Gone("not a WebSocket handshake")
        self._over = True
        replayed = _Replayed(through(self._stream), self._seen + bytes(self._late), on_bytes)
        return await trio_websocket.wrap_server_stream(
            self._nursery, replayed, message_queue_size=message_queue_size, max_message_size=max_message_size
        )

    @property
    def over(self) -> bool:
        """Whether nothing more can be exchanged on this connection."""
        return self._over

    async def _write(self, event: h11.Event) -> None:
        if self._over:
            raise Gone("the connection was given up")
        # `send` gives None only for ConnectionClosed, which is never sent here.
        await self._stream.send_all(self._connection.send(event) or b"")


Handler: TypeAlias = Callable[[Exchange], Awaitable[None]]


async def serve_stream(
    stream: trio.abc.Stream, handler: Handler, *, idle_s: float = IDLE_S, max_body: int = MAX_BODY
) -> None:
    """Serve requests on *stream* one after the other until either side ends it; the stream is closed afterwards.

    Args:
        stream: what a listener accepted, or one end of a memory pair.
        handler: answers each exchange; if it returns with the answer unfinished, the connection is closed as it is.
        idle_s: seconds of silence between or inside requests after which the connection is closed.
        max_body: bytes of a request body that are accepted.

    Errors of the handler leave, except those that only say that the peer is gone.
    """
    try:
        async with trio.open_nursery() as nursery:
            await _serve(stream, handler, nursery, idle_s, max_body)
            nursery.cancel_scope.cancel(reason="connection over")
    except* PEER_LEFT:
        pass
    finally:
        await trio.aclose_forcefully(stream)


async def serve_tcp(
    handler: Handler,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen on real sockets until cancelled; `started()` gets the port that was bound."""
    listeners = await trio.open_tcp_listeners(port, host=host)
    async with trio.open_nursery() as nursery:
        await nursery.start(trio.serve_listeners, partial(serve_stream, handler=handler), listeners)
        task_status.started(int(listeners[0].socket.getsockname()[1]))


def reset(stream: trio.abc.Stream) -> None:
    """Break *stream* without a goodbye, now: a TCP reset, or its likeness in memory."""
    if isinstance(stream, trio.SocketStream):
        # Lingering for zero seconds turns the close into a reset; it fails only on a socket that is gone already.
        if stream.socket.fileno() != -1:
            stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            stream.socket.close()
    elif isinstance(stream, trio.StapledStream):
        for half in (stream.send_stream, stream.receive_stream):
            half.close()  # trio.testing's memory streams have it
    else:
        stream.cut()  # type: ignore[attr-defined]  # sim.network's streams have it


async def _serve(
    stream: trio.abc.Stream, handler: Handler, nursery: trio.Nursery, idle_s: float, max_body: int
) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
    while True:
        seen = bytearray(connection.trailing_data[0])
        try:
            with trio.move_on_after(idle_s) as silence:
                request = await read_request(connection, stream, seen, max_body)
        except h11.RemoteProtocolError as error:
            await _refuse(connection, stream, error)
            return
        if silence.cancelled_caught or request is None:
            return
        exchange = Exchange(request, connection, stream, bytes(seen), nursery)
        await handler(exchange)
        if exchange.over or connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return
        connection.start_next_cycle()


async def _refuse(connection: h11.Connection, stream: trio.abc.Stream, error: h11.RemoteProtocolError) -> None:
    if connection.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    answer = h11.Response(
        status_code=error.error_status_hint, headers=[("connection", "close"), ("content-length", "0")]
    )
    await stream.send_all((connection.send(answer) or b"") + (connection.send(h11.EndOfMessage()) or b""))


class _Replayed(trio.abc.Stream):
    """A stream that first gives back the bytes which were already read from it."""

    def __init__(self, stream: trio.abc.Stream, seen: bytes, on_bytes: Callable[[], None]) -> None:
        self._stream = stream
        self._seen = seen
        self._on_bytes = on_bytes

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        if not self._seen:
            data = await self._stream.receive_some(max_bytes)
            self._on_bytes()
            return data
        await trio.lowlevel.checkpoint()
        size = len(self._seen) if max_bytes is None else max_bytes
        given, self._seen = self._seen[:size], self._seen[size:]
        return given

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()
