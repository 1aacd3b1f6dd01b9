"""Posting what somebody waits for: repeated while that can help, ended with a reason where it cannot."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from wanderer_notifier.app.insisting import insist
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import (
    Accepted,
    ChannelClosed,
    Limited,
    NotSent,
    Outcome,
    Rejected,
    Unauthorized,
    Unknown,
)


@pytest.mark.parametrize(
    ("outcomes", "problem", "tries", "within_s"),
    [
        ([Accepted("1")], None, 1, 0.0),
        ([Limited(3.0, "user"), Accepted("1")], None, 2, 3.0),
        ([Limited(60.0, "global")], "Discord asks us to wait", 1, 0.0),
        ([Limited(3.0, "user")] * 4, "Discord asks us to wait", 4, 12.0),
        ([Unknown("cut"), NotSent("no route"), Accepted("1")], None, 3, 2.0),
        ([NotSent("no route")] * 4, "no route", 4, 4.0),
        ([ChannelClosed("the thread is locked", 160005)], "the thread is locked", 1, 0.0),
        ([Rejected("too long", 50035)], "too long", 1, 0.0),
        ([Unauthorized("dead")], "dead", 1, 0.0),
    ],
)
async def test_every_end_of_an_attempt_has_its_consequence(
    autojump_clock: MockClock, outcomes: list[Outcome], problem: str | None, tries: int, within_s: float
) -> None:
    left, bodies = list(outcomes), list[JsonObject]()

    async def post(channel: str, body: JsonObject) -> Outcome:
        await trio.lowlevel.checkpoint()
        bodies.append(body)
        return left.pop(0)

    began = trio.current_time()
    assert await insist(post, "11", {"nonce": "a1"}) == problem
    assert bodies == [{"nonce": "a1"}] * tries
    assert trio.current_time() - began == pytest.approx(within_s)
