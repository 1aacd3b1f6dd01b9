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
from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.killfeed_channel import token
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
    found = route(feed, request)
    length = [("content-length", str(len(found.body)))]
    await exchange.respond(
        found.status, headers(feed, found.kind, request if found.named else None, length=length), found.body
    )


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


def _health(feed: KillFeed, request: Request) -> Answer:
    since = int((feed.now() - feed.started_at).total_seconds())
    body = {
        "status": "error" if feed.unhealthy else "ok",
        "timestamp": iso(feed.now(), micros=True),
        "details": {
            "unknown": {
                "character_subscriptions": _index("character_count"),
                "system_subscriptions": _index("system_count"),
            }
        },
        "connection_monitor": {
            "consecutive_timeout_errors": 0,
            "consecutive_connection_failures": 10 if feed.unhealthy else 0,
            "recycled_count": 0,
            "time_since_recycled": since,
            "total_timeouts": 0,
        },
        "circuit_breaker": {
            "circuit_reset_timeout_ms": 300000,
            "max_consecutive_errors": 10,
            "consecutive_errors": 10 if feed.unhealthy else 0,
            "circuit_state": "open" if feed.unhealthy else "closed",
            "circuit_opened_at": None,
            "last_updated": int(feed.now().timestamp() * 1000),
        },
        "healthy": not feed.unhealthy,
    }
    return _json(503 if feed.unhealthy else 200, body)


def _status(feed: KillFeed, request: Request) -> Answer:
    kept, systems = feed.store.counts()
    hours = (feed.now() - feed.started_at) / timedelta(hours=1)
    body = {
        "timestamp": iso(feed.now(), micros=True),
        "metrics": {
            "storage": {"killmails_count": kept, "systems_count": systems},
            "processing": {"processing_lag_seconds": 0, "redisq_received": kept},
        },
        "summary": {
            "processing_lag_seconds": 0,
            "killmails_stored": kept,
            "active_preload_tasks": 0,
            "active_subscriptions": len(feed.joined),
            "api_requests_per_minute": 0,
            "cache_hit_rate": 0.0,
            "memory_usage_mb": 56.77,
            "uptime_hours": round(hours, 2),
        },
    }
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
        if one not in feed.failing_lists
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
    if kill is None:
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


def _index(counted: str) -> JsonObject:
    return {counted: 0, "subscription_count": 0, "memory_bytes": 0, "last_update": "never"}


def _takes_json(accept: str | None) -> bool:
    return accept is None or "*/*" in accept or "application/json" in accept or "application/*" in accept


def _positive(text: Any) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,18}", str(text)) and int(text) > 0 else None


def _bounded(value: Any, most: int | None) -> int | None:
    number = None if isinstance(value, bool) else _positive(value)
    return None if number is None or (most is not None and number > most) else number
