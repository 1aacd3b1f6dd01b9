"""The database as another process sees it, while the service runs or not: for the commands that look and tidy."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from wanderer_notifier.state import migrations
from wanderer_notifier.state.store import BUSY_S, StoreError, Unusable, plain_words


class NoDatabase(StoreError):
    """There is no database: the service never ran with this data directory."""


@contextlib.contextmanager
def looking(path: Path) -> Iterator[sqlite3.Connection]:
    """One consistent state of the database at *path*, read-only; the file and its journal stay untouched.

    Raises `NoDatabase` and the other `StoreError`s.
    """
    # Opening a database that nobody has open would leave journal files of our user behind, which a service of another
    # user could not write; without a journal the file is all there is, and SQLite may take it as it stands.
    alone = not path.with_name(path.name + "-wal").exists()
    with _opened(path, "immutable=1" if alone else "mode=ro") as conn:
        yield conn


@contextlib.contextmanager
def changing(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction on the database at *path*: committed at the end of the block, undone when it raises.

    Raises `NoDatabase` and the other `StoreError`s.
    """
    with _opened(path, "mode=rw") as conn:
        conn.execute("PRAGMA synchronous = FULL")
        with conn:
            conn.execute("BEGIN IMMEDIATE")
            yield conn


@contextlib.contextmanager
def _opened(path: Path, how: str) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise NoDatabase(f"there is no database at {path}: the service has not run with this DATA_DIR")
    with plain_words(str(path)):
        conn = sqlite3.connect(f"file:{quote(str(path))}?{how}", uri=True, timeout=BUSY_S, isolation_level=None)
        with contextlib.closing(conn):
            (application,) = conn.execute("PRAGMA application_id").fetchone()
            (version,) = conn.execute("PRAGMA user_version").fetchone()
            if application != migrations.APPLICATION_ID:
                raise Unusable(f"{path} is the database of another program")
            if version != len(migrations.STEPS):
                raise Unusable(
                    f"{path} has version {version}, this program works with {len(migrations.STEPS)}:"
                    " use the program that the service runs, or start the service once with this one"
                )
            yield conn
