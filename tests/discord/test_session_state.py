"""What the gateway client knows of guilds and voice through outages and sessions, and how it shows itself."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.discord.gateway_stage import (
    HOST,
    OPS,
    PILOT,
    PORT,
    SCOUT,
    live,
    stage,
)
from wanderer_notifier.sim.gateway_faults import (
    Partly,
    Repeat,
    Skip,
)


async def test_an_outage_hides_who_sits_there_and_its_end_shows_them_again(autojump_clock: MockClock) -> None:  # P44
    async with stage() as at:
        at.gateway.voice_join(PILOT, OPS)
        await live(at)
        await at.until(lambda: at.listening() == (PILOT,), 10)
        at.gateway.outage()
        await at.until(lambda: at.listening() is None, 10)
        at.gateway.voice_leave(PILOT)
        at.gateway.voice_join(SCOUT, OPS)
        at.gateway.outage(False)
        await at.until(lambda: at.listening() == (SCOUT,), 10)


async def test_a_guild_that_removed_us_while_we_were_away_is_no_ghost(autojump_clock: MockClock) -> None:  # P45
    async with stage() as at:
        at.gateway.voice_join(PILOT, OPS)
        await live(at)
        at.network.refuse(HOST, PORT)
        at.gateway.cut_all()
        at.gateway.kick_bot()
        await trio.sleep(400)
        at.network.refuse(HOST, PORT, False)
        await at.until_live(200)
        assert at.listening() is None


async def test_guilds_that_never_come_hold_nothing_up(autojump_clock: MockClock) -> None:  # P46
    async with stage() as at:
        at.gateway.phantoms = ["700000000000000801", "700000000000000802"]
        at.gateway.voice_join(PILOT, OPS)
        await at.start()
        await at.until(lambda: at.part.state == "ok" and at.listening() == (PILOT,), 15)


async def test_who_left_while_we_had_no_session_is_not_listed(autojump_clock: MockClock) -> None:  # P47
    async with stage() as at:
        at.gateway.voice_join(PILOT, OPS)
        at.gateway.voice_join(SCOUT, OPS)
        await live(at)
        at.network.refuse(HOST, PORT)
        at.gateway.cut_all()
        at.gateway.forget_sessions()
        at.gateway.voice_leave(PILOT)
        await trio.sleep(5)
        assert at.listening() == (PILOT, SCOUT)  # not known better as long as it may be resumed
        at.network.refuse(HOST, PORT, False)
        await at.until(lambda: at.count("ready") == 2, 120)
        await at.until(lambda: at.listening() == (SCOUT,), 10)


async def test_who_moves_while_we_are_away_is_followed_by_the_resume(autojump_clock: MockClock) -> None:  # P47
    async with stage() as at:
        at.gateway.voice_join(PILOT, OPS)
        await live(at)
        at.gateway.cut_all()
        at.gateway.voice_leave(PILOT)
        at.gateway.voice_join(SCOUT, OPS)
        await at.until(lambda: at.count("resumed") == 1, 60)
        await at.until(lambda: at.listening() == (SCOUT,), 10)


async def test_an_event_that_is_lost_for_good_is_noticed_and_lived_with(autojump_clock: MockClock) -> None:  # P66
    async with stage() as at:
        await live(at)
        at.gateway.fault("dispatch", Skip(), event="INTERACTION_CREATE")
        at.interaction(1)
        at.interaction(2)
        await at.until(lambda: at.events.statistics().current_buffer_used == 1, 10)
        assert at.counted("oddities_total", what="skipped") == 1
        assert at.count("connections") == 1


async def test_an_interaction_is_handed_out_once_however_often_it_comes(autojump_clock: MockClock) -> None:  # P67
    async with stage() as at:
        await live(at)
        at.gateway.fault("dispatch", Repeat(3), event="INTERACTION_CREATE")
        data = at.interaction(1)
        at.gateway.dispatch("INTERACTION_CREATE", data)
        at.gateway.cut_all()
        await at.until(lambda: at.count("resumed") == 1, 60)
        at.gateway.dispatch("INTERACTION_CREATE", data)
        await trio.sleep(5)
        assert at.drain() == [data["id"]]


async def test_a_replay_that_breaks_off_is_gone_on_with_where_it_broke(autojump_clock: MockClock) -> None:
    async with stage() as at:
        await live(at, stable=True)
        at.network.refuse(HOST, PORT)
        at.gateway.cut_all()
        for number in range(10):
            at.interaction(number)
        at.gateway.fault("resume", Partly(3), times=3)
        at.network.refuse(HOST, PORT, False)
        await at.until(lambda: at.count("resumed") == 1, 120)
        await trio.sleep(1)
        assert at.drain() == [str(710000000000000000 + number) for number in range(10)]
        assert at.count("identify") == 1


async def test_members_see_how_many_systems_are_watched_and_when_a_feed_is_down(
    autojump_clock: MockClock,
) -> None:  # OPS-44
    async with stage() as at:
        at.degraded = True
        await live(at)
        presences = at.gateway.journal.presences
        assert presences[0]["status"] == "idle"
        assert presences[0]["activities"] == [{"name": "12 systems, feeds degraded", "type": 3}]
        at.degraded = False
        at.systems = 1
        await at.until(lambda: len(presences) == 2, 60)
        assert (presences[1]["status"], presences[1]["activities"][0]["name"]) == ("online", "1 system")
