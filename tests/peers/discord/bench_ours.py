"""Our gateway client under the same load."""

from __future__ import annotations

import random
import sys
from datetime import UTC, datetime

import structlog
import trio

from tests.peers.discord.bench_usage import tell
from wanderer_notifier.core.presence import presence
from wanderer_notifier.core.voice_state import VoiceMap
from wanderer_notifier.discord.rest import DiscordRest
from wanderer_notifier.discord.session import GatewayEvent, Ties, follow_gateway
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.sim.world import GUILD
from wanderer_notifier.state.gateway import GatewayMemory
from wanderer_notifier.state.store import Store
from wanderer_notifier.wire.gateway import Identity
from wanderer_notifier.wire.limits import Limits

BASE, _, TOKEN = sys.argv[1:4]
AGENT = "DiscordBot (https://test.invalid, 0.1)"


def now() -> datetime:
    return datetime.now(UTC)


async def main() -> None:
    """Follow the gateway for ever."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    headers = {"Authorization": f"Bot {TOKEN}", "User-Agent": AGENT}
    upstream = Upstream("discord", f"{BASE}/api/v10", dial=tcp_dial(), headers=headers)
    rest = DiscordRest(upstream, limiter=Limits(), now=now)
    out, events = trio.open_memory_channel[GatewayEvent](64)
    voice = VoiceMap(frozenset({GUILD}))
    ties = Ties(
        discover=rest.gateway,
        dial=tcp_dial(),
        user_agent=AGENT,
        memory=GatewayMemory(Store.open(":memory:"), TOKEN),
        voice=voice,
        presence=lambda: presence(12, degraded=False),
        out=out,
        part=Health(now).component("discord_gateway"),
        metrics=Metrics(),
        now=now,
        roll=random.random,
    )
    properties = {"os": "linux", "browser": "test", "device": "test"}
    identity = Identity(token=TOKEN, intents=129, properties=properties)
    tell("begin")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow_gateway, identity, ties)
        nursery.start_soon(_watch, voice)
        async for _event in events:
            tell("done")


async def _watch(voice: VoiceMap) -> None:
    while voice.listening(GUILD) is None:
        await trio.sleep(0.002)
    tell("ready")


if __name__ == "__main__":
    trio.run(main)
