"""What is sent to a peer that speaks HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import httpx

Params: TypeAlias = Mapping[str, str | int | bool | None]


def watch_sending(request: httpx.Request) -> Callable[[], bool]:
    """Whether the first byte of *request* may have left, which decides between `NotReached` and `Interrupted`."""
    started = False

    async def trace(event: str, info: Any) -> None:
        nonlocal started
        started = started or event.endswith("send_request_headers.started")

    request.extensions["trace"] = trace
    return lambda: started


def body_of(value: Any, text: str | None) -> tuple[bytes | None, httpx.Headers]:
    """*value* as JSON, or *text* as it is, and the header that says which."""
    if text is not None:
        return text.encode("utf-8", "replace"), httpx.Headers({"content-type": "text/plain"})
    if value is None:
        return None, httpx.Headers()
    # ASCII-escaped: a lone surrogate out of someone's ship name then reaches the peer and does not raise here.
    content = json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")
    return content, httpx.Headers({"content-type": "application/json"})


def given(params: Params | None) -> dict[str, str | int | bool] | None:
    """*params* without those that are None."""
    return None if params is None else {name: value for name, value in params.items() if value is not None}
