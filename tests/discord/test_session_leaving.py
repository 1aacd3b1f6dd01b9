"""The gateway client leaves a connection at the right moment, with the right code, and takes nothing of it along."""

from __future__ import annotations

import itertools

import pytest
import trio
from trio.testing import MockClock

from tests.discord.gateway_stage import (
    GUILD,
    live,
    stage,
)
from wanderer_notifier.sim.gateway_faults import (
    Hold,
    Late,
    op7,
)


async def test_a_requested_beat_with_late_answers_does_not_look_like_a_dead_peer(
    autojump_clock: MockClock,
) -> None:  # P06, P65
    async with stage() as at:
        await live(at)
        at.gateway.fault("beat", Late(15.0), times=2)  # both answers: to the scheduled beat and to the one asked for
        await at.until(lambda: at.count("beats") == 1, 60)
        at.gateway.request_beat()
        await at.until(lambda: at.count("beats") == 2, 10)
        await trio.sleep(300)
        assert [one.asked for one in at.gateway.journal.beats][:3] == [False, True, False]
        assert at.count("connections") == 1


@pytest.mark.parametrize("how", ["half-open", "acks stalled"])
async def test_a_dead_peer_is_noticed_within_two_intervals(how: str, autojump_clock: MockClock) -> None:  # P07, P19
    async with stage() as at:
        await live(at, stable=True)
        began = trio.current_time()
        if how == "half-open":
            at.gateway.suffer(Hold())
        else:
            at.gateway.stall_acks()
        await at.until(lambda: at.count("resume") == 1, 200)
        at.gateway.stall_acks(False)
        assert trio.current_time() - began <= 2 * 41.25 + 5
        await at.until(lambda: at.count("resumed") == 1, 120)
        assert at.count("identify") == 1


async def test_a_pending_answer_does_not_outlive_its_connection(autojump_clock: MockClock) -> None:  # P08, P09
    async with stage() as at:
        await live(at)
        at.gateway.stall_acks()
        await at.until(lambda: at.count("beats") == 1, 60)
        at.gateway.cut_all()
        at.gateway.stall_acks(False)
        await at.until(lambda: at.count("resumed") == 1, 60)
        await trio.sleep(3 * 41.25)
        assert at.count("connections") == 2
        beats = [one.at for one in at.gateway.journal.beats if one.connection == 2]
        assert len(beats) in (3, 4)  # one stream of beats
        assert at.gateway.journal.worst_beat_s < 1.0


async def test_leaving_before_the_first_beat_leaves_one_stream_of_beats(autojump_clock: MockClock) -> None:  # P09
    async with stage() as at:
        await live(at)
        assert at.count("beats") == 0
        at.gateway.op7()
        await at.until(lambda: at.count("resumed") == 1, 60)
        began = trio.current_time()
        await trio.sleep(5 * 41.25)
        beats = at.gateway.journal.beats
        assert {one.connection for one in beats} == {2}
        gaps = [later.at - before.at for before, later in itertools.pairwise(beats)]
        assert beats[0].at - began < 41.25
        assert gaps == pytest.approx([41.25] * len(gaps))
        assert len(gaps) in (3, 4)


async def test_late_data_on_the_old_socket_changes_nothing(autojump_clock: MockClock) -> None:  # P10, P37
    async with stage() as at:
        await live(at, stable=True)
        old = at.gateway.connections[0]
        at.gateway.ignore_closes = True
        old.tap.ignores_close = True
        at.gateway.op7()
        await at.until(lambda: at.gateway.journal.close_codes[4200] == 1 or at.count("resumed") == 1, 60)
        with trio.move_on_after(1):
            await old.late({"op": 0, "t": "GUILD_DELETE", "s": 99, "d": {"id": GUILD}})
            await old.late({"op": 9, "d": False})
        await at.until(lambda: at.count("resumed") == 1, 60)
        await trio.sleep(120)
        assert at.count("identify") == 1
        assert at.listening() == ()


async def test_an_invalid_session_is_begun_anew_after_one_to_five_seconds(autojump_clock: MockClock) -> None:  # P11
    async with stage() as at:
        await live(at, stable=True)
        began = trio.current_time()
        at.gateway.invalid_session(False)
        at.gateway.forget_sessions()
        await at.until(lambda: at.count("identify") == 2, 60)
        assert 1.0 <= trio.current_time() - began <= 8.0
        assert at.count("resume") == 0
        assert at.gateway.journal.close_codes[1000] == 1


async def test_an_invalid_but_resumable_session_is_resumed(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.invalid_session(True)
        await at.until(lambda: at.count("resumed") == 1, 60)
        assert at.count("identify") == 1


async def test_a_request_to_reconnect_before_hello_is_obeyed(autojump_clock: MockClock) -> None:  # P12
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.fault("hello", op7())
        at.gateway.op7()
        await at.until(lambda: at.count("resumed") == 1, 60)
        assert at.count("identify") == 1


async def test_fifty_requests_to_reconnect_cost_one_identify_and_less_than_two_seconds_each(
    autojump_clock: MockClock,
) -> None:  # P13
    async with stage() as at:
        await live(at, stable=True)
        for number in range(50):
            began = trio.current_time()
            at.gateway.op7()
            await at.until_count("resumed", number + 1, 300)
            assert trio.current_time() - began < 2.0
        assert at.count("identify") == 1
        assert set(at.gateway.journal.close_codes) <= {4200}
