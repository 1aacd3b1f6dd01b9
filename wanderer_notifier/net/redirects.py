"""Where a redirect leads, and what may be carried there (operations.md OPS-106)."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

FOLLOWED = frozenset({301, 302, 303, 307, 308})
ANYWHERE = frozenset({"accept", "accept-encoding", "user-agent"})
"""Headers that may be shown to a stranger; credentials are none of them."""
_PORTS = {"http": 80, "https": 443}


def onward(request: httpx.Request, status: int, headers: Mapping[str, str]) -> httpx.Request | None:
    """The read that an answer with *status* and *headers* to *request* asks for, or None: that answer is what there is.

    Nothing follows from TLS to plain text; another host, port or scheme gets no credentials.
    """
    location = headers.get("location", "")
    if status not in FOLLOWED or not location:
        return None
    try:
        url = request.url.join(location)
        host = url.host  # decoded here, which may fail as well
    except (httpx.InvalidURL, ValueError):
        return None
    if url.scheme not in _PORTS or not host or (url.port or 1) > 65535:
        return None
    if request.url.scheme == "https" and url.scheme == "http":
        return None
    kept = [
        (name, value)
        for name, value in request.headers.items()
        if name != "host" and (_same_place(request.url, url) or name in ANYWHERE)
    ]
    return httpx.Request(request.method, url, headers=kept, extensions=dict(request.extensions))


def _same_place(one: httpx.URL, other: httpx.URL) -> bool:
    return (one.scheme, one.host, one.port or _PORTS[one.scheme]) == (
        other.scheme,
        other.host,
        other.port or _PORTS[other.scheme],
    )
