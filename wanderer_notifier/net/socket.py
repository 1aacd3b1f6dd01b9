"""A WebSocket whose every step is bounded and whose stream we own.

`trio_websocket.open_websocket_url` hangs past its own time-outs, hides TLS errors and can cancel our siblings
(libraries.md 4 lists ten situations; each has a test).
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from urllib.parse import SplitResult, urlsplit

import trio
import trio.abc
from trio_websocket import ConnectionClosed, ConnectionRejected, WebSocketConnection, wrap_client_stream
from wsproto.utilities import LocalProtocolError

from wanderer_notifier.net.dial import Dial, default_tls
from wanderer_notifier.net.errors import Interrupted, NotReached, Refused, why

RECEIVE_BYTES = 64 * 1024
"""The library's default of 4 KiB makes an 8 MB message three times slower (discord.md 1.14 T10)."""


@asynccontextmanager
async def open_socket(
    url: str,
    *,
    dial: Dial,
    tls: ssl.SSLContext | None = None,
    connect_s: float = 10.0,
    queue: int = 64,
    max_message: int = 32 * 2**20,
    headers: Iterable[tuple[bytes, bytes]] = (),
) -> AsyncIterator[WebSocketConnection]:
    """Connect to *url* (ws or wss) within *connect_s* seconds and release everything, at once, when left.

    It says no goodbye: a polite close is the caller's own, bounded act. *queue* messages of at most *max_message*
    bytes wait for the reader; when they are full, pings and close frames wait too, so read fast.

    Raises `NotReached` (`Refused` when the peer answered with an HTTP status) before the socket is open and
    `Interrupted` when the library's reader breaks later; errors of the body leave as they are.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("ws", "wss") or not parts.hostname:
        raise NotReached("a WebSocket address must start with ws:// or wss:// and name a host")
    peer = f"{parts.hostname}:{_port(parts)}"
    opened = False
    failure: Exception | None = None
    crash: BaseException | None = None
    deadline = trio.current_time() + connect_s
    try:
        with trio.fail_at(deadline):
            stream = await dial(parts.hostname, _port(parts))
    except trio.TooSlowError:
        raise NotReached(f"{peer}: no connection within {connect_s:g} s") from None
    except OSError as error:
        raise NotReached(f"{peer}: {why(error)}") from error
    try:
        async with trio.open_nursery() as reader:
            try:
                with trio.fail_at(deadline):
                    stream = await _secured(stream, parts, tls)
                    ws = await wrap_client_stream(
                        reader,
                        stream,  # type: ignore[arg-type]  # annotated for sockets, works with any stream
                        parts.netloc.rpartition("@")[2],
                        (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
                        extra_headers=list(headers),
                        message_queue_size=queue,
                        max_message_size=max_message,
                        receive_buffer_size=RECEIVE_BYTES,
                    )
                opened = True
                yield ws
            except Exception as error:
                failure = error  # raised below, so that it leaves bare and not in the reader's group
            finally:
                reader.cancel_scope.cancel(reason="left the socket")
    except* Exception as group:
        crash = group  # of the reader: garbage for HTTP, a refusal, a ping answered while closing
    finally:
        await trio.aclose_forcefully(stream)
    if opened:
        if failure is not None:
            raise failure
        if crash is not None:
            raise Interrupted(f"{peer}: {why(crash)}") from crash
    elif isinstance(failure, trio.TooSlowError):
        raise NotReached(f"{peer}: no WebSocket upgrade within {connect_s:g} s") from None
    elif failure is not None or crash is not None:
        raise _not_opened(peer, failure or crash) from failure or crash


async def say_goodbye(ws: WebSocketConnection, code: int) -> None:
    """Close *ws* with *code* and wait for the peer's answer, for as long as the caller's own deadline allows."""
    with contextlib.suppress(
        ConnectionClosed, LocalProtocolError, OSError, trio.BrokenResourceError, trio.ClosedResourceError
    ):
        await ws.aclose(code)  # one that is closed already is as good


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "wss" else 80)


async def _secured(
    stream: trio.abc.HalfCloseableStream, parts: SplitResult, tls: ssl.SSLContext | None
) -> trio.abc.HalfCloseableStream:
    if parts.scheme != "wss":
        return stream
    secure = trio.SSLStream(stream, tls or default_tls(), server_hostname=parts.hostname, https_compatible=True)
    await secure.do_handshake()  # here, so that a certificate error shows now and with its reason
    return secure  # type: ignore[return-value]  # TLS cannot half-close; nobody asks a WebSocket to


def _not_opened(peer: str, error: BaseException | None) -> NotReached:
    inner = error
    while isinstance(inner, BaseExceptionGroup):
        inner = inner.exceptions[0]
    if isinstance(inner, ConnectionRejected):
        body = (inner.body or b"")[:500].decode("utf-8", "replace")
        return Refused(f"{peer}: answered HTTP {inner.status_code} to the upgrade", status=inner.status_code, body=body)
    assert error is not None
    return NotReached(f"{peer}: {why(error)}")
