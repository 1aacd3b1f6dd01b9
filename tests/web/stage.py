"""A site on a real port, showing a snapshot that the test makes up."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import httpx
import trio

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.readiness import Readiness, readiness
from wanderer_notifier.web.activity import Stored
from wanderer_notifier.web.app import Policy, Sources, make_app, no_commands
from wanderer_notifier.web.guard import Guard
from wanderer_notifier.web.server import listen, serve
from wanderer_notifier.web.views import Snapshot

T0 = datetime(2026, 11, 25, 3, 4, 5, 678901, tzinfo=UTC)
TOKEN = "test-token-web"


def part(name: str, state: Any, reason: str = "") -> ComponentView:
    return ComponentView(
        name=name,
        state=state,
        reason=reason,
        since=T0,
        for_s=184,
        last_ok_at=T0,
        last_error_at=None,
        last_error=None,
        reconnects=0,
        seen_at=None,
    )


def judge(*parts: ComponentView, uptime_s: float = 4215) -> Readiness:
    return readiness(parts, grace_s=120, uptime_s=uptime_s, stopping=False)


GOOD = Snapshot(
    now=T0,
    version="1.0.0",
    started_at=T0,
    uptime_s=4215.7,
    state="running",
    readiness=judge(part("configuration", "ok")),
    components=(part("configuration", "ok"),),
    degraded=(),
    broken_task=None,
    loop_lag_s=0.003,
    task_count=37,
    memory_bytes=91_226_112,
    environment="prod",
    python="3.12.8",
    platform="linux-x86_64",
    trio="0.35.0",
    build={"commit": "abc1234", "date": "2026-01-01T00:00:00Z"},
    bind="::",
    port=4000,
    maps=("home-chain",),
    features={"notifications": True},
    channels={"primary": True},
    warnings=("LICENSE_KEY not set: free tier limits apply",),
    queue={"queued": 1},
    tracked_systems=57,
    tracked_characters=112,
    restarts=0,
    guarded=False,
)


BAD_FEED = judge(part("killmail_stream", "failed", "connection refused"), part("configuration", "ok"))


async def nothing_stored() -> Stored:
    return Stored()


@asynccontextmanager
async def site(
    snapshot: Snapshot | Callable[[], Snapshot] = GOOD,
    token: str | None = None,
    *,
    stored: Callable[[], Awaitable[Stored]] = nothing_stored,
    commands: Callable[[int], Awaitable[Sequence[dict[str, Any]]]] = no_commands,
    trusted: Sequence[str] = (),
    force_https: bool = False,
    redact: Callable[[str], str] = str,
    connections: int = 256,
    head_s: float = 10.0,
) -> AsyncIterator[httpx.AsyncClient]:
    """The client knows the address; the site ends with the block."""
    stop, metrics = trio.Event(), Metrics()
    sources = Sources(
        snapshot=snapshot if callable(snapshot) else lambda: snapshot,
        registry=metrics.registry,
        stored=stored,
        commands=commands,
    )
    app = make_app(sources, Policy(guard=Guard(token, trusted), force_https=force_https, redact=redact))
    async with trio.open_nursery() as nursery:
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        await nursery.start(partial(serve, app, listener, stop, connections=connections, head_s=head_s))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
            yield client
        stop.set()
