"""The delivery over real sockets, with the database in a file and its thread."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import trio

from tests.delivery.bench import new
from tests.discord.peer import MAIN, OTHER, Peer, make_discord, on_sockets
from wanderer_notifier.delivery.outbox import Delivered, Delivery
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.state import outbox
from wanderer_notifier.state.store import Store


def now() -> datetime:
    return datetime.now(UTC)


def make(store: Store, peer: Peer, observe: Callable[[Delivered], None]) -> Delivery:
    return Delivery(
        store,
        post=peer.rest.post,
        look_back=peer.rest.look_back,
        now=now,
        roll=lambda: 0.99,
        part=Health(now).component("discord_rest"),
        observe=observe,
    )


async def test_misfortunes_and_a_crash_in_flight_over_real_sockets(tmp_path: Path) -> None:
    discord = make_discord(now=now)
    discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(100, 1.0)
    discord.fault(faults.cut(effect=True), channel=MAIN)
    discord.fault(faults.limited(0.3), channel=OTHER)
    told: list[Delivered] = []
    async with on_sockets(discord) as peer:
        store = Store.open(tmp_path / "notifier.db")
        rows = [new(number, channel, now=now()) for number in range(4) for channel in (MAIN, OTHER)]
        await store.write(lambda conn: [outbox.enqueue(conn, row) for row in rows])
        async with trio.open_nursery() as nursery:
            delivery = make(store, peer, told.append)
            nursery.start_soon(partial(delivery.run, stop=trio.Event()))
            await discord.until(lambda: sum(len(discord.messages(one)) for one in (MAIN, OTHER)) == 8)
            discord.fault(faults.stall(effect=True))
            await store.write(partial(outbox.enqueue, row=new(9, now=now())))
            delivery.wake([MAIN])
            await discord.until(lambda: len(discord.messages(MAIN)) == 5)
            nursery.cancel_scope.cancel(reason="crash")
        store.close()

        store = Store.open(tmp_path / "notifier.db")
        stop = trio.Event()
        stop.set()  # deliver what can be delivered now, then end
        await make(store, peer, told.append).run(stop=stop)
        counts = await store.read(outbox.counts)
        store.close()
    assert (counts.sent, counts.queued, counts.sending, counts.dead) == (9, 0, 0, 0)
    assert [one.embeds[0]["title"] for one in discord.messages(MAIN)] == [
        *(f"Kill {number}" for number in range(4)),
        "Kill 9",
    ]
    assert len(discord.messages(OTHER)) == 4
    assert not discord.duplicates()
