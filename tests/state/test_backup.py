"""Copies while the database is in use, what is no backup, and bringing one back."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio
import trio.lowlevel

from wanderer_notifier.state import memory, migrations, outbox, restored
from wanderer_notifier.state.backup import (
    InTheWay,
    NotABackup,
    back_up,
    bring_back_spare,
    refresh_spare,
    restore,
)
from wanderer_notifier.state.lock import Lock, Taken
from wanderer_notifier.state.outbox import NewRow
from wanderer_notifier.state.store import Damaged, Store, StoreError
from wanderer_notifier.state.visit import NoDatabase

NOW = datetime(2026, 11, 25, 18, 30, tzinfo=UTC)


def put(name: str, value: str) -> Callable[[sqlite3.Connection], None]:
    return lambda conn: memory.set_meta(conn, name, value)


def get(name: str) -> Callable[[sqlite3.Connection], str | None]:
    return lambda conn: memory.get_meta(conn, name)


def new_row(number: int) -> NewRow:
    return NewRow(
        claim=f"kill:{number}",
        channel="300000000000000001",
        kind="kill",
        slug="home",
        body={"content": str(number)},
        nonce=f"n{number}",
        expires_at=NOW + timedelta(hours=1),
        received_at=NOW,
    )


async def filled(path: Path, value: str = "old") -> Store:
    store = Store.open(path, now=lambda: NOW)
    await store.write(put("a", value))
    await store.write(put("alive_at", NOW.isoformat()))
    return store


def value_in(path: Path) -> str | None:
    conn = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        return memory.get_meta(conn, "a")
    finally:
        conn.close()


def leftovers(folder: Path) -> list[str]:
    return sorted(place.name for place in folder.iterdir() if ".part" in place.name)


async def test_a_backup_is_one_private_file_made_while_the_service_writes(tmp_path: Path) -> None:
    store = await filled(tmp_path / "notifier.db")
    target = tmp_path / "copy.db"
    written = 0

    async def go_on(stop: trio.Event) -> None:
        nonlocal written
        while not stop.is_set():
            written += 1
            number = written

            def both(conn: sqlite3.Connection, number: int = number) -> None:
                memory.set_meta(conn, "left", str(number))
                memory.set_meta(conn, "right", str(number))

            await store.write(both)

    async with trio.open_nursery() as nursery:
        stop = trio.Event()
        nursery.start_soon(go_on, stop)
        while written < 5:
            await trio.lowlevel.checkpoint()
        copy = await trio.to_thread.run_sync(back_up, tmp_path / "notifier.db", target)
        seen = written
        while written < seen + 5:
            await trio.lowlevel.checkpoint()
        stop.set()
    store.close()

    assert target.stat().st_mode & 0o777 == 0o600
    assert copy.size == target.stat().st_size
    assert copy.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()
    assert copy.as_of == NOW
    assert copy.rows["meta"] == 4
    conn = sqlite3.connect(f"file:{target}?immutable=1", uri=True)
    assert memory.get_meta(conn, "left") == memory.get_meta(conn, "right")
    conn.close()
    assert leftovers(tmp_path) == []
    assert sorted(place.name for place in tmp_path.glob("copy.db*")) == ["copy.db"]


async def test_a_backup_holds_what_only_the_journal_has(tmp_path: Path) -> None:
    store = await filled(tmp_path / "notifier.db", "committed a moment ago")
    back_up(tmp_path / "notifier.db", tmp_path / "copy.db")
    store.close()
    assert value_in(tmp_path / "copy.db") == "committed a moment ago"


async def test_a_backup_never_overwrites_a_file_and_needs_a_database(tmp_path: Path) -> None:
    (await filled(tmp_path / "notifier.db")).close()
    (tmp_path / "copy.db").write_text("dear to somebody")
    with pytest.raises(InTheWay):
        back_up(tmp_path / "notifier.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "dear to somebody"
    with pytest.raises(NoDatabase):
        back_up(tmp_path / "none.db", tmp_path / "other.db")
    with pytest.raises(StoreError, match="no-such-place"):
        back_up(tmp_path / "notifier.db", tmp_path / "no-such-place" / "copy.db")


async def test_a_damaged_database_makes_no_backup(tmp_path: Path) -> None:
    store = await filled(tmp_path / "notifier.db")
    for number in range(200):
        await store.write(put(f"name {number}", "x" * 200))
    store.close()
    with (tmp_path / "notifier.db").open("r+b") as file:
        file.seek(4096 * 3)
        file.write(os.urandom(4096 * 20))
    with pytest.raises(Damaged):
        back_up(tmp_path / "notifier.db", tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()
    assert leftovers(tmp_path) == []


async def test_restore_puts_the_copy_in_place_and_keeps_what_was_there(tmp_path: Path) -> None:
    data = tmp_path / "priv"
    (await filled(data / "notifier.db")).close()
    back_up(data / "notifier.db", tmp_path / "copy.db")
    store = await filled(data / "notifier.db", "newer")
    store.close()

    done = restore(tmp_path / "copy.db", data / "notifier.db", NOW)

    assert done.replaced == data / "notifier.db.pre-restore-20261125T183000Z"
    assert value_in(data / "notifier.db") == "old"
    assert value_in(done.replaced) == "newer"
    assert (data / "notifier.db").stat().st_mode & 0o777 == 0o600
    assert leftovers(data) == []
    store = Store.open(data / "notifier.db")
    assert store.report.found == "kept"
    store.close()


async def test_restore_works_without_and_over_a_damaged_database(tmp_path: Path) -> None:
    (await filled(tmp_path / "notifier.db")).close()
    back_up(tmp_path / "notifier.db", tmp_path / "copy.db")
    assert restore(tmp_path / "copy.db", tmp_path / "new" / "notifier.db", NOW).replaced is None
    assert value_in(tmp_path / "new" / "notifier.db") == "old"
    (tmp_path / "new" / "notifier.db").write_bytes(bytes(9000))
    (tmp_path / "new" / "notifier.db-wal").write_bytes(b"journal of the damaged one")
    done = restore(tmp_path / "copy.db", tmp_path / "new" / "notifier.db", NOW)
    assert done.replaced is not None
    assert done.replaced.read_bytes() == bytes(9000)
    assert value_in(tmp_path / "new" / "notifier.db") == "old"
    assert not (tmp_path / "new" / "notifier.db-wal").exists()


async def test_restore_refuses_while_a_service_works_with_the_database(tmp_path: Path) -> None:
    (await filled(tmp_path / "notifier.db", "mine")).close()
    back_up(tmp_path / "notifier.db", tmp_path / "copy.db")
    with Lock.take(tmp_path / "notifier.lock"), pytest.raises(Taken):
        restore(tmp_path / "copy.db", tmp_path / "notifier.db", NOW)
    assert not list(tmp_path.glob("*.pre-restore-*"))


def spoil(what: str, path: Path) -> None:
    whole = path.read_bytes()
    conn = sqlite3.connect(path, isolation_level=None) if what in ("newer", "foreign") else None
    match what:
        case "half a file":
            path.write_bytes(whole[: len(whole) // 2])
        case "zeroed":
            path.write_bytes(bytes(len(whole)))
        case "empty":
            path.write_bytes(b"")
        case "text":
            path.write_text("persistent values, honest")
        case "absent":
            path.unlink()
        case "newer":
            assert conn is not None
            conn.execute(f"PRAGMA user_version = {len(migrations.STEPS) + 1}")
        case "foreign":
            assert conn is not None
            conn.execute("PRAGMA application_id = 7")
    if conn is not None:
        conn.close()


@pytest.mark.parametrize("what", ["half a file", "zeroed", "empty", "text", "absent", "newer", "foreign"])
async def test_what_is_no_backup_changes_nothing(what: str, tmp_path: Path) -> None:
    store = await filled(tmp_path / "notifier.db")
    for number in range(100):
        await store.write(put(f"name {number}", "x" * 200))
    store.close()
    back_up(tmp_path / "notifier.db", tmp_path / "copy.db")
    before = (tmp_path / "notifier.db").read_bytes()
    spoil(what, tmp_path / "copy.db")
    with pytest.raises(NotABackup, match=r"copy\.db"):
        restore(tmp_path / "copy.db", tmp_path / "notifier.db", NOW)
    assert (tmp_path / "notifier.db").read_bytes() == before
    assert not list(tmp_path.glob("*.pre-restore-*"))
    assert leftovers(tmp_path) == []


async def test_after_a_restore_every_message_counts_as_possibly_posted_for_a_while(tmp_path: Path) -> None:
    store = await filled(tmp_path / "notifier.db")
    await store.write(lambda conn: outbox.enqueue(conn, new_row(1)))
    store.close()
    back_up(tmp_path / "notifier.db", tmp_path / "copy.db")
    restore(tmp_path / "copy.db", tmp_path / "notifier.db", NOW)

    store = Store.open(tmp_path / "notifier.db")
    later = NOW + timedelta(days=2)

    def story(conn: sqlite3.Connection) -> list[datetime | None]:
        assert restored.begin(conn, later, timedelta(hours=1)) == later + timedelta(hours=1)
        outbox.enqueue(conn, new_row(2), later)
        assert restored.begin(conn, later + timedelta(minutes=50), timedelta(hours=1)) == later + timedelta(hours=1)
        outbox.enqueue(conn, new_row(3), later + timedelta(minutes=61))
        assert restored.begin(conn, later + timedelta(minutes=61), timedelta(hours=1)) is None
        assert memory.get_meta(conn, "restored_as_of") is None
        return [row.first_unknown_at for row in outbox.rows(conn)][::-1]

    assert await store.write(story) == [NOW, NOW, None]
    store.close()


async def test_the_last_good_copy_takes_the_place_of_a_damaged_database(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    (await filled(path)).close()
    refresh_spare(path)
    path.write_bytes(b"\0" * 9000)
    store = Store.open(path, now=lambda: NOW, last_good=bring_back_spare)
    assert store.report.found == "replaced"
    assert store.report.recovered
    assert store.report.set_aside is not None
    assert store.report.set_aside.read_bytes() == b"\0" * 9000
    assert await store.read(get("a")) == "old"
    assert await store.read(get("restored_as_of")) == NOW.isoformat()
    store.close()

    path.write_bytes(b"\0" * 9000)
    (tmp_path / "notifier.db.bak").write_bytes(b"\0" * 9000)
    store = Store.open(path, now=lambda: NOW, last_good=bring_back_spare)
    assert not store.report.recovered
    assert await store.read(get("a")) is None
    store.close()
