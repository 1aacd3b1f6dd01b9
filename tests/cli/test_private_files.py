"""What a command writes is nobody else's to read, whatever the operator's shell would have it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.config.minimal import MINIMAL


def test_a_database_made_by_a_command_is_private(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    # The smallest file the former program could leave: no priority systems.
    empty = bytes.fromhex("83740000000177107072696f726974795f73797374656d736a")
    (tmp_path / "old/persistent_values.bin").write_bytes(empty)
    environment = {"PATH": os.environ.get("PATH", ""), "DATA_DIR": str(tmp_path / "priv"), **MINIMAL}
    shell = 'umask 022; exec "$0" -m wanderer_notifier import-legacy old'
    ran = subprocess.run(
        ["sh", "-c", shell, sys.executable], cwd=tmp_path, env=environment, capture_output=True, timeout=30, check=False
    )
    assert ran.returncode == 0, ran.stderr
    written = [path for path in (tmp_path / "priv").rglob("*") if path.is_file()]
    assert "notifier.db" in [path.name for path in written]
    assert [path.name for path in written if stat.S_IMODE(path.stat().st_mode) & 0o077] == []
