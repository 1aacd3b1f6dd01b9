"""Text for a terminal: tables, times, and nothing in them that a terminal would obey."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from datetime import datetime

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories of characters that move the cursor, change colours or the order of reading, or show nothing."""


def safe(text: object) -> str:
    """*text* on one line, with every character that a terminal might obey spelled out."""
    return "".join(_spelled(char) if unicodedata.category(char) in HIDDEN else char for char in str(text))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """*rows* below *heads*, each column as wide as its widest cell; the last one is as long as it is."""
    cells = [list(heads), *([safe("" if cell is None else cell) for cell in row] for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(heads))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells)
    return "\n".join(line.rstrip() for line in lines)


def clock(moment: datetime | None) -> str:
    """A time to the second, in UTC; a dash when there is none."""
    return "-" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"


def as_json(value: object) -> str:
    """*value* for another program; escapes keep it harmless on a terminal, too."""
    return json.dumps(value, indent=2, default=_plain)


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _spelled(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")
