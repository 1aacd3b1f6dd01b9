"""Runs the real service as a process against the simulated universe on loopback."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import trio


class Service:
    """One process of `wanderer-notifier run`; its output is appended to *log*, from *offset* on."""

    def __init__(self, process: trio.Process, log: Path, offset: int) -> None:
        self.process, self.log, self._offset = process, log, offset

    def lines(self) -> list[dict[str, Any]]:
        """The log so far, as parsed JSON lines; other output is left out."""
        found = []
        for line in self.log.read_bytes()[self._offset :].decode(errors="replace").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
        return found

    def events(self, name: str) -> list[dict[str, Any]]:
        return [line for line in self.lines() if line.get("event") == name]

    async def port(self) -> int:
        """The web port, as soon as the service says it."""
        await until(lambda: self.events("web_listening") or self.process.returncode is not None, "web port")
        return int(self.events("web_listening")[-1]["port"])

    async def get(self, path: str) -> httpx.Response:
        port = await self.port()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            return await client.get(path)

    async def ready(self) -> None:
        """Wait until `/ready` says yes."""
        port = await self.port()
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=10) as client:
            with trio.fail_after(30):
                while (await client.get("/ready")).status_code != 200:
                    await trio.sleep(0.05)

    def kill(self) -> None:
        """End it as a power cut would."""
        if self.process.returncode is None:
            self.process.kill()

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop; the exit code."""
        self.process.send_signal(number)
        with trio.fail_after(20):
            return await self.process.wait()


@asynccontextmanager
async def running(
    environment: Mapping[str, str], data_dir: Path, *arguments: str, inside: Sequence[str] = ()
) -> AsyncIterator[Service]:
    """The service with exactly *environment* (plus what a process needs), its state in *data_dir*.

    *inside* is a command that starts it, such as one that makes namespaces.
    """
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir.parent / f"{data_dir.name}.log"
    env = {
        "PATH": os.environ.get("PATH", ""),
        "PORT": "0",
        "BIND_ADDRESS": "127.0.0.1",
        "DATA_DIR": str(data_dir),
        "LOG_FORMAT": "json",
        **environment,
    }
    offset = log.stat().st_size if log.exists() else 0
    with log.open("ab") as out:
        process = await trio.lowlevel.open_process(
            [*inside, sys.executable, "-m", "wanderer_notifier", *(arguments or ("run",))],
            env=env,
            cwd=data_dir,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    service = Service(process, log, offset)
    try:
        yield service
    finally:
        with trio.CancelScope(shield=True):
            service.kill()
            await process.wait()


async def until(state: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Wait until *state* is true; its name is in the error when it never is."""
    deadline = trio.current_time() + seconds
    while not state():
        if trio.current_time() > deadline:
            raise AssertionError(f"never happened within {seconds:g} s: {what}")
        await trio.sleep(0.02)


def forget_crashes(data_dir: Path) -> None:
    """Let the next start not know how often the service was killed, since after three times it rests a minute."""
    database = data_dir / "notifier.db"
    if not database.exists():
        return
    conn = sqlite3.connect(database, isolation_level=None)
    try:
        conn.execute("DELETE FROM meta WHERE name = 'unclean_starts'")
    except sqlite3.OperationalError:  # killed before there was a table
        pass
    finally:
        conn.close()
