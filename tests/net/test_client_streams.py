"""Streams of the HTTP client: bytes as they come, silence, cuts, and leaving early."""

from __future__ import annotations

import pytest
import trio
import trio.abc

from tests.net.conftest import Peer, answering, plain, read_head, silent
from wanderer_notifier.net.client import Interrupted, Upstream


def chunked(*parts: bytes, end: bool) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        + b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts)
        + (b"0\r\n\r\n" if end else b"")
    )


async def test_a_stream_hands_out_bytes_as_they_come(peer: Peer) -> None:
    client = Upstream("peer", "http://peer.test", dial=peer.dial(answering(chunked(b"a", b"b", end=True))))
    async with client.stream("/") as answer:
        assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
        assert b"".join([chunk async for chunk in answer.chunks]) == b"ab"
    await client.aclose()


async def test_a_silent_stream_ends_after_read_s(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(chunked(b"a", end=False))
        await trio.sleep(60.0)
        await stream.send_all(b"1\r\nb\r\n")
        await trio.sleep_forever()

    client = Upstream("peer", "http://peer.test", dial=peer.dial(script))
    got = b""
    async with client.stream("/", read_s=90.0) as answer:
        with pytest.raises(Interrupted, match="silent for 90 s"):  # noqa: PT012
            async for chunk in answer.chunks:
                got += chunk
    assert got == b"ab"
    assert trio.current_time() == pytest.approx(150.0)
    await client.aclose()


async def test_a_cut_stream_is_told_apart_from_an_ended_one(peer: Peer) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(chunked(b"a", end=False))

    client = Upstream("peer", "http://peer.test", dial=peer.dial(script))
    async with client.stream("/") as answer:
        with pytest.raises(Interrupted, match="peer: "):
            async for _ in answer.chunks:
                pass
    await client.aclose()


async def test_the_words_of_a_refusal_can_be_read(peer: Peer) -> None:
    client = Upstream(
        "peer", "http://peer.test", dial=peer.dial(answering(plain(b"z" * 300, status="503 Service Unavailable")))
    )
    async with client.stream("/") as answer:
        assert (answer.status, await answer.read_body(100)) == (503, b"z" * 100)
    await client.aclose()


async def test_headers_of_a_stream_are_bounded_too(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    client = Upstream("peer", "http://peer.test", dial=peer.dial(silent))
    with pytest.raises(Interrupted, match="within 30 s"):
        async with client.stream("/", read_s=100.0):
            pass
    await client.aclose()


async def test_leaving_a_stream_closes_its_connection(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    gone = trio.Event()

    async def script(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(chunked(b"a", end=False))
        while await stream.receive_some(1000):
            pass
        gone.set()

    client = Upstream("peer", "http://peer.test", dial=peer.dial(script))
    with trio.move_on_after(5):
        async with client.stream("/") as answer:
            async for _ in answer.chunks:
                pass
    with trio.fail_after(1):
        await gone.wait()
    await client.aclose()
