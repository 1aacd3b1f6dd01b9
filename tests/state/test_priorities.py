"""Priority systems, overrides and the command log in the database."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trio

from wanderer_notifier.core.namehash import name_hash
from wanderer_notifier.core.steering import Place, Steering
from wanderer_notifier.state import priorities
from wanderer_notifier.state.priorities import LogEntry, Usage
from wanderer_notifier.state.store import Store

NOW = datetime(2026, 11, 25, 3, 0, 0, 123456, tzinfo=UTC)
JITA, HOME = Place(name="Jita", system_id=30000142), Place(name="J123456", system_id=31000123)
NAMELESS = Place(name="TestSystem")


async def inline(sync_fn, /, *, limiter=None):  # type: ignore[no-untyped-def]
    return sync_fn()


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store.open(":memory:", run=inline)
    yield made
    made.close()


def entry(number: int = 1, **more: object) -> LogEntry:
    given: dict[str, object] = {
        "type": "system",
        "param": "Jita",
        "user_id": 700000000000000000 + number,
        "username": "pilot",
        "at": NOW + timedelta(seconds=number),
        "guild_id": 1,
        "channel_id": None,
    }
    return LogEntry(**(given | more))  # type: ignore[arg-type]


async def test_both_lists_come_back_as_they_were_left_newest_first(store: Store) -> None:
    wanted = (
        Steering()
        .with_hashes([5, 7], NOW)
        .with_priority(JITA, by="700000000000000031", at=NOW)
        .with_priority(NAMELESS, at=NOW)
        .with_override(HOME, "untrack", by="1", at=NOW)
        .with_override(JITA, "track", at=NOW)
    )
    assert await store.write(lambda conn: priorities.change(conn, [lambda _: wanted])) == wanted
    assert await store.read(priorities.load) == wanted
    assert [one.name_hash for one in wanted.systems] == [name_hash("TestSystem"), name_hash("Jita"), 5, 7]


async def test_a_change_is_made_to_what_is_stored_not_to_what_somebody_remembers(store: Store) -> None:
    await store.write(lambda conn: priorities.change(conn, [lambda it: it.with_priority(JITA)]))
    after = await store.write(lambda conn: priorities.change(conn, [lambda it: it.with_priority(HOME)]))
    assert [one.place for one in after.systems] == [HOME, JITA]


async def test_an_entry_that_is_changed_keeps_its_order(store: Store) -> None:
    await store.write(lambda conn: priorities.change(conn, [lambda it: it.with_hashes([name_hash("jita"), 9])]))
    after = await store.write(lambda conn: priorities.change(conn, [lambda it: it.resolved([JITA])]))
    assert after.hashes() == [name_hash("jita"), 9]
    assert [one.place for one in (await store.read(priorities.load)).systems] == [JITA, None]


async def test_the_log_is_newest_first_and_counts_users_and_commands(store: Store) -> None:
    def job(conn):  # type: ignore[no-untyped-def]
        for number in (1, 2, 1, 3):
            priorities.note(conn, entry(number, outcome="ok"))
        return priorities.usage(conn), list(priorities.log(conn))

    usage, log = await store.write(job)
    assert usage == Usage(commands=4, users=3)
    assert [one.user_id % 10 for one in log] == [3, 1, 2, 1]
    assert log[0] == entry(3, outcome="ok")


async def test_the_log_keeps_ten_thousand_and_the_count_goes_on(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(priorities, "LOG_ROWS", 5)

    def job(conn):  # type: ignore[no-untyped-def]
        for number in range(9):
            priorities.note(conn, entry(number))
        return priorities.usage(conn).commands, [one.user_id % 10 for one in priorities.log(conn)]

    assert await store.write(job) == (9, [8, 7, 6, 5, 4])


async def test_what_is_taken_over_goes_where_its_time_belongs_and_only_once(store: Store) -> None:
    def job(conn):  # type: ignore[no-untyped-def]
        priorities.note(conn, entry(5, outcome="ok"))
        first = priorities.take_over(conn, [entry(7), entry(5), entry(3)])
        second = priorities.take_over(conn, [entry(7), entry(5), entry(3)])
        return first, second, [one.user_id % 10 for one in priorities.log(conn)], priorities.usage(conn).commands

    assert await store.write(job) == (2, 0, [7, 5, 3], 3)


async def test_lists_and_log_survive_a_process_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "notifier.db"
    script = f"""
import os, signal, trio
from wanderer_notifier.state import priorities
from wanderer_notifier.state.store import Store
from tests.state.test_priorities import JITA, entry, inline
async def main():
    store = Store.open({str(file)!r}, run=inline)
    def job(conn):
        priorities.change(conn, [lambda it: it.with_priority(JITA).with_override(JITA, "track")])
        priorities.note(conn, entry())
    await store.write(job)
    os.kill(os.getpid(), signal.SIGKILL)
trio.run(main)
"""
    root = Path(__file__).parents[2]
    ended = await trio.run_process([sys.executable, "-c", script], cwd=root, check=False)
    assert ended.returncode == -signal.SIGKILL
    store = Store.open(file, run=inline)
    found = await store.read(priorities.load)
    assert [one.place for one in found.systems] == [JITA]
    assert found.tracked() == {30000142: "Jita"}
    assert [*(await store.read(lambda conn: list(priorities.log(conn))))] == [entry()]
    store.close()
