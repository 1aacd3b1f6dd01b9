"""Misfortunes on order: what happens to the request, and what the channel holds afterwards."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random

import pytest
import trio
from trio.testing import MockClock

from tests.sim.discord_asking import GUILD, MAIN, OTHER, POST, START, Asking, Lost, make_discord
from wanderer_notifier.sim.discord_messages import EPOCH_MS, SEND_MESSAGES
from wanderer_notifier.sim.faults import (
    Cut,
    Fault,
    Faults,
    LimitScope,
    Rule,
    Stall,
    cut,
    hung_up,
    limited,
    misread,
    mistyped,
    no_json,
    revoked,
    slow,
    stall,
    status,
    truncated,
    unlimited,
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


async def test_the_edge_answers_json_without_a_hint_how_long(ask: Asking) -> None:
    ask.discord.fault(limited(scope="edge_json"))
    told = await ask.post(BODY)
    assert (told.status, told.headers["content-type"]) == (429, "application/json")
    assert (told.json()["code"], told.json()["message"][:21]) == (0, "You are being blocked")
    assert "retry_after" not in told.json()
    assert not {"via", "retry-after", "x-ratelimit-limit", "x-ratelimit-scope"} & set(told.headers)
    assert ask.discord.messages(MAIN) == []


async def test_the_429_of_a_hidden_limit_tells_that_places_remain(ask: Asking) -> None:
    ask.discord.fault(limited(600.5, remaining=3, code=20028))
    told = await ask.post(BODY)
    assert (told.headers["x-ratelimit-remaining"], told.headers["x-ratelimit-scope"]) == ("3", "user")
    assert (told.json()["retry_after"], told.json()["code"], told.headers["retry-after"]) == (600.5, 20028, "601")


@pytest.mark.parametrize("limits", [False, True])
async def test_an_error_comes_with_or_without_the_limits_headers(ask: Asking, limits: bool) -> None:
    ask.discord.fault(status(500, limits=limits))
    told = await ask.post(BODY)
    assert told.headers.get("x-ratelimit-remaining") == ("5" if limits else None)


async def test_an_answer_may_be_something_else_altogether(ask: Asking) -> None:
    ask.discord.fault(no_json())
    told = await ask.post(BODY)
    assert (told.status, told.headers["content-type"], told.body[:9]) == (200, "text/html", b"<!DOCTYPE")
    assert len(ask.discord.messages(MAIN)) == 1


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "text/plain", None])
async def test_a_true_answer_can_have_a_wrong_content_type(ask: Asking, kind: str | None) -> None:
    ask.discord.fault(mistyped(kind))
    told = await ask.post(BODY)
    assert (told.headers.get("content-type"), told.json()["content"]) == (kind, "x")


async def test_the_limits_headers_can_be_wrong_or_missing(ask: Asking) -> None:
    ask.discord.fault(misread(reset=12.5, remaining=4, reset_after=0.1, bucket="b" * 32))
    ask.discord.fault(unlimited())
    told = await ask.post(BODY)
    names = ("reset", "remaining", "reset-after", "bucket", "limit")
    assert [told.headers[f"x-ratelimit-{name}"] for name in names] == ["12.5", "4", "0.1", "b" * 32, "5"]
    assert not [name for name in (await ask.post(BODY)).headers if name.startswith("x-ratelimit")]


async def test_remaining_arrives_out_of_order_when_an_older_answer_is_late(
    autojump_clock: MockClock, ask: Asking, nursery: trio.Nursery
) -> None:
    seen: list[str] = []

    async def post() -> None:
        seen.append((await ask.post({"content": "x"})).headers["x-ratelimit-remaining"])

    ask.discord.fault(slow(after_s=2))
    async with trio.open_nursery() as posting:
        posting.start_soon(post)
        await ask.discord.until(lambda: bool(ask.discord.messages(MAIN)))
        posting.start_soon(post)
    assert seen == ["3", "4"]


async def test_a_request_that_was_cut_can_take_effect_after_the_client_looked(
    autojump_clock: MockClock, ask: Asking
) -> None:
    ask.discord.fault(cut(effect=True, late_s=5))
    with pytest.raises(Lost):
        await ask.post(BODY)
    assert (await ask("GET", f"/api/v10/channels/{MAIN}/messages")).json() == []
    await ask.discord.until(lambda: bool(ask.discord.messages(MAIN)))
    assert trio.current_time() == 5
    assert (await ask.post(BODY)).status == 200  # the nonce holds all the same
    assert len(ask.discord.messages(MAIN)) == 1


async def test_a_kept_connection_can_be_closed_while_idle(autojump_clock: MockClock, ask: Asking) -> None:
    ask.discord.fault(hung_up(30))
    async with ask.connection() as again:
        assert (await again("GET", "/api/v10/users/@me")).status == 200
        await trio.sleep(29)
        with pytest.raises(Lost):  # it left in the moment in which the server hangs up
            await again("POST", f"/api/v10/channels/{MAIN}/messages", BODY)
    assert ask.discord.messages(MAIN) == []
    async with ask.connection() as again:
        assert [(await again("GET", "/api/v10/users/@me")).status for _ in range(3)] == [200] * 3


async def test_a_token_dies_mid_run_and_channels_and_permissions_go(ask: Asking) -> None:
    assert (await ask.post({"content": "x"})).status == 200
    ask.discord.deny(MAIN, SEND_MESSAGES)
    assert (await ask.post({"content": "x"})).json()["code"] == 50013
    ask.discord.delete_channel(MAIN)
    assert (await ask.post({"content": "x"})).json()["code"] == 10003
    ask.discord.api.revoked = True
    assert (await ask.post({"content": "x"})).status == 401


async def test_an_outage_hides_what_is_in_the_guild(ask: Asking) -> None:
    ask.discord.outage()
    assert ask.discord.guild.unavailable
    assert (await ask.post({"content": "x"})).status == 503
    assert (await ask("GET", f"/api/v10/guilds/{GUILD}")).status == 503
    assert (await ask("GET", "/api/v10/users/@me")).status == 200
    ask.discord.outage(False)
    assert (await ask.post({"content": "x"})).status == 200


async def test_discords_clock_may_be_another(ask: Asking) -> None:
    ask.discord.clock_ahead = timedelta(hours=-1)
    told = await ask.post(BODY)
    theirs = START - timedelta(hours=1)
    assert parsedate_to_datetime(told.headers["date"]) == theirs
    assert float(told.headers["x-ratelimit-reset"]) == pytest.approx(theirs.timestamp() + 5, abs=1)
    assert (int(told.json()["id"]) >> 22) + EPOCH_MS == pytest.approx(theirs.timestamp() * 1000, abs=1000)
    assert datetime.fromisoformat(told.json()["timestamp"]) - theirs < timedelta(seconds=1)


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


@pytest.mark.parametrize(
    "nonsense",
    [
        lambda: Rule(fault=slow(), route="POST /nowhere"),
        lambda: Rule(fault=slow(), nth=0),
        lambda: Rule(fault=slow(), times=0),
        lambda: Rule(fault=slow(), probability=1.5),
        lambda: slow(before_s=-1),
        lambda: status(99),
        lambda: limited(-1),
        lambda: limited(scope="nobody"),  # type: ignore[arg-type]  # the point of it
        lambda: cut(effect=False, late_s=1),
        lambda: Fault(ending=Stall(), late_s=1),
    ],
)
def test_orders_that_make_no_sense_are_refused(nonsense: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        nonsense()


def test_a_fault_must_say_how_a_request_without_effect_ends() -> None:
    with pytest.raises(ValueError, match="without effect"):
        Fault(effect=False)
    assert Fault(effect=False, ending=Cut())
