"""`backup` and `restore` as an operator types them."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.ran import Ran, runner
from wanderer_notifier.state import memory
from wanderer_notifier.state.lock import Lock
from wanderer_notifier.state.migrations import migrate


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory with a database."""
    folder = tmp_path / "priv"
    folder.mkdir()
    conn = sqlite3.connect(folder / "notifier.db", isolation_level=None)
    migrate(conn)
    memory.set_meta(conn, "alive_at", datetime(2026, 11, 25, 18, 30, tzinfo=UTC).isoformat())
    memory.set_meta(conn, "a", "old")
    conn.close()
    return folder


@pytest.fixture
def run(data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return runner(data, monkeypatch, capsys)


def test_backup_says_what_it_made_and_restore_brings_it_back(run: Callable[..., Ran], data: Path) -> None:
    copy = data.parent / "copy.db"
    made = run("backup", str(copy))
    assert made.code == 0, made.err
    assert f"backup    {copy}\nsize      {copy.stat().st_size} bytes\nrows      2 (meta 2)\n" in made.out
    assert "as of     2026-11-25 18:30:00 UTC" in made.out
    assert "took      0." in made.out

    (data / "notifier.db").unlink()
    back = run("restore", str(copy))
    assert back.code == 0, back.err
    assert "replaced  nothing: there was no database" in back.out
    back = run("restore", str(copy))
    assert f"replaced  {data}/notifier.db.pre-restore-" in back.out


def test_a_directory_gets_a_file_named_by_the_time_and_keeps_the_newest(run: Callable[..., Ran], data: Path) -> None:
    folder = data.parent / "backups"
    folder.mkdir()
    for day in (1, 2, 3):
        (folder / f"notifier-2026110{day}T000000Z.db").write_text("older")
    (folder / "notes.txt").write_text("not ours")
    made = run("backup", str(folder), "--keep", "2")
    assert made.code == 0, made.err
    names = sorted(place.name for place in folder.iterdir())
    assert names[0] == "notes.txt"
    assert names[1] == "notifier-20261103T000000Z.db"
    assert len(names) == 3
    assert run("backup", str(data.parent / "one.db"), "--keep", "2").code == 2


def test_what_cannot_be_done_is_said_plainly(run: Callable[..., Ran], data: Path) -> None:
    copy = data.parent / "copy.db"
    assert run("backup", str(copy)).code == 0
    again = run("backup", str(copy))
    assert (again.code, again.err) == (1, f"{copy} exists already; a backup never overwrites a file\n")
    with Lock.take(data / "notifier.lock"):
        held = run("restore", str(copy))
    assert held.code == 1
    assert held.err.startswith("the service runs: ")
    assert held.err.endswith("; stop it first\n")
    copy.write_text("no database")
    assert "is no usable backup: file is not a database" in run("restore", str(copy)).err
    (data / "notifier.db").unlink()
    assert "there is no database at" in run("backup", str(data.parent / "x.db")).err


def test_an_env_file_is_never_copied_in_clear_text(run: Callable[..., Ran], data: Path) -> None:
    made = run("backup", str(data.parent / "copy.db"), "--with-config")
    assert made.code == 2
    assert "never copied in clear text" in made.err
    assert not (data.parent / "copy.db").exists()


def test_without_the_program_that_encrypts_nothing_is_copied(run: Callable[..., Ran], data: Path) -> None:
    made = run("backup", str(data.parent / "copy.db"), "--with-config", "--recipient", "age1x", PATH=str(data))
    assert (made.code, made.err) == (2, "--with-config needs the program `age` (apt-get install age)\n")


@pytest.mark.skipif(shutil.which("age-keygen") is None, reason="age is not installed (apt-get install age)")
def test_the_configuration_goes_with_the_copy_and_only_its_owner_can_read_the_secrets(
    run: Callable[..., Ran], data: Path
) -> None:
    here, copies, key = data.parent, data.parent / "copies", data.parent / "key.txt"
    copies.mkdir()
    secret = "LOG_LEVEL=info\nWEB_AUTH_TOKEN=test-token-canary\n"
    (here / ".env").write_text(secret)
    (here / "compose.yaml").write_text("services: {}\n")
    subprocess.run(["age-keygen", "-o", str(key)], check=True, capture_output=True)
    recipient = key.read_text().split("public key: ")[1].split()[0]
    made = run("backup", str(copies), "--with-config", "--recipient", recipient, "--keep", "1")
    assert made.code == 0, made.err
    (encrypted,) = copies.glob("*.db.env.age")
    (compose,) = copies.glob("*.db.compose.yaml")
    assert compose.read_text() == "services: {}\n"
    assert f"also      {encrypted}" in made.out
    assert not any(b"canary" in file.read_bytes() for file in copies.iterdir())
    back = subprocess.run(["age", "-d", "-i", str(key), str(encrypted)], check=True, capture_output=True, text=True)
    assert back.stdout == secret
    refused = run("backup", str(data.parent / "copy.db"), "--with-config", "--recipient", "age1nobody")
    assert refused.code == 1
    assert "the configuration could not be copied: age: " in refused.err
