"""`import-legacy`: takes over the files of the former program; the service may run meanwhile, and hears of it."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from wanderer_notifier.cli.terminal import safe
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.steering import Place
from wanderer_notifier.core.system_names import places
from wanderer_notifier.state import legacy, memory, names, priorities
from wanderer_notifier.state.store import Store, Unusable
from wanderer_notifier.state.visit import changing


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Take over what is in a folder; 0, or 1 when nothing is or something cannot be read. Raises `StoreError`."""
    folder, now = Path(arguments.folder), datetime.now(UTC)
    files = legacy.read_files(folder, now, own=False)
    for problem in files.damaged:
        print(safe(problem), file=sys.stderr)
    if files.values is None and files.log is None:
        print(f"{safe(str(folder))} holds neither {legacy.VALUES} nor {legacy.LOG}", file=sys.stderr)
        return 1
    database = settings.data_dir / "notifier.db"
    if not database.is_file():
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unusable(f"cannot use {settings.data_dir}: {error.strerror or error}") from error
        Store.open(database).close()
    with changing(database) as conn:
        taken = legacy.take_over(conn, files, now)
        known = [*places(memory.load_tracking(conn))]
        known += [Place(name=name, system_id=number) for number, name in names.systems(conn)]
        steering = priorities.change(conn, [lambda lists: lists.resolved(known)])
    if files.values is not None:
        nameless = f", {steering.unresolved} of all known by their hash only" if steering.unresolved else ""
        print(f"priority systems: {len(files.values.hashes)} in the file, {taken.systems} of them new{nameless}")
    if files.log is not None:
        lost = f", {files.log.dropped} could not be read" if files.log.dropped else ""
        print(f"command log: {len(files.log.entries)} in the file, {taken.commands} of them new{lost}")
    return 1 if files.damaged else 0
