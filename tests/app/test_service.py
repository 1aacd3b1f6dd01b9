"""How the service ends when it cannot begin."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import trio

from tests.config.minimal import MINIMAL
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.app.service import run
from wanderer_notifier.config.load import load
from wanderer_notifier.state.store import DiskFull

T = TypeVar("T")


async def test_a_disk_that_takes_not_even_the_first_note_ends_the_start_with_71(tmp_path: Path) -> None:
    async def full(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
        await trio.lowlevel.checkpoint()
        raise DiskFull("no room left")

    settings = load({**MINIMAL, "DATA_DIR": str(tmp_path)}, cwd=tmp_path)
    assert await run(settings, seams=Seams(store_run=full, signals=False, web=False)) == 71
