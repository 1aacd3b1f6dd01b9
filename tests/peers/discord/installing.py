"""Getting the Discord libraries of others: from lock files, each in a place of its own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENT = HERE.parents[2] / ".venv" / "peers" / "discord"
"""Not beside the tests, where the linters would read it."""

INSTALL_S = 150.0


class Unavailable(Exception):
    """A library is not to be had here, and why."""


def python_with_libraries() -> str:
    """The interpreter of an environment with discord.py and hikari, installed if need be; raises `Unavailable`."""
    lock, environment = HERE / "requirements.lock", ENVIRONMENT
    python, stamp = environment / "bin" / "python", environment / "installed"
    if stamp.exists() and stamp.read_bytes() == lock.read_bytes():
        return str(python)
    if environment.exists():
        shutil.rmtree(environment)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes"]
    for command in ([sys.executable, "-m", "venv", str(environment)], [*install, "-r", str(lock)]):
        _run(command, "discord.py and hikari")
    stamp.write_bytes(lock.read_bytes())
    return str(python)


def node_with_library() -> str:
    """Node, with discord.js installed beside the scripts if need be; raises `Unavailable`."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise Unavailable("discord.js: node and npm are not installed")
    installed, lock = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return node
    _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], "discord.js")
    installed.touch()
    return node


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except (subprocess.TimeoutExpired, OSError) as error:
        raise Unavailable(f"{what}: {error}") from error
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"{what} could not be installed: {reason[:200]}")
