"""The real process under a service manager: `Type=notify` with a watchdog, as the shipped unit asks for."""

from __future__ import annotations

import socket
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
            async with running(environment, tmp_path / "priv") as service:
                await until(lambda: heard("READY=1"), "READY=1")
                await until(lambda: heard("WATCHDOG=1", times=5), "signs of life")
                assert await service.stop() == 0
            assert heard("STOPPING=1")
            assert news.index("READY=1") < news.index("STOPPING=1")
            assert news.count("READY=1") == 1
            assert f"STATUS=web port {await service.port()}" in news
            nursery.cancel_scope.cancel()
