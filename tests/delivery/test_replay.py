"""A second try for parked events: decided as if they arrived now, without moving any mark of a feed backwards."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.delivery.test_pipeline import LOADED, NOW, RULES, Rig, event, kill
from wanderer_notifier.core.events import Arrival, KillArrived, MapEventArrived, Replayed
from wanderer_notifier.core.rules import Rules
from wanderer_notifier.delivery.pipeline import cursor_name
from wanderer_notifier.delivery.replay import LOOK_EVERY_S, again, context_of, replay_asked
from wanderer_notifier.state import memory, parked

OLDER, NEWER = "01M88037WFFP8SZT9208SNK8BC", "01M88038TTVVCSAXZ48TXC7PNT"


class Moody:
    """Rules that make our own code fail while *broken*."""

    broken = True

    def __call__(self) -> Rules:
        if self.broken:
            raise RuntimeError("a rule of ours is broken")
        return RULES


async def only_parked(rig: Rig) -> parked.Parked:
    (one,) = await rig.parked()
    return one


async def ask(rig: Rig, number: int) -> None:
    assert await rig.store.write(lambda conn: parked.ask(conn, number, NOW))


@pytest.mark.parametrize("arrival", [kill(), event("add_system", OLDER, solar_system_id=31000124, name="J100001")])
async def test_what_is_parked_can_be_made_an_arrival_again(arrival: KillArrived | MapEventArrived) -> None:
    mood = Moody()
    rig = Rig(rules=mood)
    await rig.feed(arrival)
    stored = await only_parked(rig)
    assert again(stored) == Replayed(parked_id=stored.id, arrival=arrival)
    assert context_of(again(stored)) == stored.context


async def test_a_kill_parked_by_a_bug_is_told_once_the_bug_is_gone() -> None:
    mood = Moody()
    rig = Rig(rules=mood)
    await rig.feed(kill())
    stored = await only_parked(rig)
    await ask(rig, stored.id)
    mood.broken = False
    await rig.feed(LOADED, again(stored))
    assert await rig.told() == [("kill:128000001", "200")]
    settled = await only_parked(rig)
    assert (settled.state, settled.result, settled.count) == ("replayed", "decided: 1 message queued", 1)
    await rig.feed(again(stored))
    assert await rig.told() == [("kill:128000001", "200")], "a second replay tells nothing twice"
    assert (await only_parked(rig)).result == "decided: told before"


async def test_an_event_that_fails_again_stays_parked_and_says_so() -> None:
    rig = Rig(rules=Moody())
    await rig.feed(kill())
    stored = await only_parked(rig)
    await ask(rig, stored.id)
    await rig.feed(again(stored))
    after = await only_parked(rig)
    assert (after.id, after.state, after.count) == (stored.id, "parked", 1)
    assert (after.result or "").startswith("failed again: ")


async def test_a_kill_that_no_rule_wants_any_more_says_why() -> None:
    mood = Moody()
    rig = Rig(rules=mood)
    await rig.feed(kill(kill_time=(NOW - timedelta(hours=3)).isoformat()))
    stored = await only_parked(rig)
    mood.broken = False
    await rig.feed(LOADED, again(stored))
    assert (await only_parked(rig)).result == "decided: not told (too_old)"


async def test_a_replayed_map_event_is_told_and_moves_no_cursor() -> None:
    mood = Moody()
    rig = Rig(rules=mood)
    old = event("add_system", OLDER, solar_system_id=31000124, name="J100001")
    await rig.feed(old)
    stored = await only_parked(rig)
    mood.broken = False
    await rig.feed(LOADED, event("add_system", NEWER, solar_system_id=31000125, name="J100002"), again(stored))
    assert [claim for claim, _ in await rig.told()] == ["system:home:31000125", "system:home:31000124"]
    assert rig.pipeline.cursor("home") == NEWER
    assert await rig.store.read(lambda conn: memory.get_cursor(conn, cursor_name("home"))) == NEWER
    known = await rig.store.read(memory.load_tracking)
    assert 31000124 in known.system_ids()


# --- the task that hands them over --------------------------------------------------------------------------------


async def test_what_is_asked_for_is_handed_over_once_until_it_is_settled(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    rig = Rig(rules=Moody())
    await rig.feed(kill(), kill(2))
    send, receive = trio.open_memory_channel[Arrival](10)

    def now() -> Any:
        return NOW + timedelta(seconds=trio.current_time())

    async def handed(seconds: float = 3 * LOOK_EVERY_S) -> list[int]:
        await trio.sleep(seconds)
        found = []
        while receive.statistics().current_buffer_used:
            arrival = receive.receive_nowait()
            assert isinstance(arrival, Replayed)
            found.append(arrival.parked_id)
        return found

    async def task() -> None:
        await replay_asked(rig.store, send, now=now)

    nursery.start_soon(task)
    assert await handed() == []
    first, second = sorted(one.id for one in await rig.parked())
    await ask(rig, second)
    assert await handed() == [second]
    assert await handed() == []
    await rig.store.write(lambda conn: parked.settle(conn, second, "failed again", NOW, well=False))
    await rig.store.write(lambda conn: parked.ask(conn, second, NOW + timedelta(seconds=1)))
    await ask(rig, first)
    assert await handed() == [first, second]
    nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("context", "raw"),
    [
        ({}, "{}"),
        ({"source": "live", "system_id": None, "received_at": "yesterday"}, "{}"),
        ({"source": "live", "system_id": None, "received_at": NOW.isoformat()}, "{torn"),
    ],
    ids=["nothing kept", "no time", "no JSON"],
)
async def test_what_cannot_be_made_an_arrival_is_refused_with_a_reason(
    autojump_clock: MockClock, nursery: trio.Nursery, context: dict[str, Any], raw: str
) -> None:
    rig = Rig()
    await rig.store.write(lambda conn: parked.park(conn, "kill", raw, "bad", NOW, json.loads(json.dumps(context))))
    await ask(rig, (await only_parked(rig)).id)
    send, receive = trio.open_memory_channel[Arrival](10)

    async def task() -> None:
        await replay_asked(rig.store, send, now=lambda: NOW)

    nursery.start_soon(task)
    await trio.sleep(LOOK_EVERY_S)
    refused = await only_parked(rig)
    assert refused.state == "parked"
    assert (refused.result or "").startswith("cannot be replayed: ")
    assert receive.statistics().current_buffer_used == 0
    nursery.cancel_scope.cancel()
