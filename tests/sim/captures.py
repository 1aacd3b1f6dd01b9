"""Reading the recorded traffic of the real services, which lies beside the repository and never in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures"


def records(service: str, name: str) -> list[dict[str, Any]]:
    """All records of one capture file; skips the test when the captures are not here."""
    path = CAPTURES / service / f"{name}.jsonl"
    if not path.exists():
        pytest.skip(f"no captures of real traffic beside the repository ({service}/{name}.jsonl)")
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
