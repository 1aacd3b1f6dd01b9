"""The regular duties: what the storage check says, the last good copy, and a crash loop that rests."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import trio
from trio.testing import MockClock

from wanderer_notifier.app.housekeeping import keep_house, note_end, note_start
from wanderer_notifier.app.snapshot import Vitals
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state import memory
from wanderer_notifier.state.migrations import migrate
from wanderer_notifier.state.store import Store

T = TypeVar("T")
BEGIN = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


async def test_o03_a_damaged_database_shows_until_an_operator_moved_it_away(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    (tmp_path / "notifier.db").write_bytes(bytes(9000))
    store = Store.open(tmp_path / "notifier.db", run=inline, now=now)
    health = Health(now)
    part = health.component("data_dir")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_house, store, part, health, Vitals(now), Metrics(), now)
        await trio.sleep(20)
        view = part.view()
        assert (view.state, view.covered) == ("degraded", True), "told, but no reason to be unready"
        assert "notifier.db.corrupt-20261125T183000Z: move it away when seen" in view.reason
        (tmp_path / "notifier.db.corrupt-20261125T183000Z").rename(tmp_path / "seen")
        await trio.sleep(20)
        assert part.view().state == "ok"
        nursery.cancel_scope.cancel()
    store.close()


async def test_a_storage_that_refuses_writes_fails_the_check_and_heals_within_seconds(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    store = Store.open(tmp_path / "notifier.db", run=inline, now=now)
    health = Health(now)
    part = health.component("data_dir")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_house, store, part, health, Vitals(now), Metrics(), now)
        await trio.sleep(1)
        assert part.view().state == "ok"
        await store.elsewhere(lambda: store._conn.execute("PRAGMA query_only = ON"))
        await trio.sleep(20)
        assert part.view().state == "failed"
        assert "readonly" in part.view().reason
        await store.elsewhere(lambda: store._conn.execute("PRAGMA query_only = OFF"))
        await trio.sleep(6)
        assert part.view().state == "ok"
        nursery.cancel_scope.cancel()
    store.close()


async def test_a_last_good_copy_is_kept_and_renewed(autojump_clock: MockClock, tmp_path: Path) -> None:
    store = Store.open(tmp_path / "notifier.db", run=inline, now=now)
    health = Health(now)
    spare = tmp_path / "notifier.db.bak"
    await store.write(lambda conn: memory.set_meta(conn, "spare_at", (BEGIN - timedelta(hours=5)).isoformat()))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(keep_house, store, health.component("data_dir"), health, Vitals(now), Metrics(), now)
        await trio.sleep(3500)
        assert not spare.exists(), "the last one is not six hours old"
        await trio.sleep(200)
        first = spare.read_bytes()
        assert spare.stat().st_mode & 0o777 == 0o600
        await store.write(lambda conn: memory.set_meta(conn, "spare_at", (now() - timedelta(hours=6)).isoformat()))
        await trio.sleep(3600)
        assert spare.read_bytes() != first
        nursery.cancel_scope.cancel()
    store.close()


def test_three_unclean_starts_within_ten_minutes_make_the_feeds_wait_a_minute() -> None:
    conn = sqlite3.connect(":memory:", isolation_level=None)
    migrate(conn)

    def start(minutes: float) -> tuple[int, float]:
        return note_start(conn, BEGIN + timedelta(minutes=minutes), 60.0)

    assert start(0) == (0, 0.0), "the first start follows nothing"
    assert start(1) == (1, 0.0)
    assert start(2) == (2, 0.0)
    assert start(3) == (3, 60.0)
    assert start(12.5) == (4, 0.0), "the first two are more than ten minutes ago"
    note_end(conn, BEGIN + timedelta(minutes=12.6))
    assert start(12.7) == (4, 0.0), "a clean end is none"
    assert start(12.8) == (5, 60.0)
    conn.close()
