"""How the fake Discord's REST answers leave it: as they should, or as an ordered misfortune has it; with a journal."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from datetime import datetime
from email.utils import format_datetime

import trio
from attrs import evolve, frozen

from wanderer_notifier.sim.discord_api import Api
from wanderer_notifier.sim.discord_routes import Call, Reply, blocked, find_route, give, page, upstream_error
from wanderer_notifier.sim.faults import Broken, Cut, Fault, Faults, Stall, Status, TooMany, Truncated
from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.ratelimits import HeaderList, limited_body, retry_after_header

JOURNAL = 20_000
"""Requests that are remembered; the oldest go first."""


@frozen(kw_only=True)
class Seen:
    """One request as the fake remembers it; headers are left out, they hold the token."""

    at: float
    """Seconds of Trio's clock."""
    method: str
    path: str
    route: str | None
    channel: str | None
    status: int | None
    """None: it was never answered."""
    fault: Fault | None = None
    refused_by: str | None = None
    """The scope of the rate limit that refused it."""


class RestWire:
    """Answers each request once, through the faults that are ordered.

    Args:
        api: knows the true answer.
        faults: what is ordered.
        now: Discord's wall clock.
        changed: called after every request.
    """

    def __init__(self, api: Api, faults: Faults, *, now: Callable[[], datetime], changed: Callable[[], None]) -> None:
        self._api = api
        self._faults = faults
        self._now = now
        self._changed = changed
        self.journal: deque[Seen] = deque(maxlen=JOURNAL)
        self.statuses: Counter[int | None] = Counter()

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request, or let happen to it what was ordered."""
        request = exchange.request
        call = find_route(request.method, request.path)
        route, channel = (call.route, call.channel) if isinstance(call, Call) else ("", None)
        fault = self._faults.strike(route, channel)
        if fault is None:
            await self._send(exchange, self._carry_out(request), None)
            return
        await trio.sleep(fault.before_s)
        if fault.revoke:
            self._api.revoked = True
        reply = self._carry_out(request) if fault.effect and fault.late_s is None else None
        await trio.sleep(fault.after_s)
        await self._end(exchange, reply, fault)
        if fault.late_s is not None:
            await trio.sleep(fault.late_s)
            self._carry_out(request)
        if fault.hang_up_s is not None:
            await trio.sleep(fault.hang_up_s)
            await exchange.hang_up()

    def _carry_out(self, request: Request) -> Reply:
        return self._api.answer(request, trio.current_time())

    # --- endings ------------------------------------------------------------------------------------------------

    async def _end(self, exchange: Exchange, reply: Reply | None, fault: Fault) -> None:
        match fault.ending:
            case None:
                assert reply is not None
                await self._send(exchange, reply, fault)
            case Status() as ending:
                await self._send(exchange, self._told(exchange.request, ending), fault)
            case TooMany() as ending:
                await self._send(exchange, self._too_many(exchange.request, ending), fault)
            case Cut():
                self._note(exchange.request, None, fault)
                exchange.abort()
            case Stall():
                self._note(exchange.request, None, fault)
                await exchange.peer_left()
            case Truncated():
                assert reply is not None
                self._note(exchange.request, reply, fault)
                whole = [*self._headers(reply, fault), ("Content-Length", str(len(reply.body)))]
                await exchange.start(reply.status, whole)
                await exchange.send(reply.body[: len(reply.body) // 2])
                await exchange.hang_up()
            case Broken():
                assert reply is not None
                half = evolve(reply, body=reply.body[: len(reply.body) // 2])
                await self._send(exchange, half, fault)

    def _told(self, request: Request, ending: Status) -> Reply:
        told = upstream_error(ending.status)
        if ending.body is not None:
            told = Reply(status=ending.status, body=ending.body, content_type=ending.content_type)
        call = find_route(request.method, request.path)
        if ending.limits and isinstance(call, Call):
            told = told.plus(self._api.limits.describe(call.route, call.major, trio.current_time(), self._now()))
        return told

    def _too_many(self, request: Request, ending: TooMany) -> Reply:
        if ending.scope != "shared":
            self._api.limits.count_invalid(trio.current_time())
        if ending.scope == "edge_json":
            return blocked()
        if ending.scope == "edge":
            return page(429, "You are being blocked", code=1015).plus([retry_after_header(ending.retry_after)])
        call = find_route(request.method, request.path)
        route, major = (call.route, call.major) if isinstance(call, Call) else ("", "")
        headers = self._api.limits.exhausted(
            route, ending.scope, ending.retry_after, self._now(), major, ending.remaining
        )
        body = limited_body(ending.retry_after, everywhere=ending.scope == "global", code=ending.code)
        return give(body, 429).plus(headers)

    async def _send(self, exchange: Exchange, reply: Reply, fault: Fault | None) -> None:
        self._note(exchange.request, reply, fault)
        await exchange.respond(reply.status, self._headers(reply, fault), reply.body)

    def _headers(self, reply: Reply, fault: Fault | None) -> HeaderList:
        headers = [("Date", format_datetime(self._now(), usegmt=True)), *reply.all_headers()]
        changes = fault.headers if fault else ()
        changed = {name.lower() for name, _ in changes}
        return [
            *((name, value) for name, value in headers if name.lower() not in changed),
            *((name, value) for name, value in changes if value is not None),
        ]

    def _note(self, request: Request, reply: Reply | None, fault: Fault | None) -> None:
        call = find_route(request.method, request.path)
        self.journal.append(
            Seen(
                at=trio.current_time(),
                method=request.method,
                path=request.path,
                route=call.route if isinstance(call, Call) else None,
                channel=call.channel if isinstance(call, Call) else None,
                status=reply.status if reply else None,
                fault=fault,
                refused_by=dict(reply.headers).get("X-RateLimit-Scope") if reply else None,
            )
        )
        self.statuses[reply.status if reply else None] += 1
        self._changed()
