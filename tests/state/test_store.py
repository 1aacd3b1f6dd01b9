"""Opening, damage, full disks and transactions of the database file."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest
import trio

from wanderer_notifier import state
from wanderer_notifier.state import memory, migrations
from wanderer_notifier.state.store import Busy, Damaged, DiskFull, Store, StoreError, Unusable

T = TypeVar("T")
NOW = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)


def open_store(path: Path) -> Store:
    return Store.open(path, now=lambda: NOW)


def put(name: str, value: str) -> Callable[[sqlite3.Connection], None]:
    return lambda conn: memory.set_meta(conn, name, value)


def get(name: str) -> Callable[[sqlite3.Connection], str | None]:
    return lambda conn: memory.get_meta(conn, name)


async def test_what_was_written_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "place" / "notifier.db"
    store = open_store(path)
    assert store.report.found == "new"
    await store.write(put("a", "1"))
    store.close()

    store = open_store(path)
    assert store.report.found == "kept"
    assert await store.read(get("a")) == "1"
    store.close()


async def test_a_job_that_raises_leaves_nothing_behind(tmp_path: Path) -> None:
    store = open_store(tmp_path / "notifier.db")

    def job(conn: sqlite3.Connection) -> None:
        memory.set_meta(conn, "a", "1")
        raise LookupError("half way")

    with pytest.raises(LookupError):
        await store.write(job)
    assert await store.read(get("a")) is None
    await store.write(put("a", "2"))
    assert await store.read(get("a")) == "2"
    store.close()


async def test_writers_take_turns(tmp_path: Path) -> None:
    store = open_store(tmp_path / "notifier.db")

    def add_one(conn: sqlite3.Connection) -> None:
        memory.set_meta(conn, "n", str(int(memory.get_meta(conn, "n") or 0) + 1))

    async with trio.open_nursery() as nursery:
        for _ in range(40):
            nursery.start_soon(store.write, add_one)
    assert await store.read(get("n")) == "40"
    store.close()


async def test_a_cancelled_write_happened_whole_or_never_started(tmp_path: Path) -> None:
    store = open_store(tmp_path / "notifier.db")
    with trio.CancelScope() as scope:
        scope.cancel(reason="before it begins")
        await store.write(put("never", "1"))

    with trio.CancelScope() as running:

        def job(conn: sqlite3.Connection) -> None:
            trio.from_thread.run_sync(running.cancel)
            memory.set_meta(conn, "whole", "1")

        await store.write(job)
    assert await store.read(get("never")) is None
    assert await store.read(get("whole")) == "1"
    store.close()


async def test_runs_without_threads_when_asked_to() -> None:
    async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
        await trio.lowlevel.checkpoint()
        return sync_fn()

    store = Store.open(":memory:", run=inline)
    await store.write(put("a", "1"))
    assert await store.read(get("a")) == "1"
    store.close()


def half_of(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "NUL bytes": lambda whole: bytes(len(whole)),
    "half a file": half_of,
    "not a database": lambda whole: b"persistent values, honest" * 50,
    "a page of noise": lambda whole: whole[:4096] + os.urandom(4096) + whole[8192:],
}


@pytest.mark.parametrize("name", DAMAGE)
async def test_a_damaged_file_is_set_aside_never_overwritten(name: str, tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    store = open_store(path)
    for number in range(200):
        await store.write(put(f"name {number}", "x" * 200))
    store.close()
    broken = DAMAGE[name](path.read_bytes())
    path.write_bytes(broken)

    store = open_store(path)
    assert store.report.found == "replaced"
    assert store.report.set_aside == tmp_path / "notifier.db.corrupt-20261125T183000Z"
    assert store.report.set_aside.read_bytes() == broken
    assert store.report.reason
    assert await store.read(get("name 1")) is None
    await store.write(put("a", "1"))
    store.close()
    assert open_and_close(path) == "kept"


def open_and_close(path: Path) -> str:
    store = open_store(path)
    store.close()
    return store.report.found


async def test_an_emptied_file_with_a_full_journal_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    store = open_store(path)
    await store.write(put("a", "1"))
    journal = (tmp_path / "notifier.db-wal").read_bytes()
    store.close()
    path.write_bytes(b"")
    (tmp_path / "notifier.db-wal").write_bytes(journal)

    store = open_store(path)
    assert store.report.found == "replaced"
    assert store.report.set_aside is not None
    assert store.report.set_aside.with_name(store.report.set_aside.name + "-wal").read_bytes() == journal
    store.close()


def test_only_the_newest_damaged_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    for _ in range(8):
        path.write_bytes(b"no database at all " * 100)
        open_and_close(path)
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 5


def test_a_place_that_cannot_hold_a_file_is_said_in_plain_words(tmp_path: Path) -> None:
    in_the_way = tmp_path / "data"
    in_the_way.write_text("a file, not a directory")
    with pytest.raises(Unusable, match=r"cannot use .*data.*uid"):
        open_store(in_the_way / "notifier.db")
    (tmp_path / "notifier.db").mkdir()
    with pytest.raises(Unusable, match=r"cannot open or write .*notifier.db.*we are uid"):
        open_store(tmp_path / "notifier.db")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_directory_is_said_in_plain_words(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(Unusable, match=r"belongs to uid \d+, mode 500; we are uid"):
            open_store(tmp_path / "notifier.db")
    finally:
        tmp_path.chmod(0o700)


async def test_a_full_disk_is_told_apart_and_keeps_the_old_state(tmp_path: Path) -> None:
    store = open_store(tmp_path / "notifier.db")
    await store.write(put("a", "old"))
    (pages,) = await store.read(lambda conn: conn.execute("PRAGMA page_count").fetchone())
    await store.read(lambda conn: conn.execute(f"PRAGMA max_page_count = {pages + 4}").fetchone())

    def fill(conn: sqlite3.Connection) -> None:
        memory.set_meta(conn, "a", "new")
        memory.set_meta(conn, "big", "x" * 100_000)

    for _ in range(2):
        with pytest.raises(DiskFull, match="no room left"):
            await store.write(fill)
        assert await store.read(get("a")) == "old"
    await store.read(lambda conn: conn.execute("PRAGMA max_page_count = 100000").fetchone())
    await store.write(fill)
    assert await store.read(get("a")) == "new"
    store.close()


async def test_a_lock_held_by_another_process_is_told_apart(tmp_path: Path) -> None:
    store = open_store(tmp_path / "notifier.db")
    await store.read(lambda conn: conn.execute("PRAGMA busy_timeout = 10").fetchone())
    other = sqlite3.connect(tmp_path / "notifier.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Busy):
        await store.write(put("a", "1"))
    other.rollback()
    other.close()
    await store.write(put("a", "1"))
    store.close()


async def test_damage_while_running_is_told_and_cured_by_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    store = open_store(path)
    for number in range(200):
        await store.write(put(f"name {number}", "x" * 200))
    store.close()
    store = open_store(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 60_000)
    await store.read(lambda conn: conn.execute("PRAGMA shrink_memory").fetchall())  # forget the good pages
    with pytest.raises(Damaged):
        await store.read(lambda conn: conn.execute("SELECT sum(length(value)) FROM meta").fetchone())
    store.close()
    assert open_and_close(path) == "replaced"


def test_the_database_of_a_newer_version_or_another_program_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    open_and_close(path)
    conn = sqlite3.connect(path, isolation_level=None)
    conn.execute(f"PRAGMA user_version = {len(migrations.STEPS) + 1}")
    conn.close()
    with pytest.raises(Unusable, match="newer version"):
        open_store(path)

    other = tmp_path / "other.db"
    conn = sqlite3.connect(other, isolation_level=None)
    conn.execute("CREATE TABLE recipes (name TEXT)")
    conn.close()
    with pytest.raises(Unusable, match="another program"):
        open_store(other)
    assert not list(tmp_path.glob("*.corrupt-*"))


def test_a_failing_migration_step_leaves_the_version_before_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    open_and_close(path)
    steps = migrations.STEPS
    monkeypatch.setattr(migrations, "STEPS", (*steps, ("CREATE TABLE later (a TEXT) STRICT", "NOT SQL")))
    with pytest.raises(StoreError):
        open_store(path)
    monkeypatch.setattr(migrations, "STEPS", (*steps, ("CREATE TABLE later (a TEXT) STRICT",)))
    assert open_and_close(path) == "kept"
    conn = sqlite3.connect(path)
    assert conn.execute("PRAGMA user_version").fetchone() == (len(steps) + 1,)
    conn.close()


def test_sql_numbers_no_parameters() -> None:
    """Python 3.12 deprecates `?1` with a sequence, and a warning there ends the service in the tests only."""
    package = Path(state.__file__).parent
    assert [one.name for one in package.glob("*.py") if re.search(r"\?[0-9]", one.read_text())] == []
