"""Editing a message: what becomes of it, and that it pings nobody anew."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from trio.testing import MockClock

from tests.discord.peer import GONE, MAIN, Peer, in_memory, kill_body
from wanderer_notifier.core.outcome import Accepted, ChannelClosed, Limited, Outcome, Rejected, Unauthorized, Unknown
from wanderer_notifier.discord.answers import POSTED_AND_DELETED
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.discord_messages import VIEW_CHANNEL
from wanderer_notifier.sim.faults import Fault
from wanderer_notifier.sim.ratelimits import Limit

EDIT = "PATCH /channels/{c}/messages/{m}"
USER = "81384788765712384"
NEW: dict[str, Any] = {
    "content": f"<@{USER}>",
    "embeds": [{"title": "Known now", "url": "https://zkillboard.com/kill/1/"}],
    "allowed_mentions": {"parse": [], "users": [USER], "roles": []},
}


@pytest.fixture
async def peer(autojump_clock: MockClock) -> AsyncIterator[Peer]:
    async with in_memory() as peer:
        yield peer


async def posted(peer: Peer, body: dict[str, Any] | None = None) -> str:
    became = await peer.rest.post(MAIN, body or {**kill_body(), "content": f"<@{USER}>"})
    assert isinstance(became, Accepted)
    return became.message_id


async def test_the_message_reads_like_the_new_body(autojump_clock: MockClock, peer: Peer) -> None:
    number = await posted(peer)
    assert await peer.rest.edit(MAIN, number, NEW) == Accepted(number)
    (message,) = peer.discord.messages(MAIN)
    assert (message.embeds[0]["title"], message.content) == ("Known now", f"<@{USER}>")
    assert message.edited is not None
    assert message.json()["mentions"] == [] or message.pinged == (f"user:{USER}",)


async def test_what_the_new_body_lacks_goes(autojump_clock: MockClock, peer: Peer) -> None:
    number = await posted(peer)
    await peer.rest.edit(MAIN, number, {"embeds": [{"title": "Only this"}], "allowed_mentions": {"parse": []}})
    (message,) = peer.discord.messages(MAIN)
    assert (message.content or "", [one["title"] for one in message.embeds]) == ("", ["Only this"])
    await peer.rest.edit(MAIN, number, {"content": "text", "allowed_mentions": {"parse": []}})
    (message,) = peer.discord.messages(MAIN)
    assert (message.content, message.embeds) == ("text", ())


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.status(500), Unknown),
        (faults.cut(effect=True), Unknown),
        (faults.limited(3.0), Limited),
        (faults.status(400), Rejected),
    ],
)
async def test_every_misfortune_is_an_outcome(
    autojump_clock: MockClock, peer: Peer, fault: Fault, kind: type[Outcome]
) -> None:
    number = await posted(peer)
    peer.discord.fault(fault, route=EDIT)
    assert isinstance(await peer.rest.edit(MAIN, number, NEW), kind)
    assert isinstance(await peer.rest.post(MAIN, kill_body(2)), Accepted)  # the post has a bucket of its own


async def test_a_message_or_channel_that_is_gone(autojump_clock: MockClock, peer: Peer) -> None:
    number = await posted(peer)
    assert isinstance(await peer.rest.edit(GONE, number, NEW), ChannelClosed)
    channel = peer.discord.channel(MAIN)
    channel.replace(channel.messages[0], None)
    assert await peer.rest.edit(MAIN, number, NEW) == POSTED_AND_DELETED
    peer.discord.deny(MAIN, VIEW_CHANNEL)
    assert isinstance(await peer.rest.edit(MAIN, number, NEW), ChannelClosed)


async def test_a_dead_token(autojump_clock: MockClock, peer: Peer) -> None:
    number = await posted(peer)
    peer.discord.api.revoked = True
    assert isinstance(await peer.rest.edit(MAIN, number, NEW), Unauthorized)


async def test_a_full_bucket_is_told_not_waited_for(autojump_clock: MockClock, peer: Peer) -> None:
    number = await posted(peer)
    peer.discord.api.limits.routes[EDIT] = Limit(requests=1, per_s=60.0)
    assert isinstance(await peer.rest.edit(MAIN, number, NEW), Accepted)
    assert isinstance(await peer.rest.edit(MAIN, number, NEW), Limited)


async def test_a_body_that_is_no_json_is_refused_here(autojump_clock: MockClock, peer: Peer) -> None:
    assert isinstance(await peer.rest.edit(MAIN, "1", {"content": float("nan")}), Rejected)
