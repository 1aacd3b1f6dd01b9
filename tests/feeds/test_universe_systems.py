"""Static data and the last kills of a system; a message does without whatever is missing."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.universe_bench import Bench, inline, looking_up, soon
from wanderer_notifier.core.events import SystemStatic
from wanderer_notifier.sim.killmails import Inventor
from wanderer_notifier.state.store import Store

HOME = 31001503
STATIC = SystemStatic(
    name="J155416",
    class_title="C4",
    type_description="Class 4",
    security=-1.0,
    region="D-R00018",
    statics=("C247 → C3", "P060 → C1"),
)


def with_kills(bench: Bench, *, hours_ago: tuple[float, ...], keep: bool = True) -> list[int]:
    """Kills at home, oldest first; their ids, newest first."""
    inventor = Inventor(Random(5))
    ids = []
    for hours in sorted(hours_ago, reverse=True):
        kill = inventor.kill(bench.world.now() - timedelta(hours=hours), system_id=HOME, victim=2147481001)
        if keep:
            bench.kills.store.keep(kill, bench.kills.names)
        else:
            bench.kills.store.know(kill)
        ids.append(kill["killmail_id"])
    return ids[::-1]


async def test_static_data_comes_from_the_map_server_once_a_month(autojump_clock: MockClock, world: World) -> None:
    store = Store.open(":memory:", run=inline, now=world.now)
    async with looking_up(world, store=store) as bench:
        looked = await bench.systems.static(HOME, until=soon())
        assert (looked.value, looked.settled) == (STATIC, True)
    async with looking_up(world, store=store) as bench:
        world.network.refuse("maps.sim", 80, True)
        looked = await bench.systems.static(HOME, until=trio.current_time())
        assert (looked.value, looked.settled) == (STATIC, True)
        await trio.sleep(timedelta(days=31).total_seconds())
        looked = await bench.systems.static(HOME, until=soon())
        assert (looked.value, looked.settled) == (STATIC, False)  # old, but still true
    store.close()


async def test_s08_a_system_that_the_map_server_does_not_know_has_no_static_data(
    autojump_clock: MockClock, world: World
) -> None:
    async with looking_up(world) as bench:
        looked = await bench.systems.static(31099999, until=soon())
        assert (looked.value, looked.settled) == (None, True)


async def test_an_outage_of_the_map_server_leaves_static_data_open(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        for refused in (True, False):
            bench.maps_failing = 500
            world.network.refuse("maps.sim", 80, refused)
            looked = await bench.systems.static(HOME, until=soon())
            assert (looked.value, looked.settled) == (None, False)
        bench.maps_failing = None
        world.network.stall("maps.sim", 80, True)
        began = trio.current_time()
        assert not (await bench.systems.static(HOME, until=soon(2.0))).settled
        assert trio.current_time() == began + 2.0


async def test_the_last_three_kills_come_with_their_details(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        ids = with_kills(bench, hours_ago=(1, 2, 3, 4, 5))
        looked = await bench.systems.recent(HOME, until=soon())
        assert looked.settled
        assert [kill.killmail_id for kill in looked.value] == ids[:3]
        assert {kill.victim.character_name for kill in looked.value} == {"Orsa Velden"}
        assert all(kill.victim.corporation_ticker == "HMRD" and kill.time for kill in looked.value)


async def test_a_kill_without_details_is_told_by_its_reference(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        ids = with_kills(bench, hours_ago=(400 * 24.0,), keep=False)  # too old for the service to fetch: "kill_older"
        looked = await bench.systems.recent(HOME, until=soon())
        (kill,) = looked.value
        assert (kill.killmail_id, kill.victim.character_id, kill.time) == (ids[0], None, None)
        assert kill.total_value is not None


async def test_w43_no_kills_and_no_answer_are_the_same_silence(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        assert (await bench.systems.recent(HOME, until=soon())).value == ()
        bench.kills.failing_lists.add(HOME)
        looked = await bench.systems.recent(HOME, until=soon())
        assert (looked.value, looked.settled) == ((), True)
        world.network.refuse("kills.sim", 80, True)
        assert (await bench.systems.recent(HOME, until=soon())).settled


async def test_three_seconds_are_enough_for_recent_kills(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        with_kills(bench, hours_ago=(1,))
        await bench.systems.recent(HOME, until=soon())
        world.network.stall("kills.sim", 80, True)
        began = trio.current_time()
        looked = await bench.systems.recent(HOME, until=soon(2.0))
        assert (trio.current_time() - began, looked.settled) == (2.0, False)
        looked = await bench.systems.recent(HOME, until=soon(10.0))
        assert (trio.current_time() - began, looked.settled) == (5.0, True)
