"""One HTTP client per upstream: limits, deadlines, retries of idempotent reads, and errors in our own words."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

import httpx
import structlog
import trio
from attrs import define

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.net.answers import Answer, Chunks, StreamAnswer, interrupted, lower, retry_after
from wanderer_notifier.net.dial import Dial, default_tls
from wanderer_notifier.net.errors import BadStatus, Interrupted, NetError, NotReached, Silent, TooLarge
from wanderer_notifier.net.outgoing import Params, body_of, given, watch_sending
from wanderer_notifier.net.redirects import onward
from wanderer_notifier.net.transport import Transport

__all__ = [
    "Answer",
    "BadStatus",
    "Interrupted",
    "NetError",
    "NotReached",
    "Params",
    "StreamAnswer",
    "TooLarge",
    "Upstream",
    "retry_after",
]

log = structlog.get_logger("http")

Observe: TypeAlias = Callable[[str, str, "int | str", float], None]
"""(service, method, status or how it failed, seconds), once per attempt."""

DOWN_S = 600.0
"""A peer with which no call came through for so long gets new connections (operations.md OPS-48)."""
READ_TOTAL_S = 120.0
"""The longest that all attempts of one read may take together (operations.md OPS-100)."""
LONGEST_WAIT_S = 30.0
"""A `Retry-After` beyond this is the caller's to wait for, not a read's."""


@define
class _Seen:
    """How an attempt went."""

    status: int | str = "cancelled"


class Upstream:
    """A peer that speaks HTTP.

    *read_s* bounds the silence between two chunks, *total_s* a whole call, *max_body* the bytes of one answer; a
    connection unused for *idle_s* is not trusted any more.
    Reads follow *redirects* redirects, elsewhere without their credentials; all others are answers like any other.
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        *,
        dial: Dial,
        tls: ssl.SSLContext | None = None,
        headers: Mapping[str, str] | None = None,
        connect_s: float = 10.0,
        read_s: float = 30.0,
        total_s: float = 60.0,
        max_body: int = 16 * 2**20,
        connections: int = 20,
        idle_s: float = 30.0,
        redirects: int = 0,
        observe: Observe | None = None,
        retried: Callable[[str], None] = lambda name: None,
        healed: Callable[[str], None] = lambda action: None,
        roll: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self.name = name
        self._total_s, self._max_body = total_s, max_body
        self._observe, self._roll = observe or (lambda *_: None), roll
        self._connect_s, self._read_s, self._retried, self._healed = connect_s, read_s, retried, healed
        self._down_since: float | None = None
        self._streams = 0
        self._redirects, self._moved = redirects, set[str]()
        if tls is None and (base_url.startswith("https") or redirects):
            tls = default_tls()
        default = httpx.Headers({"user-agent": "wanderer-notifier"})
        default.update(headers or {})  # whatever the case of the names
        self._transport = Transport(dial=dial, tls=tls, connections=connections, idle_s=idle_s)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=default,
            transport=self._transport,
            timeout=httpx.Timeout(connect_s, read=read_s),
            trust_env=False,
            follow_redirects=False,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Params | None = None,
        json: Any = None,
        text: str | None = None,
        headers: Mapping[str, str] | None = None,
        total_s: float | None = None,
    ) -> Answer:
        """One attempt; any status is an answer. The body is *json*, or *text* as plain text.

        Raises `NotReached` (certainly not sent), `Interrupted` (outcome unknown) or `TooLarge`.
        """
        content, own = body_of(json, text)
        own.update(headers or {})
        request = self._client.build_request(method, path, params=given(params), content=content, headers=own)
        limit_s = self._total_s if total_s is None else total_s
        async with self._attempt(request, limit_s) as seen:
            with trio.fail_after(limit_s):
                answer = await self._read(request)
            seen.status = answer.status
        return answer

    @asynccontextmanager
    async def stream(
        self,
        path: str,
        *,
        params: Params | None = None,
        headers: Mapping[str, str] | None = None,
        read_s: float | None = None,
        open_s: float = 30.0,
    ) -> AsyncIterator[StreamAnswer]:
        """A GET whose body is read as it comes; *read_s* of silence raise `Interrupted` (the watchdog).

        The headers must come within *open_s* seconds. Raises as `request` does; leaving closes the connection.
        """
        timeout = httpx.Timeout(self._connect_s, read=self._read_s if read_s is None else read_s)
        request = self._client.build_request(
            "GET", path, params=given(params), headers=httpx.Headers(headers or {}), timeout=timeout
        )
        async with self._attempt(request, open_s) as seen:
            with trio.fail_after(open_s):
                response = await self._client.send(request, stream=True)
            seen.status = response.status_code
        self._streams += 1
        try:
            yield StreamAnswer(response.status_code, lower(response), Chunks(self.name, response))
        finally:
            self._streams -= 1
            with trio.CancelScope(shield=True):  # closing never waits for the peer, see net.transport
                await response.aclose()

    async def get_json(self, path: str, *, params: Params | None = None, attempts: int = 3) -> Any:
        """The JSON at *path*, tried up to *attempts* times, and for up to two minutes, where a repeat can help.

        Raises `BadStatus` for the last answer that was no success, `Interrupted` for one that was no JSON, else as
        `request`.
        """
        backoff, failures = Backoff(first_s=0.5, cap_s=10.0), 0
        deadline = trio.current_time() + READ_TOTAL_S
        while True:
            failures += 1
            wait = backoff.pause(failures, self._roll())
            try:
                left = max(0.0, deadline - trio.current_time())  # a busy machine sleeps longer than it was told
                answer = await self.request("GET", path, params=params, total_s=min(self._total_s, left))
                if 200 <= answer.status < 300:
                    return self._decoded(answer)
                raise self._bad(answer)
            except BadStatus as bad:
                wait = max(wait, bad.retry_after or 0.0)
                passing = bad.status == 429 or bad.status >= 500
                late = wait > LONGEST_WAIT_S or trio.current_time() + wait >= deadline
                if not passing or failures >= attempts or late:
                    raise
            except (NotReached, Interrupted):
                if failures >= attempts or trio.current_time() + wait >= deadline:
                    raise
            self._retried(self.name)
            await trio.sleep(wait)

    async def renew(self) -> None:
        """Begin anew with fresh connections; whatever is under way on the old ones is interrupted."""
        await self._transport.renew()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    @asynccontextmanager
    async def _attempt(self, request: httpx.Request, limit_s: float) -> AsyncIterator[_Seen]:
        """Around one attempt that ends within *limit_s*: errors in our own words, and everybody told how it went."""
        await self._rebuild()
        began, sending, seen = trio.current_time(), watch_sending(request), _Seen()
        try:
            yield seen
        except trio.TooSlowError:
            seen.status = "interrupted" if sending() else "not_reached"
            kind = Silent if sending() else NotReached
            raise kind(f"{self.name}: no answer to {request.method} within {limit_s:g} s") from None
        except NotReached as error:
            seen.status = "not_reached"
            raise NotReached(f"{self.name}: {error}") from error
        except TooLarge:
            seen.status = "too_large"
            raise
        except (Interrupted, httpx.HTTPError) as error:
            seen.status = "interrupted"
            raise interrupted(self.name, error) from error
        finally:
            if seen.status in ("interrupted", "not_reached"):
                self._down_since = began if self._down_since is None else self._down_since
            elif seen.status != "cancelled":
                self._down_since = None
            self._observe(self.name, request.method, seen.status, trio.current_time() - began)

    async def _rebuild(self) -> None:
        """New connections for a peer that is down for long, unless a stream shows that the present ones work."""
        now = trio.current_time()
        if self._down_since is not None and now - self._down_since >= DOWN_S and not self._streams:
            log.warning(
                "upstream_down", service=self.name, action="new_connection_pool", down_s=round(now - self._down_since)
            )
            self._down_since = now
            self._healed("new_connection_pool")
            await self.renew()

    async def _read(self, request: httpx.Request) -> Answer:
        answer = await self._read_one(request)
        for _ in range(self._redirects if request.method == "GET" else 0):
            further = onward(request, answer.status, answer.headers)
            if further is None:
                break
            if further.url.netloc != request.url.netloc and further.url.host not in self._moved:
                self._moved.add(further.url.host)
                log.warning("redirected", service=self.name, to=further.url.host)
            request, answer = further, await self._read_one(further)
        return answer

    async def _read_one(self, request: httpx.Request) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > self._max_body:
                    raise TooLarge(f"{self.name}: an answer of more than {self._max_body} bytes")
            return Answer(response.status_code, lower(response), bytes(body))
        finally:
            with trio.CancelScope(shield=True):
                await response.aclose()

    def _decoded(self, answer: Answer) -> Any:
        try:
            return answer.json()
        except ValueError as error:
            raise Interrupted(f"{self.name}: the answer is not JSON") from error

    def _bad(self, answer: Answer) -> BadStatus:
        return BadStatus(
            f"{self.name}: answered HTTP {answer.status}",
            status=answer.status,
            body_excerpt=answer.body[:500].decode("utf-8", "replace"),
            retry_after=retry_after(answer.headers),
        )
