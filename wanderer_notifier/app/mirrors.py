"""Keeps the former program's two files in step with the database (operations.md OPS-61 to 68)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import structlog
import trio
from attrs import define, field

from wanderer_notifier.runtime.health import Component
from wanderer_notifier.state import legacy, priorities
from wanderer_notifier.state.store import Runner, Store, StoreError

log = structlog.get_logger("steering")

LOG_EVERY_S = 1.0
"""The log's file is written no more often (OPS-63); the other one at once."""
AGAIN_S = 30.0
"""After a write that failed."""
FLUSH_S = 5.0


@define
class _Mirror:
    """One file: how its content is made, how often it is written, and what is wrong with it."""

    name: str
    write: Callable[[], Awaitable[None]]
    every_s: float
    due: trio.Event = field(factory=trio.Event)
    problem: str = ""


class Mirrors:
    """The files in *folder*; *failed* hears the name of one that could not be written."""

    def __init__(
        self, store: Store, *, folder: Path, part: Component, run: Runner, failed: Callable[[str], None]
    ) -> None:
        self._store, self._folder, self._part = store, folder, part
        self._in_thread, self._failed = run, failed
        self._values = _Mirror(legacy.VALUES, self._write_values, 0.0)
        self._log = _Mirror(legacy.LOG, self._write_log, LOG_EVERY_S)
        self._unusable = ""
        self.damaged = ""
        """What could not be read at the start; shows until somebody steers anew."""

    def due(self, *, values: bool, commands: bool) -> None:
        """The database has something newer."""
        if values:
            self._values.due.set()
        if commands:
            self._log.due.set()

    async def run(self) -> None:
        """Write both files now, and what is due from then on, until cancelled; then what is due still."""
        self.due(values=True, commands=True)
        try:
            await self._probe()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._probe_again)
                nursery.start_soon(self._keep, self._values)
                nursery.start_soon(self._keep, self._log)
        finally:
            with trio.move_on_after(FLUSH_S, shield=True):
                for one in (self._values, self._log):
                    if one.due.is_set():
                        await self._bring_up_to_date(one)

    async def _probe(self) -> None:
        try:
            await self._in_thread(partial(legacy.probe, self._folder))
            self._unusable = ""
        except OSError as error:
            self._unusable = f"cannot write to {self._folder}: {error.strerror}"
            log.error("data_dir_probe_failed", reason=error.strerror, owner=legacy.owner(self._folder))
        self._show()

    async def _probe_again(self) -> None:
        while self._unusable:
            await trio.sleep(AGAIN_S)
            await self._probe()

    async def _keep(self, one: _Mirror) -> None:
        while True:
            await one.due.wait()
            written = await self._bring_up_to_date(one)
            await trio.sleep(one.every_s if written else AGAIN_S)

    async def _bring_up_to_date(self, one: _Mirror) -> bool:
        one.due, written = trio.Event(), False
        try:
            await one.write()
            written, one.problem = True, ""
        except (OSError, StoreError) as error:
            one.problem = (error.strerror if isinstance(error, OSError) else None) or str(error)
            if isinstance(error, OSError):
                self._failed(one.name)
            log.error("legacy_files_not_written", file=one.name, reason=one.problem)
        finally:
            if not written:  # cancelled half-way, it is due still
                one.due.set()
        self._show()
        return written

    async def _write_values(self) -> None:
        stored = await self._store.read(priorities.load)
        await self._follow(legacy.VALUES, lambda: legacy.values_file(stored), legacy.EMPTY_VALUES)

    async def _write_log(self) -> None:
        entries = await self._store.read(lambda conn: list(priorities.log(conn)))
        await self._follow(legacy.LOG, lambda: legacy.log_file(entries), legacy.EMPTY_LOG)

    async def _follow(self, name: str, content: Callable[[], bytes], empty: bytes) -> None:
        # Outside the store's turn: a long log takes a while to encode, and kills must not wait for it.
        await self._in_thread(lambda: legacy.follow(self._folder / name, content(), empty))

    def _show(self) -> None:
        problem = self._values.problem or self._log.problem
        if self._unusable:
            self._part.to("failed", self._unusable)
        elif problem:
            self._part.to("degraded", f"the former program's files are not up to date: {problem}", covered=True)
        elif self.damaged:
            self._part.to("degraded", self.damaged, covered=True)
        else:
            self._part.to("ok")
