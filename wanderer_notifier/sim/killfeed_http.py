"""The HTTP interface of the fake kill service (wanderer-kills.md 5): same envelopes, same refusals."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim import killfeed_health
from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.killfeed_channel import token
from wanderer_notifier.sim.killfeed_stream import BadParameter, KillStream, refusal
from wanderer_notifier.sim.killmails import iso, listing_form, live_form, stored_form

if TYPE_CHECKING:
    from wanderer_notifier.sim.killfeed import KillFeed

JSON = "application/json; charset=utf-8"
TEXT = "text/plain; charset=utf-8"
DEFAULT_LIMIT = 50
MAX_LIMIT = 1000


@frozen
class Answer:
    """A complete response before its standard headers."""

    status: int
    body: bytes
    kind: str | None = JSON
    named: bool = True
    """Whether it carries a request id; what the body parser refuses does not."""


async def answer(feed: KillFeed, exchange: Exchange) -> None:
    """Answer one request that is not the socket's handshake."""
    request = exchange.request
    if request.method == "GET" and request.path.rstrip("/").startswith("/api/v1/kills/stream"):
        await _stream(feed, exchange)
        return
    found = route(feed, request)
    length = [("content-length", str(len(found.body)))]
    await exchange.respond(
        found.status, headers(feed, found.kind, request if found.named else None, length=length), found.body
    )


async def _stream(feed: KillFeed, exchange: Exchange) -> None:
    """Event streams; the enhanced one of the real service ends before it has begun, and nobody should call it."""
    request = exchange.request
    enhanced = request.path.rstrip("/").endswith("/enhanced")
    try:
        stream = KillStream(feed, exchange)
    except BadParameter as bad:
        found = _json(400, refusal(str(bad)))
        length = [("content-length", str(len(found.body)))]
        await exchange.respond(400, headers(feed, JSON, request, length=length), found.body)
        return
    kind = "text/event-stream" + ("" if enhanced else "; charset=utf-8")
    _, *standard = headers(feed, kind, request)
    extra = [("x-accel-buffering", "no")] if enhanced else []
    await exchange.start(200, [("cache-control", "no-cache"), *standard[:-1], *extra, standard[-1]])
    if enhanced:
        await exchange.end()
    else:
        await feed.stream(stream)


async def not_a_handshake(feed: KillFeed, exchange: Exchange) -> None:
    """What Cowboy says to an ordinary request on the socket's path."""
    request = exchange.request
    text = ""
    if request.method == "GET":
        connection = request.headers.get("connection", "")
        if "upgrade" in connection.lower():
            text = "'sec-websocket-key' header is absent"
        else:
            text = f"'connection' header must contain 'upgrade', got {json.dumps([connection])}"
    await exchange.respond(400, headers(feed, None), text.encode())


def headers(
    feed: KillFeed, kind: str | None, request: Request | None = None, *, length: list[tuple[str, str]] | None = None
) -> list[tuple[str, str]]:
    """The standard headers in the service's order; those of the socket's path (no *request*) carry no request id."""
    result = [("cache-control", "max-age=0, private, must-revalidate"), *(length or [])]
    if kind is not None:
        result.append(("content-type", kind))
    result += [("date", format_datetime(feed.now(), usegmt=True)), ("server", "Cowboy")]
    if request is not None:
        given = request.headers.get("x-request-id", "")
        result.append(("x-request-id", given if 20 <= len(given) <= 200 else token(feed.rng, 15)))
    return result


def route(feed: KillFeed, request: Request) -> Answer:
    """The answer to a request by method, path, query and body."""
    path = request.path.rstrip("/") or "/"
    under_api = path.startswith("/api/v1/")
    if under_api and not _takes_json(request.headers.get("accept")):
        return _plain_error(406, "Not Acceptable")
    for method, pattern, view in ROUTES:
        match = re.fullmatch(pattern, path)
        if match and request.method in (method, "HEAD" if method == "GET" else method):
            return view(feed, request, *match.groups())
    return _error(feed, 404, "Not Found", "NOT_FOUND") if under_api else _plain_error(404, "Not Found")


# --- views -----------------------------------------------------------------------------------------------------------


def _ping(feed: KillFeed, request: Request) -> Answer:
    return Answer(200, b"pong", TEXT)


def _condition(feed: KillFeed) -> killfeed_health.Condition:
    return killfeed_health.Condition(
        now=feed.now(),
        started_at=feed.started_at,
        upstream_lost_at=feed.upstream_lost_at,
        forced_down=feed.unhealthy,
    )


def _health(feed: KillFeed, request: Request) -> Answer:
    condition = _condition(feed)
    return _json(200 if condition.healthy else 503, killfeed_health.health(condition))


def _status(feed: KillFeed, request: Request) -> Answer:
    kept, systems = feed.store.counts()
    body = killfeed_health.status(_condition(feed), kept=kept, systems=systems, subscriptions=len(feed.joined))
    return _json(200, body)


def _websocket(feed: KillFeed, request: Request) -> Answer:
    body = {
        "version": "2.0.0",
        "protocol": "Phoenix Channels",
        "authentication": {
            "type": "none",
            "description": "No authentication required for public killmail data",
            "required": False,
        },
        "documentation": {
            "url": "https://github.com/wanderer-industries/wanderer-kills",
            "examples": "/examples/websocket_client.ex",
        },
        "channels": {"killmails": "killmails:lobby"},
        "limits": {"rate_limit": "per_connection", "max_systems_per_subscription": 100, "timeout_seconds": 45},
        "websocket_url": f"ws://{request.headers.get('host', '127.0.0.1:4004')}/socket",
    }
    return _json(200, body)


def _websocket_status(feed: KillFeed, request: Request) -> Answer:
    body = {
        "status": "operational",
        "timestamp": iso(feed.now(), micros=True),
        "active_connections": 0,  # always, whoever is connected
        "uptime_seconds": int((feed.now() - feed.started_at).total_seconds()),
        "active_subscriptions": len(feed.joined),
    }
    return _json(200, body)


def _system(feed: KillFeed, request: Request, system: str) -> Answer:
    number = _positive(system)
    limit = _bounded(request.query.get("limit", DEFAULT_LIMIT), MAX_LIMIT)
    hours = _bounded(request.query.get("since_hours", 24), None)
    if number is None or limit is None or hours is None:
        return _error(feed, 400, "Invalid system ID format", "INVALID_SYSTEM_ID")
    if feed.upstream_lost_at is not None:
        reason = f"Connection refused for http://zkillboard.sim/api/systemID/{number}/"
        wrapped = f'%WandererKills.Core.Support.Error{{domain: :http, type: :connection_failed, message: "{reason}"'
        details: JsonObject = {"reason": f"{wrapped}, details: nil, retryable: true}}"}
        return _error(feed, 500, "Failed to fetch system kills", "FETCH_ERROR", details)
    if number in feed.failing_lists:
        return _error(feed, 500, "Failed to fetch system kills", "FETCH_ERROR", {"reason": "Server error: 500"})
    listed = [listing_form(kill) for kill in feed.store.listed(number)[:limit]]
    return _data(feed, {"timestamp": iso(feed.now(), micros=True), "cached": False, "kills": listed})


def _systems(feed: KillFeed, request: Request) -> Answer:
    asked: Any = {}
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            asked = json.loads(request.body or b"{}")
        except ValueError:
            return evolve(_plain_error(400, "Bad Request"), named=False)
    ids = asked.get("system_ids") if isinstance(asked, dict) else None
    if not isinstance(ids, list) or not ids or any(type(one) is not int for one in ids):
        return _error(feed, 400, "Invalid system IDs", "INVALID_SYSTEM_IDS")
    limit = _bounded(asked.get("limit", DEFAULT_LIMIT), MAX_LIMIT)
    if limit is None or _bounded(asked.get("since_hours", 24), None) is None:
        return _error(feed, 400, "Invalid parameters", "INVALID_PARAMETERS")
    kills = {
        str(one): [listing_form(kill) for kill in feed.store.listed(one)[:limit]]
        if one not in feed.failing_lists and feed.upstream_lost_at is None
        else []
        for one in ids
    }
    return _data(feed, {"timestamp": iso(feed.now(), micros=True), "systems_kills": kills})


def _cached(feed: KillFeed, request: Request, system: str) -> Answer:
    number = _positive(system)
    if number is None:
        return _error(feed, 400, "Invalid system ID format", "INVALID_SYSTEM_ID")
    kept = [stored_form(one.kill, one.names) for one in feed.store.in_memory(number)]
    return _data(feed, {"timestamp": iso(feed.now(), micros=True), "cached": True, "kills": kept})


def _killmail(feed: KillFeed, request: Request, kill_id: str) -> Answer:
    number = _positive(kill_id)
    if number is None:
        return _error(feed, 400, "Invalid killmail ID format", "INVALID_KILLMAIL_ID")
    kept = feed.store.kept(number)
    if kept is not None:
        return _data(feed, stored_form(kept.kill, kept.names))
    kill = feed.store.known(number)
    if kill is None or feed.upstream_lost_at is not None:
        return _error(feed, 404, "Killmail not found", "NOT_FOUND")
    if feed.now() - datetime.fromisoformat(kill["killmail_time"]) > timedelta(days=365):
        return _data(feed, "kill_older")
    return _data(feed, live_form(kill, feed.names))


def _counted(feed: KillFeed, request: Request, system: str) -> Answer:
    number = _positive(system)
    if number is None:
        return _error(feed, 400, "Invalid system ID format", "INVALID_SYSTEM_ID")
    # The counter of the real service is never increased.
    return _data(feed, {"count": 0, "timestamp": iso(feed.now(), micros=True), "system_id": number})


ROUTES: tuple[tuple[str, str, Callable[..., Answer]], ...] = (
    ("GET", "/ping", _ping),
    ("GET", "/health", _health),
    ("GET", "/status", _status),
    ("GET", "/websocket", _websocket),
    ("GET", "/websocket/status", _websocket_status),
    ("GET", "/api/v1/kills/system/([^/]+)", _system),
    ("POST", "/api/v1/kills/systems", _systems),
    ("GET", "/api/v1/kills/cached/([^/]+)", _cached),
    ("GET", "/api/v1/killmail/([^/]+)", _killmail),
    ("GET", "/api/v1/kills/count/([^/]+)", _counted),
)


# --- envelopes -------------------------------------------------------------------------------------------------------


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def _data(feed: KillFeed, data: Any) -> Answer:
    return _json(200, {"data": data, "timestamp": iso(feed.now(), micros=True)})


def _error(feed: KillFeed, status: int, message: str, code: str, details: JsonObject | None = None) -> Answer:
    moment = iso(feed.now(), micros=True)
    return _json(status, {"error": message, "code": code, "timestamp": moment, "details": details})


def _plain_error(status: int, message: str) -> Answer:
    return _json(status, {"error": message, "status": str(status)})


def _takes_json(accept: str | None) -> bool:
    return accept is None or "*/*" in accept or "application/json" in accept or "application/*" in accept


def _positive(text: Any) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", str(text)) and int(text) > 0 else None


def _bounded(value: Any, most: int | None) -> int | None:
    number = None if isinstance(value, bool) else _positive(value)
    return None if number is None or (most is not None and number > most) else number
