"""Messages that grow too old: given up in time, told in one note, and never sent as old news."""

from __future__ import annotations

from datetime import timedelta

import trio
from trio.testing import MockClock

from tests.delivery.bench import delivering, new
from tests.discord.peer import OTHER, START, virtual_now
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord_messages import SEND_MESSAGES

POST = "POST /channels/{c}/messages"
ONE_OLD = "One message for this channel could not be sent in time and would be old news now."


async def test_a_row_that_is_too_old_is_given_up_visibly(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        assert bench.peer.network is not None
        bench.peer.network.refuse("discord.sim", 80)
        await bench.put(new(1, expires_at=virtual_now() + timedelta(seconds=100)), new(2))
        await trio.sleep(130)
        row, _ = await bench.rows()
        assert (row.state, row.reason) == ("dead", "expired")
        assert row.done_at is not None
        assert row.done_at - START < timedelta(seconds=101)  # told when it happens, not when its turn comes
        bench.peer.network.refuse("discord.sim", 80, on=False)
        await bench.idle()
        await trio.sleep(1)
        assert bench.titles() == ["Kill 2", ONE_OLD]
        assert bench.results()["expired"] == 1


async def test_rows_that_grow_too_old_in_line_are_given_up_before_their_turn_and_told_in_one_message(
    autojump_clock: MockClock,
) -> None:
    """operations.md 12.3 point 6: an outage, then recovery; a rally does not wait behind a system for hours."""
    async with delivering() as bench:
        assert bench.peer.network is not None
        bench.peer.network.refuse("discord.sim", 80)
        soon, late = virtual_now() + timedelta(minutes=10), virtual_now() + timedelta(hours=6)
        await bench.put(new(1, expires_at=late), *(new(number, expires_at=soon) for number in range(2, 6)))
        await trio.sleep(660)
        assert [row.state for row in await bench.rows()] == ["queued", *["dead"] * 4]
        assert bench.results()["expired"] == 4
        bench.peer.network.refuse("discord.sim", 80, on=False)
        await bench.idle()
        await trio.sleep(60)
        assert bench.titles() == ["Kill 1", ONE_OLD.replace("One message", "4 messages")]


async def test_what_is_lost_while_the_note_of_losses_waits_is_told_with_it(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.deny(OTHER, SEND_MESSAGES)
        for number in range(3):
            await bench.put(new(number, OTHER, expires_at=virtual_now() + timedelta(minutes=10)))
            await trio.sleep(1200)
        await bench.put(new(9, OTHER))
        bench.discord.allow(OTHER, SEND_MESSAGES)
        await trio.sleep(700)
        assert bench.titles(OTHER) == [ONE_OLD.replace("One message", "3 messages"), "Kill 9"]
        assert bench.results()["expired"] == 3


async def test_old_status_messages_are_missed_by_nobody(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.status(500), times=4)
        await bench.put(new(1, kind="status", expires_at=virtual_now() + timedelta(seconds=5)))
        await bench.idle()
        await trio.sleep(60)
        assert bench.titles() == []
        assert bench.results()["expired"] == 1


async def test_a_row_that_grew_too_old_while_the_token_was_dead_is_not_sent(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.api.revoked = True
        await bench.put(new(1, OTHER), new(2, expires_at=virtual_now() + timedelta(seconds=310)))
        await trio.sleep(5)
        await trio.sleep(400)
        bench.discord.api.revoked = False
        await bench.idle()
        await trio.sleep(1)
        assert bench.titles() == [ONE_OLD]
        assert bench.titles(OTHER) == ["Kill 1"]


async def test_an_expired_row_of_unknown_end_is_looked_for_so_that_the_books_are_right(
    autojump_clock: MockClock,
) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.cut(effect=True))
        bench.discord.fault(faults.status(500), route=POST, times=None)
        await bench.put(new(1, expires_at=virtual_now() + timedelta(seconds=30)))
        await bench.idle()
        (row,) = await bench.rows()
        assert (row.state, row.message_id) == ("sent", bench.messages()[0].id)
        assert bench.results()["found"] == 1
