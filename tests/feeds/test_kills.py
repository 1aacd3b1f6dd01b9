"""The kill feed against the fake kill service, in virtual time."""

from __future__ import annotations

import json
import random
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from tests.feeds.conftest import World
from tests.feeds.listening import CHARACTERS, HOME, HOST, OTHER, PILOT, PORT, SYSTEMS, follow, joins, kill, until
from wanderer_notifier.core.events import Arrival, JsonObject, KillArrived
from wanderer_notifier.feeds.kill_audience import AudienceName
from wanderer_notifier.feeds.kills import follow_kills
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.sim.http import Exchange, serve_tcp
from wanderer_notifier.sim.killfeed import KillFeed

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures" / "wanderer-kills"


# --- joining ---


@pytest.mark.parametrize(
    ("audience", "ids", "payload"),
    [
        ("systems", {OTHER, HOME}, {"systems": [HOME, OTHER]}),
        ("characters", {PILOT}, {"character_ids": [PILOT]}),
    ],
)
async def test_each_audience_joins_with_its_own_ids_only(
    autojump_clock: MockClock, world: World, feed: KillFeed, audience: AudienceName, ids: set[int], payload: JsonObject
) -> None:
    follow(world, audience, *ids)
    await world.until_state(f"killmail_stream:{audience}", "ok")
    assert joins(feed) == [payload]


async def test_it_is_ok_only_when_the_service_has_said_so(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    feed.delay_join(3.0)
    follow(world, "systems", HOME)
    await until(feed, lambda: bool(joins(feed)))
    assert world.state(SYSTEMS) == ("starting", "connecting")
    await world.until_state(SYSTEMS, "ok")
    assert trio.current_time() >= 3.0


async def test_nothing_wanted_opens_no_socket(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    wanted = follow(world, "systems")
    assert await world.until_state(SYSTEMS, "ok") == "nothing to subscribe"
    await trio.sleep(300)
    assert world.network.dialled == []
    wanted.set(frozenset({HOME}))
    await until(feed, lambda: len(feed.joined) == 1)


async def test_the_socket_is_left_when_nothing_is_wanted_any_more(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    wanted = follow(world, "systems", HOME)
    await until(feed, lambda: len(feed.joined) == 1)
    wanted.set(frozenset())
    await until(feed, lambda: not feed.connections)
    await world.until(lambda: world.state(SYSTEMS) == ("ok", "nothing to subscribe"))
    assert world.health.component(SYSTEMS).view().reconnects == 0


async def test_the_name_and_version_are_told(autojump_clock: MockClock, world: World) -> None:
    targets: list[str] = []

    async def handle(exchange: Exchange) -> None:
        targets.append(exchange.request.target)
        await exchange.respond(503, [])

    world.attach(HOST, PORT, handle)
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "degraded")
    assert targets == ["/socket/websocket?vsn=2.0.0&client_identifier=wanderer-notifier"]


# --- kills ---


async def test_a_live_kill_arrives_in_every_copy(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    assert feed.push(kill(world)) == 4
    arrived = await world.take(4)
    for one in arrived:
        assert isinstance(one, KillArrived)
        assert isinstance(one.raw, dict)
        assert (one.system_id, one.source, one.received_at) == (HOME, "live", world.now())
        assert one.raw["killmail_id"] == 139000001
    await world.nothing_arrives(60)


async def test_a_pilot_is_heard_of_wherever_they_die(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    follow(world, "systems", OTHER)
    follow(world, "characters", PILOT)
    await until(feed, lambda: len(feed.joined) == 2)
    assert feed.push(kill(world, victim=PILOT)) == 2
    assert len(await world.take(2)) == 2


async def test_kills_of_the_preload_are_named_so(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    feed.keep(kill(world))
    follow(world, "systems", HOME)
    (one,) = await world.take(1)
    assert isinstance(one, KillArrived)
    assert (one.source, one.system_id) == ("preload", HOME)


async def test_s27_what_comes_at_once_is_kept_although_nobody_reads_yet(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    await until(feed, lambda: len(feed.joined) == 1)
    feed.push(kill(world))  # before the feed has even seen the answer to its join
    await trio.sleep(120)
    assert len(await world.take(4)) == 4


@pytest.mark.parametrize("payload", [None, [], "text", {}, {"killmails": None}, {"killmails": {"a": 1}}])
async def test_odd_pushes_are_counted_and_harm_nothing(
    autojump_clock: MockClock, world: World, feed: KillFeed, payload: Any
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    feed.push_raw(payload)
    await world.until(lambda: world.counted == ["odd_push"])
    feed.push(kill(world))
    assert len(await world.take(4)) == 4
    assert len(world.network.dialled) == 1


async def test_odd_elements_are_handed_on_for_the_pipeline_to_park(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    feed.push_raw({"system_id": True, "killmails": [None, 7, {}], "preload": "yes"})
    arrived = await world.take(3)
    assert [(one.raw, one.system_id, one.source) for one in arrived if isinstance(one, KillArrived)] == [
        (None, None, "live"),
        (7, None, "live"),
        ({}, None, "live"),
    ]


async def test_unknown_events_are_ignored(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    feed.push_raw({"count": 1}, event="kill_count_update")
    await world.nothing_arrives(60)
    assert world.counted == []
    assert world.state(SYSTEMS) == ("ok", "")


# --- changes ---


async def test_a_change_joins_again_on_the_same_socket_in_time(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    wanted = follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    began = trio.current_time()
    for system in range(OTHER, OTHER + 5):  # a burst is one change
        wanted.set(wanted.value | {system})
    await until(feed, lambda: bool(feed.joined) and len(feed.joined[0].systems) == 6)
    assert trio.current_time() - began <= 5.0
    await trio.sleep(60)
    assert len(joins(feed)) == 2
    assert len(world.network.dialled) == 1
    assert world.state(SYSTEMS) == ("ok", "")
    assert [view.state for view in world.states if view.name == SYSTEMS] == ["starting", "ok"]


async def test_a_change_taken_back_joins_not_at_all(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    wanted = follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    wanted.set(frozenset({HOME, OTHER}))
    await trio.testing.wait_all_tasks_blocked()
    wanted.set(frozenset({HOME}))
    await trio.sleep(60)
    assert len(joins(feed)) == 1


async def test_everything_is_subscribed_however_much_it_is(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    systems = range(30_000_001, 30_012_001)
    pilots = range(2_999_980_000, 3_000_000_000)
    follow(world, "systems", *systems)
    follow(world, "characters", *pilots)
    await until(feed, lambda: len(feed.joined) == 4)
    assert {one for channel in feed.joined for one in channel.systems} == set(systems)
    assert {one for channel in feed.joined for one in channel.characters} == set(pilots)
    assert max(len(heard.text) for heard in feed.journal) <= 120_000
    for name in (SYSTEMS, f"{SYSTEMS}-2", CHARACTERS, f"{CHARACTERS}-2"):
        await world.until_state(name, "ok")


async def test_shards_come_and_go_with_what_is_wanted(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    wanted = follow(world, "systems", *range(30_000_001, 30_010_002))
    await until(feed, lambda: len(feed.joined) == 2)
    wanted.set(frozenset(range(30_000_001, 30_000_101)))
    await feed.until(
        lambda feed: len(feed.connections) == 1 and bool(feed.joined) and len(feed.joined[0].systems) == 100
    )
    await world.until(lambda: world.state(f"{SYSTEMS}-2") == ("ok", "nothing to subscribe"))


# --- a peer that goes wrong ---


async def test_a_crashed_channel_is_joined_again_on_the_same_socket(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    feed.crash_channels()
    reason = await world.until_state(SYSTEMS, "degraded")
    assert reason == "the channel crashed; joining again"
    began = trio.current_time()
    await world.until_state(SYSTEMS, "ok")
    assert trio.current_time() - began <= 2.0
    assert len(world.network.dialled) == 1
    feed.push(kill(world))
    assert len(await world.take(4)) == 4


async def test_a_channel_that_keeps_crashing_is_joined_ever_more_slowly(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    for _ in range(8):
        await world.until_state(SYSTEMS, "ok")
        feed.crash_channels()
        await world.until_state(SYSTEMS, "degraded")
    assert trio.current_time() > 30.0
    assert len(world.network.dialled) == 1


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        ('["{ref}","{ref}","killmails:lobby","phx_close",{{}}]', "the service closed the channel; joining again"),
        (
            '[null,"99","killmails:lobby","phx_reply",{{"status":"error","response":{{"reason":"unmatched topic"}}}}]',
            "the service does not know our subscription any more; joining again",
        ),
    ],
)
async def test_other_ends_of_the_subscription_are_mended_too(
    autojump_clock: MockClock, world: World, feed: KillFeed, frame: str, reason: str
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    (ref,) = [json.loads(heard.text)[1] for heard in feed.journal if "phx_join" in str(heard.text)]
    feed.push_text(frame.format(ref=ref))
    assert await world.until_state(SYSTEMS, "degraded") == reason
    await world.until_state(SYSTEMS, "ok")
    assert len(world.network.dialled) == 1


@pytest.mark.parametrize(
    ("code", "words"),
    [(1012, "the service restarts"), (1000, "idle"), (1011, "could not read"), (4321, "no reason known")],
)
async def test_a_closed_socket_is_explained_and_replaced(
    autojump_clock: MockClock, world: World, feed: KillFeed, code: int, words: str
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    feed.close_all(code)
    reason = await world.until_state(SYSTEMS, "degraded")
    assert f"closed with {code}" in reason
    assert words in reason
    await world.until_state(SYSTEMS, "ok", within_s=5.0)
    assert len(feed.joined) == 1


async def test_a_cut_connection_is_replaced(autojump_clock: MockClock, world: World, feed: KillFeed) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    world.network.cut(HOST, PORT)
    assert "1006" in await world.until_state(SYSTEMS, "degraded")
    await world.until_state(SYSTEMS, "ok", within_s=5.0)


async def test_a_service_that_is_away_is_not_hammered_and_found_again(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    world.network.refuse(HOST, PORT)
    follow(world, "systems", HOME)
    assert "Connection refused" in await world.until_state(SYSTEMS, "degraded")
    await trio.sleep(20 * 60)
    assert len(world.network.dialled) < 40
    world.network.refuse(HOST, PORT, False)
    await world.until_state(SYSTEMS, "ok", within_s=61.0)


@pytest.mark.parametrize(("status", "state"), [(403, "failed"), (404, "failed"), (302, "failed"), (503, "degraded")])
async def test_a_refused_upgrade_says_what_to_do(
    autojump_clock: MockClock, world: World, feed: KillFeed, status: int, state: str
) -> None:
    feed.refuse_upgrades(status)
    follow(world, "systems", HOME)
    reason = await world.until_state(SYSTEMS, state)
    assert f"HTTP {status}" in reason
    assert ("check WEBSOCKET_URL" in reason) == (state == "failed")
    feed.refuse_upgrades(None)
    await world.until_state(SYSTEMS, "ok", within_s=61.0)


async def test_a_join_without_answer_ends_the_connection(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    feed.drop_replies(1)
    follow(world, "systems", HOME)
    assert "no answer to the join within 10 s" in await world.until_state(SYSTEMS, "degraded")
    assert trio.current_time() == pytest.approx(10.0)
    await world.until_state(SYSTEMS, "ok")


async def test_a_text_that_is_no_frame_is_counted_and_the_connection_replaced(
    autojump_clock: MockClock, world: World, feed: KillFeed
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    feed.push_text('{"topic":"killmails:lobby"}')
    assert "not a list" in await world.until_state(SYSTEMS, "degraded")
    assert world.counted == ["undecodable"]
    await world.until_state(SYSTEMS, "ok")


# --- over real sockets ---


async def test_the_same_over_tcp(nursery: trio.Nursery) -> None:
    world = World(nursery, None)  # type: ignore[arg-type]  # real sockets instead
    feed = KillFeed(now=world.now, rng=random.Random(7))
    port = await nursery.start(serve_tcp, feed.handle)
    out, arrivals = trio.open_memory_channel[Arrival](16)
    nursery.start_soon(
        partial(
            follow_kills,
            "systems",
            Watch(frozenset({HOME})),
            out,
            url=f"ws://127.0.0.1:{port}",
            dial=tcp_dial(),
            component=Health(world.now).component,
            now=world.now,
            roll=world.roll,
        )
    )
    with trio.fail_after(20):
        await until(feed, lambda: len(feed.joined) == 1)
        feed.push(kill(world))
        received = 0
        while received < 4:
            received += isinstance(await arrivals.receive(), KillArrived)
        feed.cut_all()
        await until(feed, lambda: len(feed.joined) == 1)
        feed.push(kill(world))
        while not isinstance(await arrivals.receive(), KillArrived):
            pass


@pytest.mark.skipif(not CAPTURES.exists(), reason="no captures beside the repository")
@pytest.mark.parametrize("name", ["ws-05-killmail-push", "ws-07-preload", "ws-08-routing"])
async def test_captured_frames_become_arrivals(
    autojump_clock: MockClock, world: World, feed: KillFeed, name: str
) -> None:
    follow(world, "systems", HOME)
    await world.until_state(SYSTEMS, "ok")
    expected = 0
    for row in map(json.loads, (CAPTURES / f"{name}.jsonl").read_text("utf-8").splitlines()):
        text = row.get("text", "")
        if row["dir"] == "recv" and text.startswith("[") and '"killmail_update"' in text:
            payload = json.loads(text)[4]
            kills = payload.get("killmails") if isinstance(payload, dict) else None
            count = len(kills) if isinstance(kills, list) else 0
            feed.push_text(text)
            if count:
                assert len(await world.take(count)) == count
            expected += count
    assert expected > 3
    assert len(world.network.dialled) == 1
