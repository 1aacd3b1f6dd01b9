"""Event ids of a map's stream: ULIDs, whose first ten characters are a time (wanderer-map.md 1.5)."""

from __future__ import annotations

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_VALUES = {char: value for value, char in enumerate(_ALPHABET)}
_LENGTH, _TIME_LENGTH = 26, 10


def ulid_time_ms(event_id: str) -> int | None:
    """Milliseconds since 1970 in *event_id*; None when it is no ULID."""
    if len(event_id) != _LENGTH or any(char not in _VALUES for char in event_id):
        return None
    time = 0
    for char in event_id[:_TIME_LENGTH]:
        time = time * 32 + _VALUES[char]
    return time


def cursor_before(event_id: str, seconds: float) -> str | None:
    """A made-up cursor *seconds* before *event_id*: resuming there repeats a little and loses nothing.

    Ids of one moment are not in order on the wire, so that resuming exactly at the last one could skip its
    neighbours. None when *event_id* is no ULID.
    """
    time = ulid_time_ms(event_id)
    if time is None:
        return None
    left = max(time - int(seconds * 1000), 0)
    digits = []
    for _ in range(_TIME_LENGTH):
        left, digit = divmod(left, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits)) + "0" * (_LENGTH - _TIME_LENGTH)
