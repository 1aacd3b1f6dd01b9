"""What the real services sent becomes the right messages, once each, and nothing in it is lost without a reason."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio

from tests.service.inprocess import Running, service_in_process
from tests.service.playback import KillPlayback, MapPlayback, pushed_frames, records, stream_chunks
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.core.limits import body_problems
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.http import Handler, serve_tcp
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.sim.world import World
from wanderer_notifier.state import parked

RECORDED = datetime(2026, 11, 24, 23, 50, tzinfo=UTC)
"""Just before the first recorded kill."""


class Shifted:
    """The wall clock of the day of the recording."""

    def __init__(self, start: datetime) -> None:
        self._behind = datetime.now(UTC) - start

    def __call__(self) -> datetime:
        return datetime.now(UTC) - self._behind


@asynccontextmanager
async def playing(
    tmp_path: Path, kills: KillPlayback, map_server: MapPlayback, now: Shifted
) -> AsyncIterator[tuple[Running, Discord]]:
    world = World(1, now)
    world.discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(requests=50, per_s=1.0)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        environment = world.environment()

        async def serve(handler: Handler) -> str:
            port = await nursery.start(partial(serve_tcp, handler))
            return f"127.0.0.1:{port}"

        environment["WEBSOCKET_URL"] = f"ws://{await serve(kills.handle)}"
        environment["MAP_URL"] = f"http://{await serve(map_server.handle)}"
        seams = Seams(now=now, dice=Random(1), signals=False)
        async with service_in_process(environment, tmp_path, seams) as running:
            yield running, world.discord
        nursery.cancel_scope.cancel()


def system(system_id: int, name: str) -> dict[str, Any]:
    return {"solar_system_id": system_id, "original_name": name, "name": name, "custom_name": None, "visible": True}


def told(discord: Discord) -> list[Any]:
    return [message for channel in discord.guild.channels.values() for message in channel.messages]


def titles(discord: Discord) -> Counter[str]:
    return Counter(message.json()["embeds"][0]["title"] for message in told(discord))


def left_over(data_dir: Path) -> list[parked.Parked]:
    with sqlite3.connect(data_dir / "notifier.db") as conn:
        found = list(parked.parked(conn))
    conn.close()
    return found


@pytest.fixture
def kill_captures(captures: Path) -> Path:
    return captures / "wanderer-kills"


async def test_recorded_kills_become_one_message_each(tmp_path: Path, kill_captures: Path) -> None:
    frames = pushed_frames(kill_captures / "ws-05-killmail-push.jsonl")
    frames += pushed_frames(kill_captures / "ws-07-preload.jsonl")
    kills = KillPlayback(frames + large_frames(kill_captures / "ws-11-large.jsonl"))
    map_server = MapPlayback(systems=[system(30000142, "Jita"), system(30002187, "Amarr"), system(30002659, "Dodixie")])
    expected = [*range(131000001, 131000009), 131000020, 131000100, 131000101, 131000102, 131000070, 131000071]
    async with playing(tmp_path, kills, map_server, Shifted(RECORDED)) as (running, discord):
        with trio.fail_after(60):
            await discord.until(lambda: len(told(discord)) >= len(expected))
            await kills.played.wait()
    assert running.exit_code == 0
    messages = [message.json() for message in told(discord)]
    ids = Counter(int(re.findall(r"/kill/(\d+)/", message["embeds"][0]["url"])[0]) for message in messages)
    assert ids == Counter(expected)
    assert left_over(tmp_path) == []
    for message in messages:
        assert body_problems({"embeds": message["embeds"]}) == []
        assert "None" not in json.dumps(message["embeds"])
    titles = {message["embeds"][0]["title"] for message in messages}
    ships = {f"Ship destroyed in {name}" for name in ("Jita", "Amarr", "Dodixie")}
    assert titles == {*ships, "Structure destroyed in Jita"}


def large_frames(path: Path) -> list[str]:
    """The live frames with 300 attackers. The recorder cut out their middle, where only a number counts up: with it
    restored a frame has exactly the recorded length again."""
    frames = []
    for record in records(path):
        text = record.get("text_abridged", "")
        if '"preload":false' not in text:
            continue
        start, end = text.index('"attackers":[') + len('"attackers":['), text.index('],"kill_time"')
        first = text[start : text.index("},{", start) + 1]
        assert '"final_blow":true' in first
        other = first.replace('"final_blow":true', '"final_blow":false')
        numbered = [(first if number == 0 else other).replace("00000", f"{number:05}") for number in range(300)]
        frame = text[:start] + ",".join(numbered) + text[end:]
        assert len(frame) == record["text_length"]
        frames.append(frame)
    return frames


async def test_a_recorded_map_stream_becomes_its_messages(tmp_path: Path, captures: Path) -> None:
    chunks = stream_chunks(captures / "wanderer-map" / "sse-01-stream.jsonl", "all events")
    assert any("rally_point_added" in chunk for chunk in chunks)
    clock = Shifted(datetime(2026, 11, 25, 0, 1, 15, tzinfo=UTC) - timedelta(seconds=5))
    async with playing(tmp_path, KillPlayback([]), MapPlayback(chunks), clock) as (running, discord):
        with trio.fail_after(60):
            # The recorded rally is taken back soon: before or after its message went out.
            await discord.until(lambda: titles(discord)["⚔️ Rally Point Ended"] == 1)
            await discord.until(lambda: len(told(discord)) >= 3)
    assert running.exit_code == 0
    assert titles(discord) == Counter(["New System Tracked: Thera", "New System Tracked: Jita", "⚔️ Rally Point Ended"])
    assert left_over(tmp_path) == []
