"""The subset of Erlang's external term format in the store files of the former program (operations.md 4.2).

The reader takes a hostile file for what it is: every tag outside the subset, nesting deeper than 16, more than a
million elements, or more bytes than allowed end in `EtfError`. The writer produces what the former program's own safe
reader accepts: symbols as tag 119, lists never as tag 107.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import TypeAlias

from attrs import frozen

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 16
MAX_ELEMENTS = 1_000_000


@frozen
class Symbol:
    """A symbolic constant of the other language; never a new one is written that it does not know."""

    name: str


Term: TypeAlias = "int | float | bytes | Symbol | list[Term] | tuple[Term, ...] | dict[Term, Term]"
"""Text is bytes here, since only its user knows the encoding. Symbols, numbers, bytes and tuples can be keys."""

NIL = Symbol("nil")


class EtfError(ValueError):
    """The bytes are not a term of the subset."""


def decode(data: bytes) -> Term:
    """The one term in *data*; raises `EtfError`."""
    if len(data) > MAX_BYTES:
        raise EtfError(f"{len(data)} bytes, at most {MAX_BYTES} are read")
    if data[:1] != b"\x83":
        raise EtfError("does not begin with the version byte 131")
    if data[1:2] == b"\x50":
        data = b"\x83" + _inflate(data)
    reader = _Reader(data, 1)
    term = reader.term(0)
    if reader.at != len(data):
        raise EtfError(f"{len(data) - reader.at} bytes after the term")
    return term


def encode(term: Term) -> bytes:
    """The file content for *term*. Raises `EtfError` for what the format or the other program cannot hold."""
    out = bytearray(b"\x83")
    _write(out, term, 0)
    return bytes(out)


def _inflate(data: bytes) -> bytes:
    if len(data) < 6:
        raise EtfError("cut off")
    (size,) = struct.unpack_from(">I", data, 2)
    if size > MAX_BYTES:
        raise EtfError(f"would unpack to {size} bytes")
    unpacker = zlib.decompressobj()
    try:
        plain = unpacker.decompress(data[6:], size + 1)
    except zlib.error as error:
        raise EtfError(f"cannot be unpacked: {error}") from error
    if len(plain) != size or not unpacker.eof:
        raise EtfError("unpacks to another size than it says")
    return plain


class _Reader:
    def __init__(self, data: bytes, at: int) -> None:
        self._data, self.at = data, at
        self._elements = 0

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if end > len(self._data):
            raise EtfError("cut off")
        piece = self._data[self.at : end]
        self.at = end
        return piece

    def _number(self, form: str) -> int:
        (value,) = struct.unpack(form, self._take(struct.calcsize(form)))
        return int(value)

    def _count(self, elements: int) -> int:
        self._elements += elements
        if self._elements > MAX_ELEMENTS:
            raise EtfError(f"more than {MAX_ELEMENTS} elements")
        return elements

    def term(self, depth: int) -> Term:
        if depth > MAX_DEPTH:
            raise EtfError(f"nested deeper than {MAX_DEPTH}")
        match tag := self._number(">B"):
            case 97:
                return self._number(">B")
            case 98:
                return self._number(">i")
            case 110:
                return self._big(self._number(">B"))
            case 111:
                return self._big(self._number(">I"))
            case 70:
                (value,) = struct.unpack(">d", self._take(8))
                return float(value)
            case 119 | 115:
                return self._symbol(self._take(self._number(">B")), "utf-8" if tag == 119 else "latin-1")
            case 118 | 100:
                return self._symbol(self._take(self._number(">H")), "utf-8" if tag == 118 else "latin-1")
            case 109:
                return self._take(self._number(">I"))
            case 107:  # the other program's short form of a list of small numbers
                return list(self._take(self._count(self._number(">H"))))
            case 106:
                return []
            case 108:
                items = [self.term(depth + 1) for _ in range(self._count(self._number(">I")))]
                if self._number(">B") != 106:
                    raise EtfError("a list with a tail that is no list")
                return items
            case 104 | 105:
                arity = self._number(">B" if tag == 104 else ">I")
                return tuple(self.term(depth + 1) for _ in range(self._count(arity)))
            case 116:
                return self._map(depth)
            case _:
                raise EtfError(f"a term of kind {tag} has no place in these files")

    def _big(self, length: int) -> int:
        negative = self._number(">B")
        value = int.from_bytes(self._take(length), "little")
        return -value if negative else value

    def _symbol(self, raw: bytes, encoding: str) -> Symbol:
        try:
            return Symbol(raw.decode(encoding))
        except UnicodeDecodeError as error:
            raise EtfError("a symbol that is not text") from error

    def _map(self, depth: int) -> Term:
        found: dict[Term, Term] = {}
        for _ in range(self._count(self._number(">I"))):
            key = self.term(depth + 1)
            try:
                hash(key)
            except TypeError as error:
                raise EtfError("a map with a list or map as key") from error
            found[key] = self.term(depth + 1)
        return found


def _write(out: bytearray, term: Term, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EtfError(f"nested deeper than {MAX_DEPTH}")
    match term:
        case bool():
            raise EtfError("truth values have no place in these files")
        case int():
            _write_integer(out, term)
        case float():
            out += b"\x46" + struct.pack(">d", term)
        case bytes():
            out += b"\x6d" + struct.pack(">I", len(term)) + term
        case Symbol(name):
            raw = name.encode()
            if len(raw) > 255:
                raise EtfError("a symbol of more than 255 bytes")
            out += b"\x77" + struct.pack(">B", len(raw)) + raw
        case list():
            if term:
                out += b"\x6c" + struct.pack(">I", len(term))
                for item in term:
                    _write(out, item, depth + 1)
            out += b"\x6a"
        case tuple():
            out += b"\x68" + struct.pack(">B", len(term)) if len(term) < 256 else b"\x69" + struct.pack(">I", len(term))
            for item in term:
                _write(out, item, depth + 1)
        case Mapping():
            out += b"\x74" + struct.pack(">I", len(term))
            for key, value in term.items():
                _write(out, key, depth + 1)
                _write(out, value, depth + 1)
        case _:
            raise EtfError(f"{type(term).__name__} cannot be written")


def _write_integer(out: bytearray, value: int) -> None:
    if 0 <= value < 256:
        out += b"\x61" + struct.pack(">B", value)
    elif -(2**31) <= value < 2**31:
        out += b"\x62" + struct.pack(">i", value)
    else:
        magnitude = abs(value).to_bytes((abs(value).bit_length() + 7) // 8, "little")
        if len(magnitude) > 255:
            raise EtfError("a number of more than 255 bytes")
        out += b"\x6e" + struct.pack(">BB", len(magnitude), value < 0) + magnitude
