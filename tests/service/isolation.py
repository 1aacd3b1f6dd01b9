"""Starts the service in namespaces of its own: as process 1, on a tiny disk, on a read-only volume."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

MOUNT = ("unshare", "--user", "--map-root-user", "--mount")
FIRST = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc")


def need(*command: str) -> None:
    """Skip the test, loudly, where the kernel does not let us make these namespaces."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed: not tested here")
    tried = subprocess.run([*command, "true"], capture_output=True, text=True, check=False, timeout=20)
    if tried.returncode:
        pytest.skip(f"`{' '.join(command)}` is not allowed here ({tried.stderr.strip()}): not tested")


def on_tiny_disk(place: Path, size: str) -> tuple[str, ...]:
    """A command prefix: *place* is a file system of its own of *size*, for the command alone."""
    need(*MOUNT)
    mount = f'mount -t tmpfs -o size={size} tmpfs "$0" && exec "$@"'
    return (*MOUNT, "sh", "-c", mount, str(place))


def read_only(place: Path) -> tuple[str, ...]:
    """A command prefix: nothing below *place* can be written by the command."""
    need(*MOUNT)
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
    return (*MOUNT, "sh", "-c", mount, str(place))


def as_process_one() -> tuple[str, ...]:
    """A command prefix: the command is process 1 of a namespace, where no signal has a default effect."""
    need(*FIRST)
    return FIRST


def seen_by(pid: int, place: Path) -> Path:
    """*place* as the process *pid* sees it."""
    return Path(f"/proc/{pid}/root") / place.relative_to("/")
