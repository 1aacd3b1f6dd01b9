"""Routes and what holds for all of them: the web token, TLS if wanted, headers, a deadline, one log line a request."""

from __future__ import annotations

import json
import logging
import math
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import structlog
import trio
from attrs import Factory, frozen
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from quart import Response, g, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from wanderer_notifier.web import details, page, status, views
from wanderer_notifier.web.activity import Stored
from wanderer_notifier.web.guard import Guard
from wanderer_notifier.web.server import HEADERS
from wanderer_notifier.web.views import Body, Snapshot

log = structlog.get_logger("web")

BUDGET_S = 2.0
"""A handler that waits longer for the database answers with what it has (operations.md OPS-74)."""
COMMANDS = 50
LARGEST_BODY = 16 * 1024
"""No page of ours wants any; what is announced as larger is refused (operations.md OPS-75)."""
_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")

_PROBES: Mapping[str, Callable[[Snapshot], tuple[int, Body]]] = {
    "/health": views.health,
    "/healthz": views.health,
    "/api/health": views.api_health,
    "/ready": views.ready,
    "/health/ready": views.ready,
    "/api/health/ready": views.ready,
    "/live": views.live,
    "/health/live": views.live,
    "/api/health/live": views.live,
}
"""Open to everybody, whatever the token."""


async def _nothing() -> Stored:
    return Stored()


async def no_commands(limit: int) -> Sequence[Body]:
    """For a service without slash commands."""
    return ()


@frozen(kw_only=True)
class Sources:
    """Where the pages get what they show; each is asked once a request."""

    snapshot: Callable[[], Snapshot]
    registry: CollectorRegistry
    stored: Callable[[], Awaitable[Stored]] = _nothing
    """What the database tells; may fail or take its time."""
    commands: Callable[[int], Awaitable[Sequence[Body]]] = no_commands
    """The latest slash commands, newest first, without anything about who gave them."""
    measure: Callable[[], None] = lambda: None
    """Brings the gauges up to date before they are read."""


@frozen(kw_only=True)
class Policy:
    """What the operator decided about access."""

    guard: Guard = Factory(lambda: Guard(None))
    force_https: bool = False
    redact: Callable[[str], str] = str
    """Runs over every body."""
    served: Callable[[str, int], None] = lambda route, status: None
    """Hears route and status of every answer."""
    refused: Callable[[], None] = lambda: None
    """Hears of every wrong token."""


def make_app(sources: Sources, policy: Policy) -> QuartTrio:
    """The application."""
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY
    app.url_map.merge_slashes = False
    guard, known = policy.guard, _Known(sources.stored)

    def answer(code: int, body: object) -> Response:
        text = json.dumps(encodable(body), ensure_ascii=False, separators=(",", ":"))
        return Response(_sendable(policy.redact(text)), code, content_type="application/json; charset=utf-8")

    def client() -> str:
        return guard.client(request.remote_addr, request.headers.get("X-Forwarded-For", ""))

    @app.before_request
    async def arrive() -> Response | None:
        g.began, g.client = trio.current_time(), client()
        asked = request.headers.get("X-Request-Id", "")
        g.request_id = asked if _SANE_REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        if (request.content_length or 0) > LARGEST_BODY:
            return answer(413, {"error": "Request too large"})
        if request.url_rule is None or request.url_rule.rule in _PROBES:
            return None
        if policy.force_https and not guard.secure(request.remote_addr, request.headers.get("X-Forwarded-Proto", "")):
            return _redirect()
        entry = guard.enter(request.headers.get("Authorization", ""), g.client)
        if entry == "open":
            return None
        if request.headers.get("Authorization"):
            policy.refused()
            log.warning("web_token_refused", client=g.client, path=request.path, waiting=entry == "too many")
        if entry == "too many":
            response = answer(429, {"error": "Too many attempts"})
            response.headers["Retry-After"] = "60"
            return response
        response = answer(401, {"error": "Unauthorized"})
        response.headers["WWW-Authenticate"] = 'Basic realm="wanderer-notifier", charset="UTF-8"'
        return response

    def plain(view: Callable[[Snapshot], tuple[int, Body]]) -> Callable[[], Awaitable[Response]]:
        async def handle() -> Response:
            return answer(*view(sources.snapshot()))

        return handle

    for path, view in _PROBES.items():
        _route(app, (path,), plain(view))

    async def system_info() -> Response:
        stored, partial = await known.get()
        return answer(200, _marked(views.system_info(sources.snapshot(), stored), partial))

    async def health_details() -> Response:
        stored, partial = await known.get()
        return answer(200, _marked(details.health_details(sources.snapshot(), stored), partial))

    async def full_status() -> Response:
        stored, partial = await known.get()
        return answer(200, _marked(status.full_status(sources.snapshot(), stored), partial))

    async def dashboard() -> Response:
        stored, partial = await known.get()
        html = _sendable(policy.redact(page.render(sources.snapshot(), stored, partial=partial)))
        response = Response(html, content_type="text/html; charset=utf-8")
        response.headers["Content-Security-Policy"] = page.CONTENT_SECURITY_POLICY
        return response

    async def commands() -> Response:
        if not guard.has_token:
            return answer(404, {"error": "Not found"})
        limit = _limit(request.args.get("limit", ""))
        found: Sequence[Body] = ()
        partial = True
        with trio.move_on_after(BUDGET_S):
            found, partial = await sources.commands(limit), False
        return answer(200, _marked({"commands": list(found)[:limit], "count": min(len(found), limit)}, partial))

    async def metrics() -> Response:
        sources.measure()
        text = generate_latest(sources.registry).decode()
        return Response(policy.redact(text), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    _route(app, ("/api/system/info",), system_info)
    _route(app, ("/health/details", "/api/health/details"), health_details)
    _route(app, ("/api/status",), full_status)
    _route(app, ("/api/commands",), commands)
    _route(app, ("/metrics",), metrics)
    _route(app, ("/", "/dashboard"), dashboard)

    @app.errorhandler(HTTPException)
    async def http_error(error: HTTPException) -> Response:
        if isinstance(error, MethodNotAllowed):
            response = answer(405, {"error": "Method not allowed"})
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
            return response
        if error.code == 404:
            return answer(404, {"error": "Not found"})
        return answer(error.code or 500, {"error": error.name})

    @app.errorhandler(Exception)
    async def failure(error: Exception) -> Response:
        logging.getLogger("web").error("request failed", exc_info=error)
        return answer(500, {"error": "Internal server error"})

    @app.after_request
    async def finish(response: Response) -> Response:
        response.headers["X-Request-Id"] = g.request_id
        for name, value in HEADERS.items():
            response.headers[name] = value
        policy.served(request.url_rule.rule if request.url_rule else "unknown", response.status_code)
        log.log(
            logging.DEBUG if request.url_rule and request.url_rule.rule in _PROBES else logging.INFO,
            "web_request",
            method=request.method,
            path=request.path[:200],
            status=response.status_code,
            duration_ms=round((trio.current_time() - g.began) * 1000, 1),
            bytes=response.content_length or 0,
            client=g.client,
            request_id=g.request_id,
        )
        return response

    return app


class _Known:
    """What the database last told, so that a slow or broken one does not empty the pages."""

    def __init__(self, ask: Callable[[], Awaitable[Stored]]) -> None:
        self._ask = ask
        self._last = Stored()

    async def get(self) -> tuple[Stored, bool]:
        """The present state, or the last one known and True."""
        try:
            with trio.move_on_after(BUDGET_S):
                self._last = await self._ask()
                return self._last, False
        except Exception as error:  # whatever is wrong with it is told elsewhere; a page must answer
            log.warning("web_page_partial", reason=type(error).__name__)
        return self._last, True


def _route(app: QuartTrio, paths: Sequence[str], handle: Callable[[], Awaitable[Response]]) -> None:
    for path in paths:
        app.add_url_rule(path, path, handle, methods=["GET"], strict_slashes=False, provide_automatic_options=False)


def _redirect() -> Response:
    """To the same page over TLS, on the usual port: whoever ends TLS in front of us listens there."""
    host = request.host or "localhost"
    bare = host[: host.index("]") + 1] if host.startswith("[") and "]" in host else host.partition(":")[0]
    query = request.query_string.decode("latin-1")
    target = f"https://{bare}{request.path}{f'?{query}' if query else ''}"
    code = 301 if request.method in ("GET", "HEAD") else 307
    return Response("", code, headers={"Location": re.sub(r"[\r\n]", "", target)})


def _limit(text: str) -> int:
    return min(max(int(text), 1), 500) if re.fullmatch(r"[0-9]{1,6}", text) else COMMANDS


def _marked(body: Body, partial: bool) -> Body:
    return body | {"partial": True} if partial else body


def encodable(value: object) -> Any:
    """*value* as JSON can hold it: what it has no form for becomes text, a number that is none becomes null."""
    if isinstance(value, Mapping):
        return {str(key): encodable(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [encodable(each) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _sendable(text: str) -> str:
    """A lone surrogate out of somebody's ship name cannot be sent."""
    return text.encode("utf-8", "replace").decode()
