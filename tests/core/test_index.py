"""The index of rows and tests names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent


def test_every_test_that_the_index_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", (HERE / "README.md").read_text(encoding="utf-8")))
    written = set[str]()
    for path in HERE.parent.rglob("test_*.py"):
        written.update(re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8")))
    assert named - written == set()
    assert len(named) > 100
