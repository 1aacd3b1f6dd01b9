"""`open_socket`: the ten situations in which the library's own opener hangs, leaks or cancels its neighbours."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.abc
import trio.testing
import trustme
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_server_stream

from tests.net.conftest import Peer, Script, read_head
from wanderer_notifier.net.dial import tcp_dial
from wanderer_notifier.net.errors import Interrupted, NotReached, Refused
from wanderer_notifier.net.socket import open_socket

URL = "ws://feed.test/socket/websocket?vsn=2.0.0"


def websocket(conversation: Callable[[WebSocketConnection], Awaitable[None]]) -> Script:
    """A peer that accepts the upgrade and then does *conversation*."""

    async def script(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            connection = await request.accept()
            with contextlib.suppress(ConnectionClosed):
                await conversation(connection)
            nursery.cancel_scope.cancel()

    return script


async def echo(connection: WebSocketConnection) -> None:
    while True:
        await connection.send_message(await connection.get_message())


async def greet_and_wait(connection: WebSocketConnection) -> None:
    await connection.send_message("hello")
    await trio.sleep_forever()


async def silent(stream: trio.abc.Stream) -> None:
    await trio.sleep_forever()


async def test_messages_go_both_ways_in_virtual_time(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    async with open_socket(URL, dial=peer.dial(websocket(echo))) as ws:
        await ws.send_message("there")
        assert await ws.get_message() == "there"


async def test_target_host_and_headers_are_sent(peer: Peer) -> None:
    heads: list[bytes] = []

    async def script(stream: trio.abc.Stream) -> None:
        heads.append(await read_head(stream))

    with pytest.raises(NotReached):
        async with open_socket(
            "ws://feed.test:4004/a?vsn=2.0.0",
            dial=peer.dial(script),
            connect_s=0.05,
            headers=[(b"user-agent", b"wanderer-notifier")],
        ):
            pass
    assert heads[0].startswith(b"GET /a?vsn=2.0.0 HTTP/1.1\r\n")
    assert b"host: feed.test:4004\r\n" in heads[0].lower()
    assert b"user-agent: wanderer-notifier\r\n" in heads[0].lower()


async def test_1_a_silent_peer_is_given_up_in_time(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    with pytest.raises(NotReached, match=r"feed\.test:80: no WebSocket upgrade within 1 s"):
        async with open_socket(URL, dial=peer.dial(silent), connect_s=1.0):
            pass
    assert trio.current_time() == pytest.approx(1.0)


async def test_1b_a_dial_that_hangs_is_given_up_in_time(autojump_clock: trio.testing.MockClock) -> None:
    async def dial(host: str, port: int) -> trio.abc.HalfCloseableStream:
        await trio.sleep_forever()
        raise AssertionError

    with pytest.raises(NotReached, match="no connection within 10 s"):
        async with open_socket(URL, dial=dial):
            pass


async def test_2_a_peer_that_hangs_up_during_the_upgrade(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    async def slams(stream: trio.abc.Stream) -> None:
        await read_head(stream)

    with pytest.raises(NotReached):
        async with open_socket(URL, dial=peer.dial(slams), connect_s=2.0):
            pass
    assert trio.current_time() <= 2.0


async def test_3_an_untrusted_certificate_is_named_at_once(peer: Peer) -> None:
    ca = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(server)

    async def script(stream: trio.abc.Stream) -> None:
        secure = trio.SSLStream(stream, server, server_side=True, https_compatible=True)
        await secure.do_handshake()
        await websocket(echo)(secure)

    port = await peer.listen(script)
    with pytest.raises(NotReached, match="certificate not accepted"):
        async with open_socket(f"wss://127.0.0.1:{port}/", dial=tcp_dial()):
            pass
    trusting = ssl.create_default_context()
    ca.configure_trust(trusting)
    async with open_socket(f"wss://127.0.0.1:{port}/", dial=tcp_dial(), tls=trusting) as ws:
        await ws.send_message("over TLS")
        assert await ws.get_message() == "over TLS"


async def test_3b_tls_to_a_peer_that_speaks_none(peer: Peer) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await trio.sleep_forever()

    port = await peer.listen(script)
    with pytest.raises(NotReached, match="TLS failed"):
        async with open_socket(f"wss://127.0.0.1:{port}/", dial=tcp_dial()):
            pass


async def test_4_a_close_frame_with_tcp_left_open(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            await request.accept()
            await stream.send_all(b"\x88\x02\x0f\xa0")  # close 4000, and the stream stays open
            await trio.sleep_forever()

    with pytest.raises(ConnectionClosed) as caught:
        async with open_socket(URL, dial=peer.dial(script)) as ws:
            await ws.get_message()
    assert caught.value.reason is not None
    assert caught.value.reason.code == 4000
    assert trio.current_time() == 0.0


async def test_5_leaving_with_a_ping_unread_cancels_nobody_else(peer: Peer) -> None:
    pinged = trio.Event()

    async def pings(connection: WebSocketConnection) -> None:
        await connection.send_message("one")
        await connection.send_message("two")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.ping)
            await trio.testing.wait_all_tasks_blocked()
            pinged.set()

    neighbour_lives = False
    async with trio.open_nursery() as nursery:

        async def neighbour() -> None:
            nonlocal neighbour_lives
            await done.wait()
            neighbour_lives = True

        done = trio.Event()
        nursery.start_soon(neighbour)
        async with open_socket(URL, dial=peer.dial(websocket(pings)), queue=1) as ws:
            await ws.get_message()
            await pinged.wait()
            with trio.move_on_after(0.05):
                await ws.aclose()
        done.set()
    assert neighbour_lives


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4009])
async def test_6_a_peer_that_closes_first_tells_its_code_and_our_side_is_closed(peer: Peer, code: int) -> None:
    ended = trio.Event()

    async def script(stream: trio.abc.Stream) -> None:
        async def close(connection: WebSocketConnection) -> None:
            await connection.send_message("last words")
            await connection.aclose(code)

        await websocket(close)(stream)
        while await stream.receive_some(1000):
            pass
        ended.set()

    heard = []
    with pytest.raises(ConnectionClosed) as caught:  # noqa: PT012
        async with open_socket(URL, dial=peer.dial(script)) as ws:
            while True:
                heard.append(await ws.get_message())
    assert heard == ["last words"]
    assert caught.value.reason is not None
    assert caught.value.reason.code == code


async def test_6b_a_lost_tcp_connection_reads_1006(peer: Peer) -> None:
    async def leave(connection: WebSocketConnection) -> None:
        await trio.lowlevel.checkpoint()

    with pytest.raises(ConnectionClosed) as caught:
        async with open_socket(URL, dial=peer.dial(websocket(leave))) as ws:
            await ws.get_message()
    assert caught.value.reason is not None
    assert caught.value.reason.code == 1006


async def test_7_a_half_open_peer_does_not_hold_us(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        async with trio.open_nursery() as nursery:
            request = await wrap_server_stream(nursery, stream)
            await request.accept()
            nursery.cancel_scope.cancel()
        await trio.sleep_forever()

    async with open_socket(URL, dial=peer.dial(script)):
        pass
    assert trio.current_time() == 0.0


@pytest.mark.parametrize(
    "answer", [b"\x00\x01\x02\x03\r\n\r\n", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\n"]
)
async def test_8_garbage_instead_of_http_is_a_loss(
    peer: Peer, autojump_clock: trio.testing.MockClock, answer: bytes
) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(answer)

    with pytest.raises(NotReached, match=r"feed\.test:80: "):
        async with open_socket(URL, dial=peer.dial(script)):
            pass


async def test_9_a_slow_reader_with_room_still_answers_pings(
    peer: Peer, autojump_clock: trio.testing.MockClock
) -> None:
    answered = trio.Event()

    async def chatty(connection: WebSocketConnection) -> None:
        for number in range(50):
            await connection.send_message(str(number))
        await connection.ping()
        answered.set()
        await trio.sleep_forever()

    async with open_socket(URL, dial=peer.dial(websocket(chatty))) as ws:
        with trio.fail_after(5):
            await answered.wait()  # nothing was read yet
        assert [await ws.get_message() for _ in range(50)] == [str(number) for number in range(50)]


async def test_10_large_messages_pass_up_to_the_limit(peer: Peer) -> None:
    async def large(connection: WebSocketConnection) -> None:
        await connection.send_message("x" * 2_000_000)
        await connection.get_message()

    async with open_socket(URL, dial=peer.dial(websocket(large))) as ws:
        assert len(await ws.get_message()) == 2_000_000
    with pytest.raises(ConnectionClosed) as caught:
        async with open_socket(URL, dial=peer.dial(websocket(large)), max_message=1_000_000) as ws:
            await ws.get_message()
    assert caught.value.reason is not None
    assert caught.value.reason.code == 1009


async def test_an_http_refusal_has_its_status_and_body(peer: Peer) -> None:
    async def script(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 9\r\n\r\nForbidden")
        await trio.sleep_forever()

    with pytest.raises(Refused, match="HTTP 403") as caught:
        async with open_socket(URL, dial=peer.dial(script)):
            pass
    assert (caught.value.status, caught.value.body) == (403, "Forbidden")


async def test_a_refused_connection_is_not_reached() -> None:
    sock = trio.socket.socket()
    await sock.bind(("127.0.0.1", 0))
    with pytest.raises(NotReached, match="refused"):
        async with open_socket(f"ws://127.0.0.1:{sock.getsockname()[1]}/", dial=tcp_dial()):
            pass
    sock.close()


@pytest.mark.parametrize("url", ["http://feed.test/", "feed.test", "ws:///x", ""])
async def test_other_addresses_are_not_reached(url: str) -> None:
    with pytest.raises(NotReached, match="must start with"):
        async with open_socket(url, dial=tcp_dial()):
            pass


async def test_an_error_of_the_body_leaves_bare(peer: Peer) -> None:
    with pytest.raises(KeyError, match="ours"):
        async with open_socket(URL, dial=peer.dial(websocket(echo))):
            raise KeyError("ours")


async def test_cancellation_passes_and_says_no_goodbye(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    codes: list[int] = []

    async def listen(connection: WebSocketConnection) -> None:
        with pytest.raises(ConnectionClosed) as caught:
            await connection.get_message()
        assert caught.value.reason is not None
        codes.append(caught.value.reason.code)

    with trio.move_on_after(3) as scope:
        async with open_socket(URL, dial=peer.dial(websocket(listen))):
            await trio.sleep_forever()
    assert scope.cancelled_caught
    await trio.testing.wait_all_tasks_blocked()
    assert codes == [1006]


async def test_a_reader_that_breaks_is_interrupted(peer: Peer, autojump_clock: trio.testing.MockClock) -> None:
    broken = False

    class Breaks(trio.abc.ReceiveStream):
        def __init__(self, inner: trio.abc.ReceiveStream) -> None:
            self.inner = inner

        async def receive_some(self, max_bytes: int | None = None) -> bytes:
            data = bytes(await self.inner.receive_some(max_bytes))
            if broken:
                raise ValueError("a bug in a library")
            return data

        async def aclose(self) -> None:
            await self.inner.aclose()

    inner = peer.dial(websocket(greet_and_wait))

    async def dial(host: str, port: int) -> trio.abc.HalfCloseableStream:
        memory = await inner(host, port)
        assert isinstance(memory, trio.StapledStream)
        return trio.StapledStream(memory.send_stream, Breaks(memory.receive_stream))

    with pytest.raises(Interrupted, match="a bug in a library"):  # noqa: PT012
        async with open_socket(URL, dial=dial) as ws:
            assert await ws.get_message() == "hello"
            broken = True
            await ws.ping()
