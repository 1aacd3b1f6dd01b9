"""The gateway of the fake Discord by its rules: login, beats, resume, close codes, what each client is sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.sim.discord_asking import BOT, GUILD, MAIN, OTHER, Asking, make_discord
from tests.sim.gateway_visiting import QUERY, Visiting, identity
from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.discord_permissions import VIEW_CHANNEL
from wanderer_notifier.sim.gateway_faults import Partly, Reset

VOICE = "700000000000000031"
PILOT = "700000000000000041"


@pytest.fixture
def ask(nursery: trio.Nursery) -> Asking:
    discord = make_discord()
    discord.guild.channels[VOICE] = Channel(id=VOICE, name="Fleet", type=2)
    discord.gateway.budget.spacing_s = 0.0
    return Asking(discord, nursery)


@pytest.fixture
def visit(ask: Asking, nursery: trio.Nursery) -> Visiting:
    return Visiting(ask, nursery)


# --- login ----------------------------------------------------------------------------------------------------------


async def test_ready_then_the_guild_complete(visit: Visiting) -> None:
    visit.discord.voice.join(PILOT, VOICE)
    async with visit() as socket:
        ready = await socket.identify()
        assert (ready["t"], ready["s"], ready["d"]["guilds"]) == ("READY", 1, [{"id": GUILD, "unavailable": True}])
        assert (ready["d"]["user"]["id"], ready["d"]["resume_gateway_url"]) == (BOT, "ws://discord.sim/gateway")
        guild = (await socket.next())["d"]
        assert [one["id"] for one in guild["channels"]] == [MAIN, OTHER, VOICE]
        assert [one["user"]["id"] for one in guild["members"]] == [BOT, PILOT]
        assert [(one["user_id"], one["channel_id"]) for one in guild["voice_states"]] == [(PILOT, VOICE)]
        assert "guild_id" not in guild["voice_states"][0]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"token": "test-token-other"}, 4004),
        ({"intents": 1 << 30}, 4013),
        ({"intents": "129"}, 4013),
        ({"intents": 1 << 15}, 4014),
        ({"shard": [1, 1]}, 4010),
        ({"shard": [0]}, 4010),
        ({"properties": None}, 4002),
        ({"presence": {"status": "sleepy"}}, 4002),
    ],
)
async def test_a_wrong_identify_is_closed_with_its_code(visit: Visiting, fields: dict[str, Any], code: int) -> None:
    async with visit() as socket:
        await socket.next()
        await socket.say(2, identity(**fields))
        assert await socket.end() == code


@pytest.mark.parametrize(("query", "code"), [("?v=9&encoding=json", 4012), ("?v=10&encoding=etf", 4002)])
async def test_other_versions_and_encodings_are_closed(visit: Visiting, query: str, code: int) -> None:
    async with visit(query) as socket:
        assert await socket.end() == code


@pytest.mark.parametrize(("op", "code"), [(3, 4003), (4, 4003), (8, 4003), (99, 4001), ("x", 4001)])
async def test_before_the_login_other_frames_close(visit: Visiting, op: Any, code: int) -> None:
    async with visit() as socket:
        await socket.next()
        await socket.say(op, {})
        assert await socket.end() == code
    assert visit.discord.gateway.journal.counts["early_frames"] == (code == 4003)


@pytest.mark.parametrize("message", ["{", "[]", '{"d":1}', json.dumps({"op": 1, "d": "x" * 5000}), b"\xff"])
async def test_frames_that_cannot_be_read_or_are_too_large_close(visit: Visiting, message: str | bytes) -> None:
    async with visit() as socket:
        await socket.next()
        await socket.ws.send_message(message)
        assert await socket.end() == 4002


async def test_json_in_binary_frames_is_read(visit: Visiting) -> None:
    async with visit() as socket:
        await socket.next()
        await socket.ws.send_message(json.dumps({"op": 2, "d": identity()}).encode())
        assert (await socket.next())["t"] == "READY"


async def test_two_identifies_on_one_socket_close(visit: Visiting) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.say(2, identity())
        assert await socket.end() == 4005


async def test_who_does_not_log_in_is_closed(visit: Visiting, autojump_clock: MockClock) -> None:
    async with visit() as socket:
        assert (await socket.end(), trio.current_time()) == (4003, 30.0)


async def test_more_than_120_frames_a_minute_close(visit: Visiting, autojump_clock: MockClock) -> None:
    async with visit() as socket:
        await socket.identify()
        for _ in range(119):
            await socket.say(1)
        await trio.testing.wait_all_tasks_blocked()
        assert visit.discord.gateway.live
        await socket.say(1)
        assert await socket.end() == 4008


# --- the budget -------------------------------------------------------------------------------------------------------


async def test_identifies_within_five_seconds_are_sent_round(visit: Visiting, autojump_clock: MockClock) -> None:
    visit.discord.gateway.budget.spacing_s = 5.0
    async with visit() as first, visit() as second:
        await first.identify()
        told = await second.identify()
        assert (told["op"], told["d"]) == (9, False)
        await trio.sleep(5)
        await second.say(2, identity())
        assert (await second.next())["t"] == "READY"


async def test_discovery_counts_identifies_and_their_day(
    visit: Visiting, ask: Asking, autojump_clock: MockClock
) -> None:
    async def limit() -> dict[str, Any]:
        answer: dict[str, Any] = (await ask("GET", "/api/v10/gateway/bot")).json()["session_start_limit"]
        return answer

    assert await limit() == {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    async with visit() as socket:
        await socket.identify()
    await trio.sleep(3600)
    assert await limit() == {"total": 1000, "remaining": 999, "reset_after": 82_800_000, "max_concurrency": 1}
    await trio.sleep(82_800)
    assert (await limit())["remaining"] == 1000


async def test_too_many_identifies_kill_the_token(visit: Visiting, ask: Asking) -> None:
    visit.discord.gateway.budget.total = 1
    async with visit() as socket:
        await socket.identify()
    async with visit() as socket:
        await socket.next()
        await socket.say(2, identity())
        assert await socket.end() == 4004
    assert visit.discord.gateway.token_reset
    assert (await ask("GET", "/api/v10/users/@me")).status == 401


# --- beats ------------------------------------------------------------------------------------------------------------


async def test_beats_are_answered_and_their_lateness_is_kept(visit: Visiting, autojump_clock: MockClock) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        for pause in (20.0, 41.25, 43.25):
            await trio.sleep(pause)
            await socket.say(1, 2)
            assert (await socket.next())["op"] == 11
    assert [round(one.late_s, 2) for one in visit.discord.gateway.journal.beats] == [-21.25, 0.0, 2.0]


async def test_who_misses_beats_is_closed_and_may_resume(visit: Visiting, autojump_clock: MockClock) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
        assert (await socket.end(), trio.current_time()) == (1000, 1.5 * 41.25)
    async with visit() as socket:
        await socket.resume(session, 2)
        assert (await socket.next())["t"] == "RESUMED"
    assert visit.discord.gateway.journal.counts["missed_beats"] == 1


async def test_a_requested_beat_does_not_move_the_timer(visit: Visiting, autojump_clock: MockClock) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        await trio.sleep(30)
        visit.discord.gateway.request_beat()
        assert (await socket.next())["op"] == 1
        await socket.say(1, 2)
        await trio.sleep(11.25)
        await socket.say(1, 2)
        await trio.testing.wait_all_tasks_blocked()
    assert [(one.asked, one.late_s) for one in visit.discord.gateway.journal.beats] == [(True, -11.25), (False, 0.0)]


# --- resume -----------------------------------------------------------------------------------------------------------


async def test_a_resume_replays_what_was_missed_with_its_numbers(visit: Visiting) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
        await socket.next()
    visit.discord.voice.join(PILOT, VOICE)
    visit.discord.voice.leave(PILOT)
    async with visit() as socket:
        await socket.resume(session, 2)
        replay = [await socket.next() for _ in range(3)]
        assert [(one["t"], one["s"]) for one in replay] == [
            ("VOICE_STATE_UPDATE", 3),
            ("VOICE_STATE_UPDATE", 4),
            ("RESUMED", 5),
        ]
        assert [one["d"]["channel_id"] for one in replay[:2]] == [VOICE, None]
    assert visit.discord.gateway.journal.counts["identify"] == 1


async def test_a_session_ends_with_its_time(visit: Visiting, autojump_clock: MockClock) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
    await trio.sleep(121)
    async with visit() as socket:
        await socket.resume(session, 1)
        told = await socket.next()
        assert (told["op"], told["d"]) == (9, False)


@pytest.mark.parametrize(("code", "kept"), [(1000, False), (1001, False), (4200, True), (3000, True)])
async def test_the_clients_close_code_decides_whether_the_session_lives(visit: Visiting, code: int, kept: bool) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.ws.aclose(code)
    await visit.discord.gateway.until(lambda: not visit.discord.gateway.connections)
    assert bool(visit.discord.gateway.sessions) is kept
    assert visit.discord.gateway.journal.close_codes == {code: 1}


@pytest.mark.parametrize(("code", "kept"), [(None, True), (1000, True), (4000, True), (4009, False), (4004, False)])
async def test_our_close_code_decides_too(visit: Visiting, code: int | None, kept: bool) -> None:
    async with visit() as socket:
        await socket.identify()
        visit.discord.gateway.close_all(code)
        assert await socket.end() == (code or 1005)
    assert bool(visit.discord.gateway.sessions) is kept


@pytest.mark.parametrize(
    ("session", "seq", "token", "op", "code"),
    [
        ("unknown", 1, None, 9, None),
        (None, 99, None, None, 4007),
        (None, 1, "test-token-other", None, 4004),
    ],
)
async def test_a_wrong_resume_is_told_so(
    visit: Visiting, session: str | None, seq: int, token: str | None, op: int | None, code: int | None
) -> None:
    async with visit() as socket:
        known = (await socket.identify())["d"]["session_id"]
    async with visit() as socket:
        await socket.resume(session or known, seq, **({"token": token} if token else {}))
        if op is not None:
            assert (await socket.next())["op"] == op
        else:
            assert await socket.end() == code


async def test_more_than_is_remembered_cannot_be_replayed(visit: Visiting) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
    for _ in range(2100):
        visit.discord.gateway.dispatch("TEST", {})
    async with visit() as socket:
        await socket.resume(session, 2)
        assert (await socket.next())["op"] == 9


async def test_after_op_9_true_the_same_socket_may_resume(visit: Visiting) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
        await socket.next()
        visit.discord.gateway.invalid_session(True)
        assert (await socket.next())["op"] == 9
        await socket.say(6, {"token": identity()["token"], "session_id": session, "seq": 2})
        assert (await socket.next())["t"] == "RESUMED"


async def test_a_second_client_takes_the_session_over(visit: Visiting) -> None:
    async with visit() as first, visit() as second:
        session = (await first.identify())["d"]["session_id"]
        await second.resume(session, 2)
        assert await first.end() == 4006
        assert (await second.next())["t"] == "RESUMED"


async def test_a_bricked_session_is_reset_at_every_resume(visit: Visiting) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
    visit.discord.gateway.brick()
    for _ in range(2):
        async with visit() as socket:
            await socket.resume(session, 2)
            assert await socket.end() == 1006


async def test_a_replay_can_break_off(visit: Visiting) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
    for number in range(5):
        visit.discord.gateway.dispatch("TEST", {"number": number})
    visit.discord.gateway.fault("resume", Partly(2))
    async with visit() as socket:
        await socket.resume(session, 2)
        assert [(await socket.next())["d"]["number"] for _ in range(2)] == [0, 1]
        assert await socket.end() == 1006
    async with visit() as socket:
        await socket.resume(session, 4)
        assert [(await socket.next())["d"].get("number") for _ in range(4)] == [2, 3, 4, None]


async def test_who_stays_after_op_7_is_closed(visit: Visiting, autojump_clock: MockClock) -> None:
    async with visit() as socket:
        await socket.identify()
        visit.discord.gateway.op7()
        assert (await socket.end(), trio.current_time()) == (1000, 5.0)
    assert visit.discord.gateway.sessions


# --- what is sent to whom ---------------------------------------------------------------------------------------------


async def test_intents_filter_events(visit: Visiting) -> None:
    async with visit() as all_of_it, visit() as guilds_only:
        await all_of_it.identify()
        await guilds_only.identify(intents=1)
        assert (await guilds_only.until("GUILD_CREATE"))["d"]["voice_states"] == []
        visit.discord.voice.join(PILOT, VOICE)
        visit.discord.gateway.dispatch("TEST", {})
        assert (await all_of_it.until("VOICE_STATE_UPDATE"))["d"]["member"]["user"]["id"] == PILOT
        assert (await guilds_only.next())["t"] == "TEST"


async def test_channels_the_bot_may_not_view_have_no_name(visit: Visiting, ask: Asking) -> None:
    visit.discord.deny(MAIN, VIEW_CHANNEL)
    async with visit() as socket:
        await socket.identify()
        hidden, shown, _ = (await socket.next())["d"]["channels"]
        assert (hidden["name"], shown["name"]) == ("___hidden___", "other")
        visit.discord.allow(MAIN, VIEW_CHANNEL)
        assert (await socket.until("CHANNEL_UPDATE"))["d"]["name"] == "main"
        visit.discord.delete_channel(MAIN)
        assert (await socket.until("CHANNEL_DELETE"))["d"]["id"] == MAIN
    names = [one["name"] for one in (await ask("GET", f"/api/v10/guilds/{GUILD}/channels")).json()]
    assert names == ["other", "Fleet"]


async def test_an_outage_is_no_removal(visit: Visiting) -> None:
    gateway = visit.discord.gateway
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        gateway.outage()
        assert (await socket.next())["d"] == {"id": GUILD, "unavailable": True}
        gateway.outage(False)
        assert (await socket.next())["t"] == "GUILD_CREATE"
        gateway.kick_bot()
        assert (await socket.next())["d"] == {"id": GUILD}
        gateway.invite_bot()
        assert (await socket.next())["t"] == "GUILD_CREATE"


async def test_a_session_that_starts_in_an_outage_hears_of_it(visit: Visiting) -> None:
    visit.discord.gateway.outage()
    visit.discord.gateway.phantoms = ["700000000000000777"]
    async with visit() as socket:
        ready = await socket.identify()
        assert [one["id"] for one in ready["d"]["guilds"]] == [GUILD, "700000000000000777"]
        assert (await socket.next())["t"] == "GUILD_DELETE"


async def test_presences_are_recorded(visit: Visiting) -> None:
    presence = {"status": "online", "since": None, "afk": False, "activities": [{"name": "3 maps", "type": 3}]}
    async with visit() as socket:
        await socket.identify(presence=presence)
        await socket.say(3, {**presence, "status": "idle"})
        await visit.discord.gateway.until(lambda: len(visit.discord.gateway.journal.presences) == 2)
    assert [one["status"] for one in visit.discord.gateway.journal.presences] == ["online", "idle"]


@pytest.mark.parametrize("pieces", [1, 3])
async def test_everything_goes_through_one_compressed_stream(visit: Visiting, pieces: int) -> None:
    visit.discord.gateway.zlib_pieces = pieces
    async with visit(f"{QUERY}&compress=zlib-stream") as socket:
        assert (await socket.identify())["t"] == "READY"
        assert (await socket.next())["t"] == "GUILD_CREATE"
        visit.discord.gateway.dispatch("TEST", {"text": "ü" * 100})
        assert (await socket.next())["d"]["text"] == "ü" * 100
        assert socket.messages == 4 * pieces


async def test_the_journal_holds_no_token(visit: Visiting) -> None:
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
    async with visit() as socket:
        await socket.resume(session, 2)
        await socket.next()
    assert "test-token" not in repr(visit.discord.gateway.journal)


async def test_many_sockets_leave_nothing_behind(visit: Visiting) -> None:
    gateway = visit.discord.gateway
    async with visit() as socket:
        session = (await socket.identify())["d"]["session_id"]
    for _ in range(200):
        async with visit() as socket:
            await socket.resume(session, gateway.sessions[session].seq)
            await socket.next()
    await gateway.until(lambda: not gateway.connections)
    assert len(gateway.sessions) == 1
    assert gateway.journal.counts["resumed"] == 200


async def test_a_reset_of_ours_is_no_close_of_theirs(visit: Visiting) -> None:
    async with visit() as socket:
        await socket.identify()
        visit.discord.gateway.suffer(Reset())
        assert await socket.end() == 1006
    journal = visit.discord.gateway.journal
    assert (dict(journal.close_codes), dict(journal.sent_codes)) == ({}, {1006: 1})
