"""Odd answers of Discord that tell enough, and those after which nobody knows: what our client makes of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import trio
from trio.testing import MockClock

from tests.discord.peer import MAIN, OTHER, Peer, in_memory, kill_body
from wanderer_notifier.core.outcome import Accepted, Limited, Outcome, Unknown
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.ratelimits import Limit

POST = "POST /channels/{c}/messages"


@pytest.fixture
async def peer(autojump_clock: MockClock) -> AsyncIterator[Peer]:
    async with in_memory() as peer:
        yield peer


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (faults.mistyped("application/json; charset=utf-8"), Accepted),
        (faults.mistyped("text/plain"), Accepted),
        (faults.mistyped(None), Accepted),
        (faults.misread(reset=0.0), Accepted),
        (faults.misread(reset=99_999_999_999.0), Accepted),
        (faults.misread(bucket="b" * 32), Accepted),
        (faults.unlimited(), Accepted),
        (faults.hung_up(), Accepted),
        (faults.no_json(), Unknown),
        (faults.no_json(b"[]", content_type="application/json"), Unknown),
        (faults.status(500, limits=True), Unknown),
        (faults.status(200, body=b"", effect=True), Unknown),
        (faults.cut(effect=True, late_s=3), Unknown),
        (faults.limited(scope="edge_json"), Limited),
        (faults.limited(5, remaining=3), Limited),
        (faults.limited(5, scope="shared", code=20028), Limited),
    ],
)
async def test_an_odd_answer_is_read_for_what_it_is_and_the_next_message_goes_out(
    autojump_clock: MockClock, peer: Peer, fault: faults.Fault, kind: type[Outcome]
) -> None:
    peer.discord.fault(fault)
    began = trio.current_time()
    assert type(await peer.rest.post(MAIN, kill_body(1))) is kind
    assert trio.current_time() - began < 31
    while not isinstance(await peer.rest.post(MAIN, kill_body(1)), Accepted):
        await trio.sleep(10)
    assert len(peer.discord.messages(MAIN)) == 1  # the same nonce


async def test_another_clock_of_discords_changes_no_wait(autojump_clock: MockClock, peer: Peer) -> None:
    for ahead in (timedelta(days=400), timedelta(days=-400)):
        peer.discord.clock_ahead = ahead
        began = trio.current_time()
        for number in range(11):
            assert isinstance(await peer.rest.post(MAIN, kill_body(number + abs(ahead.days))), Accepted)
        assert trio.current_time() - began < 15
    assert peer.discord.statuses[429] == 0


async def test_a_bucket_that_changes_its_name_is_still_obeyed(autojump_clock: MockClock, peer: Peer) -> None:
    for number in range(15):
        if number % 3 == 0:
            peer.discord.api.limits.rename(POST)
        assert isinstance(await peer.rest.post(MAIN, kill_body(number)), Accepted)
    assert peer.discord.statuses[429] <= 1


async def test_a_hidden_limit_stops_its_channel_only(autojump_clock: MockClock, peer: Peer) -> None:
    peer.discord.api.limits.hidden[POST] = Limit(1, 600.0)
    assert isinstance(await peer.rest.post(MAIN, kill_body(1)), Accepted)
    assert isinstance(await peer.rest.post(MAIN, kill_body(2)), Limited)
    began = trio.current_time()
    assert isinstance(await peer.rest.post(OTHER, kill_body(3)), Accepted)
    assert trio.current_time() - began < 1
