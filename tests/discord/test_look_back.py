"""Looking whether a message stands in its channel already, against the fake Discord."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio
from trio.testing import MockClock

from tests.discord.peer import MAIN, OTHER, Peer, kill_body, virtual_now
from wanderer_notifier.core.outcome import (
    Absent,
    Accepted,
    CannotLook,
    Found,
)
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord_messages import READ_MESSAGE_HISTORY, VIEW_CHANNEL

GET = "GET /channels/{c}/messages"

# --- looking back -------------------------------------------------------------------------------------------------


async def test_finds_what_stands_in_the_channel_by_its_link(autojump_clock: MockClock, peer: Peer) -> None:
    since = virtual_now()
    became = await peer.rest.post(MAIN, kill_body(7))
    assert isinstance(became, Accepted)
    await peer.rest.post(MAIN, kill_body(8))
    assert await peer.rest.look_back(MAIN, kill_body(7), since) == Found(became.message_id)
    assert await peer.rest.look_back(MAIN, kill_body(9), since) == Absent()
    assert await peer.rest.look_back(OTHER, kill_body(7), since) == Absent()


async def test_what_others_said_and_what_is_older_does_not_count(autojump_clock: MockClock, peer: Peer) -> None:
    peer.discord.post_as(MAIN, "700000000000000077", "J123456 added")
    await peer.rest.post(MAIN, {"content": "J123456 added", "nonce": "a"})
    await trio.sleep(60)
    assert await peer.rest.look_back(MAIN, {"content": "J123456 added"}, virtual_now()) == Absent()
    assert isinstance(
        await peer.rest.look_back(MAIN, {"content": "J123456 added"}, virtual_now() - timedelta(seconds=58)), Found
    )


@pytest.mark.parametrize(
    ("newer", "expected"), [(49, Found), (50, Found), (199, Found), (200, CannotLook), (260, CannotLook)]
)
async def test_reads_four_pages_and_no_more(autojump_clock: MockClock, peer: Peer, newer: int, expected: type) -> None:
    since = virtual_now()
    await peer.rest.post(MAIN, kill_body(7))
    for number in range(newer):
        peer.discord.post_as(MAIN, "700000000000000077", f"chatter {number}")
    there = await peer.rest.look_back(MAIN, kill_body(7), since)
    assert type(there) is expected
    assert sum(seen.route == GET for seen in peer.discord.journal) <= 4
    if isinstance(there, CannotLook):
        assert there.forbidden  # asking again would not help


async def test_stops_reading_at_messages_from_before_the_attempt(autojump_clock: MockClock, peer: Peer) -> None:
    for number in range(120):
        peer.discord.post_as(MAIN, "700000000000000077", f"chatter {number}")
    await trio.sleep(60)
    assert await peer.rest.look_back(MAIN, kill_body(7), virtual_now()) == Absent()
    assert sum(seen.route == GET for seen in peer.discord.journal) == 1


@pytest.mark.parametrize("denied", [VIEW_CHANNEL, READ_MESSAGE_HISTORY])
async def test_a_missing_permission_to_look_is_told(autojump_clock: MockClock, peer: Peer, denied: int) -> None:
    await peer.rest.post(MAIN, kill_body(7))
    peer.discord.deny(MAIN, denied)
    there = await peer.rest.look_back(MAIN, kill_body(7), virtual_now())
    if denied == READ_MESSAGE_HISTORY:  # Discord may answer with an empty page instead of refusing
        assert isinstance(there, Absent) or (isinstance(there, CannotLook) and there.forbidden)
    else:
        assert isinstance(there, CannotLook)
        assert there.forbidden


@pytest.mark.parametrize(
    "fault",
    [
        faults.status(500),
        faults.cut(effect=False),
        faults.limited(60.0),
        faults.status(200, body=b"{}"),
        faults.status(200, body=b"[1]"),
        faults.status(200, body=b"[nonsense"),
        faults.status(401),
    ],
)
async def test_trouble_while_looking_means_later(autojump_clock: MockClock, peer: Peer, fault: faults.Fault) -> None:
    await peer.rest.me()
    peer.discord.fault(fault, route=GET)
    there = await peer.rest.look_back(MAIN, kill_body(7), virtual_now())
    assert isinstance(there, CannotLook)
    assert not there.forbidden
