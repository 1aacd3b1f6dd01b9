"""`wanderer-notifier … | head`: no traceback when the reader has had enough."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.config.minimal import MINIMAL


def test_a_reader_that_leaves_early_is_no_failure_of_ours(tmp_path: Path) -> None:
    ours, theirs = os.pipe()
    os.close(ours)  # nobody will ever read
    ran = subprocess.run(
        [sys.executable, "-m", "wanderer_notifier", "check-config"],
        cwd=tmp_path,
        env={"PATH": os.environ.get("PATH", ""), **MINIMAL},
        stdout=theirs,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(theirs)
    assert ran.returncode == 141
    assert b"Traceback" not in ran.stderr
