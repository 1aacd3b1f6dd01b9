"""The command line as an operator meets it: exit codes, words, and no secret in any of them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from wanderer_notifier import __version__

GOOD = {
    "DISCORD_BOT_TOKEN": "test-token-discord-canary",
    "DISCORD_CHANNEL_ID": "300000000000000001",
    "MAP_URL": "http://127.0.0.1:9",
    "MAP_NAME": "home-chain",
    "MAP_API_KEY": "test-map-key-canary",
}


def command(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wanderer_notifier", *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def test_a_broken_configuration_prints_every_problem_with_its_variable_and_exits_78(tmp_path: Path) -> None:
    broken = {**GOOD, "MAP_NAME": "", "PORT": "abc", "DISCORD_CHANNEL_ID": "x", "MAP_URL": "ftp://h"}
    ran = command("run", cwd=tmp_path, **broken)
    assert ran.returncode == 78
    named = [line.split(":")[1].strip() for line in ran.stderr.splitlines() if line.startswith("configuration error:")]
    assert sorted(named) == ["DISCORD_CHANNEL_ID", "MAP_NAME", "MAP_URL", "PORT"]
    assert "canary" not in ran.stderr + ran.stdout
    assert not list(tmp_path.iterdir()), "nothing was started"


def test_check_config_shows_values_with_their_source_and_masks_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('MAP_NAME="from-file"\nDISCORD_SYSTEM_CHANNEL_ID=300000000000000002\n')
    environment = {name: value for name, value in GOOD.items() if name != "MAP_NAME"}
    ran = command("check-config", cwd=tmp_path, **environment)
    assert ran.returncode == 0, ran.stderr
    line = next(line for line in ran.stdout.splitlines() if line.strip().startswith("MAP_NAME"))
    assert "from-file" in line
    assert ".env" in line
    assert "canary" not in ran.stdout + ran.stderr


def test_check_config_reports_problems_like_run_does(tmp_path: Path) -> None:
    ran = command("check-config", cwd=tmp_path)
    assert ran.returncode == 78
    assert ran.stderr.count("configuration error:") == 5


def test_version(tmp_path: Path) -> None:
    ran = command("--version", cwd=tmp_path)
    assert (ran.returncode, ran.stdout.strip()) == (0, f"wanderer-notifier {__version__}")


def test_health_without_a_service_fails_and_says_where_it_asked(tmp_path: Path) -> None:
    ran = command("health", cwd=tmp_path, PORT="9")
    assert ran.returncode == 1
    assert "no answer from http://127.0.0.1:9/health" in ran.stderr


@pytest.mark.parametrize("arguments", [("demo", "--seconds", "0"), ("demo", "--speed", "x"), ("nonsense",)])
def test_unusable_arguments_are_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert command(*arguments, cwd=tmp_path).returncode == 2


def test_a_data_directory_that_cannot_be_made_exits_71(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    ran = command("run", cwd=tmp_path, **GOOD, DATA_DIR=str(tmp_path / "file" / "priv"))
    assert ran.returncode == 71
    assert "storage_unusable" in ran.stdout
