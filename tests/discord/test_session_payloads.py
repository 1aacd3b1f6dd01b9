"""What arrives at the gateway client: compressed, in pieces, broken, unknown, huge."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.discord.gateway_stage import (
    OPS,
    PILOT,
    SCOUT,
    live,
    stage,
)
from wanderer_notifier.sim.gateway_faults import (
    Corrupt,
    Say,
    truncated_json,
)


@pytest.mark.parametrize("pieces", [1, 2, 7])
async def test_compressed_sessions_live_and_resume(pieces: int, autojump_clock: MockClock) -> None:  # P37, P38
    async with stage() as at:
        at.compress = True
        at.gateway.zlib_pieces = pieces
        at.gateway.voice_join(PILOT, OPS)
        await live(at, stable=True)
        assert at.gateway.connections[0].query["compress"] == "zlib-stream"
        for number in range(3):
            at.gateway.op7()
            await at.until_count("resumed", number + 1, 60)
            assert at.gateway.connections[0].query["compress"] == "zlib-stream"
        at.gateway.voice_join(SCOUT, OPS)
        await at.until(lambda: at.listening() == (PILOT, SCOUT), 60)


@pytest.mark.parametrize("compress", [True, False])
async def test_a_broken_message_is_fetched_again_by_a_resume(compress: bool, autojump_clock: MockClock) -> None:  # P53
    async with stage() as at:
        at.compress = compress
        await live(at, stable=True)
        at.gateway.fault("dispatch", Corrupt(), event="INTERACTION_CREATE")
        at.interaction(1)
        at.interaction(2)
        await at.until(lambda: at.count("resumed") == 1, 120)
        await trio.sleep(1)
        assert at.drain() == ["710000000000000001", "710000000000000002"]
        assert at.count("identify") == 1


async def test_messages_that_stay_broken_end_in_identify_without_compression(autojump_clock: MockClock) -> None:  # P53
    async with stage() as at:
        at.compress = True
        await live(at)
        for number in range(3):
            at.gateway.fault("dispatch", Corrupt(), event="TYPING_START")
            at.gateway.dispatch("INTERACTION_CREATE", {"id": str(number)})
            at.gateway.suffer(truncated_json())
            connections = at.count("connections")
            await at.until_count("connections", connections + 1, 120)
            await at.until_live(120)
        assert at.count("identify") == 2
        assert "compress" not in at.gateway.connections[0].query


async def test_news_of_discord_break_nothing(autojump_clock: MockClock) -> None:  # P54
    async with stage() as at:
        await live(at)
        at.gateway.suffer(Say(payloads=({"op": 99, "d": {"x": None}, "s": None, "t": None}, {"op": 0, "t": None})))
        at.gateway.dispatch("SOMETHING_NEW", {"id": None})
        for event in ("GUILD_CREATE", "VOICE_STATE_UPDATE", "CHANNEL_UPDATE", "GUILD_DELETE"):
            at.gateway.dispatch(event, {"application_id": None})
        await trio.sleep(100)
        assert at.count("connections") == 1
        assert at.counted("oddities_total", what="unknown_op") == 1


@pytest.mark.parametrize("compress", [True, False])
async def test_a_message_of_twenty_megabytes_is_read(compress: bool, autojump_clock: MockClock) -> None:  # P55
    async with stage() as at:
        at.compress = compress
        await live(at)
        at.interaction(1, filler="x" * (20 * 2**20))
        await at.until(lambda: at.events.statistics().current_buffer_used == 1, 60)
        assert at.count("connections") == 1


async def test_a_message_beyond_all_limits_never_loops(autojump_clock: MockClock) -> None:  # P55
    async with stage() as at:
        at.gateway.heartbeat_s = 10.0
        await live(at)
        for _ in range(2):
            at.interaction(1, filler="x" * (33 * 2**20))
            with trio.move_on_after(120):
                await at.until(lambda: at.part.state == "failed", 1000)
        assert at.part.state == "failed"
        assert at.count("connections") <= 3
