"""Whether the kill service answers, is fed itself, and takes our subscription (wanderer-kills.md 1, 2, 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import trio
from trio_websocket import ConnectionClosed

from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.core.gaps import in_downtime, read_condition
from wanderer_notifier.core.wording import duration
from wanderer_notifier.feeds.kill_address import Address
from wanderer_notifier.feeds.kill_session import TOPIC, close_words
from wanderer_notifier.net.client import NetError, Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.net.errors import Refused
from wanderer_notifier.net.question import Reply, ask
from wanderer_notifier.net.socket import open_socket, say_goodbye
from wanderer_notifier.wire.phoenix import (
    ChannelClosed,
    ChannelCrashed,
    Joined,
    JoinRefused,
    Phoenix,
    PhoenixError,
    Unmatched,
)

JOIN_S = 10.0
TRIED_SYSTEM = 30000142
"""Jita: a join must name something, and this exists for everybody."""
HTTP, SOCKET = "kill service", "kill feed"
NETWORK = (
    "is WandererKills running, and is {} right as seen from this machine (in a container, localhost is the container)?"
)


async def examine(
    api: Upstream, url: str, *, dial: Dial, now: Callable[[], datetime]
) -> tuple[list[Finding], float | None]:
    """Everything about the kill service at *api* and its socket at *url*, and how far its clock is ahead of ours."""
    health = await ask(api, "GET", "/health", now=now)
    status = await ask(api, "GET", "/status", now=now)
    return [condition(health, status, now()), await join(url, dial=dial)], health.ahead_s


def condition(health: Reply, status: Reply, now: datetime) -> Finding:
    """What the service says of itself."""
    if not health.status:
        return fail(HTTP, f"could not be asked: {health.trouble}", NETWORK.format("WANDERER_KILLS_URL"))
    if health.status not in (200, 503) or not isinstance(health.value, dict):
        return fail(
            HTTP,
            f"what answers there is no kill service (HTTP {health.status} to /health)",
            "check WANDERER_KILLS_URL",
        )
    known = read_condition(status.value if status.good else None, health.value)
    age = known.ingest_age_s
    if health.status == 503 or known.healthy is False:
        return fail(
            HTTP, "it says that it is unhealthy: it gets no kills itself", "see the log of WandererKills; restart it"
        )
    if (trouble := known.fault()) is not None:
        if in_downtime(now):
            return warn(HTTP, f"{trouble}, which is normal during the game's daily downtime")
        return fail(HTTP, trouble, "see the log of WandererKills: its own source (zKillboard) may be unreachable")
    words = f"healthy, last kill taken in {duration(age)} ago" if age is not None else "healthy"
    return ok(HTTP, words)


async def join(url: str, *, dial: Dial) -> Finding:
    """Connect, join for one system, and leave."""
    address = Address(url, "doctor")
    while True:
        try:
            with trio.fail_after(2 * JOIN_S):
                async with open_socket(address.url, dial=dial) as ws:
                    machine = Phoenix(TOPIC, address.serializer)
                    await ws.send_message(machine.join({"systems": [TRIED_SYSTEM]}))
                    found: Finding | None = None
                    while found is None:
                        found = _judge(machine.receive(await ws.get_message()))
                    with trio.move_on_after(1.0):
                        await say_goodbye(ws, 1000)
                    return found
        except Refused as error:
            if address.another(error.status):
                continue
            return fail(
                SOCKET, f"it refuses the WebSocket (HTTP {error.status})", "check WEBSOCKET_URL; is a proxy in between?"
            )
        except ConnectionClosed as closed:
            return fail(SOCKET, close_words(closed.reason), "see the log of WandererKills")
        except trio.TooSlowError:
            return fail(
                SOCKET, f"no answer to our join within {2 * JOIN_S:g} s", "see the log of WandererKills; restart it"
            )
        except PhoenixError as error:
            return fail(SOCKET, f"what answers there is no kill service: it sent {error}", "check WEBSOCKET_URL")
        except NetError as error:
            return fail(SOCKET, f"could not connect: {error}", NETWORK.format("WEBSOCKET_URL"))


def _judge(event: object) -> Finding | None:
    """What an event says about our join; None: it says nothing."""
    match event:
        case Joined():
            return ok(SOCKET, "connected and joined")
        case JoinRefused(reason=reason):
            return fail(SOCKET, f"it refuses our join: {reason[:100]}", "is this WandererKills, and which version?")
        case ChannelCrashed() | ChannelClosed() | Unmatched():
            return fail(SOCKET, "its channel broke while we joined", "see the log of WandererKills")
    return None
