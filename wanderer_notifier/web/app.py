"""Routes, the web token and the server: a task of our nursery that answers from snapshots."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import re
import secrets
import socket
from collections.abc import Callable

import hypercorn.trio
import trio
from hypercorn.config import Config
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from quart import Response, request
from quart_trio import QuartTrio
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from wanderer_notifier.web import views
from wanderer_notifier.web.views import Body, Snapshot

_SANE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,128}")

# Route -> (view, open without the web token).
_PROBES: dict[str, tuple[Callable[[Snapshot], tuple[int, Body]], bool]] = {
    "/health": (views.health, True),
    "/healthz": (views.health, True),
    "/api/health": (views.api_health, True),
    "/ready": (views.ready, True),
    "/health/ready": (views.ready, True),
    "/api/health/ready": (views.ready, True),
    "/live": (views.live, True),
    "/health/live": (views.live, True),
    "/api/health/live": (views.live, True),
    "/api/system/info": (views.system_info, False),
}


def make_app(
    snapshot: Callable[[], Snapshot],
    registry: CollectorRegistry,
    *,
    token: str | None = None,
    redact: Callable[[str], str] = str,
    served: Callable[[str, int], None] = lambda route, status: None,
) -> QuartTrio:
    """The application; *snapshot* is asked once a request, *token* guards everything but the probes.

    *redact* runs over every body, *served* hears route and status of every answer.
    """
    app = QuartTrio(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = 16 * 1024
    app.json.sort_keys = False  # type: ignore[attr-defined]  # the default provider has it, its protocol does not

    def answer(status: int, body: Body) -> Response:
        text = json.dumps(body, ensure_ascii=False, default=str)
        return Response(redact(text), status, content_type="application/json; charset=utf-8")

    def allowed() -> bool:
        return token is None or hmac.compare_digest(_presented(request.headers.get("Authorization", "")), token)

    def refused() -> Response:
        response = answer(401, {"error": "Unauthorized"})
        response.headers["WWW-Authenticate"] = 'Basic realm="wanderer-notifier"'
        return response

    def probe(view: Callable[[Snapshot], tuple[int, Body]], is_open: bool) -> Callable[[], object]:
        async def handle() -> Response:
            if not is_open and not allowed():
                return refused()
            return answer(*view(snapshot()))

        return handle

    for path, (view, is_open) in _PROBES.items():
        app.add_url_rule(path, path, probe(view, is_open), methods=["GET"])  # type: ignore[arg-type]

    @app.get("/metrics")
    async def metrics() -> Response:
        if not allowed():
            return refused()
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)

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
        asked = request.headers.get("X-Request-Id", "")
        response.headers["X-Request-Id"] = asked if _SANE_REQUEST_ID.fullmatch(asked) else secrets.token_hex(8)
        response.headers["Cache-Control"] = "no-store"
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Frame-Options"] = "DENY"
        served(request.url_rule.rule if request.url_rule else "unknown", response.status_code)
        return response

    return app


def _presented(header: str) -> str:
    """The token of an `Authorization` header: Bearer, or Basic with any user and the token as password."""
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def listen(address: str, port: int) -> socket.socket:
    """A listening socket on *address*; `::` means every address of both families, also on a machine without IPv6.

    Raises OSError when the port is taken or the address is not ours.
    """
    if address == "::" and socket.has_dualstack_ipv6():
        return socket.create_server((address, port), family=socket.AF_INET6, dualstack_ipv6=True)
    if address == "::":
        address = "0.0.0.0"  # noqa: S104  # the operator asked for all addresses
    return socket.create_server((address, port), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


async def serve(
    app: QuartTrio,
    listener: socket.socket,
    stop: trio.Event,
    *,
    task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests on *listener* (taken over and closed here) until *stop* is set."""
    config = Config()
    # Hypercorn leaks a socket whose bind fails, so the binding is ours and it gets the finished listener.
    config.bind = [f"fd://{listener.detach()}"]
    config.graceful_timeout = 1.0  # an idle keep-alive browser holds the shutdown for all of it
    config.errorlog, config.accesslog, config.include_server_header = logging.getLogger("web"), None, False
    config.keep_alive_timeout, config.h11_max_incomplete_size = 60, 16 * 1024

    async def ran(*, task_status: trio.TaskStatus[list[str]]) -> None:
        await hypercorn.trio.serve(app, config, shutdown_trigger=stop.wait, task_status=task_status)

    async with trio.open_nursery() as nursery:
        await nursery.start(ran)
        task_status.started()
