"""Tolerant reading of JSON values: what can be understood becomes a typed value, everything else None."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from typing import Any, TypeGuard

from wanderer_notifier.core.wording import NAME_LIMIT, one_line, paragraph

MAX_ID = 2**63 - 1
"""The largest id SQLite can hold; structure ids have 13 digits, characters pass 2^31 (cases.md K43)."""

MAX_ISK = 1e18
"""Far above everything ever destroyed; more is a fault of the sender."""

MAX_TEXT = 2000

_NUMBER = re.compile(r"[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?", re.ASCII)


def is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def as_id(value: object) -> int | None:
    """A positive id from a number or a string of digits; a bool is not a number, a fraction is cut off."""
    if type(value) is int:
        number = value
    elif isinstance(value, str):
        digits = value.strip()
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 19):
            return None
        number = int(digits)
    elif isinstance(value, float) and math.isfinite(value):
        number = int(value)
    else:
        return None
    return number if 0 < number <= MAX_ID else None


def as_number(value: object) -> float | None:
    """A finite number from a number or its usual text form."""
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            return None
        number = float(text)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            return None
    else:
        return None
    return number if math.isfinite(number) else None


def as_amount(value: object) -> float | None:
    """An amount of ISK; None is "unknown", which 0 is not."""
    number = as_number(value)
    return abs(number) if number is not None and 0 <= number <= MAX_ISK else None


def as_count(value: object) -> int:
    """A count of something, 0 when it is missing or nonsense."""
    if type(value) is int:
        return min(value, MAX_ID) if value > 0 else 0
    number = as_number(value)
    return min(int(number), MAX_ID) if number is not None and number > 0 else 0


def as_name(value: object, limit: int = NAME_LIMIT) -> str | None:
    """One visible line; an empty or invisible name is an unknown one (cases.md K25, D20)."""
    return one_line(value, limit) if isinstance(value, str) and value else None


def as_text(value: object, limit: int = MAX_TEXT) -> str | None:
    """Several visible lines, or None."""
    return paragraph(value[: 4 * limit], limit) if isinstance(value, str) else None


def as_time(value: object) -> datetime | None:
    """A moment in UTC from ISO 8601; without a zone it is UTC (notifications.md T18); a far-off year is unreadable."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if not 2000 <= moment.year < 2200:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
