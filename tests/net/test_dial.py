"""Connections of a host whose IPv6 leads nowhere, and of one that has nothing else (cases.md O11)."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import trio

from wanderer_notifier.net.dial import only_here, tcp_dial

HOST = "kills.example"


class Addresses(trio.abc.HostnameResolver):
    """Says that `HOST` has these addresses, in this order, and nothing else exists."""

    def __init__(self) -> None:
        self.addresses: tuple[str, ...] = ()

    async def getaddrinfo(
        self,
        host: bytes | None,
        port: bytes | str | int | None,
        family: int = 0,
        type: int = 0,  # noqa: A002  # its name in the standard library
        proto: int = 0,
        flags: int = 0,
    ) -> Any:
        await trio.lowlevel.checkpoint()
        if host != HOST.encode():
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        six = {address: ":" in address for address in self.addresses}
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (address, port, 0, 0))
            if six[address]
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in self.addresses
            if family in (0, socket.AF_INET6 if six[address] else socket.AF_INET)
        ]

    async def getnameinfo(self, sockaddr: Any, flags: int) -> Any:
        raise AssertionError("nobody asks for the name of an address")


@pytest.fixture
async def resolve() -> AsyncIterator[Addresses]:
    """Is asked for addresses instead of the system."""
    addresses = Addresses()
    trio.socket.set_custom_hostname_resolver(addresses)
    yield addresses
    trio.socket.set_custom_hostname_resolver(None)


@contextlib.contextmanager
def black_hole(port: int) -> Iterator[None]:
    """`::1` on *port* answers nothing at all: its queue is full and the kernel drops what comes."""
    with contextlib.ExitStack() as stack:
        try:
            listener = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind(("::1", port))
        except OSError as error:
            pytest.skip(f"no IPv6 on the loopback ({error}): not tested here")
        listener.listen(0)
        for _ in range(20):
            filler = stack.enter_context(socket.socket(socket.AF_INET6, socket.SOCK_STREAM))
            filler.settimeout(0.1)
            try:
                filler.connect(("::1", port))
            except TimeoutError:
                break
        else:
            pytest.skip("the queue of a listener is never full here: not tested")
        yield


async def greeted(port: int, *, ipv4_only: bool = False) -> tuple[str, float]:
    """Which family a connection to `HOST` came by, and how long it took."""
    began = trio.current_time()
    with trio.fail_after(10):
        stream = await tcp_dial(ipv4_only=ipv4_only)(HOST, port)
    assert isinstance(stream, trio.SocketStream)
    took_s = trio.current_time() - began
    family = stream.socket.family
    await stream.aclose()
    return ("IPv6" if family == socket.AF_INET6 else "IPv4"), took_s


async def test_o11_an_ipv6_that_swallows_everything_costs_less_than_two_seconds(resolve: Addresses) -> None:
    resolve.addresses = (
        "::1",
        "127.0.0.1",
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with black_hole(port):
            family, took_s = await greeted(port)
    assert family == "IPv4"
    assert took_s < 2.0


async def test_o11_an_ipv6_without_a_route_costs_nothing(resolve: Addresses) -> None:
    resolve.addresses = (
        "100::1",
        "127.0.0.1",
    )  # the discard prefix
    with socket.create_server(("127.0.0.1", 0)) as server:
        family, took_s = await greeted(server.getsockname()[1])
    assert family == "IPv4"
    assert took_s < 2.0


async def test_o11_ipv6_alone_works(resolve: Addresses) -> None:
    resolve.addresses = ("::1",)
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        pytest.skip(f"no IPv6 on the loopback ({error}): not tested here")
    with server:
        assert (await greeted(server.getsockname()[1]))[0] == "IPv6"


async def test_o11_ipv4_only_never_tries_the_other(resolve: Addresses) -> None:
    resolve.addresses = (
        "::1",
        "127.0.0.1",
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with black_hole(port):
            family, took_s = await greeted(port, ipv4_only=True)
    assert family == "IPv4"
    assert took_s < 0.2


async def test_a_test_installation_reaches_nothing_but_this_machine() -> None:
    reached: list[str] = []

    async def dial(host: str, port: int) -> trio.abc.HalfCloseableStream:
        reached.append(host)
        raise ConnectionRefusedError

    here = only_here(dial)
    for host in ("127.0.0.1", "::1", "localhost"):
        with pytest.raises(ConnectionRefusedError):
            await here(host, 80)
    for host in ("10.0.0.1", "discord.com", "localhost.example"):
        with pytest.raises(OSError, match="APP_ENV=test sends nothing to other machines"):
            await here(host, 80)
    assert reached == ["127.0.0.1", "::1", "localhost"]


@pytest.mark.parametrize("host", ["a" * 64 + ".example", "a..example"])
async def test_a_name_that_cannot_be_one_is_a_host_that_is_not_there(host: str) -> None:
    with pytest.raises(OSError, match="name"):
        await tcp_dial()(host, 80)
