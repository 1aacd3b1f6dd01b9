"""Channels and tokens that refuse: what waits, who is told, when it is tried again."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio
from trio.testing import MockClock

from tests.delivery.bench import Bench, delivering, new, open_store
from tests.discord.peer import GONE, MAIN, OTHER, make_discord, virtual_now
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord_messages import SEND_MESSAGES, VIEW_CHANNEL
from wanderer_notifier.state import closures

POST = "POST /channels/{c}/messages"


def posts(bench: Bench, channel: str) -> int:
    """How often something was posted, or tried to be, in *channel*."""
    return sum(seen.channel == channel and seen.route == POST for seen in bench.discord.journal)


async def test_a_closed_channel_rests_its_rows_wait_and_the_primary_hears_once(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.deny(OTHER, SEND_MESSAGES)
        for number in range(20):
            await bench.put(new(number, OTHER), new(100 + number, MAIN))
            await trio.sleep(60)
        notes = [message for message in bench.messages(MAIN) if not message.embeds]
        assert len(notes) == 1
        assert f"<#{OTHER}>" in notes[0].content
        assert "the bot lacks Send Messages in the channel" in notes[0].content
        assert not notes[0].pinged
        assert len([title for title in bench.titles(MAIN) if title.startswith("Kill")]) == 20
        assert bench.part.state == "ok"
        assert OTHER in bench.part.view().reason
        assert posts(bench, OTHER) <= 6
        assert {row.state for row in await bench.rows() if row.channel == OTHER} == {"queued"}

        bench.discord.allow(OTHER, SEND_MESSAGES)
        await bench.idle()
        assert bench.titles(OTHER) == [f"Kill {number}" for number in range(20)]
        assert await bench.store.read(closures.closures) == ()


async def test_d06_one_403_one_429_and_one_400_take_nothing_away(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        await bench.put(new(0, OTHER))
        await bench.idle()
        for number, fault in enumerate((faults.status(403), faults.limited(2.0), faults.status(400)), 1):
            bench.discord.fault(fault)
            await bench.put(new(number, OTHER))
            await bench.idle()
        assert len(bench.messages(OTHER)) == 4, "the 400 costs a message its looks, nothing costs the channel"
        assert {row.state for row in await bench.rows() if row.channel == OTHER} == {"sent"}
        notes = [message.content for message in bench.messages(MAIN)]
        assert [f"<#{OTHER}>" in note for note in notes] == [True], "whoever watches the primary channel is told"
        assert await bench.store.read(closures.closures) == ()


async def test_a_second_episode_is_told_again_but_a_restart_is_not_one(autojump_clock: MockClock) -> None:
    discord, store = make_discord(), open_store()
    discord.deny(OTHER, VIEW_CHANNEL)
    for number in range(3):
        async with delivering(store=store, discord=discord) as bench:
            await bench.put(new(number, OTHER))
            await trio.sleep(30)
    assert len(discord.messages(MAIN)) == 1
    assert sum(seen.channel == OTHER for seen in discord.journal) == 2  # the pause survives a restart too
    discord.allow(OTHER, VIEW_CHANNEL)
    async with delivering(store=store, discord=discord) as bench:
        await bench.idle()
        discord.deny(OTHER, VIEW_CHANNEL)
        await bench.put(new(7, OTHER))
        await trio.sleep(30)
    assert len(discord.messages(MAIN)) == 2
    store.close()


@pytest.mark.parametrize("channels", [{OTHER}, None], ids=["the channel", "the whole server"])
async def test_news_of_a_closed_channel_are_a_reason_to_try_it_at_once(
    autojump_clock: MockClock, channels: set[str] | None
) -> None:
    async with delivering() as bench:
        bench.discord.deny(OTHER, SEND_MESSAGES)
        await bench.put(new(1, OTHER))
        await trio.sleep(30)
        bench.discord.allow(OTHER, SEND_MESSAGES)
        bench.delivery.probe(channels)
        await trio.sleep(1)
        assert bench.titles(OTHER) == ["Kill 1"]


async def test_a_storm_of_news_costs_a_request_per_quarter_minute(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.deny(OTHER, SEND_MESSAGES)
        await bench.put(new(1, OTHER), new(2, OTHER))
        for _ in range(600):
            await trio.sleep(0.1)
            bench.delivery.probe({OTHER})
        assert posts(bench, OTHER) == 5  # at 0, 15, 30, 45 and 60 s
        await trio.sleep(20)
        bench.delivery.probe({MAIN, GONE})  # news of others are none
        await trio.sleep(40)
        assert posts(bench, OTHER) == 6  # the last news came too soon


async def test_after_news_a_new_row_does_not_wait_for_the_pause_of_its_channel(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.deny(OTHER, SEND_MESSAGES)
        await bench.put(new(1, OTHER, expires_at=virtual_now() + timedelta(seconds=5), kind="status"))
        await bench.idle()
        bench.discord.allow(OTHER, SEND_MESSAGES)
        bench.delivery.probe({OTHER})
        await trio.sleep(1)
        await bench.put(new(2, OTHER))
        await trio.sleep(1)
        assert bench.titles(OTHER) == ["Kill 2"]


async def test_news_do_not_shorten_what_discord_asked_for(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.limited(60.0), channel=OTHER)
        await bench.put(new(1, OTHER))
        await trio.sleep(20)
        bench.delivery.probe({OTHER})
        await trio.sleep(20)
        assert len(bench.discord.journal) == 1
        await bench.idle()


@pytest.mark.parametrize("code", [200000, 240000])
async def test_content_that_is_blocked_is_not_tried_in_another_form(autojump_clock: MockClock, code: int) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.status(400, body=f'{{"code": {code}, "message": "blocked"}}'.encode()))
        await bench.put(new(1), new(2))
        await bench.idle()
        assert bench.titles() == ["Kill 2"]
        assert [row.state for row in await bench.rows()] == ["dead", "sent"]
        assert len(bench.discord.journal) == 2


async def test_how_long_an_attempt_took_is_told(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.slow(before_s=3.0))
        await bench.put(new(1))
        await bench.idle()
        assert bench.told[0].took_s == pytest.approx(3.0, abs=0.1)


async def test_a_message_found_in_a_channel_that_refuses_us_does_not_open_it_again(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.cut(effect=True), channel=OTHER)
        bench.discord.fault(faults.status(403, body=b'{"code": 50013}'), channel=OTHER, route=POST, times=3)
        await bench.put(new(1, OTHER), new(2, OTHER))
        await trio.sleep(200)
        assert bench.results()["found"] == 1
        assert len(await bench.store.read(closures.closures)) == 1
        await bench.idle()
        assert len([message for message in bench.messages(MAIN) if not message.embeds]) == 1
        assert bench.titles(OTHER) == ["Kill 1", "Kill 2"]


async def test_a_closed_primary_channel_writes_no_note_to_itself(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.deny(MAIN, VIEW_CHANNEL)
        await bench.put(new(1, MAIN))
        await trio.sleep(100)
        assert [row.kind for row in await bench.rows()] == ["kill"]


async def test_fifty_dead_channels_cost_little_and_stop_nobody(autojump_clock: MockClock) -> None:
    """cases.md D24: 1,000 kills, and the refusals stay under a budget."""
    discord = make_discord(channels=52)
    channels = list(discord.guild.channels)
    dead = channels[2:]
    for channel in dead:
        discord.deny(channel, VIEW_CHANNEL)
    async with delivering(discord=discord) as bench:
        for burst in range(20):
            await bench.put(
                *(new(burst * 50 + number, channel) for number, channel in enumerate(dead)),
                new(10_000 + burst, OTHER),
            )
            await trio.sleep(30)
        kills = [title for title in bench.titles(OTHER) if title.startswith("Kill")]
        assert kills == [f"Kill {10_000 + burst}" for burst in range(20)]
        refused = discord.statuses[403] + discord.statuses[404]
        assert refused <= 50 * 5
        assert bench.peer.limits.invalid(trio.current_time()) < 1_000


async def test_a_dead_token_stops_everything_keeps_the_queue_and_is_tried_again(autojump_clock: MockClock) -> None:
    async with delivering() as bench:
        bench.discord.fault(faults.revoked())
        await bench.put(*(new(number, channel) for number in range(20) for channel in (MAIN, OTHER)))
        await trio.sleep(60)
        assert bench.part.view().state == "failed"
        assert "refuses DISCORD_BOT_TOKEN" in bench.part.view().reason
        asked = len(bench.discord.journal)
        await trio.sleep(1200)
        assert len(bench.discord.journal) - asked <= 5
        assert bench.part.view().state == "failed"
        bench.discord.api.revoked = False
        await bench.idle()
        assert bench.titles(MAIN) == bench.titles(OTHER) == [f"Kill {number}" for number in range(20)]
        assert bench.part.state == "ok"
