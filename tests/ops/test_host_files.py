"""The files for hosts: units that systemd accepts, a compose file and a quadlet that say the same as the unit."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ROOT / "ops/systemd"
COMPOSE = (ROOT / "ops/container/compose.yaml").read_text(encoding="utf-8")
QUADLET = (ROOT / "ops/container/wanderer-notifier.container").read_text(encoding="utf-8")
UNIT = (UNITS / "wanderer-notifier.service").read_text(encoding="utf-8")


def entries(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", unit, re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: units unchecked")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    copies = []
    for unit in [*UNITS.glob("*.service"), *UNITS.glob("*.timer")]:
        # The program is not installed on this machine, and that is no fault of the unit.
        text = re.sub(
            r"/opt/wanderer-notifier/venv/bin/wanderer-notifier", "/bin/true", unit.read_text(encoding="utf-8")
        )
        copies.append(tmp_path / unit.name)
        copies[-1].write_text(text)
    ran = subprocess.run(
        ["systemd-analyze", "verify", *map(str, copies)], capture_output=True, text=True, timeout=50, check=False
    )
    said = [line for line in (ran.stdout + ran.stderr).splitlines() if "wanderer-notifier" in line]
    assert said == []


def test_a_wrong_configuration_is_not_started_again() -> None:
    for unit in (UNIT, QUADLET):
        assert entries(unit)["RestartPreventExitStatus"] == ["78"]
        assert entries(unit)["StartLimitBurst"] == ["5"]
    assert "restart: on-failure:5" in COMPOSE


def test_the_service_is_watched() -> None:
    unit = entries(UNIT)
    assert (unit["Type"], unit["WatchdogSec"], unit["NotifyAccess"]) == (["notify"], ["30"], ["main"])
    assert entries(QUADLET)["Notify"] == ["true"]
    assert entries(QUADLET)["HealthCmd"] == ["wanderer-notifier health"]


def test_a_stop_has_time_for_what_is_queued() -> None:
    assert all(int(each) > 8 for each in entries(UNIT)["TimeoutStopSec"] + entries(QUADLET)["TimeoutStopSec"])
    assert "stop_grace_period: 15s" in COMPOSE


def test_nobody_is_root_and_nothing_is_written_elsewhere() -> None:
    unit = entries(UNIT)
    assert unit["User"] == ["wanderer-notifier"]
    assert unit["CapabilityBoundingSet"] == [""]
    assert (unit["ProtectSystem"], unit["UMask"]) == (["strict"], ["0077"])
    quadlet = entries(QUADLET)
    assert (quadlet["ReadOnly"], quadlet["DropCapability"], quadlet["User"]) == (["true"], ["all"], ["10001"])
    for line in ("read_only: true", "cap_drop: [ALL]", "no-new-privileges:true", 'user: "10001:10001"'):
        assert line in COMPOSE


def test_the_names_of_the_checklist() -> None:
    assert re.search(r"^services:\n  wanderer-notifier:\n    container_name: wanderer-notifier$", COMPOSE, re.MULTILINE)
    assert '"${PORT:-4000}:${PORT:-4000}"' in COMPOSE
    assert "./priv:/app/priv" in COMPOSE
    assert "host.docker.internal:host-gateway" in COMPOSE
    assert re.search(r"max-size: 10m\n\s+max-file: \"3\"", COMPOSE)


def test_the_builder_gets_what_the_containerfile_copies_and_no_more() -> None:
    ignore = (ROOT / ".containerignore").read_text(encoding="utf-8")
    assert ignore == (ROOT / ".dockerignore").read_text(encoding="utf-8")
    lines = [line for line in ignore.splitlines() if line and not line.startswith("#")]
    assert lines[0] == "*"
    recipe = (ROOT / "Containerfile").read_text(encoding="utf-8")
    copied = re.findall(r"^COPY (?!--from)(.*) \S+$", recipe, re.MULTILINE)
    assert {line[1:] for line in lines if line.startswith("!")} == {name for line in copied for name in line.split()}
