"""The web port: builds the site from the settings and opens it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
import trio

from wanderer_notifier.app.insight import Insight
from wanderer_notifier.app.stored import read_commands
from wanderer_notifier.config.settings import WebSettings
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state.store import Store
from wanderer_notifier.web.app import Policy, Sources, make_app
from wanderer_notifier.web.guard import Guard
from wanderer_notifier.web.server import listen, serve
from wanderer_notifier.web.views import Snapshot

log = structlog.get_logger("web")


async def open_site(
    nursery: trio.Nursery,
    stop: trio.Event,
    web: WebSettings,
    store: Store,
    *,
    snapshot: Callable[[], Snapshot],
    insight: Insight,
    metrics: Metrics,
    redact: Callable[[str], str],
) -> int:
    """Listen and answer in *nursery* until *stop* is set; the port. Raises OSError when it cannot be had."""
    token = web.auth_token
    sources = Sources(
        snapshot=snapshot,
        registry=metrics.registry,
        stored=lambda: insight.stored(store),
        measure=lambda: insight.measure(snapshot()),
        commands=lambda limit: store.read(partial(read_commands, limit=limit)),
    )
    policy = Policy(
        guard=Guard(token.reveal() if token else None, web.trusted_proxies),
        force_https=web.force_https,
        redact=redact,
        served=lambda route, status: metrics.web_requests.labels(route, str(status)).inc(),
        refused=metrics.web_refused.inc,
    )
    listener = listen(web.bind, web.port)
    port: int = listener.getsockname()[1]
    await nursery.start(serve, make_app(sources, policy), listener, stop)
    log.info("web_listening", bind=web.bind, port=port)
    return port
