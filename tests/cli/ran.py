"""Runs the command line: in this process, or as another one beside a service that runs."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import trio
from attrs import frozen

from wanderer_notifier.cli import main

MINIMAL = {
    "DISCORD_BOT_TOKEN": "test-token-discord-canary",
    "DISCORD_CHANNEL_ID": "300000000000000001",
    "MAP_URL": "http://127.0.0.1:9",
    "MAP_NAME": "home-chain",
    "MAP_API_KEY": "test-map-key-canary",
}


@frozen
class Ran:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str


def runner(data_dir: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs commands in this process with `MINIMAL` and *data_dir*, and looks that none says what it must not."""

    def run(*arguments: str, stdin: str = "", **environment: str) -> Ran:
        with patch.context() as patched:
            for name in os.environ:
                patched.delenv(name)
            for name, value in {**MINIMAL, "DATA_DIR": str(data_dir), **environment}.items():
                patched.setenv(name, value)
            patched.chdir(data_dir.parent)
            patched.setattr(sys, "stdin", io.StringIO(stdin))
            try:
                code = main(arguments)
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 1
        said = capture.readouterr()
        for text in (said.out, said.err):
            assert "\x1b" not in text, "what strangers write does not reach the terminal"
            assert "\u202e" not in text
            assert "canary" not in text
        return Ran(code, said.out, said.err)

    return run


async def beside(*arguments: str, environment: Mapping[str, str], data_dir: Path) -> Ran:
    """The command as a process of its own, while this test goes on serving."""
    ran = await trio.to_thread.run_sync(
        partial(
            subprocess.run,
            [sys.executable, "-m", "wanderer_notifier", *arguments],
            env={"PATH": os.environ["PATH"], **environment, "DATA_DIR": str(data_dir)},
            cwd=data_dir.parent,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)
