"""Posting and looking back, against the fake Discord: every misfortune is an outcome, none an exception."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.discord.peer import BOT, GONE, MAIN, OTHER, Peer, in_memory, kill_body, make_discord, on_sockets
from wanderer_notifier.core.outcome import (
    Accepted,
    ChannelClosed,
    Found,
    Limited,
    NotSent,
    Outcome,
    Rejected,
    Unauthorized,
    Unknown,
)
from wanderer_notifier.core.permissions import MENTION_EVERYONE
from wanderer_notifier.discord.rest import DiscordError, identify, sendable
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord_guild import Role
from wanderer_notifier.sim.discord_messages import EMBED_LINKS, SEND_MESSAGES, VIEW_CHANNEL
from wanderer_notifier.sim.ratelimits import Limit

POST = "POST /channels/{c}/messages"
GET = "GET /channels/{c}/messages"


async def test_an_accepted_message_has_the_id_discord_gave_it(autojump_clock: MockClock, peer: Peer) -> None:
    became = await peer.rest.post(MAIN, kill_body())
    (message,) = peer.discord.messages(MAIN)
    assert became == Accepted(message.id)


@pytest.mark.parametrize("complete", [True, False])
@pytest.mark.parametrize(
    ("fault", "kind", "there"),
    [
        (faults.cut(effect=True), Unknown, True),
        (faults.cut(effect=False), Unknown, False),
        (faults.status(500), Unknown, False),
        (faults.status(502, effect=True), Unknown, True),
        (faults.status(503, body=b""), Unknown, False),
        (faults.status(530), Unknown, False),
        (faults.status(500, body=b"<html>"), Unknown, False),
        (faults.truncated(), Unknown, True),
        (faults.truncated(complete=True), Unknown, True),
        (faults.stall(effect=True), Unknown, True),
        (faults.status(400), Rejected, False),
        (faults.status(404), ChannelClosed, False),
        (faults.status(401), Unauthorized, False),
        (faults.limited(1.2), Limited, False),
        (faults.limited(1.2, scope="edge"), Limited, False),
    ],
)
async def test_every_misfortune_is_an_outcome(
    autojump_clock: MockClock, peer: Peer, fault: faults.Fault, kind: type[Outcome], there: bool, complete: bool
) -> None:
    if complete:  # on a connection that was used before
        await peer.rest.post(OTHER, kill_body(9))
    peer.discord.fault(fault)
    assert type(await peer.rest.post(MAIN, kill_body())) is kind
    assert bool(peer.discord.messages(MAIN)) == there


async def test_a_server_that_never_answers_costs_at_most_thirty_seconds_and_its_connection(
    autojump_clock: MockClock, peer: Peer
) -> None:
    assert peer.network is not None
    await peer.rest.post(MAIN, kill_body(1))
    used = len(peer.network.dialled)
    peer.discord.fault(faults.stall())
    began = trio.current_time()
    assert isinstance(await peer.rest.post(MAIN, kill_body(2)), Unknown)
    assert trio.current_time() - began <= 30
    assert isinstance(await peer.rest.post(MAIN, kill_body(2)), Accepted)
    assert len(peer.network.dialled) == used + 1


async def test_three_time_outs_in_a_row_give_up_the_connections_for_new_ones(
    autojump_clock: MockClock, peer: Peer
) -> None:
    """operations.md OPS-48; whatever else is under way is interrupted and known to be of unknown end."""
    assert peer.network is not None
    for count, ending in [(2, faults.status(400)), (3, None)]:
        peer.discord.fault(faults.stall(), times=count)
        for _ in range(count):
            assert isinstance(await peer.rest.post(MAIN, kill_body(1)), Unknown)
        if ending is not None:  # any answer shows that the connections work
            peer.discord.fault(ending)
            await peer.rest.post(MAIN, kill_body(1))
            assert peer.healed == []
    assert peer.healed == ["new_connection_pool"]
    assert isinstance(await peer.rest.post(MAIN, kill_body(1)), Accepted)
    assert len(peer.discord.messages(MAIN)) == 1


async def test_new_connections_interrupt_what_is_under_way_and_strand_nobody(
    autojump_clock: MockClock, peer: Peer
) -> None:
    became: list[Outcome] = []

    async def post(number: int, channel: str) -> None:
        became.append(await peer.rest.post(channel, kill_body(number)))

    peer.discord.fault(faults.stall(), channel=MAIN, times=3)
    peer.discord.fault(faults.stall(), channel=OTHER)
    for number in range(2):
        await post(number, MAIN)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(post, 2, MAIN)
        await trio.sleep(20)
        nursery.start_soon(post, 3, OTHER)
    assert [type(one) for one in became] == [Unknown] * 4
    assert trio.current_time() < 3 * 24 + 1  # nobody waits for an answer on a connection that was given up
    await post(3, OTHER)
    assert isinstance(became[-1], Accepted)


async def test_what_was_never_sent_is_known_not_to_be_there(autojump_clock: MockClock, peer: Peer) -> None:
    assert peer.network is not None
    peer.network.refuse("discord.sim", 80)
    assert isinstance(await peer.rest.post(MAIN, kill_body()), NotSent)
    peer.network.refuse("discord.sim", 80, on=False)
    peer.network.stall("discord.sim", 80)
    assert isinstance(await peer.rest.post(MAIN, kill_body()), NotSent)
    peer.network.detach("discord.sim", 80)
    peer.network.stall("discord.sim", 80, on=False)
    assert isinstance(await peer.rest.post(MAIN, kill_body()), NotSent)


async def test_a_cancelled_post_gives_its_place_back(autojump_clock: MockClock, peer: Peer) -> None:
    peer.discord.fault(faults.stall())
    with trio.move_on_after(1):
        await peer.rest.post(MAIN, kill_body())
    assert isinstance(await peer.rest.post(MAIN, kill_body()), Accepted)


# --- limits -------------------------------------------------------------------------------------------------------


async def test_waits_for_its_bucket_before_sending(autojump_clock: MockClock, peer: Peer) -> None:
    """cases.md D04: 6 posts under a limit of 5 in 5 s; the sixth goes at 5 s."""
    for number in range(11):
        assert isinstance(await peer.rest.post(MAIN, kill_body(number)), Accepted)
    assert 429 not in peer.discord.statuses
    assert trio.current_time() == pytest.approx(10.0, abs=0.2)


async def test_a_bucket_that_opens_late_is_the_callers_to_wait_for(autojump_clock: MockClock, peer: Peer) -> None:
    peer.discord.fault(faults.limited(64.57))
    first = await peer.rest.post(MAIN, kill_body())
    assert first == Limited(pytest.approx(64.62), "user")  # type: ignore[arg-type]
    await trio.sleep(10)
    second = await peer.rest.post(MAIN, kill_body())
    assert isinstance(second, Limited)
    assert second.wait_s == pytest.approx(54.62, abs=0.1)
    assert len(peer.discord.journal) == 1  # nothing left the house meanwhile
    assert isinstance(await peer.rest.post(OTHER, kill_body()), Accepted)
    await trio.sleep(second.wait_s)
    assert isinstance(await peer.rest.post(MAIN, kill_body()), Accepted)


@pytest.mark.parametrize(("scope", "others"), [("user", Accepted), ("shared", Accepted), ("global", Limited)])
async def test_the_scope_of_a_429_decides_who_waits(
    autojump_clock: MockClock, peer: Peer, scope: Any, others: type[Outcome]
) -> None:
    peer.discord.fault(faults.limited(30.5, scope=scope))
    assert await peer.rest.post(MAIN, kill_body()) == Limited(pytest.approx(30.55), scope)  # type: ignore[arg-type]
    assert type(await peer.rest.post(OTHER, kill_body())) is others
    assert peer.limited == [scope]  # what we wait for by ourselves is no 429


async def test_a_global_429_that_says_so_in_its_body_only_stops_everything(
    autojump_clock: MockClock, peer: Peer
) -> None:
    body = b'{"message": "You are being rate limited.", "retry_after": 30.5, "global": true}'
    peer.discord.fault(faults.Fault(effect=False, ending=faults.Status(status=429, body=body)))
    assert await peer.rest.post(MAIN, kill_body()) == Limited(pytest.approx(30.55), "global")  # type: ignore[arg-type]
    assert isinstance(await peer.rest.post(OTHER, kill_body()), Limited)


async def test_after_a_thousand_refusals_messages_go_out_and_edits_wait(autojump_clock: MockClock, peer: Peer) -> None:
    """discord.md 3.3 point 8: optional traffic stops first, at 5,000 everything does."""
    for count, posts, edits in [(1_000, Accepted, Limited), (4_000, Limited, Limited)]:
        for _ in range(count):
            peer.limits.answered("GET /users/@me", "", 403, {}, None, trio.current_time())
        assert type(await peer.rest.post(MAIN, kill_body(count))) is posts
        waits = await peer.rest.edit(MAIN, "700000000000000123", kill_body(count))
        assert type(waits) is edits
    assert waits == Limited(pytest.approx(600, abs=1), "own")  # type: ignore[arg-type]


async def test_a_page_of_the_edge_stops_everything(autojump_clock: MockClock, peer: Peer) -> None:
    """cases.md D25."""
    peer.discord.fault(
        faults.Fault(effect=False, ending=faults.Status(status=429, body=b"<html>", content_type="text/html"))
    )
    assert await peer.rest.post(MAIN, kill_body()) == Limited(pytest.approx(600.05), "edge")  # type: ignore[arg-type]
    assert isinstance(await peer.rest.post(OTHER, kill_body()), Limited)
    assert len(peer.discord.journal) == 1
    assert peer.rest.shut
    await trio.sleep(601)
    assert not peer.rest.shut
    await peer.rest.post(MAIN, kill_body())
    assert len(peer.discord.messages(MAIN)) <= 1
    assert isinstance(await peer.rest.post(MAIN, kill_body()), Accepted)  # the first may meet a connection grown stale


async def test_many_channels_at_once_stay_below_the_global_limit(autojump_clock: MockClock) -> None:
    discord = make_discord(channels=120)
    async with in_memory(discord) as peer:
        became: list[Outcome] = []

        async def post(channel: str) -> None:
            became.append(await peer.rest.post(channel, kill_body(int(channel))))

        async with trio.open_nursery() as nursery:
            for channel in discord.guild.channels:
                nursery.start_soon(post, channel)
    assert {type(one) for one in became} == {Accepted}
    assert 429 not in discord.statuses


# --- what cannot be posted ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        (VIEW_CHANNEL, "cannot see the channel"),
        (SEND_MESSAGES, "the bot lacks Send Messages in the channel [HTTP 403, code 50013"),
    ],
)
async def test_a_channel_that_refuses_us_is_closed(
    autojump_clock: MockClock, peer: Peer, denied: int, words: str
) -> None:
    peer.discord.deny(MAIN, denied)
    became = await peer.rest.post(MAIN, kill_body())
    assert isinstance(became, ChannelClosed)
    assert words in became.reason


@pytest.mark.parametrize(
    ("denied", "lacks"), [(EMBED_LINKS, "Embed Links"), (SEND_MESSAGES, "Send Messages"), (0, None)]
)
async def test_the_missing_permission_has_a_name_and_is_looked_for_once(
    autojump_clock: MockClock, peer: Peer, denied: int, lacks: str | None
) -> None:
    peer.discord.deny(MAIN, denied)
    peer.discord.fault(
        faults.status(403, body=b'{"code": 50013, "message": "Missing Permissions"}'), times=2, route=POST
    )
    first, second = [await peer.rest.post(MAIN, kill_body()) for _ in range(2)]
    words = "lacks a permission in the channel (" if lacks is None else f"the bot lacks {lacks} in the channel ["
    assert isinstance(first, ChannelClosed)
    assert words in first.reason
    assert second == first
    assert sum(one.method == "GET" and one.path.endswith(MAIN) for one in peer.discord.journal) == 1


async def test_finding_out_what_lacks_takes_four_seconds_at_most(autojump_clock: MockClock, peer: Peer) -> None:
    peer.discord.deny(MAIN, SEND_MESSAGES)
    peer.discord.fault(faults.stall(), route="GET /guilds/{g}")
    closed = await peer.rest.post(MAIN, kill_body())
    assert isinstance(closed, ChannelClosed)
    assert trio.current_time() < 5


async def test_an_unknown_channel_is_closed(autojump_clock: MockClock, peer: Peer) -> None:
    became = await peer.rest.post(GONE, kill_body())
    assert isinstance(became, ChannelClosed)
    assert became.code == 10003


async def test_form_errors_name_the_field(autojump_clock: MockClock, peer: Peer) -> None:
    became = await peer.rest.post(MAIN, {"embeds": [{"title": "x" * 300}]})
    assert isinstance(became, Rejected)
    assert "embeds.0.title" in became.reason


async def test_embeds_taken_away_do_not_make_it_a_failure(autojump_clock: MockClock, peer: Peer) -> None:
    peer.discord.deny(MAIN, EMBED_LINKS)
    assert isinstance(await peer.rest.post(MAIN, {"content": "x", **kill_body()}), Accepted | ChannelClosed)


async def test_a_dead_token_is_told(autojump_clock: MockClock) -> None:
    async with in_memory(token="test-token-old") as peer:
        assert isinstance(await peer.rest.post(MAIN, kill_body()), Unauthorized)
        with pytest.raises(DiscordError):
            await peer.rest.me()


async def test_what_json_cannot_hold_is_refused_before_sending(autojump_clock: MockClock, peer: Peer) -> None:
    for bad in ({"content": float("nan")}, {"content": {1, 2}}):
        assert isinstance(await peer.rest.post(MAIN, bad), Rejected)
    assert not peer.discord.journal


async def test_half_characters_are_replaced(autojump_clock: MockClock, peer: Peer) -> None:
    assert sendable({"content": "a\ud83db"}) == {"content": "a?b"}
    assert isinstance(await peer.rest.post(MAIN, {"content": "a\ud83db"}), Accepted)


def test_the_agent_is_named_as_discord_wants_it() -> None:
    headers = identify("test-token", "1.2", "https://test.invalid")
    assert headers["authorization"] == "Bot test-token"
    assert headers["user-agent"].startswith("DiscordBot (https://test.invalid, 1.2)")


async def test_asks_who_we_are_once(autojump_clock: MockClock, peer: Peer) -> None:
    assert await peer.rest.me() == BOT
    assert await peer.rest.me() == BOT
    assert len(peer.discord.journal) == 1


async def test_the_whole_over_real_sockets() -> None:
    async with on_sockets() as peer:
        peer.discord.fault(faults.cut(effect=True))
        assert isinstance(await peer.rest.post(MAIN, kill_body(1)), Unknown)
        again = await peer.rest.post(MAIN, kill_body(1))
        (message,) = peer.discord.messages(MAIN)
        assert again == Accepted(message.id)
        assert await peer.rest.look_back(MAIN, kill_body(1), message.at) == Found(message.id)


@pytest.mark.parametrize("limit", [Limit(1, 2.0), Limit(3, 1.0), Limit(10, 10.0)])
async def test_learns_whatever_limit_the_headers_tell(autojump_clock: MockClock, peer: Peer, limit: Limit) -> None:
    peer.discord.api.limits.routes[POST] = limit
    for number in range(25):
        became = await peer.rest.post(MAIN, kill_body(number))
        if isinstance(became, Limited):
            await trio.sleep(became.wait_s)
            became = await peer.rest.post(MAIN, kill_body(number))
        assert isinstance(became, Accepted)
    assert 429 not in peer.discord.statuses


async def test_the_global_gate_opens_though_who_met_it_was_cancelled(autojump_clock: MockClock) -> None:
    """P30: nobody has to remember to open it."""
    async with in_memory(make_discord(channels=10)) as peer:
        peer.discord.fault(faults.limited(3.0, scope="global"), nth=1)
        done = list[Outcome]()

        async def post(channel: int) -> None:
            while not isinstance(got := await peer.rest.post(str(int(MAIN) + channel), kill_body(channel)), Accepted):
                assert isinstance(got, Limited)
                await trio.sleep(got.wait_s)
            done.append(got)

        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as first:
                async with trio.open_nursery() as meeting:
                    meeting.start_soon(post, 0)
                    while peer.limits.holder(trio.current_time()) != "global":
                        await trio.sleep(0.01)
                    first.cancel()
            asked, began = len(peer.discord.journal), trio.current_time()
            for channel in range(1, 10):
                nursery.start_soon(post, channel)
            await trio.sleep(2.5)
            assert len(peer.discord.journal) == asked
        assert len(done) == 9
        assert trio.current_time() - began < 5


async def test_a_body_that_says_nothing_of_mentions_pings_nobody(autojump_clock: MockClock, peer: Peer) -> None:
    """P78: left out, Discord would ping whoever the text names, in an edit as well."""
    text = "<@700000000000000031> @everyone <@&700000000000000041>"
    became = await peer.rest.post(MAIN, {"content": text})
    assert isinstance(became, Accepted)
    assert peer.discord.messages(MAIN)[0].pinged == ()
    assert isinstance(await peer.rest.edit(MAIN, became.message_id, {"content": f"{text}!"}), Accepted)
    (message,) = peer.discord.messages(MAIN)
    assert (message.content, message.pinged) == (f"{text}!", ())


@pytest.mark.parametrize(("mentionable", "told"), [(False, 1), (True, 0)])
async def test_d17_a_role_that_cannot_be_pinged_is_told_once_and_the_message_stands(
    autojump_clock: MockClock, mentionable: bool, told: int
) -> None:
    discord = make_discord()
    role = "700000000000000077"
    discord.guild.roles[role] = Role(id=role, name="Fleet", mentionable=mentionable)
    for channel in (MAIN, OTHER):
        discord.deny(channel, MENTION_EVERYONE)
    async with in_memory(discord) as peer:
        for number in range(3):
            body = kill_body(number) | {"content": f"<@&{role}>", "allowed_mentions": {"parse": [], "roles": [role]}}
            assert isinstance(await peer.rest.post(MAIN if number else OTHER, body), Accepted)
        assert len(peer.discord.messages(MAIN)) == 2
        assert len(peer.advice) == told
        assert all("mentioning the role Fleet reaches nobody" in words for words in peer.advice)
