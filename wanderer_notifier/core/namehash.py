"""The 27-bit hash under which the former program remembered names (operations.md 4.4)."""

from __future__ import annotations

from functools import lru_cache

_GOLDEN = 0x9E3779B9
_MASK = 0xFFFFFFFF
_EMPTY = 13708901
"""The empty name's; a special case of that runtime."""


def name_hash(name: str) -> int:
    """0 to 134,217,727: what a system typed as *name* was stored as. Upper and lower case differ."""
    data = name.encode("utf-8", "surrogatepass")
    if not data:
        return _EMPTY
    a, b, c = _GOLDEN, _GOLDEN, 0x08D12E65
    whole = len(data) // 12 * 12
    for at in range(0, whole, 12):
        words = [int.from_bytes(data[at + offset : at + offset + 4], "little") for offset in (0, 4, 8)]
        a, b, c = _mix(a + words[0], b + words[1], c + words[2])
    rest = data[whole:]
    a += int.from_bytes(rest[0:4], "little")
    b += int.from_bytes(rest[4:8], "little")
    c += len(data) + (int.from_bytes(rest[8:11], "little") << 8)  # the lowest byte belongs to the length
    return _mix(a, b, c)[2] & 0x7FFFFFF


@lru_cache(maxsize=4096)
def spellings(name: str) -> frozenset[int]:
    """The hashes under which somebody may have entered *name*: as it is, in lower and in upper case."""
    return frozenset(name_hash(one) for one in {name, name.lower(), name.upper()})


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    """Bob Jenkins' 32-bit mixer of 1996."""
    for right, left, right_again in ((13, 8, 13), (12, 16, 5), (3, 10, 15)):
        a = (a - b - c & _MASK) ^ ((c & _MASK) >> right)
        b = (b - c - a & _MASK) ^ (a << left & _MASK)
        c = (c - a - b & _MASK) ^ (b >> right_again)
    return a, b, c
