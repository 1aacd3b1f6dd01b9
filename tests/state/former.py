"""Reads the two files as the former program would: a decoder of its own, in that program's safe mode.

It shares no code with the package. A symbol that program does not have, or a byte too many, and it reads nothing.
"""

from __future__ import annotations

import struct
from typing import Any

SYMBOLS = frozenset(
    {"priority_systems", "type", "param", "user_id", "username", "timestamp", "guild_id", "channel_id", "nil"}
    | {"__struct__", "calendar", "year", "month", "day", "hour", "minute", "second", "utc_offset", "std_offset"}
    | {"microsecond", "time_zone", "zone_abbr", "Elixir.DateTime", "Elixir.Calendar.ISO"}
)


class Atom(str):
    """A symbol, which no text is equal to in that program."""

    __slots__ = ()


def read(data: bytes) -> Any:
    """The term in *data*; raises AssertionError for what that program could not read."""
    assert data[:1] == b"\x83"
    term, rest = _term(data[1:])
    assert rest == b""
    return term


def _term(data: bytes) -> tuple[Any, bytes]:
    tag, data = data[0], data[1:]
    match tag:
        case 97:
            return data[0], data[1:]
        case 98:
            return struct.unpack(">i", data[:4])[0], data[4:]
        case 110:
            size, sign = data[0], data[1]
            return int.from_bytes(data[2 : 2 + size], "little") * (-1 if sign else 1), data[2 + size :]
        case 119:
            name = data[1 : 1 + data[0]].decode()
            assert name in SYMBOLS, name
            return Atom(name), data[1 + data[0] :]
        case 109:
            (size,) = struct.unpack(">I", data[:4])
            return data[4 : 4 + size].decode(), data[4 + size :]
        case 106:
            return [], data
        case 108:
            (size,), data = struct.unpack(">I", data[:4]), data[4:]
            items, data = _terms(size, data)
            assert data[0] == 106, "a list without its end"
            return items, data[1:]
        case 104:
            items, data = _terms(data[0], data[1:])
            return tuple(items), data
        case 116:
            (size,), data = struct.unpack(">I", data[:4]), data[4:]
            flat, data = _terms(2 * size, data)
            return dict(zip(flat[::2], flat[1::2], strict=True)), data
    raise AssertionError(f"tag {tag}")


def _terms(count: int, data: bytes) -> tuple[list[Any], bytes]:
    items = []
    for _ in range(count):
        one, data = _term(data)
        items.append(one)
    return items, data
