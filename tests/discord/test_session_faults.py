"""The gateway client against the rarer misfortunes of the fake gateway: what holds all the same."""

from __future__ import annotations

import ssl
from functools import partial
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.discord.gateway_stage import BOT, HOST, OPS, PILOT, PORT, Stage, live, stage
from wanderer_notifier.sim import gateway_tls
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.gateway_faults import (
    Close,
    Corrupt,
    Deaf,
    Drip,
    Late,
    Reset,
    Silence,
    Skip,
    Swap,
    op7,
    unknown,
)
from wanderer_notifier.sim.http import serve_stream

TLS_HOST = "tls.sim"
ELSEWHERE = "700000000000000901"


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["untrusted", "plain bytes", "slam", "silence"])
async def test_a_resume_address_without_trustworthy_tls_costs_one_attempt_and_no_session(
    how: str, autojump_clock: MockClock
) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert(TLS_HOST).configure_cert(server)
    peers: dict[str, gateway_tls.Peer] = {
        "untrusted": gateway_tls.untrusted(server),
        "plain bytes": gateway_tls.plain_bytes,
        "slam": gateway_tls.slam,
        "silence": gateway_tls.silence,
    }
    async with stage() as at:
        at.network.attach(TLS_HOST, 443, peers[how])
        at.gateway.resume_url = f"wss://{TLS_HOST}/"
        await live(at, stable=True)
        began = trio.current_time()
        at.gateway.cut_all()
        await at.until_count("resumed", 1, 60)
        assert trio.current_time() - began < 30
        assert at.network.dialled[-2:] == [(TLS_HOST, 443), (HOST, PORT)]
        assert at.count("identify") == 1


@pytest.mark.parametrize("url", ["no address", "https://discord.sim/", "ws://", "ws://discord.sim:x/", "", 7])
async def test_a_resume_address_that_is_none_means_the_base_address(url: Any, autojump_clock: MockClock) -> None:
    async with stage() as at:
        at.gateway.resume_url = url
        await live(at, stable=True)
        at.gateway.cut_all()
        await at.until_count("resumed", 1, 60)
        assert at.network.dialled[-1] == (HOST, PORT)
        assert at.count("identify") == 1


# --- what comes, and how ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("compress", [False, True])
async def test_the_largest_guild_costs_no_beat_and_no_connection(compress: bool, autojump_clock: MockClock) -> None:
    async with stage() as at:
        at.compress = compress
        at.gateway.heartbeat_s = 5.0
        at.gateway.huge_guild()
        at.gateway.voice_join(PILOT, OPS)
        await live(at, stable=True)
        listening = at.listening()
        assert listening is not None
        assert len(listening) == 501
        at.gateway.huge_guild(channels=0, roles=0, voice_users=0)  # all of it once more
        at.gateway.voice_leave(PILOT)
        await at.until(lambda: len(at.listening() or ()) == 500, 10)
        assert at.count("connections") == 1
        assert at.gateway.journal.worst_beat_s < 1.0


@pytest.mark.parametrize("own_last", [False, True])
async def test_guilds_in_any_order_leave_ours_as_it_is(own_last: bool, autojump_clock: MockClock) -> None:
    async with stage() as at:
        bot = at.discord.guild.bot
        at.gateway.elsewhere += [
            Guild(id=ELSEWHERE, name="Elsewhere", owner_id=BOT, bot=bot),
            Guild(id=f"{ELSEWHERE}2", name="In an outage", owner_id=BOT, bot=bot, unavailable=True),
        ]
        at.gateway.own_last, at.gateway.guild_delay_s = own_last, 20.0
        at.gateway.voice_join(PILOT, OPS)
        await live(at)
        assert at.listening() is None  # unknown until it came
        await trio.sleep(61)
        assert at.listening() == (PILOT,)


async def test_news_amid_a_resume_are_passed_over(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.fault("hello", unknown(then=True))
        at.gateway.fault("resume", unknown(then=True))
        at.gateway.cut_all()
        await at.until_count("resumed", 1, 60)
        await trio.sleep(1)
        assert at.count("connections") == 2
        assert at.count("identify") == 1
        assert at.counted("oddities_total", what="unknown_op") == 2


@pytest.mark.parametrize(("pace_s", "lives"), [(0.001, True), (1.0, False)])
async def test_a_login_that_drips_is_waited_for_but_not_for_ever(
    pace_s: float, lives: bool, autojump_clock: MockClock
) -> None:
    async with stage() as at:
        at.gateway.fault("identify", Drip(pace_s))
        began = trio.current_time()
        await at.start()
        await at.until_live(200)
        assert trio.current_time() - began < 120
        assert at.count("ready") >= 1
        assert (at.count("connections") == 1) is lives


async def test_events_that_drip_cost_no_connection_while_beats_are_answered(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.suffer(Drip(0.02))
        sent, got = [], []
        for number in range(20):
            sent.append(at.interaction(number)["id"])
            await trio.sleep(10)
            got += at.drain()
        assert got == sent
        assert at.count("connections") == 1
        assert at.gateway.journal.worst_beat_s < 1.0


# --- a server that lies -----------------------------------------------------------------------------------------------


async def test_beats_acknowledged_unread_keep_the_connection_and_its_end_is_resumed(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.suffer(Deaf())
        await trio.sleep(300)
        data = at.interaction(1)  # what it says is heard all the same
        await trio.sleep(1)
        assert at.drain() == [data["id"]]
        assert (at.count("connections"), at.part.state) == (1, "ok")
        at.gateway.cut_all()
        await at.until_count("resumed", 1, 60)
        assert at.count("identify") == 1


async def test_an_event_that_its_follower_overtakes_is_handed_out_once(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.fault("dispatch", Late(3.0), event="INTERACTION_CREATE")
        first, second = at.interaction(1), at.interaction(2)
        await trio.sleep(1)
        assert at.drain() == [second["id"]]
        await trio.sleep(3)
        assert at.drain() == [first["id"]]
        assert at.counted("oddities_total", what="skipped") == 1
        assert at.count("connections") == 1
        at.gateway.cut_all()
        await at.until_count("resumed", 1, 60)
        await trio.sleep(1)
        assert at.drain() == []  # nothing of it is replayed


async def test_events_lost_in_one_channel_lose_none_of_another(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.fault("dispatch", Skip(), channel="700000000000000012", times=None)
        heard, lost = (at.interaction(n, channel_id=f"70000000000000001{n}") for n in (1, 2))
        third = at.interaction(3, channel_id=heard["channel_id"])
        await trio.sleep(1)
        assert at.drain() == [heard["id"], third["id"]]
        assert lost["id"] not in at.drain()
        assert at.counted("oddities_total", what="skipped") == 1


@pytest.mark.parametrize("what", [Corrupt(), Swap(), Reset(), Close(None)])
async def test_voice_states_are_right_after_a_resume_whatever_broke_it(what: Any, autojump_clock: MockClock) -> None:
    async with stage() as at:
        at.compress = True
        await live(at, stable=True)
        at.gateway.fault("dispatch", what, event="VOICE_STATE_UPDATE")
        at.gateway.voice_join(PILOT, OPS)
        at.gateway.dispatch("SOMETHING_NEW", {})
        at.gateway.voice_leave(PILOT)
        at.gateway.voice_join(PILOT, OPS)
        await trio.sleep(60)
        assert at.listening() == (PILOT,)
        assert at.count("identify") == 1


async def test_a_storm_of_reconnect_requests_is_answered_by_one_leaving(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.suffer(op7(times=50))
        await at.until_count("resumed", 1, 60)
        await trio.sleep(30)
        assert at.gateway.journal.close_codes == {4200: 1}
        assert (at.count("connections"), at.count("identify")) == (2, 1)


async def test_a_gateway_that_is_silent_after_every_hello_is_not_asked_often(autojump_clock: MockClock) -> None:
    async with stage() as at:
        at.gateway.fault("identify", Silence(), times=None)
        await at.start()
        await trio.sleep(3600)
        assert at.part.state == "degraded"
        assert at.count("identify") <= 20
        at.gateway.faults.rules.clear()
        await at.until_live(3600)


async def test_a_token_that_died_of_another_process_stops_us(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.gateway.budget.used = at.gateway.budget.total
        assert at.gateway.judge_identify(_login(at)) == 4004
        await at.until(lambda: at.part.state == "failed", 60)
        assert "4004" in at.part.view().reason
        assert at.count("identify") == 1


def _login(at: Stage) -> dict[str, Any]:
    return {"token": at.token, "intents": 1, "properties": {}}


async def test_a_gateway_that_moves_to_another_host_is_followed(autojump_clock: MockClock) -> None:
    async with stage() as at:
        at.network.attach("moved.sim", PORT, partial(serve_stream, handler=at.discord.handle))
        await live(at, stable=True)
        at.gateway.resume_url = f"ws://moved.sim:{PORT}/?region=eu"
        at.gateway.invalid_session(False)
        await at.until_count("ready", 2, 60)
        await trio.sleep(90)
        at.gateway.op7()
        await at.until_count("resumed", 1, 60)
        assert at.network.dialled[-1] == ("moved.sim", PORT)
        assert at.listening() == ()
