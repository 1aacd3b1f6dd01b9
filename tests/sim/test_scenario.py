"""The evening: what it does, what it expects, and how it judges what a service made of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from random import Random

import pytest
import trio
import trio_websocket
from trio.testing import MockClock

from tests.sim.phoenix import connect
from tests.sim.raw import request_bytes
from wanderer_notifier.sim.expectations import Expectations, Expected, Unwanted
from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.sim.mapdata import PILOTS, SYSTEMS
from wanderer_notifier.sim.network import stream_pair
from wanderer_notifier.sim.scenario import Scenario, play
from wanderer_notifier.sim.scenario_cast import COMING_PILOTS, FOREIGN_SYSTEMS, HOSTILES, MAP_SYSTEMS, TRACKED
from wanderer_notifier.sim.world import CHANNELS, MAP_KEY, World

Now = Callable[[], datetime]


async def listen(world: World, heard: set[int] | None = None, **join: object) -> None:
    """Follow the kill service for ever, joining again whenever the connection breaks."""
    while True:
        try:
            async with connect(world.killfeed) as client:
                await client.send("phx_join", join)
                while True:
                    frame = json.loads(await client.ws.get_message())
                    if heard is not None and frame[3] == "killmail_update":
                        heard.update(kill["killmail_id"] for kill in frame[4]["killmails"])
        except* (trio_websocket.ConnectionClosed, trio.BrokenResourceError):
            pass


async def follow(world: World) -> None:
    """Keep a stream of the map open."""
    while True:
        ours, theirs = stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_stream, theirs, world.maps.handle)
            bearer = [("authorization", f"Bearer {MAP_KEY}")]
            await ours.send_all(request_bytes("GET", "/api/maps/home-chain/events/stream", bearer))
            try:
                while await ours.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
            nursery.cancel_scope.cancel()


async def audience(world: World, heard: set[int] | None = None) -> None:
    """A service that listens to everything and says nothing."""
    systems = [one for one in SYSTEMS if one not in FOREIGN_SYSTEMS]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: listen(world, heard, systems=systems))
        nursery.start_soon(lambda: listen(world, heard, character_ids=[*TRACKED, *COMING_PILOTS]))
        nursery.start_soon(follow, world)


async def evening(now: Now, seed: int, seconds: float = 120.0) -> tuple[Scenario, set[int]]:
    world = World(seed, now)
    scenario = Scenario(world, Random(seed))
    scenario.prepare()
    heard: set[int] = set()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(audience, world, heard)
        await scenario.play(until=trio.current_time() + seconds)
        await trio.sleep(5)
        nursery.cancel_scope.cancel()
    return scenario, heard


def tell(world: World, expected: Expected) -> None:
    world.discord.api.store.add(
        world.discord.channel(expected.channel), {"content": expected.markers[0]}, author=world.discord.guild.bot
    )


async def test_an_evening_has_news_for_every_channel(autojump_clock: MockClock, now: Now) -> None:
    scenario, _ = await evening(now, 1)
    by_channel = {one.channel for one in scenario.expected}
    assert by_channel == {number for kind, (number, _) in CHANNELS.items() if kind != "primary"}
    assert len(scenario.expected) > 30
    assert scenario.acts.expectations.unwanted


async def test_everything_expected_can_really_be_heard(autojump_clock: MockClock, now: Now) -> None:
    scenario, heard = await evening(now, 2)
    kills = [one for one in scenario.expected if "zkillboard" in one.markers[0]]
    assert {int(one.markers[0].rstrip("/").rsplit("/", 1)[1]) for one in kills} <= heard


async def test_it_begins_within_two_seconds_of_the_service_listening(autojump_clock: MockClock, now: Now) -> None:
    world = World(1, now)
    scenario = Scenario(world, Random(1))
    scenario.prepare()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(lambda: scenario.play(until=trio.current_time() + 60))
        await trio.sleep(30)
        assert scenario.expected == []
        nursery.start_soon(audience, world)
        await trio.sleep(2)
        assert len(scenario.expected) >= 2
        nursery.cancel_scope.cancel()


async def test_the_same_seed_gives_the_same_evening(autojump_clock: MockClock, now: Now) -> None:
    evenings = [[one.what for one in (await evening(now, seed, 40))[0].expected] for seed in (5, 5, 6)]
    assert evenings[0] == evenings[1] != evenings[2]


async def test_a_faster_evening_has_more_events(autojump_clock: MockClock, now: Now) -> None:
    world = World(1, now)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(audience, world)
        scenario = await play(world, Random(1), speed=20.0, until=trio.current_time() + 40)
        nursery.cancel_scope.cancel()
    assert len(scenario.expected) > 80


async def test_who_tells_all_and_nothing_else_is_good(autojump_clock: MockClock, now: Now) -> None:
    scenario, _ = await evening(now, 3, 30)
    assert not scenario.outcome().arrived
    for expected in scenario.expected:
        tell(scenario.world, expected)
    outcome = await scenario.settled(1.0)
    assert outcome.good
    assert (len(outcome.arrived), outcome.pending) == (len(scenario.expected), ())


async def test_settling_waits_for_the_last_message(autojump_clock: MockClock, now: Now) -> None:
    scenario, _ = await evening(now, 3, 30)
    *most, last = scenario.expected
    for expected in most:
        tell(scenario.world, expected)
    async with trio.open_nursery() as nursery:

        async def late() -> None:
            await trio.sleep(3)
            tell(scenario.world, last)

        nursery.start_soon(late)
        begun = trio.current_time()
        assert (await scenario.settled(60.0)).good
        assert trio.current_time() - begun == pytest.approx(3)


async def test_silence_is_pending_at_first_and_missing_in_the_end(autojump_clock: MockClock, now: Now) -> None:
    scenario, _ = await evening(now, 4, 20)
    assert scenario.outcome().pending
    outcome = await scenario.settled(600.0)
    assert (outcome.good, outcome.pending, len(outcome.missing)) == (False, (), len(scenario.expected))


def make(world: World, marker: str = "news", kind: str = "system", deadline: float = 10.0) -> Expected:
    return Expected(what="it", channel=world.channel(kind), markers=(marker,), at=world.now(), deadline=deadline)


async def test_news_in_the_wrong_channel_doubled_or_leaked_is_seen(now: Now) -> None:
    world = World(1, now)
    expectations = Expectations()
    expectations.expected = [make(world), make(world)]
    expectations.unwanted = [Unwanted(what="noise", marker="kill/1/")]
    say = world.discord.post_as
    say(world.channel("primary"), "9", "news")
    assert len(expectations.outcome(world.discord, 11.0).missing) == 2
    say(world.channel("system"), "9", "news")
    say(world.channel("system"), "9", "news")
    assert expectations.outcome(world.discord, 11.0).good
    say(world.channel("system"), "9", "news")
    say(world.channel("rally"), "9", "about kill/1/")
    outcome = expectations.outcome(world.discord, 11.0)
    assert ([one.what for one in outcome.doubled], [one.what for one in outcome.leaked]) == (["it"], ["noise"])
    assert not outcome.good


def test_the_cast_does_not_overlap() -> None:
    pilots = [*TRACKED, *COMING_PILOTS, *HOSTILES]
    assert len(set(pilots)) == len(pilots)
    assert set(pilots) <= PILOTS.keys()
    assert not {system for system, _, _ in MAP_SYSTEMS} & set(FOREIGN_SYSTEMS)
