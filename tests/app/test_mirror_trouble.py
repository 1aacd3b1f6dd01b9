"""A file of the former program that cannot be written is counted under its name, and the service goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import trio
from trio.testing import MockClock

from tests.app.test_status import inline
from tests.config.minimal import MINIMAL
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.config.load import load
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import priorities
from wanderer_notifier.state.priorities import LogEntry
from wanderer_notifier.state.store import Store


async def test_a_mirror_that_cannot_be_written_is_counted_by_its_name(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    def now() -> datetime:
        return datetime(2026, 11, 25, tzinfo=UTC)

    store, metrics = Store.open(":memory:", run=inline), Metrics()
    part = Health(now).component("data_dir:files")
    helm = Helm(
        store,
        load(MINIMAL, cwd=tmp_path).rules,
        Watch(Tracking()),
        folder=tmp_path,
        part=part,
        now=now,
        run=inline,
        failed=metrics.persist_failed,
    )
    await store.write(helm.load)
    entry = LogEntry(type="status", param="", user_id=1, username="x", at=now())
    await store.write(lambda conn: priorities.note(conn, entry))
    (tmp_path / "command_log.bin").mkdir()
    (tmp_path / "command_log.bin" / "in the way").touch()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(helm.run)
        await trio.sleep(60)
        nursery.cancel_scope.cancel()
    store.close()
    assert part.state == "degraded"
    assert metrics.registry.get_sample_value("notifier_persist_failures_total", {"file": "command_log.bin"}) is not None
