"""A message waits two seconds for names, goes out with what is known, and is completed once; never a second message."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import Factory, define
from trio.testing import MockClock

from tests.delivery.bench import Bench, delivering, new, open_store
from tests.discord.peer import MAIN, make_discord, virtual_now
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.faults import Fault
from wanderer_notifier.state.outbox import Row
from wanderer_notifier.state.rows import Look

EDIT = "PATCH /channels/{c}/messages/{m}"
POST = "POST /channels/{c}/messages"
USER = "81384788765712384"


@define
class Names:
    """Stands where a `Composer` does: *known* of *wanted* words are in the message by now."""

    wanted: int = 1
    known: int = 0
    asked: int = 0
    """How often a message was composed."""
    broken: bool = False
    changed: trio.lowlevel.ParkingLot = Factory(trio.lowlevel.ParkingLot)

    def learn(self, known: int = 1) -> None:
        self.known = known
        self.changed.unpark_all()

    async def compose(self, row: Row, *, until: float) -> Look:
        self.asked += 1
        if self.broken:
            raise RuntimeError("a bug")
        with trio.move_on_at(until):
            while self.known < self.wanted:
                await self.changed.park()
        title = f"Kill by {' and '.join(['name'] * self.known) or 'Unknown'}"
        embed = {**row.body["embeds"][0], "title": title}
        body = {**row.body, "embeds": [embed]}
        return Look(body=body, fallback={"content": title}, complete=self.known >= self.wanted)


async def edit_states(bench: Bench) -> list[str | None]:
    return [row.edit for row in await bench.rows()]


async def until_settled(bench: Bench, seconds: float = 3000.0) -> None:
    with trio.fail_after(seconds):
        while not (rows := await bench.rows()) or any(
            row.edit == "due" or row.state in ("queued", "sending") for row in rows
        ):
            await trio.sleep(0.25)


async def test_names_that_are_known_are_in_the_message_at_once(autojump_clock: MockClock) -> None:
    names = Names(known=1)
    async with delivering(rows=[new()], compose=names.compose) as bench:
        await bench.idle()
        (message,) = bench.messages()
        assert (message.embeds[0]["title"], message.edited) == ("Kill by name", None)
        assert trio.current_time() < 1.0
        assert await edit_states(bench) == [None]


async def test_a_message_waits_for_names_for_two_seconds_from_its_arrival(autojump_clock: MockClock) -> None:
    names = Names()
    arrived = virtual_now() - timedelta(seconds=0.5)
    async with delivering(rows=[new(received_at=arrived)], compose=names.compose) as bench:
        with trio.fail_after(1.6):
            await bench.discord.until(lambda: bool(bench.messages()))
        assert trio.current_time() >= 1.5
        assert bench.titles() == ["Kill by Unknown"]
        assert (await edit_states(bench))[0] in (None, "due")


async def test_names_that_come_within_the_two_seconds_need_no_edit(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    names = Names()

    async def learn() -> None:
        await trio.sleep(1.0)
        names.learn()

    nursery.start_soon(learn)
    async with delivering(rows=[new()], compose=names.compose) as bench:
        await bench.idle()
        assert bench.titles() == ["Kill by name"]
        assert trio.current_time() < 1.5
        await trio.sleep(700)
        assert bench.messages()[0].edited is None


async def test_many_messages_wait_at_the_same_time(autojump_clock: MockClock) -> None:
    async with delivering(rows=[new(number) for number in range(5)], compose=Names().compose) as bench:
        await bench.discord.until(lambda: len(bench.messages()) == 5)
        assert trio.current_time() < 4.0  # two seconds for all of them, and Discord's limit


async def test_an_old_message_waits_for_nothing(autojump_clock: MockClock) -> None:
    rows = [new(received_at=virtual_now() - timedelta(minutes=5))]
    async with delivering(rows=rows, compose=Names().compose) as bench:
        await bench.idle()
        assert trio.current_time() < 0.5


async def test_names_that_come_later_are_put_in_by_one_edit_of_the_same_message(autojump_clock: MockClock) -> None:
    names = Names(wanted=2)
    body: dict[str, Any] = {
        "content": f"<@{USER}>",
        "embeds": [{"title": "Kill 1", "url": "https://zkillboard.com/kill/1/"}],
        "allowed_mentions": {"parse": [], "users": [USER], "roles": []},
    }
    async with delivering(rows=[new(body=body)], compose=names.compose) as bench:
        await bench.discord.until(lambda: bool(bench.messages()))
        (before,) = bench.messages()
        await trio.sleep(20)
        names.learn(1)  # there is one edit, so it waits for everything
        await trio.sleep(60)
        assert bench.messages()[0].edited is None
        names.learn(2)
        await until_settled(bench, 120)
        (after,) = bench.messages()
        assert (after.id, after.embeds[0]["title"], after.content) == (before.id, "Kill by name and name", f"<@{USER}>")
        assert after.pinged == before.pinged == (f"user:{USER}",)
        assert sum(seen.route == EDIT for seen in bench.discord.journal) == 1
        assert await edit_states(bench) == ["done"]
        (row,) = await bench.rows()
        assert row.body == {**body, "embeds": [{**body["embeds"][0], "title": "Kill by name and name"}]}
        assert bench.edits[-1] == "edited"


async def test_a_due_edit_survives_a_restart(autojump_clock: MockClock, tmp_path: Path) -> None:
    names, discord, path = Names(), make_discord(), tmp_path / "notifier.db"
    store = open_store(path)
    async with delivering(rows=[new()], compose=names.compose, discord=discord, store=store) as bench:
        await bench.idle()
        await trio.sleep(10)
        assert await edit_states(bench) == ["due"]
    store.close()
    await trio.sleep(120)
    names.learn()
    store = open_store(path)
    async with delivering(compose=names.compose, discord=discord, store=store) as bench:
        await until_settled(bench, 30)
        assert bench.titles() == ["Kill by name"]
        assert await edit_states(bench) == ["done"]
    store.close()


@pytest.mark.parametrize("away_s", [0, 660])
async def test_after_ten_minutes_the_message_shows_what_is_known_by_then(
    autojump_clock: MockClock, away_s: float
) -> None:
    names, discord, store = Names(wanted=2), make_discord(), open_store()
    async with delivering(rows=[new()], compose=names.compose, discord=discord, store=store) as bench:
        await bench.idle()
        await trio.sleep(100)
        names.learn(1)
        if not away_s:
            await until_settled(bench, 700)
            assert 600 < trio.current_time() < 680
    await trio.sleep(away_s)
    async with delivering(compose=names.compose, discord=discord, store=store) as bench:
        await until_settled(bench, 30)
        assert bench.titles() == ["Kill by name"]
        assert await edit_states(bench) == ["done"]
    store.close()


async def test_a_message_of_yesterday_is_left_alone(autojump_clock: MockClock) -> None:
    names, discord, store = Names(), make_discord(), open_store()
    async with delivering(rows=[new()], compose=names.compose, discord=discord, store=store) as bench:
        await bench.idle()
    await trio.sleep(86_400)
    names.learn()
    async with delivering(compose=names.compose, discord=discord, store=store) as bench:
        await until_settled(bench, 30)
        assert bench.titles() == ["Kill by Unknown"]
        assert await edit_states(bench) == ["given up"]
    store.close()


async def test_when_nothing_more_comes_the_message_stays_as_it_was(autojump_clock: MockClock) -> None:
    names = Names()
    async with delivering(rows=[new()], compose=names.compose) as bench:
        await until_settled(bench)
        assert (bench.titles(), bench.messages()[0].edited) == (["Kill by Unknown"], None)
        assert await edit_states(bench) == ["given up"]
        assert names.asked < 40
        asked = names.asked
        await trio.sleep(3600)
        assert names.asked == asked


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500),
        faults.cut(effect=False),
        faults.cut(effect=True),
        faults.limited(3.0),
        faults.status(502, effect=True),
    ],
)
async def test_an_edit_that_fails_is_tried_again(autojump_clock: MockClock, fault: Fault) -> None:
    names = Names()
    async with delivering(rows=[new()], compose=names.compose) as bench:
        await bench.idle()
        bench.discord.fault(fault, route=EDIT, times=2)
        names.learn()
        await until_settled(bench, 120)
        assert bench.titles() == ["Kill by name"]
        assert await edit_states(bench) == ["done"]


@pytest.mark.parametrize(("what", "state"), [("deleted", "done"), ("channel gone", "given up"), ("token", "given up")])
async def test_an_edit_that_can_not_succeed_ends(autojump_clock: MockClock, what: str, state: str) -> None:
    names = Names()
    async with delivering(rows=[new()], compose=names.compose) as bench:
        await bench.idle()
        channel = bench.discord.guild.channels[MAIN]
        if what == "deleted":
            channel.replace(channel.messages[0], None)
        elif what == "channel gone":
            channel.deleted = True
        else:
            bench.discord.api.revoked = True
        names.learn()
        await until_settled(bench)
        assert await edit_states(bench) == [state]


async def test_a_bug_in_composing_holds_nothing_back(autojump_clock: MockClock) -> None:
    async with delivering(rows=[new()], compose=Names(broken=True).compose) as bench:
        await bench.idle()
        assert bench.titles() == ["Kill 1"]
        assert trio.current_time() < 1.0


async def test_a_refused_body_that_was_reduced_is_not_edited(autojump_clock: MockClock) -> None:
    names = Names()
    async with delivering(rows=[new()], compose=names.compose) as bench:
        bench.discord.fault(faults.status(400), route=POST, times=1)
        await bench.idle()
        names.learn()
        await until_settled(bench, 30)
        assert [message.content for message in bench.messages()] == ["Kill by Unknown"]
        assert await edit_states(bench) == [None]


def system_row(**changes: Any) -> Any:
    """A message that is known by its title, since it has no address of its own."""
    embed = {"title": "New System Tracked: System 31000123", "footer": {"text": "System ID: 31000123"}}
    return new(
        claim="system:home:31000123",
        kind="system",
        body={"embeds": [embed], "allowed_mentions": {"parse": []}},
        **changes,
    )


@pytest.mark.parametrize("effect", [True, False])
async def test_a_message_that_was_composed_is_recognised_after_a_crash(autojump_clock: MockClock, effect: bool) -> None:
    """What is posted is what the row holds: after the nonce window it is looked for under its new title."""
    names, discord, store = Names(known=1), make_discord(), open_store()
    async with delivering(rows=[system_row()], compose=names.compose, discord=discord, store=store) as bench:
        discord.fault(faults.stall(effect=effect), times=1)
        await bench.discord.until(lambda: bool(discord.journal))
        await trio.sleep(1)
    await trio.sleep(200)
    names.known = 0
    async with delivering(compose=names.compose, discord=discord, store=store) as bench:
        await bench.idle()
        await trio.sleep(300)
        assert (
            bench.titles() == ["Kill by name"] if effect else bench.titles() in (["Kill by name"], ["Kill by Unknown"])
        )
        assert len(bench.messages()) == 1
    store.close()


async def test_stopping_does_not_wait_for_edits(autojump_clock: MockClock) -> None:
    async with delivering(rows=[new()], compose=Names().compose, running=False) as bench:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: bench.delivery.run(stop=bench.stop))
            await bench.idle()
            began = trio.current_time()
            bench.stop.set()
        assert trio.current_time() - began < 1.0
        assert await edit_states(bench) == ["due"]
