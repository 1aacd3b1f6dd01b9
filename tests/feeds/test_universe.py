"""Names from ESI: few requests, one bad id spoils nothing, an outage holds nobody up."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.universe_bench import inline, looking_up, soon
from wanderer_notifier.core.names import NOBODY, Key, Known
from wanderer_notifier.feeds.universe_esi import COMPATIBILITY_DATE
from wanderer_notifier.sim.stubs import ERRORS_PER_MINUTE
from wanderer_notifier.state import names as cache
from wanderer_notifier.state.names import Found
from wanderer_notifier.state.store import Store

ORSA: Key = ("character", 2147481001)
TEO: Key = ("character", 2147481002)
TENGU: Key = ("type", 29984)
THERA: Key = ("system", 31000005)
HMRD: Key = ("corporation", 98999101)
MRDN: Key = ("alliance", 99999101)
NOBODY_THERE: Key = ("character", 95999999)
NEW_HULL: Key = ("type", 99999999)

FOUND = {
    ORSA: Known(name="Orsa Velden"),
    TEO: Known(name="Teo Marrisk"),
    TENGU: Known(name="Tengu"),
    THERA: Known(name="Thera"),
    HMRD: Known(name="Hollow Meridian", ticker="HMRD"),
    MRDN: Known(name="Meridian Compact", ticker="MRDN"),
}


async def test_all_kinds_of_names_come_with_as_few_requests_as_can_be(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        looked = await bench.universe.names(FOUND, until=soon())
        assert (looked.value, looked.settled) == (FOUND, True)
        assert sorted(bench.fake_esi.asked) == [
            "GET /alliances/99999101",
            "GET /corporations/98999101",
            "POST /universe/names",
        ]
        assert bench.asked() == 3
        assert world.state("esi") == ("ok", "")
        assert bench.errors_left[-1] == ERRORS_PER_MINUTE
        assert {(one["user-agent"], one["x-compatibility-date"]) for one in bench.headers} == {
            ("notifier-test", COMPATIBILITY_DATE)
        }


async def test_what_is_known_is_not_asked_again_even_after_a_restart(autojump_clock: MockClock, world: World) -> None:
    store = Store.open(":memory:", run=inline, now=world.now)
    async with looking_up(world, store=store) as bench:
        await bench.universe.names(FOUND, until=soon())
    async with looking_up(world, store=store, running=False) as bench:
        looked = await bench.universe.names(FOUND, until=trio.current_time())
        assert (looked.value, looked.settled, bench.asked()) == (FOUND, True, 0)
        assert sorted(bench.counted) == [
            ("alliance", "hit", 1),
            ("character", "hit", 2),
            ("corporation", "hit", 1),
            ("system", "hit", 1),
            ("type", "hit", 1),
        ]
    store.close()


async def test_the_same_name_is_looked_up_once_however_many_ask(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench, trio.open_nursery() as nursery:
        bench.fake_esi.delay_s = 0.5
        for _ in range(20):
            nursery.start_soon(lambda: bench.universe.names([HMRD], until=soon()))
        await bench.universe.names([HMRD], until=soon())
        assert bench.asked() == 1


async def test_k13_one_bad_id_does_not_fail_the_batch(autojump_clock: MockClock, world: World) -> None:
    keys = [ORSA, TEO, TENGU, THERA, NOBODY_THERE]
    async with looking_up(world) as bench:
        looked = await bench.universe.names(keys, until=soon())
        assert looked.settled
        assert looked.value == {**{key: FOUND[key] for key in keys[:4]}, NOBODY_THERE: NOBODY}
        before = bench.asked()
        assert before <= 8
        await bench.universe.names(keys, until=soon())
        assert bench.asked() == before  # the bad id is remembered, too ...
        await trio.sleep(601)
        await bench.universe.names(keys, until=soon())
        assert bench.asked() == before + 2  # ... but not for long: it may be a new pilot's


@pytest.mark.parametrize("status", [400, 404])
async def test_k13_a_service_of_names_that_refuses_everything_is_passed_by(
    autojump_clock: MockClock, world: World, status: int
) -> None:
    """A pilot that the name service does not know yet is in the characters' own record (K13)."""
    async with looking_up(world) as bench:
        bench.fake_esi.names_failing = status
        looked = await bench.universe.names([ORSA, TEO, TENGU], until=soon())
        assert looked.value == {key: FOUND[key] for key in (ORSA, TEO, TENGU)}


async def test_k14_k50_what_does_not_exist_is_settled(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        looked = await bench.universe.names([NOBODY_THERE, NEW_HULL, ("corporation", 98000001)], until=soon())
        assert looked.settled
        assert set(looked.value.values()) == {NOBODY}


async def test_a_silent_esi_is_waited_for_until_the_given_moment_only(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        await bench.universe.names([ORSA], until=soon())
        bench.fake_esi.delay_s = 2.5
        began = trio.current_time()
        looked = await bench.universe.names([ORSA, HMRD], until=soon(2.0))
        assert trio.current_time() == began + 2.0
        assert (looked.value, looked.settled) == ({ORSA: FOUND[ORSA]}, False)
        await trio.sleep(1.0)  # the answer is kept although nobody waits for it any more
        looked = await bench.universe.names([HMRD], until=trio.current_time())
        assert looked.value == {HMRD: FOUND[HMRD]}


async def test_while_esi_is_down_nobody_waits_and_probes_find_out_that_it_is_back(
    autojump_clock: MockClock, world: World
) -> None:
    async with looking_up(world) as bench:
        bench.fake_esi.down = True
        for _ in range(2):
            assert not (await bench.universe.names([HMRD], until=soon(10))).settled
        assert world.state("esi")[0] == "degraded"
        asked, began = bench.asked(), trio.current_time()
        for _ in range(50):
            assert not (await bench.universe.names([HMRD], until=soon(10))).settled
        assert trio.current_time() == began
        await trio.sleep(9.0)
        assert bench.asked() == asked
        bench.fake_esi.down = False
        await trio.sleep(2.0)
        assert (await bench.universe.names([HMRD], until=soon())).value == {HMRD: FOUND[HMRD]}
        assert world.state("esi") == ("ok", "")


async def test_errors_of_esi_are_tried_again_a_few_times(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        bench.fake_esi.failing = 503
        async with trio.open_nursery() as nursery:

            async def mend() -> None:
                await trio.sleep(0.6)
                bench.fake_esi.failing = None

            nursery.start_soon(mend)
            looked = await bench.universe.names([HMRD], until=soon(5))
        assert looked.value == {HMRD: FOUND[HMRD]}
        assert bench.asked() == 3


@pytest.mark.parametrize(("status", "pause_s"), [(420, 60), (429, 60)])
async def test_a_request_to_pause_is_obeyed(
    autojump_clock: MockClock, world: World, status: int, pause_s: float
) -> None:
    async with looking_up(world) as bench:
        bench.fake_esi.failing = status
        assert not (await bench.universe.names([HMRD], until=soon())).settled
        bench.fake_esi.failing = None
        assert bench.asked() == 1
        await trio.sleep(pause_s - 5)
        await bench.universe.names([ORSA, TENGU], until=soon())
        assert bench.asked() == 1
        assert world.state("esi")[0] == "degraded"
        await trio.sleep(6)
        assert (await bench.universe.names([HMRD], until=soon())).settled


async def test_the_error_budget_is_never_used_up(autojump_clock: MockClock, world: World) -> None:
    """Two thousand invented corporations, all 404: ESI is left alone before it has to say 420."""
    async with looking_up(world) as bench:
        for start in range(0, 2000, 20):
            await bench.universe.names([("corporation", 98_500_000 + start + one) for one in range(20)], until=soon())
            await trio.sleep(1)
        assert min(bench.errors_left) > 0
        assert bench.asked() > ERRORS_PER_MINUTE


async def test_an_old_name_is_shown_at_once_and_looked_up_behind_the_scenes(
    autojump_clock: MockClock, world: World
) -> None:
    async with looking_up(world) as bench:
        await bench.universe.names([HMRD, TENGU], until=soon())
        await trio.sleep(timedelta(hours=25).total_seconds())
        bench.fake_esi.delay_s = 1.0
        began, asked = trio.current_time(), bench.asked()
        looked = await bench.universe.names([HMRD, TENGU], until=soon())
        assert (trio.current_time(), looked.settled) == (began, True)
        assert looked.value == {HMRD: FOUND[HMRD], TENGU: FOUND[TENGU]}
        await trio.sleep(3)
        assert bench.asked() == asked + 2
        assert any("if-none-match" in one for one in bench.headers[-2:])
        looked = await bench.universe.names([HMRD], until=trio.current_time())
        assert bench.counted[-1] == ("corporation", "hit", 1)


async def test_k14_a_name_that_was_deleted_since_is_kept(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        old = Found(value={"name": "Biomassed", "ticker": None}, fresh_until=world.now() - timedelta(days=1))
        await bench.store.write(lambda conn: cache.put(conn, "character", {NOBODY_THERE[1]: old}, world.now()))
        for _ in range(2):
            looked = await bench.universe.names([NOBODY_THERE], until=soon())
            assert looked.value == {NOBODY_THERE: Known(name="Biomassed")}
            await trio.sleep(5)


async def test_names_from_esi_are_one_visible_line(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        bench.fake_esi.rename(HMRD[1], "Evil\u202e\n Corp", "A\u200bB")
        looked = await bench.universe.names([HMRD], until=soon())
        assert looked.value == {HMRD: Known(name="Evil Corp", ticker="AB")}
