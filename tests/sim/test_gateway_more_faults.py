"""The rarer misfortunes of the fake gateway: TLS, huge guilds, deaf servers, odd addresses, late and lost data."""

from __future__ import annotations

import json
import ssl
from typing import Any

import pytest
import trio
import trustme
from trio.testing import MockClock

from tests.sim.discord_asking import BOT, GUILD, MAIN, OTHER, OWNER, Asking, make_discord
from tests.sim.gateway_visiting import QUERY, Visiting, identity
from tests.sim.raw import request_bytes
from wanderer_notifier.sim import gateway_tls
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.gateway_faults import (
    OP7,
    REQUESTED_BEAT,
    Bare,
    Close,
    Corrupt,
    Deaf,
    Drip,
    Http,
    Late,
    Partly,
    Repeat,
    Reset,
    Say,
    Silence,
    Skip,
    Swap,
    op7,
    unknown,
)
from wanderer_notifier.sim.gateway_orders import ACTIONS
from wanderer_notifier.sim.gateway_rules import Action, Point
from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.sim.network import MemoryStream, stream_pair
from wanderer_notifier.sim.voice import FLAGS

ELSEWHERE = "700000000000000901"
UPGRADE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGVzdCB0ZXN0IHRlc3QgdA=="),
]


@pytest.fixture
def visit(nursery: trio.Nursery) -> Visiting:
    discord = make_discord()
    discord.gateway.budget.spacing_s = 0.0
    return Visiting(Asking(discord, nursery), nursery)


# --- before there is a socket -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["untrusted", "plain bytes", "slam", "silence"])
async def test_a_tls_handshake_fails_as_ordered(how: str, nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("discord.sim").configure_cert(server)
    peer, cause = {
        "untrusted": (gateway_tls.untrusted(server), ssl.SSLCertVerificationError),
        "plain bytes": (gateway_tls.plain_bytes, ssl.SSLError),
        "slam": (gateway_tls.slam, trio.BrokenResourceError),
        "silence": (gateway_tls.silence, trio.TooSlowError),
    }[how]
    ours, theirs = stream_pair()
    nursery.start_soon(peer, theirs)
    with pytest.raises((trio.BrokenResourceError, trio.TooSlowError)) as failure, trio.fail_after(60):
        await trio.SSLStream(ours, ssl.create_default_context(), server_hostname="discord.sim").do_handshake()
    assert any(isinstance(one, cause) for one in (failure.value, failure.value.__cause__))


async def test_a_door_slams_before_the_upgrade(visit: Visiting, autojump_clock: MockClock) -> None:
    visit.discord.gateway.fault("connect", Reset())
    with trio.move_on_after(1) as patience:  # this library waits on; what matters is that no socket came to be
        async with visit():
            raise AssertionError("it was let in")
    assert patience.cancelled_caught
    assert visit.discord.gateway.journal.frames("open") == []


@pytest.mark.parametrize("query", [f"{QUERY}&compress=zstd-stream", f"{QUERY}&compress=brotli"])
async def test_zstd_is_refused_like_every_compression_but_zlib(visit: Visiting, query: str) -> None:
    async with visit(query) as socket:
        assert await socket.end() == 4002
    assert visit.discord.gateway.journal.counts["ready"] == 0


@pytest.mark.parametrize("path", ["/", "/gateway", "/deep/er"])
async def test_the_upgrade_is_accepted_on_any_path(visit: Visiting, path: str) -> None:
    async with visit(path=path) as socket:
        assert (await socket.next())["op"] == 10


@pytest.mark.parametrize("url", ["ws://gone.sim/", "wss://tls.sim/deep?region=eu", "no address"])
async def test_ready_says_whatever_address_it_should(visit: Visiting, url: str) -> None:
    visit.discord.gateway.resume_url = url
    async with visit() as socket:
        assert (await socket.identify())["d"]["resume_gateway_url"] == url


# --- what a server may do to a session --------------------------------------------------------------------------------


async def test_a_deaf_server_acknowledges_what_it_never_read(visit: Visiting, autojump_clock: MockClock) -> None:
    gateway = visit.discord.gateway
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        gateway.suffer(Deaf())
        began = trio.current_time()
        await socket.say(1, 2)
        await socket.say(99)  # would be closed with 4001
        times = []
        for _ in range(3):
            assert (await socket.next())["op"] == 11
            times.append(trio.current_time() - began)
        gateway.dispatch("TEST", {})
        assert (await socket.next())["t"] == "TEST"
    assert times == [41.25, 82.5, 123.75]
    assert (gateway.journal.counts["beats"], gateway.journal.counts["missed_beats"]) == (0, 0)
    await gateway.until(lambda: not gateway.connections)
    assert gateway.sessions  # it ended without a word, so that it can be resumed


async def test_what_is_unknown_comes_before_what_was_due(visit: Visiting) -> None:
    visit.discord.gateway.fault("identify", unknown(then=True))
    async with visit() as socket:
        assert (await socket.identify())["op"] == 77
        assert [(await socket.next())["t"] for _ in range(2)] == ["SOMETHING_NEW", "READY"]


@pytest.mark.parametrize("query", [QUERY, f"{QUERY}&compress=zlib-stream"])
async def test_a_guild_may_be_as_large_as_discord_allows(visit: Visiting, query: str) -> None:
    gateway = visit.discord.gateway
    gateway.huge_guild()
    async with visit(query) as socket:
        await socket.identify()
        guild = (await socket.next())["d"]
    assert (len(guild["channels"]), len(guild["voice_states"]), len(guild["members"])) == (502, 500, 501)
    assert len(guild["roles"]) == 250 + 2 + 2  # with those of the tests, @everyone and the bot's own
    assert 300_000 < len(json.dumps(guild)) < 900_000
    rooms = {one["id"] for one in guild["channels"] if one["type"] == 2}
    assert {one["channel_id"] for one in guild["voice_states"]} == rooms


async def test_a_guild_grows_before_the_eyes_of_who_is_there(visit: Visiting) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        visit.discord.gateway.huge_guild(channels=20, roles=0, voice_users=3)
        grown = await socket.until("GUILD_CREATE")
        assert (len(grown["d"]["channels"]), len(grown["d"]["voice_states"])) == (22, 3)


async def test_nobody_sits_where_no_voice_channel_is() -> None:
    with pytest.raises(ValueError, match="voice channels"):
        make_discord().gateway.huge_guild(channels=0, voice_users=1)


@pytest.mark.parametrize("last", [False, True])
async def test_guilds_come_in_the_order_and_with_the_pause_ordered(
    visit: Visiting, last: bool, autojump_clock: MockClock
) -> None:
    gateway = visit.discord.gateway
    user = {"id": BOT, "username": "notifier", "discriminator": "0", "avatar": None, "bot": True}
    gateway.elsewhere.append(Guild(id=ELSEWHERE, name="Elsewhere", owner_id=OWNER, bot=user))
    gateway.own_last, gateway.guild_delay_s = last, 3.0
    expected = [ELSEWHERE, GUILD] if last else [GUILD, ELSEWHERE]
    async with visit() as socket:
        ready = await socket.identify()
        assert [one["id"] for one in ready["d"]["guilds"]] == expected
        began, told = trio.current_time(), []
        for _ in range(2):
            told.append(((await socket.until("GUILD_CREATE"))["d"]["id"], trio.current_time() - began))
        assert told == [(expected[0], 3.0), (expected[1], 6.0)]


async def test_a_guild_that_removes_the_bot_before_its_turn_never_comes(
    visit: Visiting, autojump_clock: MockClock
) -> None:
    visit.discord.gateway.guild_delay_s = 3.0
    async with visit() as socket:
        await socket.identify()
        visit.discord.gateway.kick_bot()
        told = await socket.next()
        assert (told["t"], told["d"]) == ("GUILD_DELETE", {"id": GUILD})
        with trio.move_on_after(10) as patience:
            await socket.next()
        assert patience.cancelled_caught


async def test_late_data_follows_the_close_on_the_old_socket(visit: Visiting, nursery: trio.Nursery) -> None:
    gateway = visit.discord.gateway
    ours, theirs = stream_pair()
    nursery.start_soon(serve_stream, theirs, visit.discord.handle)
    await ours.send_all(request_bytes("GET", f"/gateway{QUERY}", UPGRADE))
    await seen(ours, b'"heartbeat_interval"')
    (connection,) = gateway.connections
    connection.suffer(Close(4000, keep_tcp=True))
    await seen(ours, b"\x88\x02" + (4000).to_bytes(2, "big"))
    await connection.late(OP7)
    await seen(ours, b'"op": 7')
    ours.close()


async def seen(stream: MemoryStream, what: bytes) -> None:
    """Return when *what* came."""
    came = b""
    with trio.fail_after(10):
        while what not in came:
            more = await stream.receive_some()
            assert more, came
            came += more


async def test_the_death_of_the_token_ends_every_session(visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.budget.total = 1
    async with visit() as first, visit() as second:
        await first.identify()
        await second.next()
        await second.say(2, identity())
        assert (await first.end(), await second.end()) == (4004, 4004)
    assert not gateway.sessions


@pytest.mark.parametrize("op", [4, 8, 31, 43])
async def test_other_opcodes_are_accepted_and_recorded(visit: Visiting, op: int) -> None:
    gateway = visit.discord.gateway
    async with visit() as socket:
        await socket.identify()
        await socket.say(op, {"guild_id": GUILD})
        await gateway.until(lambda: gateway.journal.frames()[-1].op == op)
        assert gateway.live
    assert gateway.journal.frames()[-1].data == {"guild_id": GUILD}


@pytest.mark.parametrize("op", [0, 7, 9, 10, 11, True, 1.0])
async def test_what_only_servers_say_is_an_unknown_opcode(visit: Visiting, op: Any) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.say(op)
        assert await socket.end() == 4001


async def test_what_cannot_be_read_is_in_the_journal_too(visit: Visiting) -> None:
    async with visit() as socket:
        await socket.next()
        await socket.ws.send_message("{")
        assert await socket.end() == 4002
    (frame,) = visit.discord.gateway.journal.frames()
    assert (frame.op, frame.connection) == (None, 1)


async def test_every_change_of_a_voice_state_is_told_like_a_move(visit: Visiting) -> None:
    voice, gateway = visit.discord.voice, visit.discord.gateway
    gateway.huge_guild(channels=1, roles=0, voice_users=1)
    (user,) = visit.discord.guild.voice
    async with visit() as socket:
        await socket.identify()
        for flag in FLAGS:
            voice.change(user, **{flag: True})
            told = (await socket.until("VOICE_STATE_UPDATE"))["d"]
            assert (told[flag], told["member"]["user"]["id"]) == (True, user)
        assert told["channel_id"] == visit.discord.guild.voice[user].channel_id
    with pytest.raises(ValueError, match="no such flag"):
        voice.change(user, channel_id=True)
    with pytest.raises(KeyError):
        voice.change(BOT, mute=True)


@pytest.mark.parametrize("point", ["hello", "identify"])
async def test_a_drip_begins_with_what_was_due(visit: Visiting, point: Point, autojump_clock: MockClock) -> None:
    visit.discord.gateway.fault(point, Drip(0.01))
    async with visit() as socket:
        assert (await socket.identify())["t"] == "READY"
        assert trio.current_time() > 5


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": "away"},
        {"since": "now"},
        {"since": True},
        {"afk": 0},
        {"activities": {}},
        {"activities": "x"},
        {"activities": [{"name": "x"}]},
        {"activities": [{"name": "x", "type": 6}]},
        {"activities": [{"name": "x", "type": True}]},
        {"activities": [{"name": None, "type": 3}]},
        {"activities": [{"name": "x", "type": 1, "url": 7}]},
        None,
    ],
    ids=repr,
)
async def test_a_presence_of_another_form_closes(visit: Visiting, wrong: dict[str, Any] | None) -> None:
    right = {"status": "online", "since": None, "afk": False, "activities": [{"name": "x", "type": 3}], "new": 1}
    async with visit() as socket:
        await socket.identify()
        await socket.say(3, right)
        await socket.say(3, {**right, **wrong} if wrong else wrong)
        assert await socket.end() == 4002
    assert list(visit.discord.gateway.journal.presences) == [right]


# --- where a fault strikes --------------------------------------------------------------------------------------------


async def test_a_fault_may_wait_for_an_event_about_one_channel(visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.fault("dispatch", Skip(), channel=OTHER, times=None)
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        for channel in (MAIN, OTHER):
            gateway.dispatch("TEST", {"channel_id": channel})
            gateway.channel_changed(channel)
        gateway.dispatch("END", {})
        told = [await socket.next() for _ in range(3)]
    assert [(one["t"], one["s"]) for one in told] == [("TEST", 3), ("CHANNEL_UPDATE", 4), ("END", 7)]


async def test_an_event_may_come_late_and_is_overtaken(visit: Visiting, autojump_clock: MockClock) -> None:
    gateway = visit.discord.gateway
    gateway.fault("dispatch", Late(5), event="ONE")
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        gateway.dispatch("ONE", {})
        gateway.dispatch("TWO", {})
        assert [((await socket.next())["s"], trio.current_time()) for _ in range(2)] == [(4, 0.0), (3, 5.0)]


@pytest.mark.parametrize(
    ("point", "action"),
    [
        ("hello", Http(status=503)),
        ("connect", Close(4000)),
        ("connect", Say(payloads=())),
        ("connect", Deaf()),
        ("beat", Repeat(2)),
        ("identify", Partly(1)),
        ("resume", Bare()),
        ("hello", Swap()),
        ("resume", Corrupt()),
    ],
)
async def test_what_has_no_meaning_at_a_point_is_refused_when_ordered(point: Point, action: Action) -> None:
    gateway = make_discord().gateway
    with pytest.raises(ValueError, match="no place"):
        gateway.fault(point, action)
    assert gateway.faults.rules == []


ARGUMENTS: dict[str, dict[str, Any]] = {
    "http": {"status": 503},
    "late": {"seconds": 1.0},
    "drip": {"seconds": 0.001},
    "say": {"payloads": [REQUESTED_BEAT]},
    "wire": {"data": "8900"},
    "partly": {"dispatches": 1},
    "invalid_session": {"resumable": True},
}


@pytest.mark.parametrize("kind", ACTIONS)
def test_every_misfortune_can_be_ordered_by_name(kind: str) -> None:
    made = ACTIONS[kind](**ARGUMENTS.get(kind, {}))
    expected = {"op7": op7(), "say": Say(payloads=(REQUESTED_BEAT,)), "drip": Drip(0.001), "silence": Silence()}
    assert made == expected.get(kind, made)


async def test_settings_are_changed_by_name_all_or_none(visit: Visiting) -> None:
    gateway = visit.discord.gateway
    gateway.tune(heartbeat_s=5, resume_url="ws://gone.sim/", phantoms=[ELSEWHERE])
    async with visit() as socket:
        assert (await socket.next())["d"]["heartbeat_interval"] == 5000
        await socket.say(2, identity())
        ready = (await socket.next())["d"]
        assert (ready["resume_gateway_url"], ready["guilds"][-1]["id"]) == ("ws://gone.sim/", ELSEWHERE)
    for wrong, error in (({"heartbeat_s": 9, "rooms": 1}, LookupError), ({"heartbeat_s": "9"}, TypeError)):
        with pytest.raises(error):
            gateway.tune(**wrong)
    assert gateway.heartbeat_s == 5


async def test_a_burst_arrives_whole(visit: Visiting) -> None:
    async with visit() as socket:
        await socket.identify()
        await socket.next()
        visit.discord.gateway.burst(500, "TEST", {"a": 1})
        assert [(await socket.next())["s"] for _ in range(500)] == list(range(3, 503))
