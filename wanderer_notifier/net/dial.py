"""The one place where connections begin; tests and simulations put their own `Dial` here."""

from __future__ import annotations

import functools
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio
import trio.abc

Dial: TypeAlias = Callable[[str, int], Awaitable[trio.abc.HalfCloseableStream]]
"""Opens a byte stream to (host, port); raises OSError. The caller sets the deadline."""


def tcp_dial(*, ipv4_only: bool = False) -> Dial:
    """A `Dial` over TCP; *ipv4_only* for hosts whose IPv6 route leads nowhere."""

    async def dial(host: str, port: int) -> trio.abc.HalfCloseableStream:
        try:
            return await trio.open_tcp_stream(host, port, local_address="0.0.0.0" if ipv4_only else None)  # noqa: S104
        except UnicodeError as error:  # a peer may send us anywhere (a redirect, Discord's gateway)
            raise OSError("the name of the host is none") from error

    return dial


def only_here(dial: Dial) -> Dial:
    """*dial*, where every other machine is as good as unreachable (APP_ENV=test)."""

    async def local(host: str, port: int) -> trio.abc.HalfCloseableStream:
        if not _is_here(host):
            raise OSError("APP_ENV=test sends nothing to other machines")
        return await dial(host, port)

    return local


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


@functools.cache
def default_tls() -> ssl.SSLContext:
    """The system's trusted certificates, loaded once: loading takes about 20 ms of CPU."""
    return ssl.create_default_context()
