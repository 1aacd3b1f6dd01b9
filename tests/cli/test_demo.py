"""The demo as a newcomer starts it: it ends by itself, with a summary in which everything arrived once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.timeout(120)
def test_the_demo_shows_its_page_and_ends_with_everything_arrived(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "wanderer_notifier", "demo", "--seconds", "12", "--speed", "4", "--port", "0"],
        env={"PATH": os.environ["PATH"]},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout[-3000:] + ran.stderr
    assert "The channels, as their readers see them:  http://127.0.0.1:" in ran.stdout
    assert "everything arrived once" in ran.stdout
    assert "feed to Discord  p50" in ran.stdout
    assert "test-token" not in ran.stdout
    assert list(tmp_path.iterdir()) == [], "the demo leaves nothing behind"
