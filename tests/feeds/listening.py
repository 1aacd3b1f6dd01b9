"""A kill feed on its own in virtual time, and what it said to the fake kill service."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import trio
import trio.testing

from tests.feeds.conftest import World
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.feeds.kill_audience import AudienceName
from wanderer_notifier.feeds.kills import follow_kills
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killmails import Inventor

HOST, PORT = "kills.test", 4004
URL = f"ws://{HOST}:{PORT}"
HOME, OTHER = 31001503, 31002318
PILOT = 2147481001
SYSTEMS, CHARACTERS = "killmail_stream:systems", "killmail_stream:characters"


def follow(world: World, audience: AudienceName, *ids: int) -> Watch[frozenset[int]]:
    wanted = Watch(frozenset(ids))
    world.nursery.start_soon(
        partial(
            follow_kills,
            audience,
            wanted,
            world.out,
            url=URL,
            dial=world.network.dial,
            component=world.health.component,
            now=world.now,
            roll=world.roll,
            count=world.count,
        )
    )
    return wanted


def kill(world: World, **given: Any) -> JsonObject:
    return Inventor(random.Random(1)).kill(world.now(), **({"system_id": HOME} | given))


def joins(feed: KillFeed) -> list[JsonObject]:
    """The payloads of all joins so far."""
    frames = [json.loads(heard.text) for heard in feed.journal]
    return [frame[4] for frame in frames if frame[3] == "phx_join"]


async def until(feed: KillFeed, condition: Callable[[], bool], within_s: float = 600.0) -> None:
    with trio.fail_after(within_s):
        await feed.until(lambda feed: condition())
