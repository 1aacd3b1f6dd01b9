"""Clients from npm: installed once from the lock file, run as processes, their lines read as values."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import trio

HERE = Path(__file__).parent
INSTALL_S = 150.0
ANSWER_S = 15.0

Line: TypeAlias = dict[str, Any]


class Peer:
    """A running client."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._text = b""

    async def say(self, **command: Any) -> None:
        """Give it a command."""
        assert self._process.stdin is not None
        await self._process.stdin.send_all(json.dumps(command).encode() + b"\n")

    async def line(self) -> Line:
        """The next thing it noticed."""
        assert self._process.stdout is not None
        with trio.fail_after(ANSWER_S):
            while b"\n" not in self._text:
                more = await self._process.stdout.receive_some()
                assert more, "the client ended"
                self._text += more
        line, _, self._text = self._text.partition(b"\n")
        found: Line = json.loads(line)
        return found

    async def lines(self, number: int, *, but: str = "heartbeat") -> list[Line]:
        """The next *number* things it noticed, without those that have the key *but*."""
        found: list[Line] = []
        while len(found) < number:
            line = await self.line()
            if but not in line:
                found.append(line)
        return found

    async def until(self, wanted: Callable[[Line], bool]) -> Line:
        """The next thing it noticed for which *wanted* holds."""
        while not wanted(line := await self.line()):
            pass
        return line

    async def end(self) -> int:
        """Wait for its own end."""
        with trio.fail_after(ANSWER_S):
            return await self._process.wait()


Start: TypeAlias = Callable[..., AbstractAsyncContextManager[Peer]]


@pytest.fixture(scope="session")
def node() -> str:
    """Path of Node, with the packages of the lock file installed; skips where that cannot be had."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed: the fakes are not tried with the clients of others")
    installed, lock = HERE / "node_modules" / ".package-lock.json", HERE / "package-lock.json"
    if installed.exists() and installed.stat().st_mtime >= lock.stat().st_mtime:
        return node
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=INSTALL_S, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm ci did not end within {INSTALL_S:g} s: the fakes are not tried with the clients of others")
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[0]
        pytest.skip(f"npm ci failed ({reason[:200]}): the fakes are not tried with the clients of others")
    installed.touch()
    return node


@pytest.fixture
def start(node: str) -> Start:
    """Starts a script of this folder with arguments; leaving the block ends it."""

    @asynccontextmanager
    async def run(script: str, *arguments: str) -> AsyncIterator[Peer]:
        async with trio.open_nursery() as nursery:
            begin = partial(
                trio.run_process,
                [node, str(HERE / script), *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                check=False,
                cwd=HERE,
            )
            process: trio.Process = await nursery.start(begin)
            yield Peer(process)
            nursery.cancel_scope.cancel()

    return run
