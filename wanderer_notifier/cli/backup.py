"""`backup` and `restore`: a copy of the database while the service runs, and a copy brought back while it does not."""

from __future__ import annotations

import argparse
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from wanderer_notifier.cli import configuration
from wanderer_notifier.cli.terminal import clock, safe
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.state.backup import Copied, back_up, restore
from wanderer_notifier.state.lock import Taken

NAME = "notifier-{:%Y%m%dT%H%M%SZ}.db"


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry out `backup` or `restore`; 0, or 1 with the reason on standard error. Raises `StoreError`."""
    database = settings.data_dir / "notifier.db"
    if arguments.command == "backup":
        if arguments.with_config and (refusal := configuration.refusal(arguments.recipient)):
            print(refusal, file=sys.stderr)
            return 2
        return _back_up(
            database, Path(arguments.file), arguments.keep, arguments.recipient if arguments.with_config else None
        )
    return _restore(Path(arguments.file), database)


def _back_up(database: Path, target: Path, keep: int | None, recipient: str | None) -> int:
    folder = target if target.is_dir() else None
    if keep is not None and folder is None:
        print(f"--keep needs a directory, and {safe(target)} is none", file=sys.stderr)
        return 2
    began = time.monotonic()
    copy = back_up(database, folder / NAME.format(datetime.now(UTC)) if folder else target)
    print("\n".join(_described("backup", copy, time.monotonic() - began)))
    kept = True
    if recipient is not None:
        try:
            for file in configuration.copy(Path.cwd(), copy.path, recipient):
                print(f"also      {safe(file)}")
        except OSError as error:
            print(f"the configuration could not be copied: {safe(str(error))}", file=sys.stderr)
            kept = False
    if folder is not None and keep is not None:
        for old in sorted(folder.glob("notifier-*Z.db"))[:-keep]:
            for file in (old, *folder.glob(f"{old.name}.*")):
                file.unlink()
                print(f"removed   {safe(file)}")
    return 0 if kept else 1


def _restore(source: Path, database: Path) -> int:
    began = time.monotonic()
    try:
        done = restore(source, database, datetime.now(UTC))
    except Taken as error:
        print(f"the service runs: {error}; stop it first", file=sys.stderr)
        return 1
    print("\n".join(_described("restored", done.copy, time.monotonic() - began)))
    print(f"replaced  {safe(done.replaced) if done.replaced else 'nothing: there was no database'}")
    print("Start the service now. For an hour it looks into a channel before it tells something there.")
    return 0


def _described(what: str, copy: Copied, took_s: float) -> list[str]:
    rows = ", ".join(f"{name} {count}" for name, count in copy.rows.items() if count)
    return [
        f"{what:<9} {safe(copy.path)}",
        f"size      {copy.size} bytes",
        f"rows      {sum(copy.rows.values())} ({rows or 'none'})",
        f"version   {copy.version}",
        f"as of     {clock(copy.as_of)} UTC, the service's last sign of life in it",
        f"sha256    {copy.sha256}",
        f"took      {took_s:.3f} s",
    ]
