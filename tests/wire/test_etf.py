"""The former program's term format: its published files, the limits, and a round trip of everything writable."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.wire.etf import NIL, EtfError, Symbol, decode, encode

PRIORITY = Symbol("priority_systems")
ENTRY = (
    "836c000000017400000007770a6368616e6e656c5f696477036e696c77086775696c645f69646e0800158185d6405a41037705706172616d6d"
    "000000044a697461770974696d657374616d70740000000d770a5f5f7374727563745f5f770f456c697869722e4461746554696d6577086361"
    "6c656e6461727713456c697869722e43616c656e6461722e49534f770364617961027704686f75726103770b6d6963726f7365636f6e646802"
    "62000a5bf5610677066d696e757465610477056d6f6e7468610177067365636f6e646105770a7374645f6f66667365746100770974696d655f"
    "7a6f6e656d000000074574632f555443770a7574635f6f6666736574610077047965617262000007ea77097a6f6e655f616262726d00000003"
    "55544377047479706"
    "56d0000000673797374656d7707757365725f69646e08004ef330a64b9bb6017708757365726e616d656d0000000570696c6f746a"
)

VECTORS = [
    ("83740000000177107072696f726974795f73797374656d736a", {PRIORITY: []}),
    ("83740000000177107072696f726974795f73797374656d736c000000036206ea854a610561c86a", {PRIORITY: [116032842, 5, 200]}),
    ("83740000000177107072696f726974795f73797374656d736b0003010203", {PRIORITY: [1, 2, 3]}),
    ("837400000000", {}),
    ("836a", []),
]


@pytest.mark.parametrize(("raw", "term"), VECTORS)
def test_published_files_are_read(raw: str, term: object) -> None:
    assert decode(bytes.fromhex(raw)) == term


@pytest.mark.parametrize(("raw", "term"), [VECTORS[0], VECTORS[1], *VECTORS[3:]])
def test_what_is_written_is_what_the_former_program_wrote(raw: str, term: object) -> None:
    assert encode(term).hex() == raw  # type: ignore[arg-type]


def test_a_list_of_small_numbers_is_never_written_in_the_short_form() -> None:
    assert encode([1, 2, 3])[1] == 108


def test_a_command_log_survives_a_round_trip_byte_for_byte() -> None:
    raw = bytes.fromhex(ENTRY)
    assert len(raw) == 346
    log: Any = decode(raw)
    (entry,) = log
    assert entry[Symbol("user_id")] == 123456789012345678
    assert entry[Symbol("channel_id")] == NIL
    assert entry[Symbol("param")] == b"Jita"
    assert entry[Symbol("timestamp")][Symbol("microsecond")] == (678901, 6)
    assert encode([entry]) == raw


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "version byte"),
        (b"\x82\x61\x01", "version byte"),
        (b"\x83", "cut off"),
        (b"\x83\x61", "cut off"),
        (b"\x83\x61\x01\x00", "after the term"),
        (b"\x83\x67", "kind 103"),
        (b"\x83\x6c\xff\xff\xff\xff", "more than"),
        (b"\x83\x74\xff\xff\xff\xff", "more than"),
        (b"\x83\x6c\x00\x00\x00\x01\x61\x01\x61\x02", "tail"),
        (b"\x83" + b"\x6c\x00\x00\x00\x01" * 40, "nested"),
        (b"\x83\x77\x01\xff", "not text"),
        (b"\x83\x74\x00\x00\x00\x01\x6a\x6a", "as key"),
        (b"\x83\x50\xff\xff\xff\xff", "unpack"),
        (b"\x83\x50\x00\x00\x00\x09nonsense", "unpack"),
        (b"\x83\x50\x00\x00\x00\x03" + zlib.compress(b"\x61\x01"), "another size"),
    ],
)
def test_a_hostile_or_damaged_file_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(EtfError, match=why):
        decode(raw)


def test_a_compressed_file_is_read() -> None:
    plain = encode({PRIORITY: [7]})[1:]
    assert decode(b"\x83\x50" + struct.pack(">I", len(plain)) + zlib.compress(plain)) == {PRIORITY: [7]}


@given(st.binary(max_size=60))
def test_no_bytes_whatever_raise_anything_but_the_own_error(raw: bytes) -> None:
    for data in (raw, b"\x83" + raw):
        try:
            decode(data)
        except EtfError:
            continue


terms = st.recursive(
    st.integers(-(2**70), 2**70) | st.binary(max_size=8) | st.text(max_size=8).map(Symbol),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers() | st.text(max_size=4).map(Symbol), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(terms)
def test_every_writable_term_reads_back_equal(term: object) -> None:
    try:
        raw = encode(term)  # type: ignore[arg-type]
    except EtfError:
        return  # nested too deep
    assert decode(raw) == term
