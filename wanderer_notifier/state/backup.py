"""Copies of the database: a consistent one while the service runs, and bringing one back while it does not."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from attrs import frozen

from wanderer_notifier.state import migrations, restored
from wanderer_notifier.state.lock import LOCK_NAME, Lock
from wanderer_notifier.state.memory import get_meta
from wanderer_notifier.state.store import BUSY_S, Damaged, StoreError, Unusable, plain_words, whose
from wanderer_notifier.state.visit import NoDatabase

SPARE_SUFFIX = ".bak"
"""The service's own last good copy beside the database (operations.md OPS-63, OPS-64)."""
JOURNALS = ("-wal", "-shm", "-journal")


class NotABackup(StoreError):
    """The file is no database of ours, is damaged, or was made by a newer version; nothing was changed."""


class InTheWay(StoreError):
    """There is a file of that name; a backup never overwrites one."""


@frozen(kw_only=True)
class Copied:
    """A copy of the database and what is in it."""

    path: Path
    size: int
    rows: Mapping[str, int]
    version: int
    as_of: datetime | None
    """The last sign of life of the service that is in it."""
    sha256: str


@frozen(kw_only=True)
class Restored:
    """What was brought back, and where the database it replaced is kept."""

    copy: Copied
    replaced: Path | None


def back_up(database: Path, target: Path) -> Copied:
    """Copy *database* as it is at one moment to *target*, a file of mode 0600 that is on the disk when this returns.

    The service may run; it is not held up. Raises `NoDatabase`, `InTheWay`, `Damaged` and the other `StoreError`s.
    """
    if target.exists():
        raise InTheWay(f"{target} exists already; a backup never overwrites a file")
    with _copied(database, target) as (part, copy):
        _publish(part, target)
    return copy


def refresh_spare(database: Path) -> None:
    """Write the last good copy beside *database* anew; a failure leaves the one before. Raises `StoreError`."""
    spare = database.with_name(database.name + SPARE_SUFFIX)
    with _copied(database, spare) as (part, _):
        _publish(part, spare)


def bring_back_spare(database: Path) -> bool:
    """Put the last good copy in the place of *database*, which was set aside; False when there is none that is good."""
    spare = database.with_name(database.name + SPARE_SUFFIX)
    try:
        with _copied(spare, database, as_restored=True) as (part, _):
            _publish(part, database)
    except StoreError:
        return False
    return True


def restore(source: Path, database: Path, now: datetime) -> Restored:
    """Put a copy of the backup *source* in the place of *database*, which is kept as `<name>.pre-restore-<UTC>`.

    All or nothing: a reader sees the old database or the new one. Raises `lock.Taken` while a service works with it,
    `NotABackup`, and the other `StoreError`s; then nothing was changed.
    """
    with Lock.take(database.with_name(LOCK_NAME)):
        try:
            with _copied(source, database, as_restored=True) as (part, copy):
                replaced = _put_aside(database, now)
                _publish(part, database)
        except NoDatabase as error:
            raise NotABackup(f"there is no file {source}") from error
        except Damaged as error:
            raise NotABackup(f"{source} is no usable backup: {error}") from error
        except OSError as error:
            raise Unusable(f"cannot replace {database}: {error.strerror}{whose(database)}") from error
    return Restored(copy=copy, replaced=replaced)


@contextlib.contextmanager
def _copied(source: Path, target: Path, *, as_restored: bool = False) -> Iterator[tuple[Path, Copied]]:
    """A finished copy of *source* under a temporary name beside *target*; gone at the end unless it was renamed."""
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        try:
            os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except OSError as error:
            raise Unusable(f"cannot write {target}: {error.strerror}{whose(target)}") from error
        with (
            _reading(source) as origin,
            plain_words(str(target)),
            contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy,
        ):
            origin.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # one file, without companions
            problem = copy.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise Damaged(f"{source} is damaged: {problem}")
            sign = get_meta(copy, "alive_at")
            as_of = None if sign is None else datetime.fromisoformat(sign)
            if as_restored:
                with copy:
                    copy.execute("BEGIN IMMEDIATE")
                    restored.mark(copy, as_of or datetime.fromtimestamp(0, UTC))
            rows = _rows(copy)
            (version,) = copy.execute("PRAGMA user_version").fetchone()
        size = _settle(part, target)
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        yield part, Copied(path=target, size=size, rows=rows, version=version, as_of=as_of, sha256=digest)
    finally:
        for suffix in ("", *JOURNALS):
            part.with_name(part.name + suffix).unlink(missing_ok=True)


@contextlib.contextmanager
def _reading(source: Path) -> Iterator[sqlite3.Connection]:
    """*source*, of any version this program knows, read-only and without leaving journal files behind."""
    if not source.is_file():
        raise NoDatabase(f"there is no database at {source}")
    # Without a journal nobody has it open and the file is all there is; see state.visit.
    how = "mode=ro" if source.with_name(source.name + "-wal").exists() else "immutable=1"
    with plain_words(str(source)):
        uri = f"file:{quote(str(source))}?{how}"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=BUSY_S, isolation_level=None)) as conn:
            (application,) = conn.execute("PRAGMA application_id").fetchone()
            (version,) = conn.execute("PRAGMA user_version").fetchone()
            if application != migrations.APPLICATION_ID:
                raise NotABackup(f"{source} is no database of this program")
            if version > len(migrations.STEPS):
                raise NotABackup(
                    f"{source} was written by a newer version of this program"
                    f" (version {version}, this program knows {len(migrations.STEPS)})"
                )
            yield conn


def _rows(conn: sqlite3.Connection) -> dict[str, int]:
    tables = [name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return {
        name: conn.execute(f"SELECT count(*) FROM {name}").fetchone()[0]  # noqa: S608  # names of our own tables
        for name in tables
        if not name.startswith("sqlite_")
    }


def _settle(part: Path, target: Path) -> int:
    """Bring the copy to the disk and give it to whose directory it is; its size in bytes."""
    with part.open("rb") as file:
        os.fsync(file.fileno())
        if os.geteuid() == 0:
            owner = target.parent.stat()
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
        return os.fstat(file.fileno()).st_size


def _publish(part: Path, target: Path) -> None:
    part.replace(target)
    folder = os.open(target.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _put_aside(database: Path, now: datetime) -> Path | None:
    """Give the database a second name, so that replacing the first one is a single step; None when there is none."""
    if not database.exists():
        for suffix in JOURNALS:  # of a database that is gone; the new one must not meet them
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        return None
    with (
        contextlib.suppress(sqlite3.Error),  # a damaged one keeps its journals, below
        contextlib.closing(sqlite3.connect(database, timeout=BUSY_S, isolation_level=None)) as conn,
    ):
        conn.execute("PRAGMA journal_mode = DELETE")
    stamp = f".pre-restore-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    kept, number = database.with_name(database.name + stamp), 1
    while kept.exists():
        number += 1
        kept = database.with_name(f"{database.name}{stamp}-{number}")
    for suffix in JOURNALS:
        journal = database.with_name(database.name + suffix)
        if journal.exists():
            journal.rename(kept.with_name(kept.name + suffix))
    try:
        os.link(database, kept)
    except OSError:  # no hard links here
        database.rename(kept)
    return kept
