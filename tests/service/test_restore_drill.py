"""The drill: the volume is lost, the backup comes back, the service is ready, and nobody reads a thing twice."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import trio

from tests.cli.ran import beside
from tests.service.harness import until
from tests.service.test_run import HOME, OTHER, embed, posted, ready_service, strangers_kill, universe
from wanderer_notifier.sim.ratelimits import Limit
from wanderer_notifier.state import memory


def grow_older(copy: Path, by: timedelta) -> None:
    """Let the last sign of life in *copy* be *by* earlier."""
    conn = sqlite3.connect(copy)
    with conn:
        at = datetime.fromisoformat(memory.get_meta(conn, "alive_at") or "")
        memory.set_meta(conn, "alive_at", (at - by).isoformat())
    conn.close()


async def test_a_lost_volume_is_restored_while_nothing_is_told_twice(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    data, copy = tmp_path / "priv", tmp_path / "copy.db"
    async with universe() as world:
        environment = world.environment()
        world.discord.api.limits.routes["POST /channels/{c}/messages"] = Limit(requests=50, per_s=1.0)
        async with ready_service(world, tmp_path) as service:
            for _ in range(4):
                world.killfeed.push(strangers_kill(world, HOME))
            with trio.fail_after(20):
                await world.discord.until(lambda: len(posted(world, "system_kill")) == 4)
            made = await beside("backup", str(copy), environment=environment, data_dir=data)
            assert made.code == 0, made.err
            refused = await beside("restore", str(copy), environment=environment, data_dir=data)
            assert refused.code == 1
            assert refused.err.startswith("the service runs: ")
            for _ in range(4):  # told after the backup was made: it does not know
                world.killfeed.push(strangers_kill(world, OTHER))
            with trio.fail_after(20):
                await world.discord.until(lambda: len(posted(world, "system_kill")) == 8)
            service.kill()
            await service.process.wait()
        shutil.rmtree(data)
        grow_older(copy, timedelta(minutes=10))  # beyond what the nonce of a message protects

        began = time.monotonic()
        restored = await beside("restore", str(copy), environment=environment, data_dir=data)
        assert restored.code == 0, restored.err
        async with ready_service(world, tmp_path, LOG_LEVEL="debug") as service:
            took_s = time.monotonic() - began
            assert service.events("storage_restored")
            assert not service.events("previous_run_ended_unexpectedly"), "the copy was made of one that ran"
            await until(
                lambda: sum(one["result"] == "found" for one in service.events("notification_sent")) == 4,
                "what the backup did not know is found in the channel",
            )
            world.killfeed.push(strangers_kill(world, HOME))
            with trio.fail_after(20):
                await world.discord.until(lambda: len(posted(world, "system_kill")) == 9)
            assert await service.stop() == 0
        told = Counter(embed(one)["url"] for one in posted(world, "system_kill"))
    assert set(told.values()) == {1}
    record_property("restore_to_ready_s", round(took_s, 2))
    print(f"\nrestore drill: volume gone -> restored -> ready in {took_s:.1f} s")
    assert took_s < 60
