"""The index of pitfalls and tests is complete and names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent
INDEX = (HERE / "README.md").read_text(encoding="utf-8")


def test_every_test_that_the_index_of_pitfalls_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", INDEX))
    written = set[str]()
    for path in HERE.parent.rglob("test_*.py"):
        written.update(re.findall(r"def (test_\w+)\(", path.read_text(encoding="utf-8")))
    assert named - written == set()


def test_the_index_leaves_no_pitfall_out() -> None:
    rows = " ".join(line.split("|")[1] for line in INDEX.splitlines() if line.startswith("| P"))
    assert {f"P{number:02}" for number in range(1, 81)} <= set(re.findall(r"P\d\d", rows))
