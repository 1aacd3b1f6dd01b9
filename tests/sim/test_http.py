"""The server of the fakes: what it accepts, and the ways it can be told to misbehave."""

from __future__ import annotations

import h11
import httpx
import pytest
import trio
import trio.testing
import trio_websocket

from wanderer_notifier.sim.http import Exchange, serve_stream, serve_tcp
from wanderer_notifier.sim.network import MemoryStream, stream_pair


async def echo(exchange: Exchange) -> None:
    asked = exchange.request
    body = f"{asked.method} {asked.path} {asked.query} {asked.headers.get('x-a')} ".encode() + asked.body
    await exchange.respond(200, [("X-One", "1"), ("content-type", "text/plain")], body)


async def read_all(stream: MemoryStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_keeps_a_connection_for_several_requests_over_real_sockets(nursery: trio.Nursery) -> None:
    port = await nursery.start(serve_tcp, echo)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        first = await client.post("/a%20b?x=1&x=2&y=", content=b"body", headers=[("X-A", "1"), ("X-A", "2")])
        second = await client.head("/c")
    assert first.text == "POST /a b {'x': '2', 'y': ''} 1, 2 body"
    assert (second.status_code, second.content, second.headers["content-length"]) == (200, b"", "16")


async def test_headers_go_out_as_given_and_in_order(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    ours, theirs = stream_pair()
    nursery.start_soon(serve_stream, theirs, echo)
    await ours.send_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    head, _, _ = (await read_all(ours)).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[:4] == [
        b"HTTP/1.1 200 ",
        b"X-One: 1",
        b"content-type: text/plain",
        b"content-length: 14",
    ]


@pytest.mark.parametrize("ending", ["end", "hang_up", "abort"])
async def test_a_chunked_answer_can_end_in_three_ways(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, ending: str
) -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.start(200, [])
        await exchange.send(b"one")
        await exchange.send(b"two!")
        if ending == "end":
            await exchange.end()
        elif ending == "hang_up":
            await exchange.hang_up()
        else:
            await trio.testing.wait_all_tasks_blocked()
            exchange.abort()

    ours, theirs = stream_pair()
    nursery.start_soon(serve_stream, theirs, handler)
    await ours.send_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    got = b""
    try:
        async for chunk in ours:
            got += chunk
        clean = True
    except trio.BrokenResourceError:
        clean = False
    body = got.partition(b"\r\n\r\n")[2]
    assert body == b"3\r\none\r\n4\r\ntwo!\r\n" + (b"0\r\n\r\n" if ending == "end" else b"")
    assert clean is (ending != "abort")


async def test_an_abort_is_a_reset_on_real_sockets(nursery: trio.Nursery) -> None:
    async def handler(exchange: Exchange) -> None:
        await trio.lowlevel.checkpoint()
        exchange.abort()

    port = await nursery.start(serve_tcp, handler)
    stream = await trio.open_tcp_stream("127.0.0.1", port)
    async with stream:
        await stream.send_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        with pytest.raises(trio.BrokenResourceError):
            await stream.receive_some()


async def upgrading(exchange: Exchange) -> None:
    if exchange.request.path != "/socket":
        await echo(exchange)
        return
    websocket = await (await exchange.upgrade(max_message_size=100)).accept()
    while True:
        await websocket.send_message(f"heard {await websocket.get_message()!r}")


async def test_the_same_port_serves_http_and_websockets(nursery: trio.Nursery) -> None:
    port = await nursery.start(serve_tcp, upgrading)
    async with trio_websocket.open_websocket("127.0.0.1", port, "/socket?vsn=2.0.0", use_ssl=False) as socket:
        await socket.send_message("a")
        assert await socket.get_message() == "heard 'a'"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        assert (await client.get("/x")).status_code == 200
        assert (await client.get("/socket")).status_code == 400


async def test_a_connection_can_upgrade_after_an_ordinary_request(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    ours, theirs = stream_pair()
    nursery.start_soon(serve_stream, theirs, upgrading)
    await ours.send_all(
        b"GET /first HTTP/1.1\r\nhost: x\r\n\r\n"
        b"GET /socket HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        b"sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    await trio.testing.wait_all_tasks_blocked()
    assert b"101 Switching Protocols" in await ours.receive_some()
    masked_a = b"\x81\x81\0\0\0\0a"
    await ours.send_all(masked_a)
    assert await ours.receive_some() == b"\x81\x09heard 'a'"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", b"431"),
        (b"nonsense\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 20\r\n\r\n" + b"y" * 20, b"413"),
    ],
    ids=["huge head", "nonsense", "huge body"],
)
async def test_what_is_too_large_or_not_http_is_refused(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery, sent: bytes, status: bytes
) -> None:
    ours, theirs = stream_pair()

    async def serve() -> None:
        await serve_stream(theirs, echo, max_body=10)

    nursery.start_soon(serve)
    await ours.send_all(sent)
    assert (await read_all(ours)).startswith(b"HTTP/1.1 " + status)


async def test_a_client_that_leaves_does_not_take_the_server_down(autojump_clock: trio.testing.MockClock) -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.start(200, [])
        while True:
            await exchange.send(b"x" * 1000)
            await trio.sleep(1)

    ours, theirs = stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, theirs, endless)
        await ours.send_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        await ours.receive_some()
        await ours.aclose()


async def test_a_mistake_in_a_handler_is_not_hidden() -> None:
    async def wrong(exchange: Exchange) -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("mistake")

    ours, theirs = stream_pair()
    await ours.send_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    with pytest.RaisesGroup(LookupError):
        await serve_stream(theirs, wrong)


async def test_a_silent_connection_is_closed(autojump_clock: trio.testing.MockClock, nursery: trio.Nursery) -> None:
    ours, theirs = stream_pair()
    nursery.start_soon(serve_stream, theirs, echo)
    await ours.send_all(b"GET / HTTP/1.1\r\n")
    assert await ours.receive_some() == b""
    assert trio.current_time() == pytest.approx(300.0)


async def test_a_handler_that_only_writes_can_notice_that_the_peer_left(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    noticed = trio.Event()

    async def handler(exchange: Exchange) -> None:
        await exchange.start(200, [])
        await exchange.peer_left()
        noticed.set()

    ours, theirs = stream_pair()
    nursery.start_soon(serve_stream, theirs, handler)
    await ours.send_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    await ours.receive_some()
    await ours.aclose()
    await noticed.wait()


async def test_bytes_that_are_not_http_can_be_sent(
    autojump_clock: trio.testing.MockClock, nursery: trio.Nursery
) -> None:
    async def handler(exchange: Exchange) -> None:
        await exchange.raw(b"HTTP/9 nonsense\r\n\r\n")

    ours, theirs = stream_pair()
    nursery.start_soon(serve_stream, theirs, handler)
    await ours.send_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
    answer = await read_all(ours)
    client = h11.Connection(h11.CLIENT)
    client.receive_data(answer)
    with pytest.raises(h11.RemoteProtocolError):
        client.next_event()
