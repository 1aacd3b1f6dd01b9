"""Misfortunes on order: what happens to the request, and what the channel holds afterwards."""

from __future__ import annotations

from random import Random

import pytest
import trio
from trio.testing import MockClock

from tests.sim.discord_asking import MAIN, OTHER, POST, Asking, Lost, make_discord
from wanderer_notifier.sim.faults import (
    Cut,
    Fault,
    Faults,
    LimitScope,
    Rule,
    cut,
    limited,
    revoked,
    slow,
    stall,
    status,
    truncated,
)


@pytest.fixture
def ask(nursery: trio.Nursery) -> Asking:
    return Asking(make_discord(), nursery)


BODY = {"content": "x", "nonce": "n", "enforce_nonce": True}


@pytest.mark.parametrize("effect", [False, True])
async def test_a_cut_connection_hides_whether_the_message_was_posted(ask: Asking, effect: bool) -> None:
    ask.discord.fault(cut(effect=effect))
    with pytest.raises(Lost):
        await ask.post(BODY)
    assert len(ask.discord.messages(MAIN)) == int(effect)
    assert (await ask.post(BODY)).status == 200
    assert len(ask.discord.messages(MAIN)) == 1
    assert [one.status for one in ask.discord.journal] == [None, 200]


@pytest.mark.parametrize(
    ("code", "kind", "via"),
    [
        (500, "application/json", True),
        (502, "text/html; charset=UTF-8", False),
        (520, "text/html; charset=UTF-8", False),
    ],
)
async def test_an_error_of_the_upstream_comes_before_the_effect(ask: Asking, code: int, kind: str, via: bool) -> None:
    ask.discord.fault(status(code))
    told = await ask.post(BODY)
    assert (told.status, told.headers["content-type"], "via" in told.headers) == (code, kind, via)
    assert "x-ratelimit-limit" not in told.headers
    assert ask.discord.messages(MAIN) == []


async def test_an_error_can_also_lie_about_the_effect(ask: Asking) -> None:
    ask.discord.fault(status(502, body=b"", effect=True))
    told = await ask.post(BODY)
    assert (told.status, told.body) == (502, b"")
    assert len(ask.discord.messages(MAIN)) == 1


@pytest.mark.parametrize(("scope", "everywhere"), [("user", False), ("shared", False), ("global", True)])
async def test_a_429_out_of_turn_reads_like_a_true_one(ask: Asking, scope: LimitScope, everywhere: bool) -> None:
    ask.discord.fault(limited(0.25, scope=scope))
    told = await ask.post(BODY)
    assert (told.status, told.json()["retry_after"], told.json()["global"]) == (429, 0.25, everywhere)
    assert (told.headers["x-ratelimit-scope"], told.headers["retry-after"]) == (scope, "1")
    assert told.headers.get("x-ratelimit-global") == ("true" if everywhere else None)
    assert told.headers.get("x-ratelimit-remaining") == (None if everywhere else "0")
    assert (await ask.post(BODY)).status == 200


async def test_the_edge_answers_a_page(ask: Asking) -> None:
    ask.discord.fault(limited(30, scope="edge"))
    told = await ask.post(BODY)
    assert (told.status, told.headers["retry-after"]) == (429, "30")
    assert told.headers["content-type"].startswith("text/html")
    assert "via" not in told.headers


async def test_latency_can_stand_before_and_after_the_effect(
    autojump_clock: MockClock, ask: Asking, nursery: trio.Nursery
) -> None:
    ask.discord.fault(slow(before_s=3, after_s=4))
    nursery.start_soon(ask.post, BODY)
    await ask.discord.until(lambda: bool(ask.discord.messages(MAIN)))
    assert trio.current_time() == 3
    await ask.discord.until(lambda: bool(ask.discord.journal))
    assert trio.current_time() == 7


@pytest.mark.parametrize("effect", [False, True])
async def test_a_stalled_request_is_never_answered(autojump_clock: MockClock, ask: Asking, effect: bool) -> None:
    ask.discord.fault(stall(effect=effect))
    with trio.move_on_after(3600) as waited:
        await ask.post(BODY)
    assert waited.cancelled_caught
    assert len(ask.discord.messages(MAIN)) == int(effect)


async def test_an_answer_can_break_off_on_the_wire(ask: Asking) -> None:
    ask.discord.fault(truncated())
    with pytest.raises(Lost):
        await ask.post(BODY)
    assert len(ask.discord.messages(MAIN)) == 1


async def test_an_answer_can_be_whole_and_yet_no_json(ask: Asking) -> None:
    ask.discord.fault(truncated(complete=True))
    told = await ask.post(BODY)
    assert told.status == 200
    with pytest.raises(ValueError, match=r"."):
        told.json()
    assert len(ask.discord.messages(MAIN)) == 1


async def test_a_revoked_token_stays_dead(ask: Asking) -> None:
    ask.discord.fault(revoked(), nth=2)
    assert [(await ask.post({"content": "x"})).status for _ in range(3)] == [200, 401, 401]
    ask.discord.api.revoked = False
    assert (await ask.post({"content": "x"})).status == 200


async def test_rules_choose_by_route_channel_and_count(ask: Asking) -> None:
    ask.discord.fault(status(500), route=POST, channel=OTHER, nth=2)
    assert (await ask("GET", f"/api/v10/channels/{OTHER}")).status == 200
    assert [(await ask.post({"content": "x"}, channel)).status for channel in (MAIN, OTHER, OTHER, OTHER)] == [
        200,
        200,
        500,
        200,
    ]


def test_a_used_up_rule_goes_and_an_endless_one_stays() -> None:
    faults = Faults(Random(1))
    faults.add(Rule(fault=status(500), times=2))
    faults.add(Rule(fault=limited(), times=None))
    hit = [faults.strike(POST, MAIN) for _ in range(4)]
    assert hit == [status(500), status(500), limited(), limited()]
    assert len(faults.rules) == 1
    faults.clear()
    assert faults.strike(POST, MAIN) is None


def test_chance_repeats_with_the_seed() -> None:
    def play(seed: int) -> list[bool]:
        faults = Faults(Random(seed))
        faults.add(Rule(fault=cut(effect=True), probability=0.3, times=None))
        return [faults.strike(POST, MAIN) is not None for _ in range(200)]

    assert play(7) == play(7) != play(8)
    assert 30 < sum(play(7)) < 90


def test_a_fault_must_say_how_a_request_without_effect_ends() -> None:
    with pytest.raises(ValueError, match="without effect"):
        Fault(effect=False)
    assert Fault(effect=False, ending=Cut())
