"""Peers on which a TLS handshake fails: what a wss address may lead to besides Discord."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from wanderer_notifier.sim.http import reset

Peer: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]
"""Serves one connection."""

CLIENT_HELLO = 65536
PLAIN = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
"""What a server says that was asked for TLS and speaks none."""


async def plain_bytes(stream: trio.abc.Stream) -> None:
    """Answer the client's first bytes of TLS in plain HTTP, then close."""
    if await _first_bytes(stream):
        await _say(stream, PLAIN)
    await stream.aclose()


async def slam(stream: trio.abc.Stream) -> None:
    """Reset the connection in the middle of the handshake."""
    await _first_bytes(stream)
    reset(stream)


async def silence(stream: trio.abc.Stream) -> None:
    """Take everything and answer nothing, until the client goes."""
    while await _first_bytes(stream):
        pass
    await stream.aclose()


def untrusted(tls: ssl.SSLContext) -> Peer:
    """Shake hands with the certificate of *tls*, which the client should refuse, and say nothing afterwards."""

    async def serve(stream: trio.abc.Stream) -> None:
        secure = trio.SSLStream(stream, tls, server_side=True, https_compatible=True)
        try:
            await secure.do_handshake()
            while await secure.receive_some():
                pass
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # refused, as it should be
        await trio.aclose_forcefully(secure)

    return serve


async def _first_bytes(stream: trio.abc.Stream) -> bytes | bytearray:
    try:
        return await stream.receive_some(CLIENT_HELLO)
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        return b""


async def _say(stream: trio.abc.Stream, data: bytes) -> None:
    with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
        await stream.send_all(data)
