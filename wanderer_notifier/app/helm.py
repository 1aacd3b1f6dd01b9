"""Holds what members steer: in force at once, in the database, and in the files that the former program knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog
import trio

from wanderer_notifier.core.policy import Rules
from wanderer_notifier.core.steering import Place, Steering
from wanderer_notifier.core.system_names import places
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import legacy, names, priorities
from wanderer_notifier.state.priorities import Change, LogEntry, Usage
from wanderer_notifier.state.store import Runner, Store, StoreError, in_thread

log = structlog.get_logger("steering")

LOOK_S = 15.0
"""How often it is looked whether another process (`import-legacy`) changed the lists."""
LOG_EVERY_S = 1.0
"""The log's file is written no more often (operations.md OPS-63); the other one at once."""
FLUSH_S = 5.0


class Helm:
    """The lists of one installation; `run` keeps the files in *folder* up to date."""

    def __init__(
        self,
        store: Store,
        rules: Rules,
        known: Watch[Tracking],
        *,
        folder: Path,
        part: Component,
        now: Callable[[], datetime],
        run: Runner | None = None,
        failed: Callable[[str], None] = lambda file: None,
    ) -> None:
        self._store, self._base, self._known = store, rules, known
        self._folder, self._part, self._now, self._failed = folder, part, now, failed
        self._in_thread = run or in_thread
        self._unsaved: list[Change] = []
        self._gate = trio.Lock()
        self._version: int | None = None
        self._changed = trio.Event()
        self._values_due = self._log_due = True
        self._damaged = ""
        self._steered = False
        self.steering: Watch[Steering] = Watch(Steering())
        self.rules = rules
        """The rules in force."""

    # --- the lists ----------------------------------------------------------------------------------------------------

    def load(self, conn: sqlite3.Connection) -> None:
        """Take up what is stored; where the database is new, what the former program's files hold.

        Runs in the store's thread, before anything else looks at the lists.
        """
        files = legacy.read_files(self._folder, self._now())
        if self._store.report.found != "kept" and (files.values or files.log):
            taken = legacy.take_over(conn, files, self._now())
            log.info("legacy_files_taken_over", priority_systems=taken.systems, commands=taken.commands)
        self._damaged = "; ".join(files.damaged)
        found = [*places(self._known.value), *_cached(conn)]
        self._use(priorities.change(conn, [lambda lists: lists.resolved(found)]))

    async def change(self, change: Change, entry: LogEntry | None = None) -> str | None:
        """Apply *change* now and store it, together with the log's *entry*; why it could not be stored, if so.

        What could not is stored with the next change that can. Raises what *change* raises, having changed nothing.
        """
        async with self._gate:
            after = change(self.steering.value)
            pending = [*self._unsaved, change]
            try:
                after = await self._store.write(lambda conn: self._store_all(conn, pending, entry))
            except StoreError as error:
                self._unsaved = pending
                log.error("steering_not_saved", reason=str(error))
                self._use(after)
                return str(error)
            self._unsaved, self._steered = [], True
            self._use(after)
            self._due(values=True, commands=entry is not None)
        return None

    async def note(self, entry: LogEntry) -> Usage:
        """Add *entry* to the command log; how much commands are used, this one included. Raises `StoreError`."""

        def job(conn: sqlite3.Connection) -> Usage:
            priorities.note(conn, entry)
            return priorities.usage(conn)

        usage = await self._store.write(job)
        self._due(values=False, commands=True)
        return usage

    @staticmethod
    def _store_all(conn: sqlite3.Connection, changes: Iterable[Change], entry: LogEntry | None) -> Steering:
        if entry is not None:
            priorities.note(conn, entry)
        return priorities.change(conn, changes)

    def _use(self, steering: Steering) -> None:
        self.rules = steering.merged(self._base)
        self.steering.set(steering)

    # --- tasks --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep names, lists and files in step until cancelled; then write what is due."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._name_things)
                nursery.start_soon(self._look_for_others)
                if await self._probe() and self._damaged:
                    self._part.to("degraded", self._damaged, covered=True)
                while True:
                    self._changed = trio.Event()
                    await self._write_due()
                    await self._changed.wait()
                    if not self._values_due:
                        await trio.sleep(LOG_EVERY_S)
        finally:
            with trio.move_on_after(FLUSH_S, shield=True):
                await self._write_due()

    def _due(self, *, values: bool, commands: bool) -> None:
        self._values_due |= values
        self._log_due |= commands
        self._changed.set()

    async def _probe(self) -> bool:
        try:
            await self._in_thread(partial(legacy.probe, self._folder))
        except OSError as error:
            self._part.to("failed", f"cannot write to {self._folder}: {error.strerror}")
            log.error("data_dir_probe_failed", reason=error.strerror, owner=legacy.owner(self._folder))
            return False
        return True

    async def _write_due(self) -> None:
        values, commands, self._values_due, self._log_due = self._values_due, self._log_due, False, False
        try:
            if values:
                stored = await self._store.read(priorities.load)
                await self._write(legacy.VALUES, lambda: legacy.values_file(stored), legacy.EMPTY_VALUES)
            if commands:
                entries = await self._store.read(lambda conn: list(priorities.log(conn)))
                await self._write(legacy.LOG, lambda: legacy.log_file(entries), legacy.EMPTY_LOG)
        except (OSError, StoreError) as error:
            self._values_due |= values
            self._log_due |= commands
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            self._part.to("degraded", f"the former program's files are not up to date: {reason}", covered=True)
            log.error("legacy_files_not_written", reason=reason)
        else:
            if values or commands:
                self._recovered()

    def _recovered(self) -> None:
        """Writing works; that a file was found damaged shows until somebody steers anew."""
        if self._damaged and self._part.state == "degraded" and not self._steered:
            return
        self._damaged = ""
        self._part.to("ok")

    async def _write(self, name: str, content: Callable[[], bytes], empty: bytes) -> None:
        # Outside the store's turn: a long log takes a while to encode, and kills must not wait for it.
        try:
            await self._in_thread(lambda: legacy.follow(self._folder / name, content(), empty))
        except OSError:
            self._failed(name)
            raise

    async def _name_things(self) -> None:
        """Find the names of hashes, and the ids of names, whenever the maps bring new ones."""
        seen = self._known.value
        while True:
            seen = await self._known.wait_change(seen)
            found = list(places(seen))
            before = self.steering.value
            if before.resolved(found) is not before:
                await self.change(lambda lists, found=found: lists.resolved(found))  # type: ignore[misc]

    async def _look_for_others(self) -> None:
        while True:
            await trio.sleep(LOOK_S)
            try:
                await self._look()
            except StoreError as error:
                log.warning("steering_not_read", reason=str(error))

    async def _look(self) -> None:
        async with self._gate:
            (version,) = await self._store.read(lambda conn: conn.execute("PRAGMA data_version").fetchone())
            if version == self._version:
                return
            first, self._version = self._version is None, version
            stored = await self._store.read(priorities.load)
            if self._unsaved or (first and stored == self.steering.value):
                return
            if stored != self.steering.value:
                log.info("steering_changed_elsewhere")
                self._use(stored)
            self._due(values=True, commands=True)


def _cached(conn: sqlite3.Connection) -> Iterable[Place]:
    return [Place(name=name, system_id=number) for number, name in names.systems(conn)]
