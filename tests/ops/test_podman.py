"""The manual's podman commands against the built image; skipped, with podman's words, where it cannot run containers.

`just test-image` names the image. Sandboxes refuse some of what podman does on its own account (raise limits, make
timers for the health check, networks): those flags give way one by one, those of the manual stay.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pytest
import trio

from tests.ops.test_image import NAME, UID, free_port, push_kill, told, universe
from tests.service.harness import until

PROGRAM = str(Path(sys.executable).parent / "wanderer-notifier")
CONTAINER = "wanderer-notifier-test"
LIMITS = ["--memory", "256m", "--cpus", "0.5"]
SHUT_IN = ["--read-only", "--tmpfs", "/tmp", "--cap-drop=all", "--security-opt=no-new-privileges"]
MANUAL = [*SHUT_IN, *LIMITS, "--restart", "on-failure:5", "--stop-timeout", "15"]
NARROW = ["--network=host", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--no-healthcheck"]
WAYS: tuple[tuple[list[str], list[str]], ...] = (
    ([], ["--network=host"]),
    ([], NARROW),
    (["--runtime", "runc"], NARROW),
)
"""Flags of podman and of its `run`; the host's network, since the simulated universe is on loopback."""

pytestmark = [
    pytest.mark.skipif(shutil.which("podman") is None, reason="podman is not installed: its commands were NOT tried"),
    pytest.mark.skipif(not NAME, reason="the image was not built: `just test-image` does it"),
    pytest.mark.timeout(180),
]


@cache
def way() -> tuple[list[str], list[str]] | str:
    """The first of `WAYS` in which a container can be run here, or why there is none."""
    why = ""
    for tool, flags in WAYS:
        command = ["podman", *tool, "run", "--rm", *flags, *SHUT_IN, NAME, "--version"]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
        if ran.returncode == 0:
            return tool, flags
        why = (ran.stdout + ran.stderr).strip()[-200:]
    return why


@pytest.fixture
def engine() -> Iterator[tuple[list[str], list[str]]]:
    chosen = way()
    if isinstance(chosen, str):
        pytest.skip(f"podman cannot run containers here: {chosen}")
    yield ["podman", *chosen[0]], chosen[1]
    subprocess.run(["podman", *chosen[0], "rm", "-f", "-t", "1", CONTAINER], capture_output=True, check=False)


async def said(*command: str, check: bool = True) -> tuple[int, str]:
    ran = await trio.run_process(list(command), capture_stdout=True, capture_stderr=True, check=False)
    text = ran.stdout.decode() + ran.stderr.decode()
    assert not check or ran.returncode == 0, f"{' '.join(command)}: {text}"
    return ran.returncode, text


async def test_the_manual_s_commands(engine: tuple[Sequence[str], Sequence[str]], tmp_path: Path) -> None:
    podman, flags = engine
    volume = tmp_path / "priv"
    volume.mkdir(mode=0o700)
    os.chown(volume, UID, UID)
    for parent in volume.parents:
        if not parent.stat().st_mode & 1:
            parent.chmod(parent.stat().st_mode | 0o111)
    async with universe() as world:
        file = tmp_path / "env"
        variables = {**world.environment(), "PORT": str(free_port()), "LOG_FORMAT": "json"}
        file.write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        file.chmod(0o600)
        start = [*podman, "run", "-d", "--name", CONTAINER, "--env-file", str(file), "-v", f"{volume}:/app/priv:Z"]
        start += [*MANUAL, *flags, NAME]

        async def healthy() -> None:
            with trio.fail_after(20):
                while (await said(*podman, "exec", CONTAINER, "wanderer-notifier", "health", check=False))[0]:
                    await trio.sleep(0.2)

        await said(*podman, "run", "--rm", *flags, "--env-file", str(file), NAME, "check-config")
        await said(*start)
        await healthy()
        await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
        push_kill(world)
        await told(world, 1)
        code, _ = await said(*podman, "exec", CONTAINER, "touch", "/app/written", check=False)
        assert code != 0
        _, limits = await said(
            *podman, "inspect", "--format", "{{.HostConfig.Memory}} {{.HostConfig.ReadonlyRootfs}}", CONTAINER
        )
        assert limits.split() == [str(256 * 2**20), "true"]

        # From outside, with what only the engine knows: user, ports, log.
        _, report = await said(
            *("env", f"ENV_FILE={file}", f"DATA_DIR={volume}", PROGRAM),
            *("verify", "--json", "--container", CONTAINER, "--send-test-message"),
        )
        results = {(one["section"], one["check"]): one["result"] for one in map(json.loads, report.splitlines())}
        assert "fail" not in results.values()
        for check in (
            ("Security", "user"),
            ("Security", "published ports"),
            ("Logs", "secrets"),
            ("Logs", "critical errors"),
        ):
            assert results[check] == "pass"

        await said(*podman, "stop", CONTAINER)
        assert (await said(*podman, "inspect", "--format", "{{.State.ExitCode}}", CONTAINER))[1].strip() == "0"
        await said(*podman, "rm", CONTAINER)

        # Another container, the same volume: what was told stays told.
        await said(*start)
        await healthy()
        await until(lambda: any(one.systems for one in world.killfeed.joined), "join")
        push_kill(world)
        await told(world, 2)
        await said(*podman, "stop", CONTAINER)
