"""The one SQLite file that holds everything which must outlive the process: one connection, one writer at a time."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import trio
from attrs import frozen

from wanderer_notifier.state import migrations

T = TypeVar("T")

BUSY_S = 5.0  # a back-up or `outbox list` of another process holds the file for milliseconds
KEEP_DAMAGED = 5  # operations.md OPS-64
WAL_LIMIT = 16 * 2**20
MEMORY = ":memory:"


class StoreError(Exception):
    """The database cannot do what was asked; the words are for an operator. A failed write changed nothing."""


class Unusable(StoreError):
    """The file cannot be opened or written: wrong owner, read-only volume, no such place, made by a newer version."""


class DiskFull(StoreError):
    """There is no room left; what was stored before is intact."""


class Busy(StoreError):
    """Another process kept the file locked for longer than we wait."""


class Damaged(StoreError):
    """The file turned out to be damaged while in use; the next start sets it aside."""


class Runner(Protocol):
    """Runs a blocking function: `trio.to_thread.run_sync`, or inline for tests in virtual time."""

    async def __call__(self, sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T: ...


async def in_thread(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    """Run *sync_fn* in a worker thread; a cancellation waits for it."""
    return await trio.to_thread.run_sync(sync_fn, limiter=limiter)


@frozen(kw_only=True)
class StoreReport:
    """What opening found: the file as it was left, none (`new`), or a damaged one that was put aside (`replaced`)."""

    path: str
    found: Literal["kept", "new", "replaced"]
    set_aside: Path | None = None
    reason: str = ""
    recovered: bool = False
    """Whether the last good copy took the place of the damaged file."""
    from_version: int = 0


class Store:
    """Transactions on the database file, off the event loop; `report` says what opening it found."""

    def __init__(self, conn: sqlite3.Connection, report: StoreReport, run: Runner | None = None) -> None:
        self._conn = conn
        self._run: Runner = run or in_thread
        self._gate = trio.CapacityLimiter(1)
        self.report = report
        self.failed: Callable[[], None] = lambda: None
        """Hears of every transaction that could not be written."""

    @classmethod
    def open(
        cls,
        path: Path | str,
        *,
        run: Runner | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        last_good: Callable[[Path], bool] = lambda path: False,
    ) -> Store:
        """Open or create the database at *path* (or `:memory:`) and bring it to the newest shape.

        A damaged file is renamed to `<name>.corrupt-<UTC>`; in its place comes what *last_good* puts there (it says
        whether it could), else a new one: `report` says so and the caller must tell an operator. Raises `Unusable`,
        `DiskFull` or `Busy`. *run* executes the blocking calls.
        """
        if str(path) == MEMORY:
            conn, version = _connect(MEMORY)
            return cls(conn, StoreReport(path=MEMORY, found="new", from_version=version), run)
        file = Path(path)
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            existed = file.exists()
        except OSError as error:
            raise Unusable(f"cannot use {file.parent}: {error.strerror or error}{whose(file)}") from error
        set_aside: Path | None = None
        reason, recovered = "", False
        try:
            if existed and file.stat().st_size == 0 and _has_content(_beside(file, "-wal")):
                raise Damaged("the file is empty but its journal is not")  # SQLite would delete the journal
            conn, version = _connect(str(file))
        except Damaged as damage:
            reason = str(damage)
            try:
                set_aside = _set_aside(file, now())
            except OSError as error:
                raise Unusable(
                    f"{file} is damaged ({reason}) and cannot be renamed: {error.strerror}{whose(file)}"
                ) from error
            recovered = last_good(file)
            conn, version = _connect(str(file))
        found: Literal["kept", "new", "replaced"] = "replaced" if set_aside else "kept" if version else "new"
        report = StoreReport(
            path=str(file),
            found=found,
            set_aside=set_aside,
            reason=reason,
            recovered=recovered,
            from_version=version,
        )
        return cls(conn, report, run)

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run *job* in one transaction that is committed when it returns and undone when it raises.

        A cancellation either comes before anything happened or waits until the commit is done. Raises `StoreError`
        and whatever *job* raises.
        """

        def transaction() -> T:
            with plain_words(self.report.path), self._conn:
                self._conn.execute("BEGIN IMMEDIATE")
                return job(self._conn)

        try:
            return await self._run(transaction, limiter=self._gate)
        except StoreError:
            self.failed()
            raise

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """Run *job*, which must not change anything, on one consistent state. Raises like `write`."""

        def look() -> T:
            with plain_words(self.report.path), self._conn:
                self._conn.execute("BEGIN")
                return job(self._conn)

        return await self._run(look, limiter=self._gate)

    async def elsewhere(self, job: Callable[[], T]) -> T:
        """Run *job*, which brings its own connection, off the event loop and between transactions."""
        return await self._run(job, limiter=self._gate)

    def close(self) -> None:
        """Close the file; the journal is folded into it. Call when no transaction can be running."""
        self._conn.close()


def _connect(path: str) -> tuple[sqlite3.Connection, int]:
    conn: sqlite3.Connection | None = None
    with contextlib.ExitStack() as undo:
        with plain_words(path):
            conn = sqlite3.connect(path, timeout=BUSY_S, isolation_level=None, check_same_thread=False)
            undo.callback(conn.close)
            conn.execute("PRAGMA journal_mode = WAL")
            conn.execute("PRAGMA synchronous = FULL")  # a committed claim must survive a power cut
            conn.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
            problem = conn.execute("PRAGMA quick_check(1)").fetchone()[0]
            if problem != "ok":
                raise Damaged(problem)
            try:
                version = migrations.migrate(conn)
            except migrations.TooNew as error:
                raise Unusable(f"{path} was written by a newer version of this program ({error})") from error
            except migrations.Foreign as error:
                raise Unusable(f"{path} is the database of another program ({error})") from error
        undo.pop_all()
    return conn, version


@contextlib.contextmanager
def plain_words(path: str) -> Iterator[None]:
    """Turn what SQLite says about the file at *path* into a `StoreError` for an operator."""
    try:
        yield
    except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
        raise  # our own mistake, not the file's
    except sqlite3.Error as error:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            raise Damaged(str(error)) from error
        if name.startswith("SQLITE_FULL"):
            raise DiskFull(f"no room left to write {path}") from error
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise Busy(f"{path} is locked by another process") from error
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_AUTH")):
            raise Unusable(f"cannot open or write {path}: {error}{whose(Path(path))}") from error
        raise StoreError(f"{path}: {error}{f' ({name})' if name else ''}") from error


def whose(file: Path) -> str:
    """Who owns what and who we are: a wrong owner of a mounted volume is the usual cause (operations.md OPS-66)."""
    known = next((place for place in (file, *file.parents) if os.access(place, os.F_OK)), None)
    if known is None:
        return ""
    status = known.stat()
    return f" ({known} belongs to uid {status.st_uid}, mode {status.st_mode & 0o7777:o}; we are uid {os.getuid()})"


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)


def _has_content(file: Path) -> bool:
    return file.exists() and file.stat().st_size > 0


def set_aside_files(file: Path) -> list[Path]:
    """The damaged databases that once stood at *file*, oldest first."""
    found = sorted(file.parent.glob(f"{file.name}.corrupt-*Z*"))
    return [place for place in found if not place.name.endswith(("-wal", "-shm"))]


def _set_aside(file: Path, at: datetime) -> Path:
    """Rename the damaged file and its journals, keep the newest few of such files, and give back the new name."""
    stamp = f".corrupt-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    target, number = _beside(file, stamp), 1
    while target.exists():
        number += 1
        target = _beside(file, f"{stamp}-{number}")
    for suffix in ("-wal", "-shm"):  # first, so that the new file can never meet the old journal
        companion = _beside(file, suffix)
        if companion.exists():
            companion.rename(_beside(target, suffix))
    file.rename(target)
    for old in set_aside_files(file)[:-KEEP_DAMAGED]:
        for place in (old, _beside(old, "-wal"), _beside(old, "-shm")):
            place.unlink(missing_ok=True)
    return target
