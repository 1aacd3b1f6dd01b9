"""Kills that came as id and hash only (cases.md K22, K24)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.universe_bench import Bench, looking_up
from wanderer_notifier.core.events import KillArrived
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.sim.killmails import Inventor
from wanderer_notifier.state import bodies
from wanderer_notifier.state.bodies import Bodiless


@pytest.fixture
async def bench(autojump_clock: MockClock, world: World) -> AsyncIterator[Bench]:
    async with looking_up(world) as bench, trio.open_nursery() as nursery:
        nursery.start_soon(bench.bodies.follow, world.out)
        yield bench
        nursery.cancel_scope.cancel()


async def seek(bench: Bench, kill: dict[str, Any], **changes: Any) -> Bodiless:
    number, mail_hash = kill["killmail_id"], kill["zkb"]["hash"]
    given: dict[str, Any] = {
        "killmail_id": number,
        "hash": mail_hash,
        "raw": {"killID": number, "zkb": kill["zkb"]},
        "system_id": None,
        "source": "live",
        "received_at": bench.world.now(),
        **changes,
    }
    one = Bodiless(**given)
    assert await bench.store.write(lambda conn: bodies.seek(conn, one))
    bench.bodies.wake()
    return one


def known(bench: Bench) -> dict[str, Any]:
    kill = Inventor(Random(9)).kill(bench.world.now(), system_id=31001503)
    bench.kills.store.know(kill)
    return kill


async def arrived(world: World) -> KillArrived:
    (arrival,) = await world.take(1, within_s=7200)
    assert isinstance(arrival, KillArrived)
    return arrival


async def test_k22_the_body_is_fetched_by_id_and_hash(autojump_clock: MockClock, bench: Bench, world: World) -> None:
    kill = known(bench)
    one = await seek(bench, kill)
    arrival = await arrived(world)
    assert (arrival.sought, arrival.source, arrival.received_at) == ("found", "live", one.received_at)
    assert parse_kill(arrival.raw, None) == parse_kill(kill, None)


async def test_it_is_handed_on_once_and_stays_in_the_store_until_it_is_decided(
    autojump_clock: MockClock, bench: Bench, world: World
) -> None:
    await seek(bench, known(bench))
    await arrived(world)
    bench.bodies.wake()
    await world.nothing_arrives(600)
    assert len(await bench.store.read(bodies.sought)) == 1


async def test_k24_a_wrong_hash_is_final(autojump_clock: MockClock, bench: Bench, world: World) -> None:
    kill = known(bench)
    await seek(bench, {**kill, "zkb": {"hash": "ab" * 20}})
    arrival = await arrived(world)
    assert arrival.sought == "ESI answers HTTP 422"
    assert arrival.raw == {"killID": kill["killmail_id"], "zkb": {"hash": "ab" * 20}}
    assert bench.asked() == 1


async def test_a_hash_that_is_none_is_not_asked_for(autojump_clock: MockClock, bench: Bench, world: World) -> None:
    await seek(bench, {"killmail_id": 1, "zkb": {"hash": "../../characters"}})
    assert (await arrived(world)).sought == "the hash is none"
    assert bench.asked() == 0


async def test_an_outage_of_esi_is_waited_for(autojump_clock: MockClock, bench: Bench, world: World) -> None:
    kill = known(bench)
    bench.fake_esi.down = True
    await seek(bench, kill)
    await world.nothing_arrives(1200)
    bench.fake_esi.down = False
    assert (await arrived(world)).sought == "found"


async def test_after_an_hour_it_is_decided_without(autojump_clock: MockClock, bench: Bench, world: World) -> None:
    began = trio.current_time()
    bench.fake_esi.down = True
    await seek(bench, known(bench))
    arrival = await arrived(world)
    assert 3600 < trio.current_time() - began < 3800
    assert arrival.sought is not None
    assert arrival.sought.startswith("ESI did not answer for an hour")
