"""The probes of a copy that waits for its turn: alive, not ready, and nothing else to tell."""

from __future__ import annotations

import json
import secrets
import socket

import trio

from wanderer_notifier.web.server import HEADER_LINES

ALIVE = {"/health": "OK", "/healthz": "OK", "/api/health": "ok", "/live": "alive", "/health/live": "alive"}
REQUEST_S, REQUEST_BYTES = 5.0, 16 * 1024


async def answer_standby(listener: socket.socket) -> None:
    """Answer on *listener*, which is closed at the end, until cancelled."""
    async with trio.SocketListener(trio.socket.from_stdlib_socket(listener)) as listening:
        await trio.serve_listeners(_answer, [listening])


async def _answer(stream: trio.SocketStream) -> None:
    try:
        with trio.move_on_after(REQUEST_S):
            await stream.send_all(_response(await _request_line(stream)))
            await stream.send_eof()
            while await stream.receive_some(1024):  # so that what was sent is not cut off with the connection
                pass
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        pass  # the asker is gone
    finally:
        await trio.aclose_forcefully(stream)


async def _request_line(stream: trio.SocketStream) -> str:
    asked = b""
    while b"\r\n\r\n" not in asked and len(asked) < REQUEST_BYTES:
        more = await stream.receive_some(4096)
        if not more:
            break
        asked += more
    return asked.partition(b"\r\n")[0].decode("ascii", "replace")


def _response(request_line: str) -> bytes:
    method, _, rest = request_line.partition(" ")
    status = ALIVE.get(rest.partition(" ")[0].partition("?")[0])
    body = (
        {"status": status, "state": "standby"}
        if status is not None
        else {"status": "not_ready", "error": "not_ready: standby, another copy works", "state": "standby"}
    )
    text = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"HTTP/1.1 {'200 OK' if status is not None else '503 Service Unavailable'}\r\n"
        f"content-type: application/json; charset=utf-8\r\n{HEADER_LINES}connection: close\r\n"
        f"x-request-id: {secrets.token_hex(8)}\r\n"
        f"content-length: {len(text)}\r\n\r\n"
    ).encode()
    return head if method == "HEAD" else head + text
