"""The files for hosts: units that systemd accepts, a compose file and a quadlet that say the same as the unit."""

from __future__ import annotations

import os
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


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed: units unrated")
@pytest.mark.parametrize("name", ["wanderer-notifier.service", "wanderer-notifier-backup.service"])
def test_systemd_rates_the_units_as_well_shut_in(name: str) -> None:
    ran = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(UNITS / name)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    if "unrecognized option" in ran.stderr:
        pytest.skip("this systemd-analyze cannot rate files: units unrated")
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-500:]


COMPOSERS = {
    "docker-compose": ["docker-compose"],
    "podman-compose": ["podman-compose"],
    "docker": ["docker", "compose"],
}


@pytest.mark.parametrize("tool", COMPOSERS)
def test_compose_accepts_its_file_beside_an_env_file(tool: str, tmp_path: Path) -> None:
    command = COMPOSERS[tool]
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed: it did NOT read the compose file")
    if subprocess.run([*command, "version"], capture_output=True, timeout=50, check=False).returncode:
        pytest.skip(f"{' '.join(command)} is not installed: it did NOT read the compose file")
    (tmp_path / "compose.yaml").write_text(COMPOSE)
    (tmp_path / ".env").write_text((ROOT / ".env.example").read_text(encoding="utf-8") + "\nPORT=4123\n")
    ran = subprocess.run([*command, "config"], cwd=tmp_path, capture_output=True, text=True, timeout=50, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "4123" in ran.stdout
    assert "/app/priv" in ran.stdout


@pytest.mark.skipif(shutil.which("logrotate") is None, reason="logrotate is not installed: its file is unchecked")
def test_logrotate_accepts_its_file(tmp_path: Path) -> None:
    logs = tmp_path / "log"
    logs.mkdir(mode=0o755)
    (logs / "stdout.log").write_text("a line\n")
    # The user of the unit need not exist here.
    text = (ROOT / "ops/logrotate/wanderer-notifier").read_text(encoding="utf-8")
    text = text.replace("/var/log/wanderer-notifier", str(logs)).replace("su wanderer-notifier wanderer-notifier", "")
    (tmp_path / "conf").write_text(text)
    (tmp_path / "conf").chmod(0o644)
    ran = subprocess.run(
        ["logrotate", "-d", "-s", str(tmp_path / "state"), str(tmp_path / "conf")],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert ran.returncode == 0
    assert "error:" not in ran.stderr
    assert f"considering log {logs}/stdout.log" in ran.stdout + ran.stderr


QUADLETS = (
    os.environ.get("QUADLET", ""),
    "/usr/libexec/podman/quadlet",
    "/usr/lib/podman/quadlet",
    "/usr/lib/systemd/system-generators/podman-system-generator",
)
"""Where distributions put the generator; podman has it since 4.4."""


def test_quadlet_makes_a_unit_of_the_container_file(tmp_path: Path) -> None:
    tool = next((one for one in QUADLETS if one and Path(one).exists()), None)
    if tool is None:
        pytest.skip("podman's quadlet is not installed (QUADLET=path): the container file was NOT tried")
    (tmp_path / "wanderer-notifier.container").write_text(QUADLET)
    ran = subprocess.run(
        [tool, "-dryrun", "-no-kmsg-log"],
        env={"QUADLET_UNIT_DIRS": str(tmp_path), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert "unsupported key" not in said.lower()
    (start,) = re.findall(r"^ExecStart=.*$", said, re.MULTILINE)
    for flag in ("--name=wanderer-notifier", "--read-only", "--cap-drop=all", "--memory=256m", "--publish"):
        assert flag in start


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
