"""Addresses, compression and broken payloads of the gateway."""

from __future__ import annotations

import itertools
import json
import zlib
from random import Random
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.wire.gateway_frames import BadAddress, Decoder, Garbled, address
from wanderer_notifier.wire.zlib_stream import END, BadStream, Inflater


@pytest.mark.parametrize(
    ("url", "host", "path", "query"),
    [
        ("wss://gateway.example", "gateway.example", "/", {}),
        ("wss://gateway.example/", "gateway.example", "/", {}),
        ("wss://gateway.example:8443/some/where", "gateway.example:8443", "/some/where", {}),
        ("wss://g.example/?region=eu&v=6&encoding=etf&compress=zstd-stream", "g.example", "/", {"region": ["eu"]}),
        ("ws://127.0.0.1:5/gateway?a=b", "127.0.0.1:5", "/gateway", {"a": ["b"]}),
    ],
)
@pytest.mark.parametrize("compress", [True, False])
def test_the_query_is_merged_into_whatever_address_comes(
    url: str, host: str, path: str, query: dict[str, list[str]], compress: bool
) -> None:
    parts = urlsplit(address(url, compress=compress))
    ours = {"v": ["10"], "encoding": ["json"], **({"compress": ["zlib-stream"]} if compress else {})}
    assert (parts.netloc, parts.path, parse_qs(parts.query)) == (host, path, {**query, **ours})


@pytest.mark.parametrize(
    "url", ["", "gateway.example", "https://gateway.example", "wss://", "wss://a:99999/", "wss://["]
)
def test_what_is_no_gateway_address_is_refused(url: str) -> None:
    with pytest.raises(BadAddress):
        address(url, compress=False)


class Flushing:
    """Discord's end: one compressor for a connection."""

    def __init__(self) -> None:
        self._stream = zlib.compressobj()

    def __call__(self, text: bytes) -> bytes:
        return self._stream.compress(text) + self._stream.flush(zlib.Z_SYNC_FLUSH)


def payload(text: str = "x") -> bytes:
    return json.dumps({"op": 0, "t": "X", "s": 1, "d": {"text": text}}, ensure_ascii=False).encode()


def test_a_message_may_be_cut_at_every_byte() -> None:
    squeeze, decoder = Flushing(), Decoder(compress=True)
    for cut in range(1, 60):
        whole = squeeze(payload(f"Ж{cut}"))
        at = cut % len(whole)
        if at:
            assert decoder.feed(whole[:at]) is None
        assert decoder.feed(whole[at:]) == json.loads(payload(f"Ж{cut}"))


@given(st.text(max_size=200), st.lists(st.integers(1, 400), max_size=6))
def test_a_message_may_come_in_any_pieces_with_flushes_inside(text: str, cuts: list[int]) -> None:
    squeeze, decoder, raw = Flushing(), Decoder(compress=True), payload(text)
    edges = sorted({0, len(raw), *(cut % len(raw) for cut in cuts)})
    parts = [squeeze(raw[begin:end]) for begin, end in itertools.pairwise(edges)]
    assert all(part.endswith(END) for part in parts)
    got = [decoder.feed(part) for part in parts]
    assert got == [None] * (len(parts) - 1) + [json.loads(raw)]
    assert decoder.feed(squeeze(payload("after"))) == json.loads(payload("after"))


def test_five_megabytes_come_through() -> None:
    text = Random(1).randbytes(5 * 2**20).hex()
    assert Decoder(compress=True).feed(Flushing()(payload(text))) == json.loads(payload(text))


def test_each_connection_has_a_stream_of_its_own() -> None:
    squeeze = Flushing()
    Decoder(compress=True).feed(squeeze(payload()))
    late = squeeze(payload())  # of the old connection
    with pytest.raises(Garbled):
        Decoder(compress=True).feed(late)
    assert Decoder(compress=True).feed(Flushing()(payload())) == json.loads(payload())


def test_what_inflates_without_end_is_refused() -> None:
    with pytest.raises(BadStream, match="inflates"):
        Inflater(largest=1000).feed(Flushing()(b"a" * 100_000))
    with pytest.raises(BadStream, match="without a flush"):
        Inflater(largest=1000).feed(b"a" * 1001)


def test_an_ended_stream_is_no_stream() -> None:
    stream = zlib.compressobj()
    ended = stream.compress(payload()) + stream.flush(zlib.Z_FINISH) + END
    with pytest.raises(BadStream):
        Inflater().feed(ended)


@pytest.mark.parametrize(
    "message", ['{"op": 0, "t":', "", "[]", "null", "5", '{"op": "x"}', '{"op": true}', b"\xff\xfe{", "[" * 100_000]
)
def test_what_is_no_payload_is_said_to_be_none_without_quoting_it(message: str | bytes) -> None:
    with pytest.raises(Garbled) as caught:
        Decoder(compress=False).feed(message)
    assert "op" not in str(caught.value)


def test_a_truncated_message_is_noticed_with_the_next_one() -> None:
    squeeze, decoder = Flushing(), Decoder(compress=True)
    assert decoder.feed(squeeze(payload()[:-5])) is None  # the rest may follow
    with pytest.raises(Garbled):
        decoder.feed(squeeze(payload()))


def test_json_in_binary_frames_and_text_in_a_compressed_connection_are_understood() -> None:
    assert Decoder(compress=False).feed(payload()) == json.loads(payload())
    assert Decoder(compress=True).feed(payload().decode()) == json.loads(payload())
