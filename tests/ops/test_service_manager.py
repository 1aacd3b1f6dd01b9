"""The real process under a service manager: `Type=notify` with a watchdog, as the shipped unit asks for."""

from __future__ import annotations

import socket
import stat
from datetime import UTC, datetime
from pathlib import Path

import trio

from tests.service.harness import running, until
from wanderer_notifier.sim.world import World


async def test_the_manager_hears_ready_signs_of_life_and_the_end(tmp_path: Path) -> None:
    world = World(3, lambda: datetime.now(UTC))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as door:
        door.bind(str(tmp_path / "notify"))
        news: list[str] = []

        def heard(what: str, times: int = 1) -> bool:
            try:
                while True:
                    news.extend(door.recv(4096).decode().splitlines())
            except BlockingIOError:
                return news.count(what) >= times

        async with trio.open_nursery() as nursery:
            await nursery.start(world.serve)
            environment = {**world.environment(), "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
            environment |= {"BUILD_COMMIT": "c0ffee", "BUILD_DATE": "2026-11-25T00:00:00Z"}
            async with running(environment, tmp_path / "priv") as service:
                await until(lambda: heard("READY=1"), "READY=1")
                await until(lambda: heard("WATCHDOG=1", times=5), "signs of life")
                info = (await service.get("/api/system/info")).json()
                assert info["build"] == {"commit": "c0ffee", "date": "2026-11-25T00:00:00Z"}
                assert 'commit="c0ffee"' in (await service.get("/metrics")).text
                written = [path for path in (tmp_path / "priv").rglob("*") if path.is_file()]
                assert written
                assert [path.name for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
                assert await service.stop() == 0
            assert heard("STOPPING=1")
            assert news.index("READY=1") < news.index("STOPPING=1")
            assert news.count("READY=1") == 1
            assert f"STATUS=web port {await service.port()}" in news
            nursery.cancel_scope.cancel()


async def test_a_standby_is_a_start_that_succeeded(tmp_path: Path) -> None:
    world = World(3, lambda: datetime.now(UTC))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as door:
        door.bind(str(tmp_path / "notify"))
        async with trio.open_nursery() as nursery:
            await nursery.start(world.serve)
            environment = {**world.environment(), "LEADER_LOCK_FILE": str(tmp_path / "leader.lock")}
            async with running(environment, tmp_path / "first") as first:
                await first.port()
                told = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "300000"}
                async with running({**environment, **told}, tmp_path / "second") as second:
                    await until(lambda: second.events("standby"), "standby")
                    with trio.fail_after(10):
                        await trio.lowlevel.wait_readable(door)
                    assert door.recv(4096).decode().splitlines() == ["READY=1", "STATUS=standby: another copy works"]
                    with trio.fail_after(10):
                        await trio.lowlevel.wait_readable(door)
                    assert door.recv(4096).decode() == "WATCHDOG=1"
                    assert await second.stop() == 0
            nursery.cancel_scope.cancel()
