"""The gateway client against the fake gateway: sessions and reconnects (discord.md 4; README.md here)."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.discord.gateway_stage import (
    HOST,
    OPS,
    OTHER_HOST,
    PILOT,
    PORT,
    kept_session,
    live,
    stage,
)
from wanderer_notifier.sim.faults import status
from wanderer_notifier.sim.gateway_faults import (
    Close,
    Hold,
    Http,
    Late,
    Reset,
    Say,
    Silence,
    bad_utf8,
    reserved_opcode,
    truncated_json,
)
from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.state.gateway import SESSION
from wanderer_notifier.state.memory import set_meta


async def test_a_resume_that_never_succeeds_ends_in_identify_on_the_base_address(
    autojump_clock: MockClock,
) -> None:  # P01, P22
    async with stage() as at:
        at.gateway.resume_url = f"ws://{OTHER_HOST}:{PORT}/"
        await live(at, stable=True)
        at.gateway.brick()
        at.gateway.cut_all()
        await at.until(lambda: at.count("ready") == 2, 120)
        assert at.count("resume") == 3
        assert at.count("identify") == 2
        assert at.network.dialled[-4:] == [(OTHER_HOST, PORT)] * 3 + [(HOST, PORT)]


@pytest.mark.parametrize("code", [4004, 4010, 4011, 4012, 4013, 4014])
async def test_what_waiting_cannot_cure_is_tried_once_and_shown(code: int, autojump_clock: MockClock) -> None:  # P02
    async with stage() as at:
        at.gateway.fault("identify", Close(code))
        await at.start()
        await at.until(lambda: at.part.state == "failed", 60)
        dials, requests = at.dials(), len(at.discord.journal)
        await trio.sleep(86_400)
        assert (at.dials(), at.count("identify"), len(at.discord.journal)) == (dials, 1, requests)
        assert str(code) in at.part.view().reason


async def test_a_dead_token_stops_before_any_socket_is_opened(autojump_clock: MockClock) -> None:  # P02, HTTP 401
    async with stage() as at:
        at.token = "test-token-dead"
        await at.start()
        await at.until(lambda: at.part.state == "failed", 60)
        await trio.sleep(86_400)
        assert at.count("connections") == 0
        assert "token" in at.part.view().reason


async def test_a_spent_budget_is_waited_for(autojump_clock: MockClock) -> None:  # P03
    async with stage() as at:
        at.gateway.budget.take(0.0)
        at.gateway.budget.used = at.gateway.budget.total
        await at.start()
        await trio.sleep(86_000)
        assert at.count("identify") == 0
        assert at.part.state == "degraded"
        await at.until_live(1000)
        assert not at.gateway.token_reset


async def test_three_hundred_restarts_stay_within_the_budget(autojump_clock: MockClock) -> None:  # P03, P80
    async with stage() as at:
        for _ in range(300):
            scope = await at.start()
            with trio.move_on_after(20):
                await at.until_live(3600)
            scope.cancel()  # it says goodbye, so that every life needs a session of its own
        hours = trio.current_time() / 3600
        assert 10 <= at.count("identify") <= 20 * (hours + 1)
        assert not at.gateway.token_reset


async def test_fifty_kills_of_the_process_cost_one_identify(autojump_clock: MockClock) -> None:  # P80
    async with stage() as at:
        at.gateway.voice_join(PILOT, OPS)
        scope = await live(at)
        for number in range(50):
            await trio.sleep(11)  # what is known is written by now
            kept = await at.store.read(kept_session)
            at.gateway.cut_all()  # a process that is killed says no goodbye and writes no farewell
            scope.cancel()
            at.interaction(number)
            await trio.sleep(1)
            await at.store.write(partial(set_meta, name=SESSION, value=kept))
            scope = await live(at)
            await at.until_count("resumed", number + 1, 60)
            assert at.listening() == (PILOT,)
        await trio.sleep(1)
        assert at.count("identify") == 1
        assert len(at.drain()) == 50


async def test_pauses_grow_while_only_the_socket_opens(autojump_clock: MockClock) -> None:  # P04
    async with stage() as at:
        at.gateway.fault("identify", Reset(), times=None)
        await at.start()
        await trio.sleep(600)
        assert at.count("connections") <= 15
        opened = [one.at for one in at.gateway.journal.frames("open")]
        gaps = [later - before for before, later in itertools.pairwise(opened)]
        assert max(gaps[:3]) < max(gaps[-3:])


async def test_without_a_network_attempts_stay_few(autojump_clock: MockClock) -> None:  # P05
    async with stage() as at:
        at.network.refuse(HOST, PORT)
        await at.start()
        await trio.sleep(60)
        in_first_minute = at.dials()
        await trio.sleep(540)
        assert in_first_minute <= 20
        assert at.dials() - in_first_minute <= 60
        at.network.refuse(HOST, PORT, False)
        await at.until_live(200)


@pytest.mark.parametrize("path", ["", "/", "/deep/er", "/?region=eu", "/deep?a=b&compress=none"])
async def test_the_resume_address_keeps_its_path_and_query_and_gets_ours(
    path: str, autojump_clock: MockClock
) -> None:  # P14
    async with stage() as at:
        at.gateway.resume_url = f"ws://{OTHER_HOST}:{PORT}{path}"
        await live(at, stable=True)
        at.gateway.op7()
        await at.until(lambda: at.count("resumed") == 1, 60)
        assert at.network.dialled[-1] == (OTHER_HOST, PORT)
        opened = [one for one in at.gateway.journal.entries if one.kind == "open"][-1]
        assert opened.path == (path.partition("?")[0] or "/")
        query = at.gateway.connections[0].query
        assert (query["v"], query["encoding"]) == ("10", "json")
        assert ("region" in query, query.get("a")) == ("region" in path, "b" if "a=b" in path else None)
        assert "compress" not in query


@pytest.mark.parametrize("url", ["ws://gone.sim:80/", f"ws://{OTHER_HOST}:81/"])
async def test_a_dead_resume_host_is_left_for_the_base_address_within_thirty_seconds(
    url: str, autojump_clock: MockClock
) -> None:  # P15, P21
    async with stage() as at:
        at.gateway.resume_url = url
        await live(at, stable=True)
        began = trio.current_time()
        at.gateway.cut_all()
        await at.until(lambda: at.count("resumed") == 1, 60)
        assert trio.current_time() - began < 30
        assert at.count("identify") == 1


@pytest.mark.parametrize("how", ["op 7", "zombie", "fault of ours", "garbage"])
async def test_we_leave_with_a_code_that_keeps_the_session(how: str, autojump_clock: MockClock) -> None:  # P16, P61
    async with stage() as at:
        await live(at, stable=True)
        if how == "op 7":
            at.gateway.op7()
        elif how == "zombie":
            at.gateway.stall_acks()
        elif how == "fault of ours":
            at.bots = None  # type: ignore[assignment]  # whatever raises in the reader
            at.part.seen = _raise  # type: ignore[method-assign]
            at.gateway.dispatch("VOICE_STATE_UPDATE", {})
        else:
            at.gateway.suffer(truncated_json())
        await at.until(lambda: bool(at.gateway.journal.close_codes), 300)
        assert set(at.gateway.journal.close_codes) == {4200}


def _raise() -> None:
    raise RuntimeError("a bug of ours")


@pytest.mark.parametrize(
    "action",
    [
        Close(1000),
        Close(1001),
        Close(None),
        Close(4000),
        Close(4099),
        Reset(),
        reserved_opcode(),
        bad_utf8(),
        truncated_json(),
        Say(payloads=({"op": 11},) * 3 + ({"d": 5},)),
    ],
    ids=["1000", "1001", "no code", "4000", "4099", "reset", "reserved opcode", "bad utf-8", "truncated", "no payload"],
)
async def test_every_loss_is_resumed(action: Any, autojump_clock: MockClock) -> None:  # P17, P18, P19, P20
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.voice_join(PILOT, OPS)
        at.gateway.suffer(action)
        await at.until(lambda: at.count("resumed") == 1 or at.count("identify") == 2, 120)
        if action == Close(1000) or action == Close(1001):
            assert at.count("resume") == 1  # the fake lets such a session live as well
        assert at.count("identify") == 1
        await at.until(lambda: at.listening() == (PILOT,), 10)


async def test_a_connect_that_fails_during_a_resume_is_one_more_loss(autojump_clock: MockClock) -> None:  # P21
    async with stage() as at:
        await live(at, stable=True)
        at.network.refuse(HOST, PORT)
        at.gateway.cut_all()
        await trio.sleep(20)
        at.network.refuse(HOST, PORT, False)
        await at.until(lambda: at.count("resumed") == 1, 60)
        assert at.count("identify") == 1


async def test_the_sequence_number_survives_answers_without_one(autojump_clock: MockClock) -> None:  # P23
    async with stage() as at:
        await live(at, stable=True)
        at.interaction(1)
        await trio.sleep(100)
        (session,) = at.gateway.sessions.values()
        seq = session.seq
        at.gateway.cut_all()
        await at.until(lambda: at.count("resume") == 1, 60)
        (resume,) = [one for one in at.gateway.journal.frames("in") if one.op == 6]
        assert resume.data["seq"] == seq


async def test_nothing_is_sent_before_the_session_lives(autojump_clock: MockClock) -> None:  # P24
    async with stage() as at:
        at.gateway.fault("identify", Late(25.0))
        await at.start()
        for number in range(100):
            at.systems = number
            await trio.sleep(1)
        await at.until_live(60)
        at.gateway.fault("resume", Late(25.0))
        at.gateway.cut_all()
        for number in range(100):
            at.systems = 100 + number
            await trio.sleep(1)
        await at.until_live(60)
        assert at.count("early_frames") == 0
        assert 4003 not in at.gateway.journal.sent_codes


async def test_changing_presence_never_breaks_the_pace_nor_delays_a_beat(autojump_clock: MockClock) -> None:  # P25
    async with stage() as at:
        at.gateway.heartbeat_s = 5.0
        await live(at)
        for number in range(200):
            at.systems = number
            await trio.sleep(0.5)
        await trio.sleep(60)
        assert 4008 not in at.gateway.journal.sent_codes
        assert at.gateway.journal.worst_beat_s < 1.0
        assert at.gateway.journal.presences[-1]["activities"] == [{"name": "199 systems", "type": 3}]
        assert len(at.gateway.journal.presences) <= 10


@pytest.mark.parametrize("how", [503, "not JSON", "another JSON", "refused", "no such host", "stalled"])
async def test_the_gateway_is_looked_for_until_it_is_found(how: Any, autojump_clock: MockClock) -> None:  # P26, P27
    async with stage() as at:
        rule = None
        if how == "refused":
            at.network.refuse(HOST, PORT)
        elif how == "no such host":
            at.network.detach(HOST, PORT)
        elif how == "stalled":
            at.network.stall(HOST, PORT)
        else:
            bodies = {"not JSON": b'{"url": "wss', "another JSON": b"[]"}
            fault = status(503) if how == 503 else status(200, body=bodies[how])
            rule = at.discord.fault(fault, route="GET /gateway/bot", times=None)
        await at.start()
        await trio.sleep(600)
        assert at.part.state == "degraded"
        at.network.refuse(HOST, PORT, False)
        at.network.stall(HOST, PORT, False)
        at.network.attach(HOST, PORT, partial(serve_stream, handler=at.discord.handle))
        if rule is not None:
            at.discord.faults.rules.remove(rule)
        await at.until_live(200)


@pytest.mark.parametrize(("point", "action"), [("connect", Hold()), ("connect", Reset()), ("hello", Silence())])
async def test_connecting_and_hello_are_not_waited_for_long(
    point: Any, action: Any, autojump_clock: MockClock
) -> None:  # P27, P60
    async with stage() as at:
        at.gateway.fault(point, action)
        began = trio.current_time()
        await at.start()
        await at.until_live(60)
        assert trio.current_time() - began < 25


@pytest.mark.parametrize("code", [429, 503, 520])
async def test_a_refused_upgrade_is_one_more_loss(code: int, autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.fault("connect", Http(status=code))
        at.gateway.cut_all()
        await at.until(lambda: at.count("resumed") == 1, 60)
        assert at.count("identify") == 1


async def test_a_second_client_on_the_session_makes_us_begin_anew(autojump_clock: MockClock) -> None:  # P28
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.close_all(4006)
        await at.until(lambda: at.count("ready") == 2, 60)
        assert at.part.state in ("ok", "degraded")
