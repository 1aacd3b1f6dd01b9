"""A delivery with a store in memory or on disk, against the fake Discord in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, TypeVar

import trio
from attrs import Factory, define

from tests.discord.peer import MAIN, START, Peer, in_memory, virtual_now
from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.delivery.bench import Compose
from wanderer_notifier.delivery.edits import Edited
from wanderer_notifier.delivery.outbox import Delivered, Delivery
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.state import outbox
from wanderer_notifier.state.outbox import NewRow, Row
from wanderer_notifier.state.store import Store

T = TypeVar("T")


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    """No threads: the clock must not jump while one works."""
    await trio.lowlevel.checkpoint()
    return sync_fn()


def open_store(path: Path | str = ":memory:") -> Store:
    return Store.open(path, run=inline, now=lambda: START)


def new(number: int = 1, channel: str = MAIN, **changes: Any) -> NewRow:
    """A kill message for *channel*."""
    claim = changes.pop("claim", f"kill:{number}")
    now = changes.pop("now", None) or virtual_now()
    given: dict[str, Any] = {
        "claim": claim,
        "channel": channel,
        "kind": "kill",
        "slug": "home",
        "body": {
            "embeds": [{"title": f"Kill {number}", "url": f"https://zkillboard.com/kill/{number}/"}],
            "allowed_mentions": {"parse": []},
        },
        "nonce": nonce_for(claim, channel),
        "expires_at": now + timedelta(hours=1),
        "received_at": now,
        **changes,
    }
    return NewRow(**given)


@define(kw_only=True)
class Bench:
    """The delivery under test and everything around it."""

    peer: Peer
    store: Store
    part: Component
    delivery: Delivery
    stop: trio.Event
    edits: list[Edited] = Factory(list)
    told: list[Delivered] = Factory(list)
    _told_more: trio.Event = Factory(trio.Event)

    def observe(self, result: Delivered) -> None:
        """What the delivery reports to."""
        self.told.append(result)
        self._told_more.set()
        self._told_more = trio.Event()

    @property
    def discord(self) -> Discord:
        return self.peer.discord

    async def put(self, *rows: NewRow) -> list[int | None]:
        """Commit rows and wake the delivery, as the pipeline does."""
        ids = await self.store.write(lambda conn: [outbox.enqueue(conn, row) for row in rows])
        self.delivery.wake([row.channel for row in rows])
        return ids

    def messages(self, channel: str = MAIN) -> list[Posted]:
        return self.discord.messages(channel)

    def titles(self, channel: str = MAIN) -> list[str]:
        """What a reader sees in a channel, oldest first."""
        return [message.embeds[0]["title"] if message.embeds else message.content for message in self.messages(channel)]

    def results(self) -> Counter[str]:
        return Counter(one.result for one in self.told)

    async def rows(self) -> list[Row]:
        """All rows, oldest first."""
        return list(reversed(await self.store.read(partial(outbox.rows, limit=100_000))))

    async def idle(self) -> None:
        """Return when no row waits any more."""
        while True:
            more = self._told_more
            if not await self.store.read(outbox.channels_with_work):
                return
            with trio.move_on_after(5):  # the last one may be another delivery's on the same database
                await more.wait()


@asynccontextmanager
async def delivering(
    *,
    store: Store | None = None,
    discord: Discord | None = None,
    token: str = "test-token-discord",
    primary: str | None = MAIN,
    now: Callable[[], datetime] = virtual_now,
    rows: Iterable[NewRow] = (),
    running: bool = True,
    compose: Compose | None = None,
) -> AsyncIterator[Bench]:
    """Everything running; at the end the delivery is cut off as by a crash."""
    own = store is None
    store = store or open_store()
    rng = Random(7)
    async with in_memory(discord, token=token) as peer, trio.open_nursery() as nursery:
        part = Health(now).component("discord_rest")
        delivery = Delivery(
            store,
            post=peer.rest.post,
            look_back=peer.rest.look_back,
            now=now,
            roll=rng.random,
            part=part,
            observe=lambda result: bench.observe(result),
            primary=primary,
            compose=compose,
            edit=peer.rest.edit,
            observe_edit=lambda row, became: bench.edits.append(became),
        )
        bench = Bench(peer=peer, store=store, part=part, delivery=delivery, stop=trio.Event())
        await bench.put(*rows)
        if running:
            nursery.start_soon(partial(delivery.run, stop=bench.stop))
        yield bench
        nursery.cancel_scope.cancel(reason="crash")
    if own:
        store.close()
