"""Disks that are full, read-only or damaged, under the whole service (cases.md O02 to O07)."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import trio

from tests.service.harness import running, until
from tests.service.isolation import on_tiny_disk, read_only, seen_by
from tests.service.test_run import HOME, embed, posted, ready_service, strangers_kill, universe
from wanderer_notifier.state.backup import back_up


async def test_o02_a_full_disk_is_loud_loses_nothing_and_heals(tmp_path: Path) -> None:
    data = tmp_path / "priv"
    data.mkdir()
    async with universe() as world, running(world.environment(), data, inside=on_tiny_disk(data, "6m")) as service:
        await service.ready()
        await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
        inside = seen_by(service.process.pid, data)
        filler = inside / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        kills = [strangers_kill(world, HOME) for _ in range(3)]
        for kill in kills:
            world.killfeed.push(kill)
        await until(lambda: service.events("commit_failed"), "a loud line")
        assert "no room left" in service.events("commit_failed")[0]["reason"]
        assert service.events("commit_failed")[0]["level"] == "error"
        answer = await service.get("/ready")
        assert answer.status_code == 503
        assert answer.json()["checks"]["data_dir"].startswith("failed: cannot commit: no room left")
        assert (await service.get("/health")).status_code == 200, "a restart would not help"
        assert posted(world, "system_kill") == [], "nothing goes out that would be forgotten"

        filler.unlink()
        with trio.fail_after(40):
            await world.discord.until(lambda: len(posted(world, "system_kill")) == 3)
        await service.ready()
        assert await service.stop() == 0
    urls = [embed(one)["url"] for one in posted(world, "system_kill")]
    assert urls == [f"https://zkillboard.com/kill/{kill['killmail_id']}/" for kill in kills]


async def test_o03_a_zeroed_database_gives_way_to_the_last_good_copy_and_that_is_shown(tmp_path: Path) -> None:
    data = tmp_path / "priv"
    async with universe() as world:
        async with ready_service(world, tmp_path) as service:
            world.killfeed.push(strangers_kill(world, HOME))
            with trio.fail_after(20):
                await world.discord.until(lambda: len(posted(world, "system_kill")) == 1)
            assert await service.stop() == 0
        back_up(data / "notifier.db", data / "notifier.db.bak")  # as the service does every six hours
        whole = (data / "notifier.db").read_bytes()
        (data / "notifier.db").write_bytes(bytes(len(whole)))
        async with ready_service(world, tmp_path) as service:
            (line,) = service.events("storage_replaced")
            assert line["level"] == "critical"
            assert line["last_good_copy"] == "brought back"
            (damaged,) = data.glob("notifier.db.corrupt-*Z")
            assert damaged.read_bytes() == bytes(len(whole))
            answer = await service.get("/ready")
            assert answer.status_code == 200
            words = answer.json()["checks"]["data_dir"]
            assert words == (
                "degraded: the database was damaged and begun anew; "
                f"the damaged one is kept as {damaged.name}: move it away when seen"
            )
            world.killfeed.push(strangers_kill(world, HOME))
            with trio.fail_after(20):
                await world.discord.until(lambda: len(posted(world, "system_kill")) == 2)
            assert await service.stop() == 0
    assert world.discord.duplicates() == []


async def test_o04_a_restart_during_the_first_load_writes_nothing_over_what_is_known(tmp_path: Path) -> None:
    data = tmp_path / "priv"

    def known() -> int:
        conn = sqlite3.connect(data / "notifier.db")
        try:
            return int(conn.execute("SELECT count(*) FROM map_system").fetchone()[0])
        finally:
            conn.close()

    async with universe() as world:
        async with ready_service(world, tmp_path) as service:
            assert await service.stop() == 0
        assert known() == 2
        world.doors["map"].shut = True
        async with running(world.environment(), data) as service:
            with trio.fail_after(20):
                await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
            service.kill()
            await service.process.wait()
    assert known() == 2


async def test_o07_a_read_only_volume_ends_the_start_with_plain_words(tmp_path: Path) -> None:
    data = tmp_path / "priv"
    data.mkdir()
    async with universe() as world, running(world.environment(), data, inside=read_only(data)) as service:
        with trio.fail_after(30):
            assert await service.process.wait() == 71
        (line,) = service.events("storage_unusable")
    assert line["level"] == "critical"
    assert "Read-only file system" in line["reason"]
    assert "we are uid" in line["reason"]
    assert line["data_dir"] == str(data)
