"""The index of cases and tests names only tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent


def test_every_test_that_the_index_names_exists() -> None:
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (HERE / "README.md").read_text(encoding="utf-8")))
    sources = "\n".join(file.read_text(encoding="utf-8") for file in HERE.parent.rglob("test_*.py"))
    defined = set(re.findall(r"def (test_[a-z0-9_]+)\(", sources))
    assert named
    assert sorted(named - defined) == []
