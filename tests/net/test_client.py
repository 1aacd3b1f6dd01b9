"""The HTTP client: every way a call can end has its own error, and none of them tells a secret."""

from __future__ import annotations

import gzip
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.abc
import trustme

from tests.net.conftest import Peer, Script, answering, plain, read_head, silent
from wanderer_notifier.net.client import BadStatus, Interrupted, NetError, NotReached, TooLarge, Upstream
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.net.errors import Silent


async def slams(stream: trio.abc.Stream) -> None:
    await read_head(stream)


async def garbage(stream: trio.abc.Stream) -> None:
    await read_head(stream)
    await stream.send_all(b"\x00\x01 not http\r\n\r\n")


async def cut_body(stream: trio.abc.Stream) -> None:
    await read_head(stream)
    await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf")


async def false_gzip(stream: trio.abc.Stream) -> None:
    await read_head(stream)
    await stream.send_all(plain(b"not gzip", headers="content-encoding: gzip\r\n"))


async def test_an_answer_has_status_headers_and_body(peer: Peer) -> None:
    seen: list[tuple[str, str, int | str]] = []
    client = Upstream(
        "map",
        "http://map.test/api/",
        dial=peer.dial(answering(plain(b'{"a":[1]}', headers="X-Request-Id: 7\r\n"))),
        observe=lambda service, method, status, seconds: seen.append((service, method, status)),
    )
    answer = await client.request("GET", "/systems")
    assert (answer.status, answer.json(), answer.headers["x-request-id"]) == (200, {"a": [1]}, "7")
    assert seen == [("map", "GET", 200)]
    await client.aclose()


async def test_the_request_carries_path_query_headers_and_json(peer: Peer) -> None:
    got = bytearray()

    async def script(stream: trio.abc.Stream) -> None:
        while b"}" not in got:
            got.extend(await stream.receive_some(65536))
        await stream.send_all(plain(b""))

    client = Upstream("d", "http://d.test/api/v10", dial=peer.dial(script), headers={"User-Agent": "ours"})
    await client.request(
        "POST",
        "/channels/1/messages",
        headers={"Authorization": "Bot test-token"},
        params={"q": "a b", "no": None},
        json={"content": "é\ud800"},
    )
    head = bytes(got)
    assert head.startswith(b"POST /api/v10/channels/1/messages?q=a+b HTTP/1.1\r\n")
    assert b"Bot test-token" in head
    assert [line.strip() for line in head.lower().split(b"\r\n") if b"user-agent" in line] == [b"user-agent: ours"]
    assert b"content-type: application/json" in head.lower()
    assert head.endswith(b'{"content":"\\u00e9\\ud800"}')  # a lone surrogate is the peer's to refuse
    await client.aclose()


@pytest.mark.parametrize(
    ("script", "error", "words"),
    [
        pytest.param(silent, Silent, "silent for 5 s", id="silent"),
        pytest.param(slams, Interrupted, "disconnected", id="closed before the answer"),
        pytest.param(garbage, Interrupted, "peer: ", id="not http"),
        pytest.param(cut_body, Interrupted, "peer: ", id="cut body"),
        pytest.param(false_gzip, Interrupted, "peer: ", id="does not decode"),
        pytest.param(answering(plain(b"x" * 2000)), TooLarge, "more than 1000 bytes", id="too large"),
    ],
)
async def test_faults_have_our_own_names(
    peer: Peer, autojump_clock: trio.testing.MockClock, script: Script, error: type[NetError], words: str
) -> None:
    seen: list[int | str] = []
    client = Upstream(
        "peer",
        "http://peer.test",
        dial=peer.dial(script),
        read_s=5.0,
        max_body=1000,
        observe=lambda service, method, status, seconds: seen.append(status),
    )
    with pytest.raises(error, match=words) as caught:
        await client.request("POST", "/path-test-token", params={"key": "query-test-token"}, json={"a": 1})
    assert type(caught.value) is error
    assert str(caught.value).startswith("peer: ")
    assert "test-token" not in str(caught.value)
    assert seen == ["too_large" if error is TooLarge else "interrupted"]
    await client.aclose()


async def refuses(host: str, port: int) -> trio.abc.HalfCloseableStream:
    await trio.lowlevel.checkpoint()
    raise ConnectionRefusedError(111, "Connection refused")


async def hangs(host: str, port: int) -> trio.abc.HalfCloseableStream:
    await trio.sleep_forever()
    raise AssertionError


@pytest.mark.parametrize(
    ("dial", "total_s", "words"),
    [
        (refuses, 60.0, "Connection refused"),
        (hangs, 60.0, "no connection within 10 s"),
        (hangs, 3.0, "no answer to POST within 3 s"),
    ],
)
async def test_what_never_left_is_not_reached(
    autojump_clock: trio.testing.MockClock,
    dial: Callable[[str, int], Awaitable[trio.abc.HalfCloseableStream]],
    total_s: float,
    words: str,
) -> None:
    client = Upstream("peer", "http://peer.test", dial=dial)
    with pytest.raises(NotReached, match=words):
        await client.request("POST", "/", total_s=total_s)
    await client.aclose()


async def test_the_total_deadline_after_sending_is_interrupted(
    peer: Peer, autojump_clock: trio.testing.MockClock
) -> None:
    async def drip(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
        while True:
            await trio.sleep(1.0)
            await stream.send_all(b"x")

    client = Upstream("peer", "http://peer.test", dial=peer.dial(drip), total_s=20.0)
    began = trio.current_time()
    with pytest.raises(Interrupted, match="within 20 s"):
        await client.request("GET", "/")
    assert trio.current_time() - began == pytest.approx(20.0)
    await client.aclose()


async def test_a_real_closed_port_is_not_reached() -> None:
    sock = trio.socket.socket()
    await sock.bind(("127.0.0.1", 0))
    port = sock.getsockname()[1]
    client = Upstream("peer", f"http://127.0.0.1:{port}", dial=tcp_dial(ipv4_only=True))
    with pytest.raises(NotReached, match="refused"):
        await client.request("GET", "/")
    await client.aclose()
    sock.close()


async def test_tls_is_checked_and_its_reason_is_told(peer: Peer) -> None:
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(server)

    async def script(stream: trio.abc.Stream) -> None:
        secure = trio.SSLStream(stream, server, server_side=True, https_compatible=True)
        await secure.do_handshake()
        await answering(plain(b"{}"))(secure)

    port = await peer.listen(script)
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    client = Upstream("peer", f"https://127.0.0.1:{port}", dial=tcp_dial(), tls=trusting)
    assert (await client.request("GET", "/")).status == 200
    await client.aclose()
    stranger = Upstream("peer", f"https://127.0.0.1:{port}", dial=tcp_dial())
    with pytest.raises(NotReached, match="certificate not accepted"):
        await stranger.request("GET", "/")
    await stranger.aclose()


async def test_a_connection_is_used_again(peer: Peer) -> None:
    port = await peer.listen(answering(plain(b"{}", keep=True)))
    client = Upstream("peer", f"http://127.0.0.1:{port}", dial=tcp_dial())
    for _ in range(3):
        await client.request("GET", "/")
    assert peer.connections == 1
    await client.aclose()


async def test_an_idle_connection_closed_by_the_peer_is_replaced(peer: Peer) -> None:
    closed = trio.Event()

    async def once(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(plain(b"{}", keep=True))
        await trio.aclose_forcefully(stream)
        closed.set()

    port = await peer.listen(once)
    client = Upstream("peer", f"http://127.0.0.1:{port}", dial=tcp_dial())
    await client.request("GET", "/")
    await closed.wait()
    assert (await client.request("GET", "/")).status == 200
    assert peer.connections == 2
    await client.aclose()


async def test_a_connection_idle_for_long_is_not_trusted(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    client = Upstream("peer", "http://peer.test", dial=peer.dial(answering(plain(b"{}", keep=True))))
    for pause, connections in ((0, 1), (29, 1), (31, 2)):
        await trio.sleep(pause)
        await client.request("POST", "/")
        assert peer.connections == connections
    await client.aclose()


async def test_redirects_are_answers(peer: Peer) -> None:
    client = Upstream(
        "peer",
        "http://peer.test",
        dial=peer.dial(answering(plain(b"", status="302 Found", headers="location: http://b/\r\n"))),
    )
    assert (await client.request("GET", "/")).headers["location"] == "http://b/"
    assert peer.connections == 1
    await client.aclose()


async def test_compressed_bodies_are_unpacked(peer: Peer) -> None:
    packed = gzip.compress(b'{"ok":true}')
    client = Upstream(
        "peer", "http://peer.test", dial=peer.dial(answering(plain(packed, headers="content-encoding: gzip\r\n")))
    )
    assert await client.get_json("/") == {"ok": True}
    await client.aclose()


ERROR_500 = plain(b"oops", status="500 No")
LIMITED = plain(b"", status="429 Slow", headers="retry-after: 7\r\n")


async def test_reads_are_repeated_where_that_helps(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    client = Upstream("peer", "http://peer.test", dial=peer.dial(answering(ERROR_500, LIMITED, plain(b"[1]"))))
    began = trio.current_time()
    assert await client.get_json("/") == [1]
    assert trio.current_time() - began == pytest.approx(7.5)  # 0.5 s, then what Retry-After named
    await client.aclose()


@pytest.mark.parametrize(
    ("answer", "connections"),
    [
        (plain(b'{"error":"no"}', status="404 No"), 1),
        (plain(b'{"error":"no"}', status="302 No"), 1),
        (plain(b"no", status="429 Slow", headers="retry-after: 3600\r\n"), 1),
        (ERROR_500, 3),
        (plain(b"no", status="429 Slow", headers="retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n"), 3),
    ],
)
async def test_reads_give_up_with_the_status(
    peer: Peer, autojump_clock: trio.testing.MockClock, answer: bytes, connections: int
) -> None:
    client = Upstream("peer", "http://peer.test", dial=peer.dial(answering(answer)))
    with pytest.raises(BadStatus) as caught:
        await client.get_json("/")
    assert caught.value.status == int(answer[9:12])
    assert caught.value.body_excerpt
    assert peer.connections == connections
    await client.aclose()


@pytest.mark.parametrize("body", [b"<html>", b'{"a":NaN}', b"\xff", b"[" * 100_000])
async def test_reads_accept_json_only(peer: Peer, autojump_clock: trio.testing.MockClock, body: bytes) -> None:
    client = Upstream("peer", "http://peer.test", dial=peer.dial(answering(plain(body))))
    with pytest.raises(Interrupted, match="not JSON"):
        await client.get_json("/", attempts=1)
    await client.aclose()


async def test_the_pool_survives_cancelled_calls(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        if b"slow" in await read_head(stream):
            await trio.sleep(10.0)
        await stream.send_all(plain(b"{}"))

    client = Upstream("peer", "http://peer.test", dial=peer.dial(script), connections=2)
    for _ in range(10):
        with trio.move_on_after(0.5):
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(client.request, "GET", "/slow")
    assert (await client.request("GET", "/fast")).status == 200
    await client.aclose()


async def test_a_read_with_all_its_attempts_ends_within_two_minutes(
    peer: Peer, autojump_clock: trio.testing.MockClock
) -> None:
    client = Upstream("peer", "http://peer.test", dial=peer.dial(silent), read_s=100.0, total_s=50.0)
    began = trio.current_time()
    with pytest.raises(Silent):
        await client.get_json("/", attempts=9)
    assert 100 < trio.current_time() - began <= 120
    await client.aclose()


async def test_a_sleep_that_ends_late_does_not_break_a_read(
    peer: Peer, autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine: the pause began before the two minutes were over and ended after them."""
    slept = trio.sleep

    async def late(seconds: float) -> None:
        await slept(seconds + 100.0)

    client = Upstream("peer", "http://peer.test", dial=peer.dial(silent), read_s=100.0, total_s=50.0)
    monkeypatch.setattr(trio, "sleep", late)
    with pytest.raises(NetError):
        await client.get_json("/", attempts=9)
    await client.aclose()


async def test_a_peer_that_is_down_for_ten_minutes_gets_new_connections(
    peer: Peer, autojump_clock: trio.testing.MockClock
) -> None:
    """operations.md OPS-48."""
    healed: list[str] = []
    client = Upstream("peer", "http://peer.test", dial=peer.dial(slams), healed=healed.append)
    for _ in range(22):
        with pytest.raises(Interrupted):
            await client.request("GET", "/")
        await trio.sleep(60)
    assert healed == ["new_connection_pool"] * 2
    await client.aclose()


async def test_a_stream_that_works_is_not_cut_for_calls_that_do_not(
    peer: Peer, autojump_clock: trio.testing.MockClock
) -> None:
    async def opens_one_stream(stream: trio.abc.Stream) -> None:
        head = await read_head(stream)
        if b"GET /events" in head:
            await stream.send_all(b"HTTP/1.1 200 OK\r\n\r\n")
            await trio.sleep_forever()

    healed: list[str] = []
    client = Upstream("peer", "http://peer.test", dial=peer.dial(opens_one_stream), healed=healed.append)
    async with client.stream("/events", read_s=10_000):
        for _ in range(15):
            with pytest.raises(Interrupted):
                await client.request("GET", "/")
            await trio.sleep(60)
    assert healed == []
    await client.aclose()
