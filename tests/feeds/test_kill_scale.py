"""Large maps: 10,000 systems and 50,000 pilots subscribe, within the service's limits (`-s` prints the numbers)."""

from __future__ import annotations

import json
import time

import pytest
import trio
from trio.testing import MockClock

from tests.feeds.killing import FAR, Killing
from wanderer_notifier.sim.killfeed_socket import MAX_FRAME


@pytest.mark.parametrize(
    ("system_count", "pilot_count", "sockets"), [(12_000, 20_000, 4), (10_000, 50_000, 6)], ids=["scenario 4", "large"]
)
async def test_every_id_is_subscribed(
    autojump_clock: MockClock, killing: Killing, system_count: int, pilot_count: int, sockets: int
) -> None:
    systems = range(30_000_001, 30_000_001 + system_count)
    pilots = range(2_999_900_000, 2_999_900_000 + pilot_count)
    feed, began = killing.feed, time.perf_counter()
    killing.follow("systems", *systems)
    killing.follow("characters", *pilots)
    with trio.fail_after(60):
        await feed.until(lambda feed: len(feed.joined) == sockets)
    seconds = time.perf_counter() - began
    assert {one for channel in feed.joined for one in channel.systems} == set(systems)
    assert {one for channel in feed.joined for one in channel.characters} == set(pilots)
    joins = [str(heard.text) for heard in feed.journal if json.loads(heard.text)[3] == "phx_join"]
    assert len(joins) == sockets
    assert max(map(len, joins)) <= MAX_FRAME
    print(
        f"{system_count} systems, {pilot_count} pilots: {len(joins)} joins on {sockets} sockets, "
        f"{sum(map(len, joins))} bytes, the largest {max(map(len, joins))}, {seconds:.2f} s"
    )
    await trio.sleep(10)
    states = {view.name: view.state for view in killing.world.health.views() if view.name.startswith("killmail_stream")}
    assert set(states.values()) == {"ok"}
    assert len(states) == sockets
    await killing.heard(killing.happen(system_id=systems[-1]), killing.happen(system_id=FAR + 10**6, victim=pilots[-1]))
