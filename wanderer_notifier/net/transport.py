"""httpx over our own `Dial`: the connection pool of httpcore with a network made of Trio streams."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable
from typing import Any, NoReturn

import httpcore
import httpx
import trio
import trio.abc

from wanderer_notifier.net.dial import Dial
from wanderer_notifier.net.errors import Interrupted, NotReached, Silent, why

NOT_SENT = (httpcore.ConnectError, httpcore.ConnectTimeout, httpcore.PoolTimeout, httpcore.UnsupportedProtocol)
FAULTS = (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError, httpcore.UnsupportedProtocol)


class TrioStream(httpcore.AsyncNetworkStream):
    """One connection; closing it never waits for the peer.

    Unused for *idle_s* seconds it counts as closed by the peer: by Trio's clock, which the pool's own expiry ignores.
    """

    def __init__(self, stream: trio.abc.Stream, idle_s: float) -> None:
        self._stream, self._idle_s = stream, idle_s
        self._used_at = trio.current_time()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # httpcore's form
        try:
            with trio.fail_after(_limit(timeout)):
                data = bytes(await self._stream.receive_some(max_bytes))
        except trio.TooSlowError:
            raise httpcore.ReadTimeout(f"silent for {timeout:g} s") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.ReadError(why(error)) from error
        self._used_at = trio.current_time()
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        try:
            with trio.fail_after(_limit(timeout)):
                await self._stream.send_all(buffer)
        except trio.TooSlowError:
            raise httpcore.WriteTimeout(f"does not take our bytes for {timeout:g} s") from None
        except (trio.BrokenResourceError, trio.ClosedResourceError) as error:
            raise httpcore.WriteError(why(error)) from error

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.AsyncNetworkStream:
        secure = trio.SSLStream(self._stream, ssl_context, server_hostname=server_hostname, https_compatible=True)
        try:
            with trio.fail_after(_limit(timeout)):
                await secure.do_handshake()
        except trio.TooSlowError:
            await self.aclose()
            raise httpcore.ConnectTimeout(f"no TLS handshake within {timeout:g} s") from None
        except trio.BrokenResourceError as error:
            await self.aclose()
            raise httpcore.ConnectError(why(error)) from error
        return TrioStream(secure, self._idle_s)

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable":  # asked of an idle connection: has the peer closed it meanwhile?
            raw = self._stream
            while isinstance(raw, trio.SSLStream):
                raw = raw.transport_stream
            if trio.current_time() - self._used_at > self._idle_s:
                return True
            if isinstance(raw, trio.SocketStream):
                return raw.socket.is_readable()
            return bool(getattr(raw, "readable", False))  # streams in memory that know it say so
        return None


class TrioNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections with a `Dial`."""

    def __init__(self, dial: Dial, idle_s: float) -> None:
        self._dial, self._idle_s = dial, idle_s

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            with trio.fail_after(_limit(timeout)):
                return TrioStream(await self._dial(host, port), self._idle_s)
        except trio.TooSlowError:
            raise httpcore.ConnectTimeout(f"no connection within {timeout:g} s") from None
        except (OSError, trio.BrokenResourceError) as error:
            raise httpcore.ConnectError(why(error)) from error

    async def sleep(self, seconds: float) -> None:
        await trio.sleep(seconds)


class Body(httpx.AsyncByteStream):
    """The bytes of one answer; a cut or silent peer raises `Interrupted`.

    An iterator and not a generator: a generator left early would be collected half-run, which Trio warns of.
    """

    def __init__(self, parts: Any) -> None:
        self._parts = parts
        self._iterator = aiter(parts)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return bytes(await anext(self._iterator))
        except FAULTS as error:
            translate(error)

    async def aclose(self) -> None:
        await self._parts.aclose()


class Transport(httpx.AsyncBaseTransport):
    """What httpx hands its requests to; raises `NotReached` and `Interrupted`, never a library's error."""

    def __init__(self, *, dial: Dial, tls: ssl.SSLContext | None, connections: int, idle_s: float) -> None:
        def pool() -> httpcore.AsyncConnectionPool:
            return httpcore.AsyncConnectionPool(
                ssl_context=tls,
                max_connections=connections,
                max_keepalive_connections=connections,
                network_backend=TrioNetwork(dial, idle_s),
            )

        self._new_pool, self._pool = pool, pool()
        self._left: list[httpcore.AsyncConnectionPool] = []
        """Pools that were left, as long as a request that waited for a place in them may still open a connection."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        inner = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        try:
            answer = await self._pool.handle_async_request(inner)
        except FAULTS as error:
            translate(error)
        return httpx.Response(
            answer.status, headers=answer.headers, stream=Body(answer.stream), extensions=answer.extensions
        )

    async def renew(self) -> None:
        """Close all connections and go on with new ones; requests under way are interrupted."""
        old, self._pool = self._pool, self._new_pool()
        await self._close_left()
        await old.aclose()
        self._left.append(old)

    async def aclose(self) -> None:
        await self._close_left()
        await self._pool.aclose()

    async def _close_left(self) -> None:
        while self._left:
            await self._left.pop().aclose()


def translate(error: Exception) -> NoReturn:
    """Raise our word for a fault of httpcore."""
    if isinstance(error, NOT_SENT):
        raise NotReached(why(error)) from error
    if isinstance(error, httpcore.ReadTimeout):
        raise Silent(why(error)) from error
    raise Interrupted(why(error)) from error


def _limit(timeout: float | None) -> float:
    return float("inf") if timeout is None else timeout
