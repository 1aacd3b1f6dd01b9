"""The list of maps that the server hands out, in virtual time: answers, refusals, outages, memory."""

from __future__ import annotations

import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
import structlog
import trio
from trio.testing import MockClock

from tests.feeds.conftest import BEGIN
from wanderer_notifier.core.plugin import ListedMap
from wanderer_notifier.core.policy import MapRules
from wanderer_notifier.feeds.plugin_maps import CALL_S, EVERY_S, PluginMaps
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.sim.door import Door
from wanderer_notifier.sim.http import Exchange, Instead
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.state.plugin import kept_list
from wanderer_notifier.state.store import MEMORY, Store

T = TypeVar("T")
KEY = "test-token-plugin"
CHANNEL = "1180000000000000010"
OWN = ListedMap(slug="own", name="own", map_id="own", rules=MapRules(slug="own"))


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


class Stage:
    """A map server, a store, and followers of its list that live one after the other."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.server = MapServer(now=lambda: BEGIN, rng=random.Random(1))
        self.plugin = self.server.plugin
        self.plugin.installed, self.plugin.key = True, KEY
        self.network = MemoryNetwork(nursery)
        self.network.attach("map.sim", 80, Door("map", self.server.handle).serve)
        self.store = Store.open(MEMORY, run=inline)
        self.health = Health(lambda: BEGIN)
        self.learned: list[str] = []
        self.changes: list[str] = []

    @asynccontextmanager
    async def follower(
        self, *, keep_tokens: bool = False, own: tuple[ListedMap, ...] = (OWN,)
    ) -> AsyncIterator[PluginMaps]:
        api = Upstream("plugin", "http://map.sim", dial=self.network.dial, headers={"authorization": f"Bearer {KEY}"})
        maps = PluginMaps(
            api,
            self.store,
            own=own,
            here_fallback=True,
            keep_tokens=keep_tokens,
            bot_token="test-token-of-our-bot",
            part=self.health.component("plugin_config"),
            roll=lambda: 0.0,
            learned=self.learned.extend,
            changed=lambda brought: self.changes.append(str(brought)),
        )
        await self.store.read(maps.recall)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(maps.run)
            await maps.settled.wait()
            yield maps
            nursery.cancel_scope.cancel()
        await api.aclose()

    def part(self) -> str:
        view = self.health.component("plugin_config").view()
        return f"{view.state}: {view.reason}"


@pytest.fixture
def stage(nursery: trio.Nursery) -> Iterator[Stage]:
    made = Stage(nursery)
    yield made
    made.store.close()


def slugs(maps: PluginMaps) -> list[str]:
    return [one.slug for one in maps.maps.value]


async def later(times: int = 1) -> None:
    await trio.sleep(times * EVERY_S + 1.0)


async def test_maps_come_and_go_and_change_without_a_new_version(autojump_clock: MockClock, stage: Stage) -> None:
    stage.plugin.offer("home", CHANNEL)
    async with stage.follower() as maps:
        assert slugs(maps) == ["home"]
        assert stage.part() == "ok: "
        stage.plugin.offer("away", CHANNEL)
        await later()
        stage.plugin.offer("home", CHANNEL, count=False, features={"track_kspace": False})
        await later()
        assert [one.rules.track_kspace for one in maps.maps.value] == [False, True]
        stage.plugin.withdraw("away")
        await later()
        assert slugs(maps) == ["home"]
    assert stage.changes == ["added: away", "changed: home", "removed: away"]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        ("key", "failed: the server refuses PLUGIN_NOTIFIER_API_KEY (HTTP 401)"),
        ("enabled", "degraded: plugins are disabled on the server (HTTP 403)"),
        ("installed", "degraded: the server has no notifier plugin (HTTP 404)"),
        ("no key", "degraded: the notifier plugin is not configured on the server (HTTP 503)"),
        ("down", "degraded: plugin: "),
    ],
)
async def test_without_a_list_the_map_of_the_environment_is_followed_and_the_list_asked_for_again(
    autojump_clock: MockClock, stage: Stage, break_it: str, words: str
) -> None:
    stage.plugin.offer("home", CHANNEL)
    stage.plugin.installed = break_it != "installed"
    stage.plugin.enabled = break_it != "enabled"
    stage.plugin.key = "another" if break_it == "key" else None if break_it == "no key" else KEY
    stage.server.down = break_it == "down"
    async with stage.follower() as maps:
        assert slugs(maps) == ["own"]
        assert stage.part().startswith(words)
        assert stage.part().endswith("; the map of the environment stays in force")
        stage.plugin.installed, stage.plugin.enabled, stage.plugin.key, stage.server.down = True, True, KEY, False
        await later()
        assert slugs(maps) == ["home"]
        assert stage.part() == "ok: "


async def test_the_last_good_list_outlives_the_process_without_its_tokens(
    autojump_clock: MockClock, stage: Stage
) -> None:
    stage.plugin.offer("home", CHANNEL, discord={"bot_token": "test-token-of-home"})
    async with stage.follower():
        assert stage.learned == ["test-token-of-home"]
    assert "test-token-of-home" not in str(await stage.store.read(kept_list))
    stage.server.down = True
    async with stage.follower() as maps:
        assert slugs(maps) == ["home"]
        assert maps.source == "last good list"
        assert maps.maps.value[0].bot_token is None
        assert stage.part().endswith("; the last good list stays in force")


async def test_tokens_are_kept_for_whoever_wants_that(autojump_clock: MockClock, stage: Stage) -> None:
    stage.plugin.offer("home", CHANNEL, discord={"bot_token": "test-token-of-home"})
    async with stage.follower(keep_tokens=True):
        pass
    stage.server.down = True
    stage.learned.clear()
    async with stage.follower(keep_tokens=True) as maps:
        assert maps.maps.value[0].bot_token == "test-token-of-home"
        assert stage.learned == ["test-token-of-home"]


async def test_an_empty_list_is_believed_only_when_it_is_repeated(autojump_clock: MockClock, stage: Stage) -> None:
    stage.plugin.offer("home", CHANNEL)
    async with stage.follower() as maps:
        stage.plugin.empty = True
        await later(2)
        assert slugs(maps) == ["home"]
        assert stage.part().startswith("degraded: the server lists no map")
        await later(1)
        assert slugs(maps) == []
    assert stage.changes == ["removed: home"]


async def test_an_empty_list_never_takes_the_map_of_the_environment_away(
    autojump_clock: MockClock, stage: Stage
) -> None:
    async with stage.follower() as maps:
        await later(5)
        assert slugs(maps) == ["own"]


async def test_without_any_map_it_says_so(autojump_clock: MockClock, stage: Stage) -> None:
    stage.plugin.installed = False
    async with stage.follower(own=()) as maps:
        assert slugs(maps) == []
        assert stage.part().endswith("; no map is followed")


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"data":{"maps":7}}', b"[" * 200_000])
async def test_what_is_no_list_changes_nothing(autojump_clock: MockClock, stage: Stage, body: bytes) -> None:
    stage.plugin.offer("home", CHANNEL)
    async with stage.follower() as maps:
        stage.server.instead = Instead(status=200, headers=[("content-length", str(len(body)))], body=body)
        await later()
        assert slugs(maps) == ["home"]
        assert stage.part().startswith("degraded: the answer is not")


async def test_a_silent_server_holds_the_start_up_for_ten_seconds(autojump_clock: MockClock, stage: Stage) -> None:
    stage.network.stall("map.sim", 80, True)
    begun = trio.current_time()
    async with stage.follower() as maps:
        assert trio.current_time() - begun <= CALL_S + 0.1
        assert slugs(maps) == ["own"]


async def test_a_bot_of_a_maps_own_is_not_used_and_that_is_said_once(autojump_clock: MockClock, stage: Stage) -> None:
    stage.plugin.offer("home", CHANNEL, discord={"bot_token": "test-token-of-home"})
    stage.plugin.offer("away", CHANNEL, discord={"bot_token": "test-token-of-our-bot"})
    with structlog.testing.capture_logs() as lines:
        async with stage.follower():
            await later(2)
    odd = [line["problem"] for line in lines if line["event"] == "plugin_map_odd"]
    assert odd == ["map home: a bot of its own is not used, the configured bot posts for every map"]


async def test_a_list_with_a_mark_is_asked_for_only_if_it_changed(autojump_clock: MockClock, stage: Stage) -> None:
    asked: list[str | None] = []

    async def mark(exchange: Exchange) -> None:
        asked.append(exchange.request.headers.get("if-none-match"))
        if asked[-1] == '"7"':
            await exchange.respond(304, [], b"")
            return
        _, answer = stage.plugin.answer(f"Bearer {KEY}")
        body = json.dumps(answer).encode()
        await exchange.respond(200, [("content-length", str(len(body))), ("etag", '"7"')], body)

    stage.plugin.offer("home", CHANNEL)
    stage.network.attach("map.sim", 80, Door("map", mark).serve)
    async with stage.follower() as maps:
        await later(2)
        assert slugs(maps) == ["home"]
        assert stage.part() == "ok: "
    assert asked == [None, '"7"', '"7"']


async def test_empty_lists_with_the_known_one_between_them_are_not_in_a_row(
    autojump_clock: MockClock, stage: Stage
) -> None:
    async def mark(exchange: Exchange) -> None:
        if not stage.plugin.empty and exchange.request.headers.get("if-none-match"):
            await exchange.respond(304, [], b"")
            return
        _, answer = stage.plugin.answer(f"Bearer {KEY}")
        body = json.dumps(answer).encode()
        await exchange.respond(200, [("content-length", str(len(body))), ("etag", '"7"')], body)

    stage.plugin.offer("home", CHANNEL)
    stage.network.attach("map.sim", 80, Door("map", mark).serve)
    async with stage.follower() as maps:
        for empty, times in ((True, 2), (False, 1), (True, 2)):
            stage.plugin.empty = empty
            await later(times)
        assert slugs(maps) == ["home"]
