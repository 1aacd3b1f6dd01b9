"""What the gateway client is connected with, and what it hands out."""

from __future__ import annotations

import ssl
from collections.abc import Awaitable, Callable
from datetime import datetime

import trio
from attrs import field, frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.voice_state import VoiceMap
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state.gateway import GatewayMemory
from wanderer_notifier.wire.gateway import Bot


@frozen(kw_only=True)
class GatewayEvent:
    """An event for others to act on; *arrived* is seconds of Trio's clock."""

    type: str
    data: JsonObject = field(repr=False)
    """Holds the interaction's token: not for logs."""
    arrived: float


@frozen(kw_only=True)
class Ties:
    """What the gateway is connected with."""

    discover: Callable[[], Awaitable[object]]
    """Asks `/gateway/bot`; raises `DiscordError`."""
    dial: Dial
    tls: ssl.SSLContext | None = None
    user_agent: str
    memory: GatewayMemory
    voice: VoiceMap
    presence: Callable[[], JsonObject]
    """What the bot should be seen doing right now."""
    out: trio.MemorySendChannel[GatewayEvent]
    """Interactions; the reader never waits for room in it (style.md 4.3)."""
    busy: Callable[[GatewayEvent], None] = lambda event: None
    """Called instead when it is full."""
    ready: Callable[[Bot], None] = lambda bot: None
    """Called whenever a session begins or goes on."""
    noticed: Callable[[str, JsonObject], None] = lambda kind, data: None
    """Told of every event."""
    part: Component
    metrics: Metrics
    now: Callable[[], datetime]
    roll: Callable[[], float]
