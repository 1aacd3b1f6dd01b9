"""What `doctor` says of the machine it runs on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.ran import MINIMAL
from wanderer_notifier.cli import doctor, doctor_host
from wanderer_notifier.cli.doctor_host import MIB
from wanderer_notifier.config.load import load
from wanderer_notifier.core.findings import Finding
from wanderer_notifier.state.legacy import EMPTY_LOG, EMPTY_VALUES
from wanderer_notifier.state.store import Store


@pytest.mark.parametrize(
    ("ahead", "level", "words"),
    [
        ({"Discord": 0.4, "the map server": -0.7}, "ok", "right"),
        ({"Discord": 9.0}, "ok", "right"),
        ({"Discord": 30.0, "the map server": 31.0}, "warn", "30 s behind of|31 s behind of|behind"),
        ({"Discord": -45.0}, "warn", "45 s ahead of Discord"),
        ({"Discord": 3600.0, "the map server": 3601.0, "the kill service": 3599.0}, "fail", "3600 s behind"),
        ({"Discord": -200.0}, "fail", "200 s ahead"),
        ({"Discord": 0.0, "the map server": 500.0, "the kill service": 0.3}, "warn", "not that of the map server"),
        ({"Discord": None}, "warn", "could not be checked"),
        ({}, "warn", "could not be checked"),
    ],
)
def test_clocks(ahead: dict[str, float | None], level: str, words: str) -> None:
    found = doctor_host.clock(ahead)
    assert found.level == level
    assert any(part in found.words for part in words.split("|"))


@pytest.mark.parametrize(
    ("free", "total", "level"),
    [
        (50 * MIB, 1000 * MIB, "fail"),
        (0, 10**12, "fail"),
        (500 * MIB, 100_000 * MIB, "warn"),
        (500 * MIB, 4_000 * MIB, "ok"),
        (50_000 * MIB, 100_000 * MIB, "ok"),
    ],
)
def test_disks(free: int, total: int, level: str) -> None:
    found = doctor_host.disk(free, total, Path("data"))
    assert found.level == level
    assert bool(found.fix) is (level != "ok")


def levels(found: list[Finding]) -> list[str]:
    return [one.level for one in found]


def test_a_fresh_folder_is_well_and_nothing_stays_behind(tmp_path: Path) -> None:
    assert levels(doctor_host.data_dir(tmp_path)) == ["ok"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_will_be_made_is_well(tmp_path: Path) -> None:
    assert levels(doctor_host.data_dir(tmp_path / "deep" / "priv")) == ["ok"]
    assert doctor_host.room(tmp_path / "deep" / "priv").level in ("ok", "warn", "fail")
    assert not (tmp_path / "deep").exists()


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "priv").write_text("x")
    (found,) = doctor_host.data_dir(tmp_path / "priv")
    assert (found.level, "no folder" in found.words) == ("fail", True)
    (found,) = doctor_host.data_dir(tmp_path / "priv" / "below")
    assert found.level == "fail"


def test_a_living_database_is_read_and_left_alone(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "notifier.db")
    assert "fail" not in levels(doctor_host.data_dir(tmp_path))
    store.close()
    before = sorted(one.name for one in tmp_path.iterdir())
    assert "fail" not in levels(doctor_host.data_dir(tmp_path))
    assert sorted(one.name for one in tmp_path.iterdir()) == before


def test_a_broken_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "notifier.db").write_bytes(b"this is no database" * 100)
    found = [one for one in doctor_host.data_dir(tmp_path) if one.level == "fail"]
    assert [one.check for one in found] == ["database"]


def test_a_folder_open_to_all_is_told(tmp_path: Path) -> None:
    Store.open(tmp_path / "notifier.db").close()
    tmp_path.chmod(0o755)
    found = doctor_host.data_dir(tmp_path)
    assert levels(found) == ["warn"]
    assert "chmod 700" in found[0].fix
    tmp_path.chmod(0o700)
    assert levels(doctor_host.data_dir(tmp_path)) == ["ok"]


def test_a_store_that_others_can_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "command_log.bin").write_bytes(EMPTY_LOG)
    (tmp_path / "command_log.bin").chmod(0o640)
    tmp_path.chmod(0o710)
    (found,) = doctor_host.data_dir(tmp_path)
    assert (found.level, found.fix) == ("warn", f"chmod -R go= {tmp_path}")
    assert found.words == "command_log.bin can be read by others on this machine (mode 640)"
    tmp_path.chmod(0o700)
    assert levels(doctor_host.data_dir(tmp_path)) == ["ok"]


def test_a_damaged_file_of_old_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "persistent_values.bin").write_bytes(EMPTY_VALUES)
    (tmp_path / "command_log.bin").write_bytes(EMPTY_LOG)
    for name in ("persistent_values.bin", "command_log.bin"):
        (tmp_path / name).chmod(0o600)
    assert levels(doctor_host.data_dir(tmp_path)) == ["ok"]
    for spoilt in (b"", EMPTY_LOG[:-1], b"not a term", EMPTY_VALUES * 2):
        (tmp_path / "command_log.bin").write_bytes(spoilt)
        (found,) = doctor_host.data_dir(tmp_path)
        assert (found.check, found.level) == ("old files", "warn")
        assert found.words.startswith("command_log.bin cannot be read: ")
        assert "restart the service" in found.fix


def test_an_env_file_that_others_can_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    assert doctor_host.env_file(file) == []
    file.touch(mode=0o600)
    file.chmod(0o600)
    assert levels(doctor_host.env_file(file)) == ["ok"]
    for mode in (0o640, 0o604, 0o644):
        file.chmod(mode)
        (found,) = doctor_host.env_file(file)
        assert (found.check, found.level, found.fix) == ("env file", "warn", f"chmod 600 {file}")
        assert found.words == f".env can be read by others on this machine (mode {mode:o})"


def test_the_env_file_is_told_once(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("PORT=4001")
    file.chmod(0o644)
    settings = load(MINIMAL, cwd=tmp_path)
    (words,) = (one for one in settings.warnings if ".env" in one)
    assert words == ".env can be read by others on this machine (mode 644): chmod 600 .env"
    told = {one.words for one in doctor_host.env_file(file)}
    assert [one for one in doctor.configuration(settings, told) if ".env" in one.words] == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_not_ours_to_write(tmp_path: Path) -> None:
    place = tmp_path / "priv"
    place.mkdir(mode=0o500)
    (found,) = doctor_host.data_dir(place)
    assert found.level == "fail"
    assert "chown" in found.fix


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_files_of_another_owner(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    Store.open(tmp_path / "notifier.db").close()
    os.chown(tmp_path, 10001, 10001)
    found = doctor_host.data_dir(tmp_path)
    assert levels(found) == ["warn", "fail"]
    assert "belongs to uid 10001, and this is uid 0 (root)" in found[0].words
    assert found[1].fix == f"chown -R 10001 {tmp_path}"
