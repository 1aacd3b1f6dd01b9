"""Attempts of unknown end and crashes in flight: looked for, repeated, never doubled."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.delivery.bench import delivering, new, open_store
from tests.discord.peer import MAIN, OTHER, make_discord, virtual_now
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord_messages import READ_MESSAGE_HISTORY, VIEW_CHANNEL
from wanderer_notifier.state import outbox

POST = "POST /channels/{c}/messages"
GET = "GET /channels/{c}/messages"


@pytest.mark.parametrize("effect", [True, False])
async def test_after_the_window_the_channel_is_read_before_sending_again(
    autojump_clock: MockClock, effect: bool
) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.cut(effect=effect))
        rule = bench.discord.fault(faults.status(503), route=POST, times=None)
        await bench.put(new(1), new(2))
        await trio.sleep(300)
        bench.discord.faults.rules.remove(rule)
        await bench.idle()
        assert bench.titles() == ["Kill 1", "Kill 2"]
        assert bench.results()["found"] == effect
        reads = [seen for seen in bench.discord.journal if seen.route == GET]
        assert reads
        assert reads[0].at >= 90


async def test_trouble_while_reading_waits_and_does_not_send(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.cut(effect=True))
        posts = bench.discord.fault(faults.status(503), route=POST, times=None)
        reads = bench.discord.fault(faults.status(500), route=GET, times=None)
        await bench.put(new(1))
        await trio.sleep(120)
        bench.discord.faults.rules.remove(posts)
        asked = sum(seen.route == POST for seen in bench.discord.journal)
        await trio.sleep(600)
        assert sum(seen.route == POST for seen in bench.discord.journal) == asked
        bench.discord.faults.rules.remove(reads)
        await bench.idle()
        assert bench.titles() == ["Kill 1"]
        assert bench.results()["cannot_look"] >= 5


@pytest.mark.parametrize("answer", ["refuse", "empty"])
async def test_without_read_message_history_a_fresh_row_is_sent_again_and_counted(
    autojump_clock: MockClock, answer: Any
) -> None:
    async with delivering() as bench:
        await bench.put(new(0))
        bench.discord.deny(MAIN, READ_MESSAGE_HISTORY)
        bench.discord.api.channels.history_without_permission = answer
        await bench.idle()
        bench.discord.fault(faults.cut(effect=False))
        rule = bench.discord.fault(faults.status(503), route=POST, times=None)
        await bench.put(new(1))
        await trio.sleep(125)
        bench.discord.faults.rules.remove(rule)
        await bench.idle()
        assert bench.titles() == ["Kill 0", "Kill 1"]
        assert bench.results()["unverified_resend"] == 1  # then the nonce protects again, and it is not asked again


async def test_a_row_of_unknown_end_in_a_closed_channel_waits_and_the_channel_counts_as_closed(
    autojump_clock: MockClock,
) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.cut(effect=True), channel=OTHER)
        rule = bench.discord.fault(faults.status(503), route=POST, channel=OTHER, times=None)
        await bench.put(new(1, OTHER))
        await trio.sleep(30)
        bench.discord.deny(OTHER, VIEW_CHANNEL)
        bench.discord.faults.rules.remove(rule)
        await trio.sleep(600)
        assert len(bench.messages(MAIN)) == 1  # the note
        bench.discord.allow(OTHER, VIEW_CHANNEL)
        await bench.idle()
        assert bench.titles(OTHER) == ["Kill 1"]
        assert bench.results()["unverified_resend"] == 0
        assert bench.results()["found"] == 1


async def test_a_wall_clock_that_steps_back_does_not_stretch_the_window(autojump_clock: MockClock) -> None:
    steps = timedelta()

    def now() -> datetime:
        return virtual_now() - steps

    async with delivering(now=now) as bench:
        bench.discord.fault(faults.cut(effect=True))
        rule = bench.discord.fault(faults.status(503), route=POST, times=None)
        await bench.put(new(1))
        await trio.sleep(60)
        steps = timedelta(hours=2)
        await trio.sleep(240)
        bench.discord.faults.rules.remove(rule)
        await bench.idle()
        assert bench.titles() == ["Kill 1"]


@pytest.mark.parametrize("effect", [True, False], ids=["it was posted", "it was not"])
@pytest.mark.parametrize("away_s", [5, 80, 200, 3000])
async def test_a_crash_in_flight_is_settled_by_the_next_start(
    autojump_clock: MockClock, effect: bool, away_s: float, tmp_path: Path
) -> None:
    discord = make_discord()
    store = open_store(tmp_path / "notifier.db")
    async with delivering(store=store, discord=discord) as bench:
        bench.discord.fault(faults.stall(effect=effect))
        await bench.put(new(1), new(2))
        await trio.sleep(3)
        assert [row.state for row in await bench.rows()] == ["sending", "queued"]
    store.close()
    await trio.sleep(away_s)
    store = open_store(tmp_path / "notifier.db")
    async with delivering(store=store, discord=discord) as bench:
        await bench.idle()
        assert bench.titles() == ["Kill 1", "Kill 2"]
        assert bench.results()["found"] == (effect and away_s > 90)
        assert not bench.discord.duplicates()
    store.close()


async def test_a_crash_between_answer_and_note_sends_nothing_twice(autojump_clock: MockClock) -> None:
    discord, store = make_discord(), open_store()
    async with delivering(store=store, discord=discord, rows=[new(1)]) as bench:
        await bench.idle()
    await store.write(lambda conn: conn.execute("UPDATE outbox SET state = 'sending', message_id = NULL"))
    for _ in range(3):
        async with delivering(store=store, discord=discord) as bench:
            await bench.idle()
        await store.write(lambda conn: conn.execute("UPDATE outbox SET state = 'sending', message_id = NULL"))
        await trio.sleep(100)
    assert len(discord.messages(MAIN)) == 1
    store.close()


async def test_two_processes_on_one_database_post_each_message_once(autojump_clock: MockClock) -> None:
    """cases.md O16: old and new overlap during a deploy."""
    discord, store = make_discord(), open_store()
    discord.fault(faults.slow(before_s=2.0, after_s=2.0), times=None)
    async with delivering(store=store, discord=discord) as old, trio.open_nursery() as nursery:
        await old.put(*(new(number) for number in range(10)))
        await trio.sleep(3)

        async def another() -> None:
            async with delivering(store=store, discord=discord) as bench:
                await bench.idle()

        nursery.start_soon(another)
        await old.idle()
    assert sorted(message.embeds[0]["title"] for message in discord.messages(MAIN)) == [
        f"Kill {number}" for number in range(10)
    ]
    store.close()


async def test_what_a_dead_process_left_in_flight_is_taken_over(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        await trio.sleep(1)
        await bench.store.write(partial(outbox.enqueue, row=new(1)))
        await bench.store.write(partial(outbox.begin, row_id=1, now=virtual_now()))  # and then it died
        await bench.idle()
        assert bench.titles() == ["Kill 1"]
        assert 90 <= trio.current_time() < 150


async def test_stopping_finishes_what_can_be_sent_and_keeps_the_rest(autojump_clock: MockClock) -> None:
    async with delivering(running=False) as bench:
        await bench.put(new(1), new(2), new(3, OTHER), new(4, OTHER))
        bench.discord.fault(faults.limited(500.0), channel=OTHER)
        bench.stop.set()
        await bench.delivery.run(stop=bench.stop)
        assert bench.titles(MAIN) == ["Kill 1", "Kill 2"]
        assert bench.titles(OTHER) == []
        assert [row.state for row in await bench.rows()] == ["sent", "sent", "queued", "queued"]
        assert trio.current_time() < 10


async def test_stopping_while_waiting_ends_at_once(autojump_clock: MockClock) -> None:
    async with delivering(running=False) as bench:
        bench.discord.fault(faults.limited(500.0))
        await bench.put(new(1))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(bench.delivery.run, stop=bench.stop))
            await trio.sleep(20)
            bench.stop.set()
        assert trio.current_time() == 20
        assert [row.state for row in await bench.rows()] == ["queued"]
