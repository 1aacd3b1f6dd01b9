"""Notable items from the killmail to the lines: sources, prices, budget, and what happens when Janice is away."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.universe_bench import Bench, inline, looking_up, soon
from wanderer_notifier.sim.killmails import Inventor, live_form
from wanderer_notifier.state.store import Store

PASTE, BOOSTER, WEBIFIER, HARDENER, MWD, DISRUPTOR = 28668, 19207, 17559, 14268, 47740, 47736
BOX = 3297
NAMELESS = 99


def item(type_id: int, quantity: int = 1, **more: Any) -> dict[str, Any]:
    return {"item_type_id": type_id, "quantity_dropped": quantity, "flag": 5, "singleton": 0, **more}


def dropping(bench: Bench, *items: dict[str, Any]) -> dict[str, Any]:
    """A kill that ESI knows in full."""
    kill = Inventor(Random(9)).kill(bench.world.now(), system_id=31001503)
    kill["victim"]["items"] = list(items)
    bench.kills.store.know(kill)
    return kill


async def lines(
    bench: Bench, kill: dict[str, Any], *, live: bool = True, **rule: float
) -> tuple[tuple[str, ...], bool]:
    raw = live_form(kill) if live else kill
    loot = bench.loot(**rule)
    looked = await loot.lines(raw, kill["killmail_id"], kill["zkb"].get("hash"), until=soon(60))
    return looked.value, looked.settled


MIXED = (item(PASTE, 2500), item(MWD), item(BOOSTER), item(BOX, 1, items=[item(WEBIFIER, 2)]), item(34, 10_000))
SHOWN = (
    "• Pithum C-Type Medium Shield Booster (~180.00M ISK)",
    "• Federation Navy Stasis Webifier x2 (~124.00M ISK)",
    "• Nanite Repair Paste x2500 (~62.50M ISK)",
    "• 50MN Abyssal Microwarpdrive",
)


async def test_the_feed_has_no_items_so_esi_tells_what_dropped(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        kill = dropping(bench, *MIXED)
        assert await lines(bench, kill) == (SHOWN, True)
        (text,) = bench.fake_janice.appraised
        assert sorted(text.splitlines()) == [
            "Federation Navy Stasis Webifier 2",
            "Nanite Repair Paste 2500",
            "Pithum C-Type Medium Shield Booster 1",
            "Small Standard Container 1",
            "Tritanium 10000",
        ]
        assert bench.fake_janice.kept == 0


async def test_items_in_the_mail_itself_need_no_question_to_esi(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        kill = dropping(bench, *MIXED)
        assert await lines(bench, kill, live=False) == (SHOWN, True)
        assert not any("killmails" in asked for asked in bench.fake_esi.asked)


async def test_prices_are_kept_for_six_hours_and_over_a_restart(autojump_clock: MockClock, world: World) -> None:
    store = Store.open(":memory:", run=inline, now=world.now)
    async with looking_up(world, store=store) as bench:
        assert (await lines(bench, dropping(bench, *MIXED)))[1]
    async with looking_up(world, store=store) as bench:
        assert await lines(bench, dropping(bench, *MIXED)) == (SHOWN, True)
        assert bench.fake_janice.appraised == []
        await trio.sleep(timedelta(hours=6).total_seconds())
        assert await lines(bench, dropping(bench, *MIXED)) == (SHOWN, True)
        assert len(bench.fake_janice.appraised) == 1
    store.close()


async def test_only_what_has_no_price_yet_is_appraised(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        await lines(bench, dropping(bench, item(BOOSTER)))
        await lines(bench, dropping(bench, item(BOOSTER), item(WEBIFIER)))
        assert bench.fake_janice.appraised == [
            "Pithum C-Type Medium Shield Booster 1",
            "Federation Navy Stasis Webifier 1",
        ]


async def test_n3_items_of_the_abyss_are_not_sent_to_janice(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        assert await lines(bench, dropping(bench, item(DISRUPTOR))) == (("• Abyssal Warp Disruptor",), True)
        assert bench.fake_janice.appraised == []


@pytest.mark.parametrize(("status", "state"), [(429, "degraded"), (500, "degraded"), (401, "failed"), (403, "failed")])
async def test_n8_without_janice_the_cached_prices_still_count(
    autojump_clock: MockClock, world: World, status: int, state: str
) -> None:
    async with looking_up(world) as bench:
        await lines(bench, dropping(bench, item(BOOSTER)))
        bench.fake_janice.failing = status
        shown, settled = await lines(bench, dropping(bench, item(BOOSTER), item(WEBIFIER)))
        assert (shown, settled) == (("• Pithum C-Type Medium Shield Booster (~180.00M ISK)",), False)
        assert world.state("janice")[0] == state
        bench.fake_janice.failing = None
        assert (await lines(bench, dropping(bench, item(BOOSTER), item(WEBIFIER))))[1]
        assert world.state("janice") == ("ok", "")


async def test_an_answer_that_is_no_appraisal_counts_as_none(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        bench.fake_janice.failing = 200
        assert await lines(bench, dropping(bench, item(BOOSTER))) == ((), False)


async def test_n9_k55_an_item_without_a_name_is_left_out(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        shown, settled = await lines(bench, dropping(bench, item(NAMELESS), item(BOOSTER)))
        assert (shown, settled) == (("• Pithum C-Type Medium Shield Booster (~180.00M ISK)",), True)
        assert bench.fake_janice.appraised == ["Pithum C-Type Medium Shield Booster 1"]


async def test_k55_while_names_are_missing_nothing_is_appraised(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        kill = dropping(bench, item(BOOSTER))
        bench.fake_esi.down = True
        assert await lines(bench, kill, live=False) == ((), False)
        assert bench.fake_janice.appraised == []


async def test_the_whole_step_takes_six_seconds_at_most(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        kill = dropping(bench, item(BOOSTER))
        bench.fake_esi.delay_s = 2.5
        bench.fake_janice.delay_s = 30.0
        began = trio.current_time()
        assert await lines(bench, kill) == ((), False)
        assert trio.current_time() - began == 6.0


@pytest.mark.parametrize("case", ["no hash", "unknown to esi", "nothing dropped"])
async def test_without_items_there_is_no_section(autojump_clock: MockClock, world: World, case: str) -> None:
    async with looking_up(world) as bench:
        kill = dropping(bench)
        if case == "no hash":
            del kill["zkb"]["hash"]
        elif case == "unknown to esi":
            kill["zkb"] = {**kill["zkb"], "hash": "ab" * 20}
            bench.kills.store.know({**kill, "zkb": {"hash": "cd" * 20}})
        assert await lines(bench, kill) == ((), True)


async def test_esi_is_asked_once_for_the_items_of_a_kill(autojump_clock: MockClock, world: World) -> None:
    async with looking_up(world) as bench:
        kill, loot = dropping(bench, item(BOOSTER)), bench.loot()
        for _ in range(3):
            await loot.lines(live_form(kill), kill["killmail_id"], kill["zkb"]["hash"], until=soon(6))
        assert sum(count for asked, count in bench.fake_esi.asked.items() if "killmails" in asked) == 1
