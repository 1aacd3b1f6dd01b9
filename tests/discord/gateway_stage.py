"""Our gateway client and the fake gateway on a network in memory: started, stopped, watched."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, TypeVar

import trio
from prometheus_client import CollectorRegistry

from tests.discord.peer import BOT, GUILD, START, TOKEN, make_discord, make_rest, virtual_now
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.presence import presence
from wanderer_notifier.core.voice_state import VoiceMap
from wanderer_notifier.discord.session import GatewayEvent, Ties, follow_gateway
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.gateway import FakeGateway
from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.state.gateway import SESSION, GatewayMemory
from wanderer_notifier.state.memory import get_meta
from wanderer_notifier.state.store import Store
from wanderer_notifier.wire.gateway import Bot, Identity

T = TypeVar("T")
OPS, STAGE_ROOM, AFK = "700000000000000021", "700000000000000022", "700000000000000023"
PILOT, SCOUT = "700000000000000031", "700000000000000032"
HOST, OTHER_HOST, PORT = "discord.sim", "resume.sim", 80


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    """The store's work in virtual time."""
    await trio.lowlevel.checkpoint()
    return sync_fn()


def identity(token: str = TOKEN, intents: int = 129) -> Identity:
    return Identity(token=token, intents=intents, properties={"os": "linux", "browser": "test", "device": "test"})


class Stage:
    """One bot's client over any number of its lives; the store outlives them."""

    def __init__(self, discord: Discord, network: MemoryNetwork, nursery: trio.Nursery, seed: int) -> None:
        self.discord, self.network, self.nursery = discord, network, nursery
        self.rng = Random(seed)
        self.store = Store.open(":memory:", run=inline)
        self.metrics = Metrics()
        self.part: Component = Health(virtual_now).component("discord_gateway")
        self.out, self.events = trio.open_memory_channel[GatewayEvent](64)
        self.busy: list[GatewayEvent] = []
        self.bots: list[Bot] = []
        self.systems = 12
        self.degraded = False
        self.intents, self.token = 129, TOKEN
        self.skew = timedelta()
        self.voice = VoiceMap(frozenset({GUILD}))
        self.compress = False

    @property
    def gateway(self) -> FakeGateway:
        return self.discord.gateway

    def now(self) -> datetime:
        return virtual_now() + self.skew

    async def live(self, *, task_status: trio.TaskStatus[trio.CancelScope] = trio.TASK_STATUS_IGNORED) -> None:
        """One life of the client, until it is cancelled."""
        upstream, rest, _ = make_rest(f"http://{HOST}/api/v10", self.network.dial, token=self.token)
        self.voice = VoiceMap(frozenset({GUILD}))
        ties = Ties(
            discover=rest.gateway,
            dial=self.network.dial,
            user_agent="DiscordBot (https://test.invalid, 0.1)",
            memory=GatewayMemory(self.store, self.token),
            voice=self.voice,
            presence=lambda: presence(self.systems, degraded=self.degraded),
            out=self.out,
            busy=self.busy.append,
            ready=self.bots.append,
            part=self.part,
            metrics=self.metrics,
            now=self.now,
            roll=self.rng.random,
        )
        with trio.CancelScope() as scope:
            task_status.started(scope)
            await follow_gateway(identity(self.token, self.intents), ties, compress=self.compress)
        with trio.CancelScope(shield=True):
            await upstream.aclose()

    async def start(self) -> trio.CancelScope:
        scope: trio.CancelScope = await self.nursery.start(self.live)
        return scope

    async def until(self, ready: Callable[[], bool], within_s: float = 3600.0) -> None:
        """Wait for something to hold; it is looked at after whatever happens at the fake, and now and then."""
        with trio.fail_after(within_s):
            while not ready():
                with trio.move_on_after(0.25):
                    await self.gateway.until(ready)

    async def until_count(self, what: str, number: int, within_s: float = 300.0) -> None:
        """Wait until the fake has counted *what* so often."""
        await self.until(lambda: self.count(what) >= number, within_s)

    async def until_live(self, within_s: float = 3600.0) -> None:
        await self.until(lambda: self.part.state == "ok" and bool(self.gateway.live), within_s)

    def count(self, what: str) -> int:
        return self.gateway.journal.counts[what]

    def counted(self, name: str, **labels: str) -> float:
        registry: CollectorRegistry = self.metrics.registry
        return registry.get_sample_value(f"notifier_gateway_{name}", labels) or 0.0

    def listening(self) -> tuple[str, ...] | None:
        return self.voice.listening(GUILD)

    def interaction(self, number: int, **more: Any) -> JsonObject:
        data = {"id": str(710000000000000000 + number), "token": f"test-interaction-{number}", "type": 2, **more}
        self.gateway.dispatch("INTERACTION_CREATE", data)
        return data

    def drain(self) -> list[str]:
        """The ids of the interactions that were handed out so far."""
        got = []
        while True:
            try:
                got.append(str(self.events.receive_nowait().data["id"]))
            except trio.WouldBlock:
                return got

    def dials(self) -> int:
        return len(self.network.dialled)


@asynccontextmanager
async def stage(seed: int = 1) -> AsyncIterator[Stage]:
    """Under a mock clock; everything ends with the block."""
    discord = make_discord()
    for channel, kind in ((OPS, 2), (STAGE_ROOM, 13), (AFK, 2)):
        discord.guild.channels[channel] = Channel(id=channel, name=f"voice-{channel[-2:]}", type=kind)
    discord.guild.afk_channel_id = AFK
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        for host in (HOST, OTHER_HOST):
            network.attach(host, PORT, partial(serve_stream, handler=discord.handle))
        made = Stage(discord, network, nursery, seed)
        yield made
        made.store.close()
        nursery.cancel_scope.cancel(reason="test ended")


async def live(at: Stage, *, stable: bool = False) -> trio.CancelScope:
    """Start a life and wait for its session; *stable*: until it counts as one that holds."""
    scope = await at.start()
    await at.until_live(120)
    if stable:
        await trio.sleep(90)
    return scope


def kept_session(conn: sqlite3.Connection) -> str:
    """What a process that is killed now leaves of its session."""
    return get_meta(conn, SESSION) or ""


__all__ = [
    "AFK",
    "BOT",
    "GUILD",
    "HOST",
    "OPS",
    "OTHER_HOST",
    "PILOT",
    "SCOUT",
    "STAGE_ROOM",
    "START",
    "Stage",
    "kept_session",
    "live",
    "stage",
]
