"""`import-legacy`: what an operator sees, and that it may be done twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.ran import Ran, runner
from tests.wire.test_etf import ENTRY
from wanderer_notifier.state import priorities
from wanderer_notifier.state.legacy_terms import write_values
from wanderer_notifier.state.visit import looking


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return runner(tmp_path / "priv", monkeypatch, capsys)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    (folder / "persistent_values.bin").write_bytes(write_values([116032842, 5]))
    (folder / "command_log.bin").write_bytes(bytes.fromhex(ENTRY))
    return folder


def test_both_files_are_taken_over_into_a_new_database_and_again_changes_nothing(
    run: Callable[..., Ran], old: Path, tmp_path: Path
) -> None:
    first, second = run("import-legacy", str(old)), run("import-legacy", str(old))
    assert (first.code, second.code) == (0, 0)
    assert first.out.splitlines() == [
        "priority systems: 2 in the file, 2 of them new, 2 of all known by their hash only",
        "command log: 1 in the file, 1 of them new",
    ]
    assert "2 in the file, 0 of them new" in second.out
    with looking(tmp_path / "priv" / "notifier.db") as conn:
        assert priorities.load(conn).hashes() == [116032842, 5]
        assert [one.param for one in priorities.log(conn)] == ["Jita"]
    assert sorted(one.name for one in old.iterdir()) == ["command_log.bin", "persistent_values.bin"]


def test_a_folder_without_them_is_said_to_be_one(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("import-legacy", str(tmp_path))
    assert ran.code == 1
    assert "holds neither persistent_values.bin nor command_log.bin" in ran.err
    assert not (tmp_path / "priv").exists()


def test_a_damaged_file_is_named_and_the_other_one_taken(run: Callable[..., Ran], old: Path) -> None:
    (old / "persistent_values.bin").write_bytes(b"damaged")
    ran = run("import-legacy", str(old))
    assert ran.code == 1
    assert "persistent_values.bin cannot be read: does not begin with the version byte 131" in ran.err
    assert ran.out == "command log: 1 in the file, 1 of them new\n"
    assert (old / "persistent_values.bin").read_bytes() == b"damaged"
