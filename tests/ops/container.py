"""An image of buildah's storage, run as a container engine would run it, without needing namespaces of its own."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from tests.service.harness import until

_READ_ONLY = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && shift && exec "$@"'
"""In a mount namespace of its own: buildah lacks `--read-only`, but hands a read-only mount on as it is."""

_TELL_CODE = '"$@"; echo "exit code $?"'
"""Said inside, because buildah 1.28 itself dies of a read-only root when it cleans up, after the command has ended."""


def buildah(*arguments: str) -> str:
    done = subprocess.run(["buildah", *arguments], check=True, capture_output=True, text=True, timeout=60)
    return done.stdout.strip()


class Image:
    def __init__(self, name: str) -> None:
        self.name = name
        inspected = json.loads(buildah("inspect", "--type", "image", name))
        self.config: dict[str, Any] = inspected["Docker"]["config"]
        self.history: list[dict[str, Any]] = inspected["Docker"]["history"]
        self.command: list[str] = [*self.config["Entrypoint"], *self.config["Cmd"]]

    @property
    def health_command(self) -> list[str]:
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return list(command)


class Run:
    """One command in a container; its output is in *log*."""

    def __init__(self, process: trio.Process, log: Path) -> None:
        self.process, self.log = process, log

    def lines(self) -> list[dict[str, Any]]:
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return [line for line in found if isinstance(line, dict)]

    def service_pid(self) -> int | None:
        """The service's own process, as this machine numbers it."""
        return next((pid for pid in _descendants(self.process.pid) if _is_service(pid)), None)

    def exit_code(self) -> int | None:
        """The command's own exit code, once it has one."""
        found = re.findall(r"^exit code (\d+)$", self.log.read_text(errors="replace"), re.MULTILINE)
        return int(found[-1]) if found else None

    async def stop(self, grace_s: float) -> int:
        """SIGTERM to the service, as an engine does it; its exit code. Fails when it takes longer than *grace_s*."""
        pid = self.service_pid()
        assert pid is not None
        await trio.run_process(["kill", f"-{signal.SIGTERM.value}", str(pid)])
        await until(lambda: self.exit_code() is not None, "end after SIGTERM", seconds=grace_s)
        code = self.exit_code()
        assert code is not None
        return code


class Container:
    def __init__(self, image: Image, volume: Path, scratch: Path) -> None:
        self.image, self.volume, self._scratch, self._runs = image, volume, scratch, 0
        self.id = buildah("from", "--pull-never", image.name)
        self.root = Path(buildah("mount", self.id))
        # Files of the engine's own that buildah would put there only now.
        (self.root / "run/secrets").mkdir(parents=True, exist_ok=True)
        for name in ("run/.containerenv", "etc/hosts", "etc/resolv.conf"):
            (self.root / name).touch()

    @asynccontextmanager
    async def running(
        self, command: Sequence[str], environment: Mapping[str, str], *, user: str | None = None
    ) -> AsyncIterator[Run]:
        """*command* with a read-only root and the volume at `/app/priv`; killed at the end if it still runs."""
        self._runs += 1
        log = self._scratch / f"{self.id}-{self._runs}.log"
        flags = ["--isolation", "chroot", "-v", f"{self.volume}:/app/priv"]
        flags += [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        flags += ["--user", user] if user else []
        inner = ["buildah", "run", *flags, self.id, "--", "sh", "-c", _TELL_CODE, "sh", *command]
        with log.open("wb") as out:
            process = await trio.lowlevel.open_process(
                ["unshare", "-m", "--propagation", "private", "sh", "-c", _READ_ONLY, "sh", str(self.root), *inner],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
            )
        run = Run(process, log)
        try:
            yield run
        finally:
            with trio.CancelScope(shield=True):
                for pid in [*_descendants(process.pid)][::-1]:
                    if run.exit_code() is None:
                        await trio.run_process(["kill", "-9", str(pid)], check=False, capture_stderr=True)
                with trio.move_on_after(10):
                    await process.wait()
                if process.returncode is None:
                    process.kill()
                    await process.wait()

    async def once(
        self, command: Sequence[str], environment: Mapping[str, str] | None = None, *, user: str | None = None
    ) -> tuple[int, str]:
        """Run *command* to its end; exit code and output."""
        async with self.running(command, environment or {}, user=user) as run:
            await until(lambda: run.exit_code() is not None or run.process.returncode is not None, "end", seconds=20)
            code = run.exit_code()
            text = run.log.read_text(errors="replace")
            assert code is not None, text
            return code, text.partition("exit code ")[0]

    def remove(self) -> None:
        buildah("rm", self.id)


def missing() -> str | None:
    """Why no container can be run here, or None."""
    needed = [name for name in ("buildah", "unshare") if shutil.which(name) is None]
    return f"{' and '.join(needed)} not installed: the image was neither built nor started" if needed else None


def _descendants(pid: int) -> list[int]:
    try:
        children = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []
    # A Go program's children belong to whichever of its threads started them.
    for task in Path(f"/proc/{pid}/task").iterdir() if Path(f"/proc/{pid}/task").exists() else ():
        try:
            children += [int(each) for each in (task / "children").read_text().split()]
        except OSError:
            continue
    unique = list(dict.fromkeys(children))
    return [one for child in unique for one in (child, *_descendants(child))]


def _is_service(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"python" in words[0] and any(word.endswith(b"/wanderer-notifier") for word in words[1:2])
