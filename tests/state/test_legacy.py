"""The former program's two files: read, taken over, followed, and what happens when they are damaged."""

from __future__ import annotations

import random
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.state.test_priorities import JITA, NAMELESS, entry, inline
from tests.wire.test_etf import ENTRY
from wanderer_notifier.core.namehash import name_hash
from wanderer_notifier.core.policy import Rules
from wanderer_notifier.core.steering import Steering
from wanderer_notifier.state import legacy, priorities
from wanderer_notifier.state.legacy import LOG, VALUES, Files
from wanderer_notifier.state.legacy_terms import (
    NotThoseFiles,
    log_entry,
    read_log,
    read_values,
    write_log,
    write_values,
)
from wanderer_notifier.state.store import Store

NOW = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
PUBLISHED = bytes.fromhex("83740000000177107072696f726974795f73797374656d736c000000036206ea854a610561c86a")
SHORT_FORM = bytes.fromhex("83740000000177107072696f726974795f73797374656d736b0003010203")
DAMAGED = b"\x83\x74\x00\x00\x00\x01\x77"


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store.open(":memory:", run=inline)
    yield made
    made.close()


# --- the terms ------------------------------------------------------------------------------------------------------


def test_the_published_priority_file_is_read_and_written_byte_for_byte() -> None:
    read = read_values(PUBLISHED)
    assert (read.keys, read.hashes) == (1, (116032842, 5, 200))
    assert write_values(read.hashes) == PUBLISHED
    assert read_values(SHORT_FORM).hashes == (1, 2, 3)
    assert write_values([]) == bytes.fromhex("83740000000177107072696f726974795f73797374656d736a")


def test_the_published_command_log_is_read_and_written_byte_for_byte() -> None:
    raw = bytes.fromhex(ENTRY)
    (one,) = read_log(raw).entries
    assert (one.type, one.param, one.user_id, one.username) == ("system", "Jita", 123456789012345678, "pilot")
    assert (one.guild_id, one.channel_id) == (234567890123456789, None)
    assert one.at == datetime(2026, 1, 2, 3, 4, 5, 678901, UTC)
    assert write_log([log_entry(one)]) == raw
    assert write_log([]) == bytes.fromhex("836a")


@pytest.mark.parametrize("raw", [b"", b"\x83", DAMAGED, b"\x83\x6a", b"not that", b"\x83\x74\x00\x00\x00\x00rest"])
def test_what_is_no_priority_file_is_refused(raw: bytes) -> None:
    with pytest.raises(NotThoseFiles):
        read_values(raw)


def test_entries_that_cannot_be_read_are_left_out_and_counted() -> None:
    good = log_entry(entry())
    broken = log_entry(entry()).replace(b"\x77\x07user_id", b"\x77\x07user_ix")
    read = read_log(write_log([good, broken, good]))
    assert (len(read.entries), read.dropped) == (2, 1)


def test_the_written_log_holds_no_more_than_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    one = log_entry(entry())
    monkeypatch.setattr("wanderer_notifier.state.legacy_terms.LOG_BYTES", 3 * len(one))
    assert len(read_log(write_log([one] * 10)).entries) == 3


@given(st.binary(max_size=300))
def test_no_bytes_make_reading_fail_otherwise(raw: bytes) -> None:
    for data in (raw, b"\x83" + raw, PUBLISHED[:20] + raw):
        for read in (read_values, read_log):
            try:
                read(data)
            except NotThoseFiles:
                continue


def test_a_damaged_log_never_makes_reading_fail_otherwise() -> None:
    dice, raw = random.Random(6), bytes.fromhex(ENTRY)
    for _ in range(2000):
        copy = bytearray(raw)
        for _ in range(dice.randint(1, 4)):
            copy[dice.randrange(len(copy))] = dice.randrange(256)
        try:
            read_log(bytes(copy))
        except NotThoseFiles:
            continue


# --- the files ------------------------------------------------------------------------------------------------------


def test_a_file_is_replaced_whole_with_mode_0600_and_its_former_content_beside_it(tmp_path: Path) -> None:
    file = tmp_path / VALUES
    assert legacy.replace(file, b"one")
    assert not (tmp_path / f"{VALUES}.bak").exists()
    assert legacy.replace(file, b"two")
    assert not legacy.replace(file, b"two")
    assert (file.read_bytes(), (tmp_path / f"{VALUES}.bak").read_bytes()) == (b"two", b"one")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == [VALUES, f"{VALUES}.bak"]


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / VALUES
    legacy.replace(file, b"one")

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        legacy.replace(file, b"two")
    assert file.read_bytes() == b"one"
    assert [one.name for one in tmp_path.iterdir()] == [VALUES]


def test_a_damaged_file_is_put_aside_and_its_former_generation_read(tmp_path: Path) -> None:
    (tmp_path / VALUES).write_bytes(DAMAGED)
    (tmp_path / f"{VALUES}.bak").write_bytes(PUBLISHED)
    files = legacy.read_files(tmp_path, NOW)
    assert files.values is not None
    assert files.values.hashes == (116032842, 5, 200)
    assert len(files.damaged) == 1
    assert (tmp_path / f"{VALUES}.corrupt-20261125T030000Z").read_bytes() == DAMAGED
    assert not (tmp_path / VALUES).exists()


def test_five_damaged_files_are_kept(tmp_path: Path) -> None:
    for hour in range(8):
        (tmp_path / LOG).write_bytes(DAMAGED)
        legacy.read_files(tmp_path, NOW.replace(hour=hour))
    assert len(list(tmp_path.glob("*.corrupt-*"))) == 5


def test_somebody_elses_damaged_file_is_left_where_it_is(tmp_path: Path) -> None:
    (tmp_path / VALUES).write_bytes(DAMAGED)
    files = legacy.read_files(tmp_path, NOW, own=False)
    assert (files.values, len(files.damaged)) == (None, 1)
    assert (tmp_path / VALUES).read_bytes() == DAMAGED


def test_a_probe_leaves_nothing_and_tidies_up_after_a_crash(tmp_path: Path) -> None:
    (tmp_path / f"{VALUES}.0123.tmp").write_bytes(b"half")
    legacy.probe(tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- taking over and following ------------------------------------------------------------------------------------


async def test_taking_over_twice_changes_nothing(store: Store) -> None:
    files = Files(values=read_values(PUBLISHED), log=read_log(bytes.fromhex(ENTRY)))

    first = await store.write(lambda conn: legacy.take_over(conn, files, NOW))
    second = await store.write(lambda conn: legacy.take_over(conn, files, NOW))
    assert (first.systems, first.commands) == (3, 1)
    assert (second.systems, second.commands) == (0, 0)


async def test_files_written_from_what_was_taken_over_are_those_that_were_read(store: Store) -> None:
    files = Files(values=read_values(PUBLISHED), log=read_log(bytes.fromhex(ENTRY)))
    await store.write(lambda conn: legacy.take_over(conn, files, NOW))
    await store.write(lambda conn: priorities.change(conn, [lambda it: it.resolved([JITA])]))
    assert legacy.values_file(await store.read(priorities.load)) == PUBLISHED
    assert legacy.log_file(await store.read(lambda conn: list(priorities.log(conn)))) == bytes.fromhex(ENTRY)


async def test_a_hash_is_resolved_by_any_usual_spelling_and_others_stay(store: Store) -> None:
    typed = [name_hash("jita"), name_hash("JITA"), name_hash("Nowhere")]
    steering = Steering().with_hashes(typed).resolved([JITA])
    assert [one.place for one in steering.systems] == [JITA, JITA, None]
    assert steering.unresolved == 1
    assert steering.hashes() == typed


def test_a_hash_that_nobody_can_name_still_matches_incoming_names() -> None:
    priority = Steering().with_hashes([name_hash("testsystem")]).merged(Rules(maps=())).priority
    assert priority.covers(None, "TestSystem")
    assert not priority.covers(None, "TestSystems")
    assert Steering().with_hashes([name_hash("testsystem")]).priority(NAMELESS) is not None
