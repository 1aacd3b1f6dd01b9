"""One request over a memory stream, and exactly what came back."""

from __future__ import annotations

from collections.abc import Iterable

import h11
import trio
from attrs import frozen

from wanderer_notifier.sim.http import Handler, serve_stream
from wanderer_notifier.sim.network import MemoryStream, stream_pair


@frozen
class Got:
    """A response; *complete* is false when the connection ended in the middle of it."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    complete: bool

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.headers]

    def header(self, name: str) -> str | None:
        return dict(self.headers).get(name)


async def ask(
    handler: Handler, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b""
) -> Got:
    """Serve one connection with *handler* and speak one request on it."""
    ours, theirs = stream_pair()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve_stream, theirs, handler)
        await ours.send_all(request_bytes(method, target, headers, body))
        got = await read_answer(ours, method)
        await ours.aclose()
    return got


def request_bytes(method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> bytes:
    given = [(name, value) for name, value in headers if name.lower() not in ("host", "content-length")]
    length = [("content-length", str(len(body)))] if body else []
    client = h11.Connection(h11.CLIENT)
    head = h11.Request(method=method, target=target, headers=[("host", "127.0.0.1:4004"), *given, *length])
    pieces = [client.send(head), client.send(h11.Data(data=body)) if body else b"", client.send(h11.EndOfMessage())]
    return b"".join(piece or b"" for piece in pieces)


async def read_answer(stream: MemoryStream, method: str = "GET") -> Got:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "x")]))
    client.send(h11.EndOfMessage())
    status, headers, body, complete = 0, [], bytearray(), False
    while True:
        try:
            event = client.next_event()
        except h11.RemoteProtocolError:
            break
        if event is h11.NEED_DATA:
            with trio.fail_after(60):
                client.receive_data(await stream.receive_some())
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = [(name.decode(), value.decode()) for name, value in event.headers]
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            complete = isinstance(event, h11.EndOfMessage)
            break
    return Got(status, headers, bytes(body), complete)
