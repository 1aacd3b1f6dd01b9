"""The lines that a deployment waits for, each once and at its moment (operations.md OPS-83)."""

from __future__ import annotations

from pathlib import Path

import trio

from tests.app.test_alerts import Hook, evening, shut
from tests.app.test_status import virtual
from tests.log_lines import logged

CONNECTED = ("Map SSE connected", "Killmail WebSocket connected", "Killmail channel joined")
WARM = ("Map data initialization complete", "Cache warming completed")


def test_a_start_tells_each_landmark_when_it_is_reached(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        with logged() as lines:
            async with evening(folder, Hook()):
                pass
        said = [line["event"] for line in lines]
        for event in (*CONNECTED, *WARM, "License validation successful", "All services started"):
            assert event in said, event
        assert said.index(WARM[0]) < said.index(WARM[1]) < said.index("All services started")
        warm = lines[said.index(WARM[1])]
        assert (warm["systems"], warm["characters"]) == (1, 0)
        assert warm["duration_ms"] >= 0
        assert said.index("Killmail channel joined") < said.index("All services started")

    virtual(body, tmp_path)


def test_the_log_tells_regularly_how_it_goes(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        with logged() as lines:
            async with evening(folder, Hook()) as world:
                await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
                world.killfeed.push(
                    world.inventor.kill(world.now(), system_id=31002001, victim=2147481007, attackers=[2147481008])
                )
                await trio.sleep(570)
        activity = [line for line in lines if line["event"] == "Killmail activity"]
        assert [(line["uptime_s"], line["systems"], line["notified"]) for line in activity] == [
            (300, 1, 1),
            (600, 1, 1),
        ]
        assert activity[0]["received"] >= 1
        assert 200 < activity[0]["last_notified_s"] <= 240
        (health,) = [line for line in lines if line["event"] == "Discord health"]
        assert (health["messages"], health["gateway"], health["sent"], health["failed"]) == ("ok", "ok", 1, 0)

    virtual(body, tmp_path)


def test_a_map_that_is_away_holds_back_what_depends_on_it(tmp_path: Path) -> None:
    async def body(folder: Path) -> None:
        with logged() as lines:
            async with evening(folder, Hook(), closed=("map",)) as world:
                said = {line["event"] for line in lines}
                assert not said & {*WARM, "Map SSE connected", "All services started"}
                shut(world, "map", closed=False)
                await trio.sleep(400)
        said_then = [line["event"] for line in lines]
        assert [said_then.count(event) for event in (*WARM, "All services started")] == [1, 1, 1]

    virtual(body, tmp_path)
