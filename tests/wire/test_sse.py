"""The event stream parser against the standard: the vectors of wanderer-map.md 8.2 by number, then properties."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from httpx_sse._decoders import SSEDecoder
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.wire.sse import SseError, SseEvent, SseParser

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures" / "wanderer-map"

TWO_FRAMES = (
    b'event: connected\nid: 01M1F371HB3WQ3TK2VD9WRH0G5\ndata: {"map_id":"7b0f6c1e-2f64-4a55-9b2e-5d0c1a7e9f10",'
    b'"server_time":"2026-09-01T18:20:30.123456Z"}\n\n'
    b'event: add_system\nid: 01M1F372CR3WQ3TK2VD9WRH0G6\ndata: {"id":"01M1F372CR3WQ3TK2VD9WRH0G6","payload":'
    b'{"name":"J155416","solar_system_id":31001503},"type":"add_system"}\n\n'
)
SEPARATORS = "a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg"

# number, chunks, [(type, data, id)]
VECTORS: list[tuple[str, list[bytes], list[tuple[str, str, str]]]] = [
    ("1", [b"data: a\n\n"], [("message", "a", "")]),
    ("2", [b"data: a\r\rdata: b\r\r"], [("message", "a", ""), ("message", "b", "")]),
    ("3", [b"data: a\r\n\r\ndata: b\r\n\r\n"], [("message", "a", ""), ("message", "b", "")]),
    ("4", [b"data: A\r\n", b"data: B\r", b"\n", b"data: C\r\n", b"\n"], [("message", "A\nB\nC", "")]),
    ("5", [b"data: a\r", b"\r"], [("message", "a", "")]),
    ("6", [b"\xef\xbb\xbfdata: a\n\n"], [("message", "a", "")]),
    ("7", [b"\xef", b"\xbb\xbfdata: a\n\n"], [("message", "a", "")]),
    (
        "8",
        [b"\xef\xbb\xbf\xef\xbb\xbfdata:1\n\ndata:2\n\ndata:3\n\n"],
        [("message", "2", ""), ("message", "3", "")],
    ),
    ("9", [b"data: a\n\n\xef\xbb\xbfdata: b\n\n"], [("message", "a", "")]),
    ("10", [b": keepalive\n\n"], []),
    ("11", [b"id: 7\ndata: x\n\n: keepalive\n\n"], [("message", "x", "7")]),
    ("12", [b":\n:data: no\ndata: yes\n:\n\n"], [("message", "yes", "")]),
    ("13", [b"data: YHOO\ndata: +2\ndata: 10\n\n"], [("message", "YHOO\n+2\n10", "")]),
    ("14 none", [b"data:x\n\n"], [("message", "x", "")]),
    ("14 two", [b"data:  x\n\n"], [("message", " x", "")]),
    ("14 tab", [b"data:\tx\n\n"], [("message", "\tx", "")]),
    ("15 bare", [b"data\n\n"], [("message", "", "")]),
    ("15 colon", [b"data:\n\n"], [("message", "", "")]),
    ("16", [b"data\ndata\n\n"], [("message", "\n", "")]),
    (
        "17",
        [b"data:\n\ndata\ndata\n\ndata:test\n\n"],
        [("message", "", ""), ("message", "\n", ""), ("message", "test", "")],
    ),
    ("18", [b"event: ping\n\n"], []),
    ("19", [b"event: ping\nid: 5\n\ndata: z\n\n"], [("message", "z", "5")]),
    ("20", [b"event:\ndata: a\n\n"], [("message", "a", "")]),
    ("21", [b"event: a\nevent: b\ndata: x\n\n"], [("b", "x", "")]),
    ("22", [b"event: a\ndata: 1\n\ndata: 2\n\n"], [("a", "1", ""), ("message", "2", "")]),
    (
        "23",
        [b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n"],
        [("message", "a", "1"), ("message", "b", "1"), ("message", "c", "")],
    ),
    ("24", [b"id: 123\nid: bad\0id\ndata: hello\n\n"], [("message", "hello", "123")]),
    ("25", [b"id: 9\n\n"], []),
    ("26", [b"id: 9\n"], []),
    ("27 no end", [b"data: a"], []),
    ("27 no blank", [b"data: a\n"], []),
    ("28", [b"data: a\n\ndata: b\n"], [("message", "a", "")]),
    ("29", [b"retry: 1500\n\n"], []),
    ("30", [b"retry:1000\nretry:2000x\ndata:x\n\n"], [("message", "x", "")]),
    ("32 zeros", [b"retry: 0003\ndata:x\n\n"], [("message", "x", "")]),
    ("32 zero", [b"retry:0\ndata:x\n\n"], [("message", "x", "")]),
    ("33", [b"data:abc\n data\ndata\nfoobar:xxx\njusttext\n:c\ndata:123\n\n"], [("message", "abc\n\n123", "")]),
    ("34", [b"Data: x\nDATA: y\ndata : z\n\n"], []),
    ("35", [b"data: a:b: c\n\n"], [("message", "a:b: c", "")]),
    ("36", [f"data: {SEPARATORS}\n\n".encode()], [("message", SEPARATORS, "")]),
    ("37", [b"data: caf\xc3", b"\xa9\n\n"], [("message", "caf\u00e9", "")]),
    ("38", [b"data: \xf0\x9f", b"\x9a\x80\n\n"], [("message", "\U0001f680", "")]),
    ("39", [b"data: a\xffb\n\n"], [("message", "a\ufffdb", "")]),
    ("40", [b"data: a\0b\n\n"], [("message", "a\0b", "")]),
    (
        "41",
        [b"data:1\r\r:\0\n:\r\ndata:2\n\n:xxxxx\rdata:3\n\n:data:fail\r:xxxxx\ndata:4\n\n"],
        [("message", number, "") for number in "1234"],
    ),
    ("42", [b"\n\n\n\ndata: a\n\n\n\n"], [("message", "a", "")]),
]


def parse(chunks: list[bytes], parser: SseParser | None = None) -> list[SseEvent]:
    parser = parser or SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


@pytest.mark.parametrize(("chunks", "expected"), [row[1:] for row in VECTORS], ids=[row[0] for row in VECTORS])
def test_vectors_of_the_standard(chunks: list[bytes], expected: list[tuple[str, str, str]]) -> None:
    assert parse(chunks) == [SseEvent(*row) for row in expected]


@pytest.mark.parametrize(("chunks", "expected"), [row[1:] for row in VECTORS], ids=[row[0] for row in VECTORS])
def test_43_vectors_one_byte_at_a_time(chunks: list[bytes], expected: list[tuple[str, str, str]]) -> None:
    whole = b"".join(chunks)
    assert parse([whole[at : at + 1] for at in range(len(whole))]) == [SseEvent(*row) for row in expected]


def test_44_two_frames_of_the_map_cut_at_every_byte() -> None:
    expected = parse([TWO_FRAMES])
    assert [(event.type, event.id[-2:]) for event in expected] == [("connected", "G5"), ("add_system", "G6")]
    for cut in range(len(TWO_FRAMES) + 1):
        assert parse([TWO_FRAMES[:cut], TWO_FRAMES[cut:]]) == expected


@pytest.mark.parametrize(
    ("stream", "last_id"),
    [(b"id: 9\n\n", "9"), (b"id: 9\n", ""), (b"id: 9\n\nid: 10\n", "9"), (b"id: 9\n\nid\n\n", "")],
)
def test_25_26_the_last_id_counts_from_its_blank_line(stream: bytes, last_id: str) -> None:
    parser = SseParser()
    parse([stream], parser)
    assert parser.last_id == last_id


@pytest.mark.parametrize(
    ("stream", "retry_ms"),
    [(b"retry: 1500\n\n", 1500), (b"retry:1000\nretry:2000x\n", 1000), (b"retry: 0003\n", 3), (b"retry:0\n", 0)],
)
def test_29_30_32_retry_is_taken_at_once(stream: bytes, retry_ms: int) -> None:
    parser = SseParser()
    parse([stream], parser)
    assert parser.retry_ms == retry_ms


@pytest.mark.parametrize("value", ["-5", "1.5", "", "0x10", "1_000", "\u0663", "  500", "+5", "9" * 5000, "\u00b2"])
def test_31_odd_retry_values_are_ignored(value: str) -> None:
    parser = SseParser()
    parse([f"retry: {value}\n\n".encode()], parser)
    assert parser.retry_ms is None


# --- cases S, by their number in cases.md ---


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e"])
def test_s01_only_cr_and_lf_end_lines(separator: str) -> None:
    text = f'{{"name":"Home{separator}data: no"}}'
    assert parse([f"data: {text}\n\n".encode()]) == [SseEvent("message", text, "")]


def test_s02_crlf_cut_in_the_middle_is_one_event() -> None:
    assert parse([b"data: a\r", b"\n\r", b"\n"]) == [SseEvent("message", "a", "")]


def test_s04_byte_order_mark_and_no_space() -> None:
    assert parse(['\ufeffdata:{"a":1}\n\n'.encode()]) == [SseEvent("message", '{"a":1}', "")]


# --- limits ---


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(b"data: " + b"x" * 200, id="line without end"),
        pytest.param(b"x" * 200 + b"\n\n", id="line of an unknown field"),
        pytest.param(b":" + b"x" * 200 + b"\n", id="comment"),
        pytest.param(b"data: 0123456789\n" * 20, id="many lines of one event"),
    ],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_too_much_fails_after_what_came_before(stream: bytes, step: int) -> None:
    parser, events = SseParser(max_bytes=100), []
    whole = b"id: 1\ndata: ok\n\n" + stream + b"\n\n"
    with pytest.raises(SseError, match="more than 100 bytes"):  # noqa: PT012
        for at in range(0, len(whole) + step, step):
            events += parser.feed(whole[at : at + step])
        parser.feed(b"more")
    assert events == [SseEvent("message", "ok", "1")]
    with pytest.raises(SseError):
        parser.feed(b"data: a\n\n")


def test_a_mebibyte_is_the_default_limit() -> None:
    assert len(parse([b"data:" + b"x" * (2**20 - 5) + b"\n\n"])) == 1
    with pytest.raises(SseError):
        parse([b"data:" + b"x" * (2**20 - 4) + b"\n\n"])


def test_small_events_never_add_up() -> None:
    assert len(parse([b"data: 0123456789\n\n" * 1000], SseParser(max_bytes=100))) == 1000


# --- properties ---

PIECES = st.sampled_from(
    [
        b"data",
        b"event",
        b"id",
        b"retry",
        b":",
        b": ",
        b" ",
        b"\n",
        b"\r",
        b"\r\n",
        b"\xef\xbb\xbf",
        b"\xff",
        b"\0",
        b"1",
    ]
)
STREAMS = st.lists(PIECES | st.binary(max_size=5), max_size=60).map(b"".join)


def split(stream: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    return [stream[start:end] for start, end in pairwise(edges)]


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_chunking_does_not_matter(stream: bytes, cuts: list[int]) -> None:
    whole, pieces = SseParser(), SseParser()
    assert parse(split(stream, cuts), pieces) == parse([stream], whole)
    assert (pieces.last_id, pieces.retry_ms) == (whole.last_id, whole.retry_ms)


@given(stream=STREAMS, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_nothing_but_sse_error_leaves_and_chunking_does_not_change_what_came_before(
    stream: bytes, cuts: list[int]
) -> None:
    outcomes = []
    for chunks in ([stream], split(stream, cuts)):
        parser, events, failed = SseParser(max_bytes=20), list[SseEvent](), False
        try:
            for chunk in [*chunks, b""]:
                events += parser.feed(chunk)
        except SseError:
            failed = True
        outcomes.append((events, failed))
    assert outcomes[0] == outcomes[1]


LINES = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.tuples(LINES.filter(bool), LINES.filter(bool), st.lists(LINES, min_size=1, max_size=3))))
def test_what_a_server_writes_is_read_back(events: list[tuple[str, str, list[str]]]) -> None:
    stream = "".join(
        f"event: {kind}\nid: {ident}\n" + "".join(f"data: {line}\n" for line in lines) + "\n: keepalive\n\n"
        for kind, ident, lines in events
    )
    assert parse([stream.encode()]) == [SseEvent(kind, "\n".join(lines), ident) for kind, ident, lines in events]


@given(STREAMS)
def test_httpx_sse_agrees_where_it_follows_the_standard(stream: bytes) -> None:
    """Not compared: byte order marks, its empty events for blank lines, retries, malformed UTF-8 (libraries.md 6)."""
    text = stream.decode("utf-8", "ignore").replace("\ufeff", "")
    decoder, theirs = SSEDecoder(), list[tuple[str, str, str]]()
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")[:-1]:
        if (event := decoder.decode(line)) is not None and event.data:
            theirs.append((event.event, event.data, event.id))
    ours = [(event.type, event.data, event.id) for event in parse([text.encode()]) if event.data]
    assert ours == theirs


# --- the real thing ---


@pytest.mark.skipif(not CAPTURES.exists(), reason="no captures beside the repository")
def test_the_captured_stream_is_read() -> None:
    streams: dict[object, SseParser] = {}
    events: list[SseEvent] = []
    for row in map(json.loads, (CAPTURES / "sse-01-stream.jsonl").read_text("utf-8").splitlines()):
        if row["dir"] == "chunk":
            events += streams.setdefault(row["conn"], SseParser()).feed(row["text"].encode())
    assert len(events) > 20
    for event in events:
        assert isinstance(json.loads(event.data), dict)
    assert {"connected", "add_system", "rally_point_added"} <= {event.type for event in events}
