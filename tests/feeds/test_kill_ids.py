"""Which ids are asked for, what becomes of those that are refused, and where the question goes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
import trio
import trio.testing
from trio.testing import MockClock
from trio_websocket import ConnectionClosed, WebSocketConnection

from tests.feeds.conftest import World
from tests.feeds.listening import HOME, HOST, OTHER, PORT, SYSTEMS, follow, joins, until
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.feeds.kill_address import socket_url
from wanderer_notifier.feeds.kill_audience import AUDIENCES, AudienceName, usable
from wanderer_notifier.sim.http import Exchange
from wanderer_notifier.sim.killfeed import KillFeed

# --- ids ---


@pytest.mark.parametrize(
    ("audience", "one", "good"),
    [
        ("systems", 1, True),
        ("systems", 50_000_000, True),
        ("systems", 0, False),
        ("systems", -5, False),
        ("systems", 50_000_001, False),
        ("systems", True, False),
        ("systems", "31001503", False),
        ("systems", 31001503.0, False),
        ("systems", None, False),
        ("characters", 90_000_000, True),
        ("characters", 3_000_000_000, True),
        ("characters", 89_999_999, False),
        ("characters", 3_000_000_001, False),
    ],
)
def test_ids_are_checked_before_they_are_sent(audience: AudienceName, one: object, good: bool) -> None:
    assert usable(AUDIENCES[audience], [one]) == (((one,), ()) if good else ((), (one,)))


async def test_bad_ids_are_left_out_and_counted_once(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    wanted = follow(world, "systems", HOME, 0, 99_000_000)
    await world.until_state(SYSTEMS, "ok")
    wanted.set(wanted.value | {OTHER})
    await until(feed, lambda: len(joins(feed)) == 2)
    assert joins(feed) == [{"systems": [HOME]}, {"systems": [HOME, OTHER]}]
    assert world.counted == ["bad_id", "bad_id"]


# --- services that judge otherwise ---


def scripted(world: World, answer: Callable[[list[int]], JsonObject]) -> list[list[int]]:
    """A kill service that answers each join with *answer*; gives the list of what was asked."""
    asked: list[list[int]] = []

    async def talk(ws: WebSocketConnection) -> None:
        while True:
            join_ref, ref, topic, event, payload = json.loads(await ws.get_message())
            reply: JsonObject = {"status": "ok", "response": {}}
            if event == "phx_join":
                asked.append(payload["systems"])
                reply = answer(payload["systems"])
            await ws.send_message(json.dumps([join_ref, ref, topic, "phx_reply", reply]))

    async def handle(exchange: Exchange) -> None:
        ws = await (await exchange.upgrade()).accept()
        with contextlib.suppress(ConnectionClosed):
            await talk(ws)

    world.attach(HOST, PORT, handle)
    return asked


def accepted(ids: list[int]) -> JsonObject:
    return {"status": "ok", "response": {"subscribed_systems": ids}}


def denied(reason: str) -> JsonObject:
    return {"status": "error", "response": {"reason": reason}}


async def test_an_id_that_only_the_service_finds_bad_is_isolated(autojump_clock: MockClock, world: World) -> None:
    bad = {31000003, 31000077}
    invalid = denied("[validation:invalid_system_ids] Invalid system IDs")
    asked = scripted(world, lambda ids: invalid if bad & set(ids) else accepted(ids))
    wanted = follow(world, "systems", *range(31000001, 31000101))
    assert await world.until_state(SYSTEMS, "ok") == "2 ids refused by the service"
    assert set(asked[-1]) == set(range(31000001, 31000101)) - bad
    assert len(asked) < 40
    assert world.counted == ["refused_id", "refused_id"]
    known = len(asked)
    wanted.set(wanted.value | {31000200})
    await trio.sleep(10)
    assert len(asked) == known + 1  # what is known to be bad is not asked again


async def test_a_refusal_that_no_id_explains_is_shown_and_retried_slowly(
    autojump_clock: MockClock, world: World
) -> None:
    asked = scripted(world, lambda ids: denied("join crashed"))
    follow(world, "systems", HOME)
    assert await world.until_state(SYSTEMS, "failed") == "the kill service refuses to join: join crashed"
    await trio.sleep(600)
    assert 5 <= len(asked) <= 12


async def test_a_service_with_other_limits_than_ours_is_not_bisected_for_ever(
    autojump_clock: MockClock, world: World
) -> None:
    asked = scripted(world, lambda ids: denied("[validation:invalid_system_ids] Invalid system IDs"))
    follow(world, "systems", *range(31000001, 31001001))
    await world.until_state(SYSTEMS, "failed")
    assert len(asked) < 400


async def test_an_answer_that_lists_less_than_asked_is_not_ok(autojump_clock: MockClock, world: World) -> None:
    asked = scripted(world, lambda ids: accepted(ids[:1] if len(asked) < 3 else ids))
    follow(world, "systems", HOME, OTHER)
    reason = await world.until_state(SYSTEMS, "degraded")
    assert reason == "the service subscribed 1 of 2 ids; joining again"
    await world.until_state(SYSTEMS, "ok")
    assert len(asked) == 3


# --- addresses ---


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ws://h:4004", "ws://h:4004/socket/websocket"),
        ("ws://h:4004/", "ws://h:4004/socket/websocket"),
        ("http://h:4004", "ws://h:4004/socket/websocket"),
        ("https://h/socket", "wss://h/socket/websocket"),
        ("wss://h/kills/socket/websocket", "wss://h/kills/socket/websocket"),
        ("wss://h/kills", "wss://h/kills/socket/websocket"),
        ("ws://h/socket/websocket?vsn=1.0.0", "ws://h/socket/websocket"),
    ],
)
def test_the_address_is_completed(url: str, address: str) -> None:
    assert socket_url(url, "a b") == address + "?vsn=2.0.0&client_identifier=a+b"
