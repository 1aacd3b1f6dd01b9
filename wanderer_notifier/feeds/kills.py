"""Follows the kill service: one audience, its ids in shards, each shard on a socket of its own that is kept running.

Systems and characters need separate sockets: a channel with any system delivers no character matches elsewhere
(wanderer-kills.md 2.7, WK-04).
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from datetime import datetime
from functools import partial
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog
import trio

from wanderer_notifier.core.events import Arrival
from wanderer_notifier.feeds.kill_audience import AUDIENCES, IDS_PER_SOCKET, Audience, AudienceName, usable
from wanderer_notifier.feeds.kill_session import KillSession
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.net.errors import Refused
from wanderer_notifier.net.socket import open_socket
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.supervise import Permanent, keep_running
from wanderer_notifier.runtime.watch import Watch

log = structlog.get_logger("kills")

REFUSED_AGAIN_S = 60.0
"""An upgrade refused with 3xx or 4xx needs an operator; asking more often would not help."""


async def follow_kills(
    audience: AudienceName,
    wanted: Watch[frozenset[int]],
    out: trio.MemorySendChannel[Arrival],
    *,
    url: str,
    dial: Dial,
    component: Callable[[str], Component],
    now: Callable[[], datetime],
    roll: Callable[[], float],
    tls: ssl.SSLContext | None = None,
    client_identifier: str = "wanderer-notifier",
    count: Callable[[str], None] = lambda what: None,
) -> None:
    """Keep everything in *wanted* subscribed, for ever, and hand each kill of the service to *out*, copies included.

    The state is shown as `killmail_stream:{audience}` (and `…-2`, `…-3` beyond 10,000 ids). *count* is told of
    oddities by name: bad_id, odd_push, undecodable, rejoin, refused_id. No error leaves.
    """
    kind = AUDIENCES[audience]
    address = socket_url(url, client_identifier)
    shards: list[Watch[tuple[int, ...]]] = []
    complained: set[object] = set()
    async with trio.open_nursery() as nursery:
        while True:
            seen = wanted.value
            good, bad = usable(kind, seen)
            if news := set(bad) - complained:
                complained |= news
                log.warning("ids_not_subscribed", audience=audience, ids=sorted(map(repr, news))[:20], total=len(news))
                for _ in news:
                    count("bad_id")
            chunks = [good[at : at + IDS_PER_SOCKET] for at in range(0, len(good), IDS_PER_SOCKET)] or [()]
            for index, ids in enumerate(chunks):
                if index < len(shards):
                    shards[index].set(ids)
                    continue
                shards.append(Watch(ids))
                part = component(f"killmail_stream:{audience}" + (f"-{index + 1}" if index else ""))
                connect = partial(
                    _connect,
                    kind,
                    shards[index],
                    set(),
                    out,
                    address,
                    dial=dial,
                    tls=tls,
                    now=now,
                    roll=roll,
                    count=count,
                )
                nursery.start_soon(partial(keep_running, part, connect, roll=roll), name=part.name)
            for idle in shards[len(chunks) :]:
                idle.set(())
            await wanted.wait_change(seen)


async def _connect(
    audience: Audience,
    wanted: Watch[tuple[int, ...]],
    refused: set[int],
    out: trio.MemorySendChannel[Arrival],
    address: str,
    part: Component,
    *,
    dial: Dial,
    tls: ssl.SSLContext | None,
    now: Callable[[], datetime],
    roll: Callable[[], float],
    count: Callable[[str], None],
) -> None:
    """One connection after the other, for as long as each ends because nothing was wanted any more."""
    while True:
        if not wanted.value:
            part.to("ok", "nothing to subscribe")
            await wanted.wait_change(())
        if part.state not in ("degraded", "failed"):  # those keep their reason until the service has answered
            part.to("starting", "connecting")
        try:
            async with open_socket(address, dial=dial, tls=tls) as ws:
                session = KillSession(ws, audience, wanted, refused, out, part, now=now, roll=roll, count=count)
                await session.run()
        except Refused as error:
            if error.status == 429 or error.status >= 500:
                raise
            raise Permanent(f"{error}; check WEBSOCKET_URL", again_s=REFUSED_AGAIN_S) from error


def socket_url(url: str, client_identifier: str) -> str:
    """The address of the socket behind a configured one (operations.md 1.5): http becomes ws, the path is completed."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not path.endswith("/socket/websocket"):
        path += "/websocket" if path.endswith("/socket") else "/socket/websocket"
    query = dict(parse_qsl(parts.query)) | {"vsn": "2.0.0", "client_identifier": client_identifier}
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))
