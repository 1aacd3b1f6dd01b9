"""The listening socket and the server on it: as many connections as are good for us, no patience with slow headers.

Hypercorn has no limit of connections and no deadline for a request's head, so its connection handler runs here under
our own accept loop.
"""

from __future__ import annotations

import logging
import re
import socket
from functools import partial
from http import HTTPStatus
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio.lifespan import Lifespan
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ConnectionState, LifespanState
from hypercorn.utils import wrap_app
from quart_trio import QuartTrio

CONNECTIONS = 256
HEAD_S = 10.0
"""From the first byte of a request to the end of its head (operations.md OPS-75)."""
IDLE_S = 60
GRACE_S = 1.0
"""An idle browser holds the shutdown for all of it."""
_BARE_STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) \r\n")
HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
"""On every answer (operations.md OPS-73)."""
HEADER_LINES = "".join(f"{name.lower()}: {value}\r\n" for name, value in HEADERS.items())
_BUSY = (
    f"HTTP/1.1 503 Service Unavailable\r\n{HEADER_LINES}"
    "content-length: 0\r\nretry-after: 5\r\nconnection: close\r\n\r\n"
).encode()


def listen(address: str, port: int) -> socket.socket:
    """A listening socket on *address*; `::` means every address of both families, also on a machine without IPv6.

    Raises OSError when the port is taken or the address is not ours.
    """
    if address == "::" and socket.has_dualstack_ipv6():
        return socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=True)
    if address == "::":
        address = "0.0.0.0"  # noqa: S104  # the operator asked for all addresses
    return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


class _Impatient:
    """A connection whose peer has *head_s* seconds to finish the head of a request it began."""

    def __init__(self, stream: trio.SocketStream, head_s: float) -> None:
        self._stream, self._head_s = stream, head_s
        self.life = trio.CancelScope()
        """What serves this connection; Hypercorn itself would keep a half-open one until it has idled out."""
        self._begun: float | None = None
        self._tail = b""
        self.socket = stream.socket

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(_with_reason(bytes(data)))

    # The end of a connection that the reader wants closed comes from within the request's task, which Quart cancels at
    # that moment: without a shield the reader would wait for the end until the connection has idled out.

    async def send_eof(self) -> None:
        with trio.CancelScope(shield=True):
            await self._stream.send_eof()

    async def aclose(self) -> None:
        with trio.CancelScope(shield=True):
            await self._stream.aclose()

    async def receive_some(self, most: int) -> bytes:
        deadline = float("inf") if self._begun is None else self._begun + self._head_s
        with trio.move_on_at(deadline) as patience:
            data = bytes(await self._stream.receive_some(most))
        if patience.cancelled_caught:
            self.life.cancel(reason="the peer was too slow")
            raise trio.BrokenResourceError("the peer was too slow")
        if self._begun is None:
            self._begun, self._tail = trio.current_time(), b""
        if b"\r\n\r\n" in (seen := self._tail + data):
            self._begun = None
        self._tail = seen[-3:]
        return data


def _with_reason(data: bytes) -> bytes:
    """*data*, with the words for its status where it begins an answer: old scripts look for `200 OK`, and Hypercorn
    leaves them out."""
    found = _BARE_STATUS.match(data)
    if found is None:
        return data
    try:
        words = HTTPStatus(int(found[1])).phrase
    except ValueError:
        return data
    return b"%s%s%s" % (found[0][:-2], words.encode(), data[found.end() - 2 :])


async def serve(
    app: QuartTrio,
    listener: socket.socket,
    stop: trio.Event,
    *,
    connections: int = CONNECTIONS,
    head_s: float = HEAD_S,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests on *listener* (taken over and closed here) until *stop* is set.

    What is more than *connections* at a time is told to come again.
    """
    config = Config()
    config.errorlog, config.accesslog, config.include_server_header = logging.getLogger("web"), None, False
    config.keep_alive_timeout, config.h11_max_incomplete_size = IDLE_S, 16 * 1024
    wrapped = wrap_app(app, config.wsgi_max_body_size, None)
    state: LifespanState = {}
    lifespan, context = Lifespan(wrapped, config, state), WorkerContext(None)
    room = trio.CapacityLimiter(connections)

    async def connection(stream: trio.SocketStream) -> None:
        try:
            room.acquire_on_behalf_of_nowait(stream)
        except trio.WouldBlock:
            await _turn_away(stream)
            return
        patient = _Impatient(stream, head_s)
        try:
            one = cast("trio.SSLStream[trio.SocketStream]", patient)  # no more is asked of it
            with patient.life:
                await TCPServer(wrapped, config, context, ConnectionState(state.copy()), one).run()
        except Exception:  # one reader's connection must not end the service
            logging.getLogger("web").exception("connection failed")
        finally:
            room.release_on_behalf_of(stream)
            with trio.CancelScope(shield=True):
                await trio.aclose_forcefully(stream)

    async with trio.open_nursery() as around:
        await around.start(lifespan.handle_lifespan)
        await lifespan.wait_for_startup()
        async with trio.open_nursery() as open_ones, trio.open_nursery() as accepting:
            sockets = [trio.SocketListener(trio.socket.from_stdlib_socket(listener))]
            accepting.start_soon(partial(trio.serve_listeners, connection, sockets, handler_nursery=open_ones))
            task_status.started()
            try:
                await stop.wait()
            finally:
                accepting.cancel_scope.cancel(reason="told to stop")
                await context.terminated.set()  # noqa: ASYNC102  # sets an event, waits for nothing
                open_ones.cancel_scope.deadline = trio.current_time() + GRACE_S
        await lifespan.wait_for_shutdown()
        around.cancel_scope.cancel(reason="the application has ended")


async def _turn_away(stream: trio.SocketStream) -> None:
    with trio.move_on_after(1.0):
        async with stream:
            try:
                await stream.send_all(_BUSY)
            except trio.BrokenResourceError:
                return
