"""What comes back from a peer that speaks HTTP."""

from __future__ import annotations

import json
import math
from collections.abc import AsyncIterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from attrs import field, frozen

from wanderer_notifier.net.errors import Interrupted, Silent, why


@frozen
class Answer:
    """A complete answer; header names are lower-case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body as JSON; raises ValueError when it is none (NaN and Infinity are none either)."""
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except RecursionError:
            raise ValueError("nested too deep") from None


@frozen
class StreamAnswer:
    """An answer whose body is still coming; valid only inside its `async with`."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    """Bytes as they arrive; ends when the body does, raises `Interrupted` on a cut or a silent peer."""

    async def read_body(self, limit: int = 64 * 1024) -> bytes:
        """The first *limit* bytes of the body (for the words of a refusal)."""
        body = bytearray()
        async for chunk in self.chunks:
            body += chunk
            if len(body) >= limit:
                break
        return bytes(body[:limit])


class Chunks:
    """The body of a stream; an iterator, since a generator left early would be collected half-run."""

    def __init__(self, name: str, response: httpx.Response) -> None:
        self._name, self._parts = name, response.aiter_bytes()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._parts)
        except (Interrupted, httpx.HTTPError) as error:  # HTTPError: a body that does not decode
            raise interrupted(self._name, error) from error


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds named by `Retry-After`, or until the date in it by the peer's own clock; None when there are none."""
    named = headers.get("retry-after", "")
    try:
        seconds = float(named)
    except ValueError:
        return _until(named, headers.get("date", ""))
    return seconds if 0.0 <= seconds < math.inf else None


def _until(named: str, date: str) -> float | None:
    try:
        return max(0.0, (parsedate_to_datetime(named) - parsedate_to_datetime(date)).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return None


def interrupted(name: str, error: Exception) -> Interrupted:
    """*error* in our words, for the peer called *name*."""
    kind = Silent if isinstance(error, Silent) else Interrupted
    return kind(f"{name}: {why(error)}")


def lower(response: httpx.Response) -> Mapping[str, str]:
    """The headers of *response* with lower-case names."""
    return {name.lower(): value for name, value in response.headers.items()}


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
