"""Follows the kill service: one audience, its ids in shares, each share on a socket of its own that is kept running.

Systems and characters need separate sockets: a channel with any system delivers no character matches elsewhere
(wanderer-kills.md 2.7, WK-04).

Where the requirements of wanderer-kills.md live (tests: `tests/feeds`, if not said otherwise):

WK-01 refs                        `wire.phoenix`                        wire/test_phoenix
WK-02 ids, unanswered requests    `kill_audience`, `kill_session`       test_kill_ids, test_kills
WK-03 unknown is ignored          `kill_session._read`                  test_kills
WK-04 two sockets                 here                                  test_kills
WK-05 WK-06 shapes, bad kills     `core.killmail`, `delivery.planning`  core/test_killmail, delivery/test_pipeline
WK-10 reconnect for ever          `runtime.supervise`                   runtime/test_supervise, test_kills
WK-11 live means joined           `kill_session`                        test_kills
WK-12 join again                  `kill_session._stay_joined`           test_kills
WK-13 all ids, acknowledged       here, `kill_session._subscribe`       test_kill_ids, test_kill_servers
WK-14 changes in time             `kill_session._until_change`          test_kills
WK-15 WK-21 gaps                  `kill_gaps`, `kill_rest`, `core.gaps` test_kill_gaps
WK-16 WK-17 WK-19 each kill once  `state.outbox`, `core.rules`          tests/delivery, tests/service
WK-18 names                       `feeds` that look them up             their own
WK-20 silence                     `kill_silence`                        test_kill_silence
WK-22 bounded queue               `app.life.ARRIVALS`                   test_kill_pulse
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

import structlog
import trio

from wanderer_notifier.core.events import Arrival
from wanderer_notifier.core.gaps import Seen, in_downtime
from wanderer_notifier.feeds.kill_address import Address
from wanderer_notifier.feeds.kill_audience import AUDIENCES, IDS_PER_SOCKET, AudienceName, usable
from wanderer_notifier.feeds.kill_gaps import keep_marks, mend_gaps
from wanderer_notifier.feeds.kill_line import Line
from wanderer_notifier.feeds.kill_polling import poll_while_down
from wanderer_notifier.feeds.kill_rest import KillRest
from wanderer_notifier.feeds.kill_search import Searcher
from wanderer_notifier.feeds.kill_session import FeedLost, KillSession
from wanderer_notifier.feeds.kill_silence import watch_silence
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.net.errors import Interrupted, NetError, Refused
from wanderer_notifier.net.socket import open_socket
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.supervise import Permanent, keep_running, leaves
from wanderer_notifier.runtime.watch import Watch

log = structlog.get_logger("kills")

REFUSED_AGAIN_S = 60.0
"""An upgrade refused with 3xx or 4xx needs an operator; asking more often would not help."""
FEWEST_PER_SOCKET, MOST_SOCKETS = 25, 100
"""How far a server with narrow limits is humoured."""
_SAID_LIMIT = re.compile(r"max: (\d{1,6})\)")


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
    metrics: Metrics | None = None,
    rest: KillRest | None = None,
    marks: Mapping[str, datetime] = {},
    first_start: datetime | None = None,
    max_age_s: float = 3600.0,
) -> None:
    """Keep everything in *wanted* subscribed, for ever, and hand each kill of the service to *out*, copies included.

    The state is shown as `killmail_stream:{audience}` (and `…-2`, `…-3` beyond 10,000 ids). *count* is told of
    oddities by name: bad_id, odd_push, undecodable, rejoin_…, refused_id. *marks* says up to when each share of the
    ids is known to be complete, *first_start* where nothing is known; what was missed since is looked up through
    *rest* as long as it is younger than *max_age_s* seconds. No error leaves.
    """
    kind = AUDIENCES[audience]
    address = Address(url, client_identifier)
    metrics = metrics or Metrics()
    seen = Seen()
    lines: list[Line] = []
    complained: set[object] = set()
    per_socket = IDS_PER_SOCKET
    searcher = Searcher(rest, out, now=now, max_age_s=max_age_s) if rest is not None else None
    known = [until for name, until in marks.items() if name.partition("-")[0] == audience]
    begin = min(known, default=first_start or now())
    resized = trio.Event()
    started = False

    async def connect(line: Line, part: Component) -> None:
        nonlocal per_socket, resized
        try:
            await _connect(line, out, address, dial=dial, tls=tls, now=now, roll=roll)
        finally:
            if line.oversized is not None:
                said = _SAID_LIMIT.search(line.oversized)
                smaller = int(said[1]) if said and int(said[1]) < per_socket else per_socket // 2
                per_socket = max(smaller, FEWEST_PER_SOCKET)
                log.warning("kill_feed_share_reduced", audience=audience, ids=per_socket, reason=line.oversized)
                line.oversized = None
                resized.set()
                resized = trio.Event()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_marks, lines, out)
        if searcher is not None:
            nursery.start_soon(partial(watch_silence, lines, searcher, out, roll=roll))
            if audience == "systems":
                nursery.start_soon(poll_while_down, lines, searcher, component("killmail_fallback"), out)
        while True:
            ids, size = wanted.value, per_socket
            good, bad = usable(kind, ids)
            if news := set(bad) - complained:
                complained |= news
                log.warning("ids_not_subscribed", audience=audience, ids=sorted(map(repr, news))[:20], total=len(news))
                for _ in news:
                    count("bad_id")
            chunks = [good[at : at + size] for at in range(0, len(good), size)] or [()]
            if len(chunks) > MOST_SOCKETS:
                log.error("too_many_ids", audience=audience, left_out=len(good) - size * MOST_SOCKETS)
                del chunks[MOST_SOCKETS:]
            for index, share in enumerate(chunks):
                if index < len(lines):
                    lines[index].wanted.set(share)
                    continue
                name = audience + (f"-{index + 1}" if index else "")
                line = Line(
                    name,
                    kind,
                    component(f"killmail_stream:{name}"),
                    share,
                    complete_until=now() if started else marks.get(name, begin),
                    seen=seen,
                    now=now,
                    metrics=metrics,
                    count=count,
                )
                lines.append(line)
                nursery.start_soon(
                    partial(keep_running, line.part, partial(connect, line), roll=roll), name=line.part.name
                )
                nursery.start_soon(mend_gaps, line, searcher, out, name=f"{line.part.name}: gaps")
            started = True
            for idle in lines[len(chunks) :]:
                idle.wanted.set(())
            await _either(wanted, ids, resized)


async def _either(wanted: Watch[frozenset[int]], seen: frozenset[int], resized: trio.Event) -> None:
    """Return when *wanted* is not *seen* any more, or *resized* is set."""
    async with trio.open_nursery() as nursery:

        async def change(scope: trio.CancelScope) -> None:
            await wanted.wait_change(seen)
            scope.cancel(reason="other ids are wanted")

        nursery.start_soon(change, nursery.cancel_scope)
        await resized.wait()
        nursery.cancel_scope.cancel(reason="other limits hold")


async def _connect(
    line: Line,
    out: trio.MemorySendChannel[Arrival],
    address: Address,
    *,
    dial: Dial,
    tls: ssl.SSLContext | None,
    now: Callable[[], datetime],
    roll: Callable[[], float],
) -> None:
    """One connection after the other, for as long as each ends because nothing was wanted any more."""
    while True:
        if not line.wanted.value:
            line.resting()
            await line.wanted.wait_change(())
        line.connecting()
        refusal: Refused | None = None
        try:
            async with open_socket(address.url, dial=dial, tls=tls) as ws:
                address.worked()
                log.info("Killmail WebSocket connected", feed=line.name)
                session = KillSession(ws, line, out, serializer=address.serializer, now=now, roll=roll)
                await session.run()
        except* Refused as group:
            refusal = next(one for one in leaves(group) if isinstance(one, Refused))
        except* (FeedLost, NetError, Permanent) as group:
            reason = _reason(next(leaves(group)))
            line.metrics.feed_reconnects.labels(f"kills:{line.name}", reason).inc()
            raise
        if refusal is None or address.another(refusal.status):
            continue
        line.metrics.feed_reconnects.labels(f"kills:{line.name}", f"http_{refusal.status}").inc()
        if refusal.status == 429 or refusal.status >= 500:
            if in_downtime(now()):
                raise Refused(f"{refusal}; the game's daily downtime", status=refusal.status) from refusal
            raise refusal
        raise Permanent(f"{refusal}; check WEBSOCKET_URL", again_s=REFUSED_AGAIN_S) from refusal


def _reason(error: Exception) -> str:
    if isinstance(error, FeedLost):
        return error.kind
    if isinstance(error, Permanent):
        return "join_refused"
    return "interrupted" if isinstance(error, Interrupted) else "unreachable"
