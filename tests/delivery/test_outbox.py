"""Each message once, in order, through every misfortune: the promise, against the fake Discord in virtual time."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from tests.delivery.bench import delivering, new, open_store
from tests.discord.peer import MAIN, OTHER, make_discord, virtual_now
from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.core.outcome import Absent, Accepted, LookBack, Outcome
from wanderer_notifier.delivery.outbox import Delivered, Delivery
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.sim import faults
from wanderer_notifier.state import outbox
from wanderer_notifier.state.store import DiskFull, Store

POST = "POST /channels/{c}/messages"


async def test_a_row_becomes_a_message_and_is_told(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        (row_id,) = await bench.put(new(1))
        await bench.idle()
        (message,) = bench.messages()
        (row,) = await bench.rows()
        assert (row.state, row.message_id, row.attempts) == ("sent", message.id, 1)
        assert message.nonce == nonce_for("kill:1", MAIN)
        (told,) = bench.told
        assert (told.result, told.row_id, told.channel, told.kind, told.final) == ("sent", row_id, MAIN, "kill", True)
        assert told.latency_s >= 0
        assert bench.part.state == "ok"


async def test_rows_from_before_the_start_are_delivered(autojump_clock: MockClock) -> None:
    async with delivering(rows=[new(1), new(2, OTHER)]) as bench:
        await bench.idle()
        assert (bench.titles(MAIN), bench.titles(OTHER)) == (["Kill 1"], ["Kill 2"])


async def test_rows_that_another_process_revived_are_found_without_a_wake(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        await trio.sleep(1)
        await bench.store.write(partial(outbox.enqueue, row=new(1)))
        await bench.idle()
        assert bench.titles() == ["Kill 1"]


async def test_t70_a_429_is_waited_for_and_delivered_once(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.limited(1.2))
        await bench.put(new(1))
        await bench.idle()
        assert bench.titles() == ["Kill 1"]
        first, second = bench.discord.journal
        assert 1.2 <= second.at - first.at < 1.5
        assert bench.results() == {"limited": 1, "sent": 1}


async def test_ten_429s_in_a_row_lose_nothing_and_are_no_failures(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.limited(2.0), times=10)
        await bench.put(new(1))
        await bench.idle()
        assert bench.titles() == ["Kill 1"]
        assert trio.current_time() < 25  # no back-off on top of what was asked for
        assert bench.part.view().last_error is None


async def test_a_block_by_the_edge_is_visible_and_waited_for(autojump_clock: MockClock) -> None:
    """cases.md D25: an HTML page instead of JSON means a pause of minutes for everything."""
    async with delivering() as bench:
        page = faults.Status(status=429, body=b"<html>", content_type="text/html")
        bench.discord.fault(faults.Fault(effect=False, ending=page))
        await bench.put(new(1))
        await trio.sleep(1)
        await bench.put(new(2, OTHER))
        await trio.sleep(299)
        assert bench.part.view().state == "degraded"
        assert "edge" in bench.part.view().reason
        assert len(bench.discord.journal) <= 2
        await bench.idle()
        assert (bench.titles(MAIN), bench.titles(OTHER)) == (["Kill 1"], ["Kill 2"])
        assert bench.part.view().state == "ok"


async def test_t71_a_500_then_a_200_is_one_message(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.status(500))
        await bench.put(new(1))
        await bench.idle()
        assert bench.titles() == ["Kill 1"]
        assert bench.results() == {"unknown": 1, "sent": 1}


async def test_t72_a_refused_message_is_reduced_once_then_dead_with_its_body(autojump_clock: MockClock) -> None:
    bad = {"embeds": [{"title": "x" * 300, "description": "d" * 5000}], "allowed_mentions": {"parse": []}}
    async with delivering() as bench:
        await bench.put(new(1, body=bad), new(2))
        await bench.idle()
        reduced, other = bench.messages()
        assert reduced.content == ("x" * 300 + "\n" + "d" * 5000)[:2000]
        assert reduced.nonce != nonce_for("kill:1", MAIN)
        assert other.embeds
        assert bench.results() == {"reduced": 1, "sent": 2}

        bench.discord.fault(faults.status(400), times=2)
        await bench.put(new(3, body=bad), new(4))
        await bench.idle()
        dead = (await bench.rows())[2]
        assert dead.state == "dead"
        assert dead.reason is not None
        assert "400" in dead.reason
        assert dead.fallback == bad  # what was refused first stays readable
        assert bench.titles()[2:] == ["Kill 4"]
        assert bench.results()["rejected"] == 1


async def test_a_fallback_of_the_decision_is_preferred(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.status(400))
        await bench.put(new(1, fallback={"content": "short", "allowed_mentions": {"parse": []}}))
        await bench.idle()
        assert [message.content for message in bench.messages()] == ["short"]


@pytest.mark.parametrize(
    "fault",
    [
        faults.cut(effect=True),
        faults.cut(effect=False),
        faults.status(502, effect=True),
        faults.truncated(),
        faults.truncated(complete=True),
        faults.stall(effect=True),
        faults.stall(),
        faults.slow(after_s=40.0),
    ],
    ids=["cut after", "cut before", "502 after", "half", "half a JSON", "stall after", "stall before", "late"],
)
@pytest.mark.parametrize("times", [1, 2])
async def test_an_attempt_of_unknown_end_is_repeated_and_one_message_stands(
    autojump_clock: MockClock, fault: faults.Fault, times: int
) -> None:
    async with delivering() as bench:
        bench.discord.fault(fault, times=times)
        await bench.put(new(1), new(2))
        await bench.idle()
        assert bench.titles() == ["Kill 1", "Kill 2"]
        assert bench.results() == {"unknown": times, "sent": 2}


async def test_an_outage_of_half_an_hour_delays_and_doubles_nothing(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        outage = bench.discord.fault(faults.status(502), probability=0.7, times=None)
        nasty = bench.discord.fault(faults.cut(effect=True), times=None)
        await bench.put(*(new(number) for number in range(5)))
        await trio.sleep(1800)
        assert bench.part.view().state == "failed"
        for rule in (outage, nasty):
            bench.discord.faults.rules.remove(rule)
        await bench.idle()
        assert bench.titles() == [f"Kill {number}" for number in range(5)]
        assert bench.part.state == "ok"
        assert len(bench.discord.journal) < 150  # it does not hammer


async def test_no_connection_is_retried_with_growing_pauses_until_it_works(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        assert bench.peer.network is not None
        bench.peer.network.refuse("discord.sim", 80)
        await bench.put(new(1))
        await trio.sleep(600)
        assert bench.part.view().state == "failed"
        assert 20 <= len(bench.peer.network.dialled) <= 30
        bench.peer.network.refuse("discord.sim", 80, on=False)
        await bench.idle()
        assert bench.titles() == ["Kill 1"]
        assert bench.part.state == "ok"
        assert set(bench.results()) == {"not_sent", "sent"}


async def test_a_dead_token_met_while_looking_stops_everything_too(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.status(502, effect=True), route=POST, times=8)
        await bench.put(new(1))
        await trio.sleep(80)
        bench.discord.api.revoked = True
        await trio.sleep(60)
        assert bench.part.view().state == "failed"
        asked = len(bench.discord.journal)
        await bench.put(new(2, OTHER))
        await trio.sleep(200)
        assert len(bench.discord.journal) - asked <= 1
        bench.discord.api.revoked = False
        await bench.idle()
        assert (bench.titles(), bench.titles(OTHER)) == (["Kill 1"], ["Kill 2"])


async def test_the_order_of_a_channel_holds_under_mixed_misfortunes(autojump_clock: MockClock) -> None:
    discord = make_discord(channels=4)
    for fault in (
        faults.status(500),
        faults.cut(effect=True),
        faults.cut(effect=False),
        faults.limited(1.0),
        faults.limited(2.0, scope="global"),
        faults.limited(1.0, scope="shared"),
        faults.truncated(),
        faults.stall(effect=True),
        faults.status(502, effect=True),
    ):
        discord.fault(fault, probability=0.06, times=None)
    async with delivering(discord=discord) as bench:
        dice = Random(3)
        expected: dict[str, list[str]] = {channel: [] for channel in discord.guild.channels}
        for number in range(120):
            channel = dice.choice(list(expected))
            expected[channel].append(f"Kill {number}")
            await bench.put(new(number, channel))
            await trio.sleep(dice.random() * 3)
        await bench.idle()
        assert {channel: bench.titles(channel) for channel in expected} == expected
        assert not discord.duplicates()


class Stubborn(Store):
    """A store whose disk is full for a while."""

    full = False

    async def write(self, job: Any) -> Any:
        if self.full:
            raise DiskFull("no room left to write notifier.db")
        return await super().write(job)


async def test_a_full_disk_sends_nothing_unrecorded_and_heals(autojump_clock: MockClock) -> None:
    plain = open_store()
    store = Stubborn(plain._conn, plain.report, plain._run)
    async with delivering(store=store, rows=[new(1), new(2)], running=False) as bench, trio.open_nursery() as nursery:
        bench.discord.fault(faults.slow(before_s=2.0))
        nursery.start_soon(partial(bench.delivery.run, stop=bench.stop))
        await trio.sleep(1)
        store.full = True  # while the first is in flight
        await trio.sleep(600)
        assert bench.titles() == ["Kill 1"]
        assert "no room left" in bench.part.view().reason
        assert bench.part.view().state == "degraded"
        store.full = False
        await bench.idle()
        assert bench.titles() == ["Kill 1", "Kill 2"]
        assert bench.part.state == "ok"
        assert [row.attempts for row in await bench.rows()] == [1, 1]
        bench.stop.set()
    store.close()


async def test_a_bug_in_one_send_is_seen_retried_and_stops_no_other(autojump_clock: MockClock) -> None:
    """cases.md O18: failing send among ten."""
    sent: list[str] = []
    bugs = 7

    async def post(channel: str, body: dict[str, Any]) -> Outcome:
        nonlocal bugs
        await trio.lowlevel.checkpoint()
        if channel == "5" and bugs:
            bugs -= 1
            raise LookupError("a bug")
        sent.append(channel)
        return Accepted(f"m{channel}")

    async def look_back(channel: str, body: dict[str, Any], since: datetime) -> LookBack:
        await trio.lowlevel.checkpoint()
        if trio.current_time() < 200:
            raise LookupError("another bug")
        return Absent()

    store, stop = open_store(), trio.Event()
    told: list[Delivered] = []
    part = Health(virtual_now).component("discord_rest")
    delivery = Delivery(
        store, post=post, look_back=look_back, now=virtual_now, roll=lambda: 0.0, part=part, observe=told.append
    )
    await store.write(lambda conn: [outbox.enqueue(conn, new(number, str(number))) for number in range(10)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(delivery.run, stop=stop))
        await trio.sleep(1)
        assert len(sent) == 9
        await trio.sleep(300)
        assert sorted(sent) == [str(number) for number in range(10)]
        stop.set()
    assert sum("a bug" in one.reason for one in told) == 7
    assert any("another bug" in one.reason for one in told)
    store.close()


async def test_what_overflows_is_counted_and_summarised_in_its_channel(autojump_clock: MockClock) -> None:
    """cases.md D30: silent caps."""
    discord = make_discord()
    discord.api.limits.routes[POST] = discord.api.limits.overall
    async with delivering(discord=discord, running=False) as bench:
        for number in range(1_300):
            await bench.put(new(number))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(bench.delivery.run, stop=bench.stop))
            await bench.idle()
            await trio.sleep(60)
            bench.stop.set()
        titles = bench.titles()
        assert titles[:-1] == [f"Kill {number}" for number in range(300, 1_300)]
        assert titles[-1].startswith("300 messages for this channel could not be kept")
        assert bench.results() == {"overflow": 300, "sent": 1_001}


async def test_a_wake_during_the_last_look_is_not_lost(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        dice = Random(5)
        for number in range(300):
            await bench.put(new(number, MAIN if number % 2 else OTHER, kind="system"))
            for _ in range(dice.randrange(12)):
                await trio.lowlevel.checkpoint()
        before = trio.current_time()
        await bench.idle()
        assert len(bench.titles(MAIN)) + len(bench.titles(OTHER)) == 300
        assert trio.current_time() - before < 160  # by wakes, not by the sweep


async def test_ten_thousand_rows_leave_nothing_behind(autojump_clock: MockClock) -> None:
    async def post(channel: str, body: dict[str, Any]) -> Outcome:
        await trio.lowlevel.checkpoint()
        return Accepted("m")

    async def look_back(channel: str, body: dict[str, Any], since: datetime) -> LookBack:
        await trio.lowlevel.checkpoint()
        raise AssertionError("nothing is unknown")

    store, stop, sent, hundred = open_store(), trio.Event(), 0, trio.Event()

    def count(_: object) -> None:
        nonlocal sent, hundred
        sent += 1
        if sent % 100 == 0:
            hundred.set()
            hundred = trio.Event()

    part = Health(virtual_now).component("discord_rest")
    delivery = Delivery(
        store, post=post, look_back=look_back, now=virtual_now, roll=lambda: 0.0, part=part, observe=count
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(delivery.run, stop=stop))
        for batch in range(100):
            for number in range(100):
                await store.write(partial(outbox.enqueue, row=new(batch * 100 + number, str(number % 20))))
            done = hundred
            delivery.wake(str(number) for number in range(20))
            await done.wait()
        await wait_all_tasks_blocked()
        assert sent == 10_000
        assert not delivery._workers
        assert not delivery._waiting
        assert len(nursery.child_tasks) == 1
        stop.set()
    store.close()
