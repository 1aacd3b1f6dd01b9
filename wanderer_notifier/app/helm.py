"""Holds what members steer: in force at once, in the database, and in the files that the former program knows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path

import structlog
import trio

from wanderer_notifier.app.mirrors import Mirrors
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
        old_places: Iterable[Path] = legacy.OLD_PLACES,
    ) -> None:
        self._store, self._base, self._known = store, rules, known
        self._folder, self._now, self._old_places = folder, now, old_places
        self._mirrors = Mirrors(store, folder=folder, part=part, run=run or in_thread, failed=failed)
        self._unsaved: list[Change] = []
        self._gate = trio.Lock()
        self._version: int | None = None
        self.steering: Watch[Steering] = Watch(Steering())
        self.rules = rules
        """The rules in force."""

    # --- the lists ----------------------------------------------------------------------------------------------------

    def load(self, conn: sqlite3.Connection) -> None:
        """Take up what is stored; where the database is new, what the former program's files hold,
        here or, if nothing is here, where that program had them.

        Runs in the store's thread, before anything else looks at the lists.
        """
        files, new = legacy.read_files(self._folder, self._now()), self._store.report.found != "kept"
        if new and not (files.values or files.log or files.damaged):
            files = legacy.read_old_places(self._now(), self._old_places)
        if new and (files.values or files.log):
            taken = legacy.take_over(conn, files, self._now())
            log.info("legacy_files_taken_over", priority_systems=taken.systems, commands=taken.commands)
        self._mirrors.damaged = "; ".join(files.damaged)
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
            self._unsaved = []
            self._use(after)
            if entry is not None:
                self._mirrors.damaged = ""
            self._mirrors.due(values=True, commands=entry is not None)
        return None

    async def note(self, entry: LogEntry) -> Usage:
        """Add *entry* to the command log; how much commands are used, this one included. Raises `StoreError`."""

        def job(conn: sqlite3.Connection) -> Usage:
            priorities.note(conn, entry)
            return priorities.usage(conn)

        usage = await self._store.write(job)
        self._mirrors.due(values=False, commands=True)
        return usage

    @staticmethod
    def _store_all(conn: sqlite3.Connection, changes: Iterable[Change], entry: LogEntry | None) -> Steering:
        if entry is not None:
            priorities.note(conn, entry)
        return priorities.change(conn, changes)

    def _use(self, steering: Steering) -> None:
        self.rules = steering.merged(self._base)
        self.steering.set(steering)

    def follow(self, base: Rules) -> None:
        """Steer these rules from now on."""
        self._base = base
        self._use(self.steering.value)

    # --- tasks --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep names, lists and files in step until cancelled; then write what is due."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._name_things)
            nursery.start_soon(self._look_for_others)
            await self._mirrors.run()

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
            self._mirrors.due(values=True, commands=True)


def _cached(conn: sqlite3.Connection) -> Iterable[Place]:
    return [Place(name=name, system_id=number) for number, name in names.systems(conn)]
