"""What members steer: in force at once, stored, and followed by the former program's files (OPS-61 to 68)."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import trio
from trio.testing import MockClock

from tests.core.base import rules
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.app.mirrors import AGAIN_S
from wanderer_notifier.core.namehash import name_hash
from wanderer_notifier.core.steering import Full, Place, Steering
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state.legacy_terms import read_log, read_values, write_values
from wanderer_notifier.state.priorities import LogEntry
from wanderer_notifier.state.store import Store

T = TypeVar("T")
START = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
JITA = Place(name="Jita", system_id=30000142)
AMARR = Place(name="Amarr", system_id=30002187)


def now() -> datetime:
    return START + timedelta(seconds=trio.current_time())


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


def entry(param: str = "Jita") -> LogEntry:
    return LogEntry(type="system", param=param, user_id=7, username="pilot", at=now())


class Bridge:
    """A helm that runs, and its folder."""

    def __init__(self, folder: Path, store: Store, old_places: tuple[Path, ...] = ()) -> None:
        self.folder, self.store = folder, store
        self.part: Component = Health(now).component("data_dir:files")
        self.failed = list[str]()
        self.helm = Helm(
            store,
            rules(),
            Watch(Tracking()),
            folder=folder,
            part=self.part,
            now=now,
            run=inline,
            failed=self.failed.append,
            old_places=old_places,
        )

    async def add(self, place: Place) -> None:
        assert await self.helm.change(lambda lists: lists.with_priority(place), entry(place.name)) is None

    def hashes(self) -> tuple[int, ...]:
        return read_values((self.folder / "persistent_values.bin").read_bytes()).hashes

    def logged(self) -> list[str]:
        return [one.param for one in read_log((self.folder / "command_log.bin").read_bytes()).entries]


@asynccontextmanager
async def bridge(folder: Path, *old_places: Path) -> AsyncIterator[Bridge]:
    folder.mkdir(exist_ok=True)
    store = Store.open(":memory:", run=inline)
    made = Bridge(folder, store, old_places)
    await store.write(made.helm.load)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(made.helm.run)
        await trio.sleep(2)
        yield made
        nursery.cancel_scope.cancel()
    store.close()


async def test_a_priority_change_is_in_the_file_at_once_and_the_log_once_a_second(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-63
    async with bridge(tmp_path / "data") as at:
        assert at.part.state == "ok"
        await at.add(JITA)
        await trio.sleep(0.01)
        assert (at.hashes(), at.logged()) == ((name_hash("Jita"),), ["Jita"])
        await at.helm.note(entry("first"))
        await at.add(AMARR)
        await trio.sleep(0.01)
        assert at.hashes() == (name_hash("Amarr"), name_hash("Jita"))
        assert at.logged() == ["Jita"]
        await trio.sleep(1)
        assert at.logged() == ["Amarr", "first", "Jita"]


async def test_what_is_due_at_the_end_is_written(autojump_clock: MockClock, tmp_path: Path) -> None:  # OPS-68
    async with bridge(tmp_path / "data") as at:
        await at.add(JITA)
        await trio.sleep(0.01)
        for number in range(3):
            await at.helm.note(entry(f"late {number}"))
        assert at.logged() == ["Jita"]
    assert at.logged() == ["late 2", "late 1", "late 0", "Jita"]


async def test_a_folder_that_is_gone_is_shown_and_written_again_when_it_is_back(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with bridge(tmp_path / "data") as at:
        shutil.rmtree(at.folder)
        await at.add(JITA)
        await trio.sleep(0.01)
        view = at.part.view()
        assert (view.state, view.covered) == ("degraded", True)
        assert view.reason == "the former program's files are not up to date: No such file or directory"
        assert set(at.failed) == {"persistent_values.bin", "command_log.bin"}
        assert at.helm.steering.value.priority(JITA)  # in force, and in the database
        at.folder.mkdir()
        await trio.sleep(AGAIN_S + 1)
        assert (at.part.state, at.hashes(), at.logged()) == ("ok", (name_hash("Jita"),), ["Jita"])


async def test_a_folder_that_cannot_be_used_is_a_failure_until_it_can(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-66
    store = Store.open(":memory:", run=inline)
    at = Bridge(tmp_path / "data", store)
    await store.write(at.helm.load)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(at.helm.run)
        await trio.sleep(2)
        assert at.part.view().reason == f"cannot write to {at.folder}: No such file or directory"
        await at.add(JITA)
        await trio.sleep(2)
        assert at.part.state == "failed"
        at.folder.mkdir()
        await trio.sleep(AGAIN_S + 1)
        assert (at.part.state, at.hashes()) == ("ok", (name_hash("Jita"),))
        nursery.cancel_scope.cancel()
    store.close()


async def test_a_damaged_file_shows_until_a_member_steers_anew(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-64
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "persistent_values.bin").write_bytes(b"damaged")
    async with bridge(folder) as at:
        await trio.sleep(60)
        assert at.part.state == "degraded"
        assert "persistent_values.bin cannot be read" in at.part.view().reason
        await at.add(JITA)
        await trio.sleep(2)
        assert at.part.view().state == "ok"


async def test_hashes_get_their_names_when_a_map_brings_them(autojump_clock: MockClock, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "persistent_values.bin").write_bytes(write_values([name_hash("jita"), 5]))
    async with bridge(folder) as at:
        assert at.helm.steering.value.unresolved == 2
        assert await at.helm.change(lambda lists: lists.resolved([JITA])) is None
        assert at.helm.steering.value.unresolved == 1
        await trio.sleep(2)
        assert at.hashes() == (name_hash("jita"), 5)  # as the former program knows them


async def test_a_change_that_raises_changes_nothing(autojump_clock: MockClock, tmp_path: Path) -> None:
    async with bridge(tmp_path / "data") as at:
        await at.add(JITA)
        before = at.helm.steering.value

        def too_much(lists: Steering) -> Steering:
            raise Full

        with pytest.raises(Full):
            await at.helm.change(too_much, entry())
        assert at.helm.steering.value is before
        await trio.sleep(2)
        assert at.logged() == ["Jita"]


async def test_where_nothing_is_here_the_files_are_looked_for_where_the_former_program_had_them(
    autojump_clock: MockClock, tmp_path: Path
) -> None:  # OPS-60
    empty, old = tmp_path / "empty", tmp_path / "old"
    old.mkdir()
    before = write_values([name_hash("Jita")])
    (old / "persistent_values.bin").write_bytes(before)
    async with bridge(tmp_path / "data", empty, old) as at:
        assert at.hashes() == (name_hash("Jita"),)
    assert (old / "persistent_values.bin").read_bytes() == before
    own = tmp_path / "own"
    own.mkdir()
    (own / "persistent_values.bin").write_bytes(write_values([]))
    async with bridge(own, old) as at:  # our own say that there is nothing
        assert at.hashes() == ()
