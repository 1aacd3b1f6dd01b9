"""Where `health` asks: where the service listens, whoever told it so."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.test_commands import command


@pytest.mark.parametrize(
    ("environ", "file", "url"),
    [
        ({}, "PORT=9", "http://127.0.0.1:9/health"),
        ({"PORT": "8"}, "PORT=9", "http://127.0.0.1:8/health"),
        ({"PORT": '"9"'}, "", "http://127.0.0.1:9/health"),
        ({"WANDERER_PORT": "9"}, "", "http://127.0.0.1:9/health"),
        ({"PORT": "9", "BIND_ADDRESS": "::"}, "", "http://127.0.0.1:9/health"),
        ({"PORT": "9", "BIND_ADDRESS": "0.0.0.0"}, "", "http://127.0.0.1:9/health"),
        ({"PORT": "9", "BIND_ADDRESS": "::1"}, "", "http://[::1]:9/health"),
        ({"PORT": "9", "BIND_ADDRESS": "127.0.0.2"}, "", "http://127.0.0.2:9/health"),
    ],
)
def test_it_asks_where_the_service_listens(tmp_path: Path, environ: dict[str, str], file: str, url: str) -> None:
    (tmp_path / ".env").write_text(file)
    ran = command("health", cwd=tmp_path, **environ)
    assert ran.returncode == 1
    assert f"no answer from {url}" in ran.stderr
