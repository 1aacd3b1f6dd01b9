"""Reading HTTP/1.1 requests whole, with their raw bytes kept for a later change of protocol."""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote

import h11
import trio
from attrs import field, frozen

MAX_HEAD = 32 * 1024
"""Bytes of request line and headers before the connection is refused with 431."""

MAX_BODY = 16 * 2**20
"""Bytes of a request body before the connection is refused with 413."""

RECEIVE = 64 * 1024


@frozen(kw_only=True)
class Request:
    """One complete request; of repeated query names the last wins, repeated headers are joined by a comma."""

    method: str
    path: str
    """Percent-decoded, without the query."""
    query: dict[str, str]
    target: str
    """As it stood in the request line."""
    headers: dict[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = b""


async def read_request(
    connection: h11.Connection, stream: trio.abc.Stream, seen: bytearray, max_body: int
) -> Request | None:
    """The next complete request, or None when the peer closed between requests; *seen* collects its raw bytes."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = connection.send(h11.InformationalResponse(status_code=100, headers=[]))
                await stream.send_all(go_on or b"")
            data = await stream.receive_some(RECEIVE)
            seen += data
            connection.receive_data(bytes(data))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > max_body:
                raise h11.RemoteProtocolError("body too large", error_status_hint=413)
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return _request(head, bytes(body))
        else:
            return None  # ConnectionClosed or a paused connection: nothing more comes


def _request(head: h11.Request, body: bytes) -> Request:
    target = head.target.decode("latin-1")
    path, _, query = target.partition("?")
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return Request(
        method=head.method.decode("latin-1"),
        path=unquote(path),
        query=dict(parse_qsl(query, keep_blank_values=True)),
        target=target,
        headers=headers,
        body=body,
    )
