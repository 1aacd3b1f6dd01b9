"""One question to a peer whose every answer is a value, for checks that must report instead of failing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import trio
from attrs import Factory, field, frozen

from wanderer_notifier.net.client import NetError, Params, Upstream

LIMIT_S = 10.0
"""The longest that one question may take."""


@frozen(kw_only=True)
class Reply:
    """What came back; `status` 0 and `trouble` when nothing did. Holds no secret of ours."""

    status: int = 0
    headers: Mapping[str, str] = Factory(dict)
    body: bytes = field(default=b"", repr=False)
    value: Any = None
    """The body as JSON; None when it is none."""
    trouble: str = ""
    ahead_s: float | None = None
    """How far the peer's clock is ahead of ours, by its Date header, to a second or so."""
    took_s: float = 0.0

    @property
    def good(self) -> bool:
        """A success with a JSON body."""
        return 200 <= self.status < 300 and self.value is not None


async def ask(
    api: Upstream,
    method: str,
    path: str,
    *,
    now: Callable[[], datetime],
    json: object = None,
    text: str | None = None,
    params: Params | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """One attempt; ends within 10 s and never raises for what a peer or the network does. *now* is the wall clock."""
    began_at, began = now(), trio.current_time()
    try:
        answer = await api.request(method, path, json=json, text=text, params=params, headers=headers, total_s=LIMIT_S)
    except NetError as error:
        return Reply(trouble=str(error), took_s=trio.current_time() - began)
    took_s = trio.current_time() - began
    try:
        value = answer.json()
    except ValueError:
        value = None
    return Reply(
        status=answer.status,
        headers=answer.headers,
        body=answer.body,
        value=value,
        ahead_s=ahead_s(answer.headers, began_at, took_s),
        took_s=took_s,
    )


def ahead_s(headers: Mapping[str, str], asked_at: datetime, took_s: float) -> float | None:
    """Seconds by which the clock behind *headers* is ahead of the one that said *asked_at*.

    None where there is no Date. The header has no fractions, so that half a second is added; anything between asking
    and the answer is equally likely the moment it was written.
    """
    try:
        theirs = parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return (theirs - asked_at).total_seconds() + 0.5 - took_s / 2
