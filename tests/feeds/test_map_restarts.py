"""Clocks that jump, restarts and lists that come late: each change on a map is told, and told once."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.follower import (
    DATA,
    HOME,
    OTHER,
    PILOT,
    STREAM,
    THIRD,
)
from tests.feeds.map_service import HOST, MapService, serving

# --- clocks and restarts ---


@pytest.mark.parametrize("by_s", [-400.0, -30.0, 30.0, 400.0])
async def test_a_clock_of_the_map_server_that_jumps_hides_nothing(autojump_clock: MockClock, by_s: float) -> None:
    async with serving() as service:
        service.home.add_system(OTHER)
        await trio.sleep(60)
        service.clock_s = by_s
        service.network.refuse(HOST, 80)
        service.network.cut(HOST, 80)
        await trio.sleep(20)
        rally = service.home.rally(HOME, PILOT, "form up")  # no list would tell of it
        service.network.refuse(HOST, 80, False)
        await trio.sleep(60)
        assert await service.told() == [f"system:home:{OTHER}", f"rally:home:{rally}"]
        service.server.cut_streams()  # and the cursor is good again
        service.home.add_system(THIRD)
        await trio.sleep(30)
        assert (await service.told())[2:] == [f"system:home:{THIRD}"]
        assert service.health.component(STREAM).state == "ok"


async def test_a_clock_that_goes_back_before_anything_was_decided_hides_nothing(autojump_clock: MockClock) -> None:
    async with serving() as service:
        service.clock_s = -200.0
        service.server.cut_streams()
        rally = service.home.rally(HOME, PILOT, "form up")
        await trio.sleep(60)
        assert await service.told() == [f"rally:home:{rally}"]


async def test_a_system_added_while_the_map_offers_no_stream_is_told_from_its_list(autojump_clock: MockClock) -> None:
    async with serving() as service:
        service.home.sse_enabled = False
        service.server.cut_streams()
        await trio.sleep(90)
        service.home.add_system(OTHER)
        service.home.add_character(2147480002)
        await trio.sleep(70)
        assert await service.told() == [f"system:home:{OTHER}", "character:home:2147480002"]
        service.home.sse_enabled = True
        await trio.sleep(400)  # the stream is back and replays the event
        assert len(await service.told()) == 2


async def test_a_restart_with_the_map_down_still_knows_what_is_tracked(autojump_clock: MockClock) -> None:
    async with serving() as service:
        service.home.add_system(OTHER)
        await trio.sleep(1)
        service.crash()
        service.network.refuse(HOST, 80)
        await trio.sleep(3 * 3600)
        await service.start()
        assert service.known.value.system_ids() == {HOME, OTHER}
        assert service.known.value.character_ids() == {PILOT}
        await trio.sleep(30)
        assert "not read since 2026-11-25 03:00 UTC, 3h 0m" in service.health.component(DATA).view().reason


async def test_added_removed_crashed_and_replayed_is_one_message(autojump_clock: MockClock) -> None:
    async with serving() as service:
        service.home.add_system(OTHER)
        await trio.sleep(1)
        service.home.remove_system(OTHER)
        await trio.sleep(1)
        service.crash()
        await service.start()
        await trio.sleep(60)
        assert await service.told() == [f"system:home:{OTHER}"]
        assert service.count("notifier_map_events_total", map="home", type="add_system", result="repeated") == 1


async def test_what_the_stream_still_has_is_told_although_the_lists_come_first_and_too_late(
    autojump_clock: MockClock,
) -> None:
    """Two hours away: the lists add in silence what is old, and the last ten minutes are replayed behind them."""
    async with serving() as service:
        service.crash()
        service.home.add_system(OTHER)
        await trio.sleep(2 * 3600)
        service.home.add_system(THIRD)
        await trio.sleep(60)
        await service.start()
        await trio.sleep(60)
        assert service.known.value.system_ids() == {HOME, OTHER, THIRD}
        assert await service.told() == [f"system:home:{THIRD}"]


async def test_the_very_first_list_does_not_swallow_what_happens_while_it_is_read(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        service = MapService(nursery)
        service.home.add_system(HOME, quiet=True)
        service.server.fail_rest(3)  # while the stream is already open
        await service.start()
        await service.server.until(lambda server: len(server.streams) == 1)
        service.home.add_system(OTHER)
        await trio.sleep(60)
        assert await service.told() == [f"system:home:{OTHER}"]
        nursery.cancel_scope.cancel()
    service.store.close()
