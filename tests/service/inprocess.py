"""Runs the whole service inside the test, on real sockets or in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import trio

from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load


class Running:
    """A service in this process."""

    def __init__(self) -> None:
        self.stop = trio.Event()
        self.ended = trio.Event()
        self.port = 0
        self.exit_code: int | None = None


@asynccontextmanager
async def service_in_process(
    environment: Mapping[str, str], data_dir: Path, seams: Seams, *, grace_s: float = 20.0
) -> AsyncIterator[Running]:
    """Start the service, stop it in order at the end of the block; its exit code is in the result."""
    settings = load({"PORT": "0", "BIND_ADDRESS": "127.0.0.1", "DATA_DIR": str(data_dir), **environment}, cwd=data_dir)
    running = Running()

    async def run(*, task_status: trio.TaskStatus[int]) -> None:
        running.exit_code = await service.run(settings, seams=seams, stop=running.stop, task_status=task_status)
        running.ended.set()

    async with trio.open_nursery() as nursery:
        running.port = await nursery.start(run)
        try:
            yield running
        finally:
            running.stop.set()
            with trio.CancelScope(shield=True), trio.move_on_after(grace_s):
                await running.ended.wait()
            nursery.cancel_scope.cancel()
