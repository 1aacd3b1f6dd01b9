"""The two files that operators of the former program back up, kept beside the database (design.md 5.1, OPS-61 to 68).

The database is the truth. Where it is new, what the files hold is taken over; from then on they follow it.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import structlog
from attrs import frozen

from wanderer_notifier.core.steering import Steering
from wanderer_notifier.state import priorities
from wanderer_notifier.state.legacy_terms import (
    Log,
    NotThoseFiles,
    Values,
    log_entry,
    read_log,
    read_values,
    write_log,
    write_values,
)
from wanderer_notifier.state.priorities import LogEntry
from wanderer_notifier.wire.etf import MAX_BYTES

log = structlog.get_logger("legacy")

VALUES, LOG = "persistent_values.bin", "command_log.bin"
EMPTY_VALUES, EMPTY_LOG = write_values([]), write_log([])
OLD_PLACES = (Path("/app/data"), Path("/app/_build/prod/lib/wanderer_notifier/priv"))
"""Where the former image declared a volume, and where it really wrote (operations.md OPS-60)."""
KEEP_DAMAGED = 5
"""operations.md OPS-64."""

C = TypeVar("C", Values, Log)


@frozen(kw_only=True)
class Files:
    """What was found beside the database; None: there was no such file."""

    values: Values | None = None
    log: Log | None = None
    damaged: tuple[str, ...] = ()
    """What could not be read, in words."""


# --- reading ------------------------------------------------------------------------------------------------------


def read_files(folder: Path, now: datetime, *, own: bool = True) -> Files:
    """Read both files in *folder*; never fails.

    Where they are our *own*, a damaged one is put aside, its former generation is read, and the log tells all that.
    """
    damaged: list[str] = []
    values = _read(folder / VALUES, read_values, now, damaged, own=own)
    commands = _read(folder / LOG, read_log, now, damaged, own=own)
    if own:
        _tell(values, commands)
    return Files(values=values, log=commands, damaged=tuple(damaged))


def read_old_places(now: datetime, places: Iterable[Path] = OLD_PLACES) -> Files:
    """What lies in the first of *places* that holds either file; it stays there as it is, and the log names it."""
    for folder in places:
        files = read_files(folder, now, own=False)
        for problem in files.damaged:
            log.warning("legacy_file_damaged", folder=str(folder), reason=problem)
        if files.values or files.log:
            found = [name for name, one in ((VALUES, files.values), (LOG, files.log)) if one]
            log.info("legacy_files_found", folder=str(folder), files=found)
            return files
    return Files()


def _tell(values: Values | None, commands: Log | None) -> None:
    """The lines that operators of the former program look for (operations.md OPS-67)."""
    if values is None:
        log.info("No persistent values file found, starting empty")
    else:
        log.info(f"Loaded persistent values from disk: {values.keys} keys")
    if commands is None:
        log.info("No command log file found, starting empty")
    else:
        log.info(f"Loaded command log from disk: {len(commands.entries)} entries")
        if commands.dropped:
            log.warning("command_log_entries_dropped", count=commands.dropped)


def _read(file: Path, read: Callable[[bytes], C], now: datetime, damaged: list[str], *, own: bool) -> C | None:
    try:
        return read(_bytes(file))
    except FileNotFoundError:
        return None
    except (OSError, NotThoseFiles) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        damaged.append(f"{file.name} cannot be read: {reason}")
        if not own:
            return None
        aside = _set_aside(file, now) if isinstance(error, NotThoseFiles) else None
        log.error("legacy_file_damaged", file=file.name, reason=reason, set_aside=aside)
    try:
        return read(_bytes(_beside(file, ".bak")))
    except (OSError, NotThoseFiles):
        return None


def _bytes(file: Path) -> bytes:
    with file.open("rb") as source:
        return source.read(MAX_BYTES + 1)


def _set_aside(file: Path, now: datetime) -> str | None:
    """Rename the damaged *file*, keeping the newest five of them."""
    stamp = f".corrupt-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    target, number = _beside(file, stamp), 1
    while target.exists():
        number += 1
        target = _beside(file, f"{stamp}-{number}")
    try:
        file.rename(target)
        for old in sorted(file.parent.glob(f"{file.name}.corrupt-*"))[:-KEEP_DAMAGED]:
            old.unlink(missing_ok=True)
    except OSError as error:
        log.error("legacy_file_not_set_aside", file=file.name, reason=error.strerror)
        return None
    return target.name


# --- taking over --------------------------------------------------------------------------------------------------


@frozen(kw_only=True)
class TakenOver:
    """What came of the files."""

    systems: int
    """Priority systems that were not there before."""
    commands: int
    steering: Steering


def take_over(conn: sqlite3.Connection, files: Files, now: datetime) -> TakenOver:
    """Put what *files* hold behind what is there; doing it twice changes nothing. Names are found later."""
    before = len(priorities.load(conn).systems)
    hashes = files.values.hashes if files.values is not None else ()
    steering = priorities.change(conn, [lambda lists: lists.with_hashes(hashes, now)])
    commands = priorities.take_over(conn, files.log.entries) if files.log is not None else 0
    return TakenOver(systems=len(steering.systems) - before, commands=commands, steering=steering)


# --- writing ------------------------------------------------------------------------------------------------------


def values_file(steering: Steering) -> bytes:
    """What `persistent_values.bin` must hold."""
    return write_values(steering.hashes())


def log_file(entries: Iterable[LogEntry]) -> bytes:
    """What `command_log.bin` must hold, *entries* being newest first; a full one takes a third of a second."""
    return write_log(log_entry(one) for one in entries)


def replace(file: Path, content: bytes) -> bool:
    """Make *file* hold *content*, whole or not at all, keeping what it held as `.bak`; False: it did already.

    Raises OSError.
    """
    try:
        if _bytes(file) == content:
            return False
        existed = True
    except FileNotFoundError:
        existed = False
    fresh = _beside(file, f".{secrets.token_hex(6)}.tmp")
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if existed:
            backup = _beside(file, f".{secrets.token_hex(6)}.tmp")
            os.link(file, backup)  # not renamed: at no moment may the file be missing
            backup.replace(_beside(file, ".bak"))
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    _sync(file.parent)
    return True


def follow(file: Path, content: bytes, empty: bytes) -> None:
    """Bring *file* up to date with *content*; one that would hold nothing (*empty*) is not begun. Raises OSError."""
    if content != empty or file.exists():
        replace(file, content)


def owner(folder: Path) -> str:
    """Whose *folder* is and who we are: a wrong owner of a mounted volume is the usual cause (operations.md OPS-66)."""
    try:
        status = folder.stat()
    except OSError as error:
        return f"cannot be looked at: {error.strerror}; we are uid {os.getuid()}"
    return f"uid {status.st_uid}, mode {status.st_mode & 0o7777:o}; we are uid {os.getuid()}"


def probe(folder: Path) -> None:
    """Create, sync, rename and delete a file in *folder*; what a crash left unfinished goes too. Raises OSError."""
    for name in (VALUES, LOG):
        for left in folder.glob(f"{name}.*.tmp"):
            left.unlink(missing_ok=True)
    file = folder / f".probe.{secrets.token_hex(6)}.tmp"
    try:
        replace(file, b"probe")
    finally:
        file.unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _beside(file: Path, suffix: str) -> Path:
    return file.with_name(file.name + suffix)
