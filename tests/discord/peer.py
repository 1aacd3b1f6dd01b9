"""A fake Discord behind a network in memory or behind real sockets, and the client that talks to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from random import Random
from typing import Any

import trio
from attrs import Factory, frozen

from wanderer_notifier.discord.rest import DiscordRest, identify
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.http import serve_stream, serve_tcp
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.wire.limits import Limits

BOT, GUILD = "700000000000000002", "700000000000000001"
TOKEN = "test-token-discord"
MAIN, OTHER, GONE = "700000000000000011", "700000000000000012", "700000000000000999"
START = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)


def virtual_now() -> datetime:
    """The wall clock of a test under a mock clock: it moves with Trio's."""
    return START + timedelta(seconds=trio.current_time())


def make_discord(channels: int = 2, now: Callable[[], datetime] = virtual_now) -> Discord:
    """A Discord with *channels* channels: MAIN, OTHER and so on."""
    names = [str(int(MAIN) + number) for number in range(channels)]
    guild = Guild(
        id=GUILD,
        name="Quiet Hour",
        owner_id="700000000000000004",
        bot={"id": BOT, "username": "notifier", "discriminator": "0", "avatar": None, "bot": True},
        channels={name: Channel(id=name, name=f"channel-{name[-2:]}") for name in names},
    )
    return Discord(now=now, rng=Random(1), guild=guild, token=TOKEN, application_id="700000000000000003")


@frozen(kw_only=True)
class Peer:
    """Both ends."""

    discord: Discord
    rest: DiscordRest
    limits: Limits
    network: MemoryNetwork | None = None
    limited: list[str] = Factory(list)
    """The scope of every refusal for reasons of limits."""
    healed: list[str] = Factory(list)
    """What the client did about silence."""
    advice: list[str] = Factory(list)
    """What an operator should do."""


def make_rest(
    base_url: str, dial: Any, *, token: str = TOKEN, now: Callable[[], datetime] = virtual_now, **more: Any
) -> tuple[Upstream, DiscordRest, Limits]:
    """A client as the service builds it."""
    upstream = Upstream("discord", base_url, dial=dial, headers=identify(token, "0.1", "https://test.invalid"))
    limits = Limits()
    return upstream, DiscordRest(upstream, limiter=limits, now=now, **more), limits


@asynccontextmanager
async def in_memory(discord: Discord | None = None, *, token: str = TOKEN) -> AsyncIterator[Peer]:
    """Under a mock clock."""
    discord = discord or make_discord()
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        network.attach("discord.sim", 80, partial(serve_stream, handler=discord.handle))
        limited, healed, advice = list[str](), list[str](), list[str]()
        more: dict[str, Any] = {"limited": limited.append, "healed": healed.append, "told_unheard": advice.append}
        upstream, rest, limits = make_rest("http://discord.sim/api/v10", network.dial, token=token, **more)
        yield Peer(
            discord=discord, rest=rest, limits=limits, network=network, limited=limited, healed=healed, advice=advice
        )
        await upstream.aclose()
        nursery.cancel_scope.cancel(reason="test ended")


@asynccontextmanager
async def on_sockets(discord: Discord | None = None) -> AsyncIterator[Peer]:
    """Over real sockets in real time."""

    def now() -> datetime:
        return datetime.now(UTC)

    discord = discord or make_discord(now=now)
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve_tcp, discord.handle)
        upstream, rest, limits = make_rest(f"http://127.0.0.1:{port}/api/v10", tcp_dial(), now=now)
        yield Peer(discord=discord, rest=rest, limits=limits)
        await upstream.aclose()
        nursery.cancel_scope.cancel(reason="test ended")


def kill_body(number: int = 1) -> dict[str, Any]:
    """Something like a kill message."""
    return {
        "embeds": [{"title": f"Kill {number}", "url": f"https://zkillboard.com/kill/{number}/", "description": "x"}],
        "allowed_mentions": {"parse": []},
        "nonce": f"nonce-{number}",
        "enforce_nonce": True,
    }
