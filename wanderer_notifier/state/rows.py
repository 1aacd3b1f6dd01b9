"""The rows of the outbox as values."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.rules import Kind

RowState = Literal["queued", "sending", "sent", "dead"]
Edit = Literal["due", "done", "given up"]


@frozen(kw_only=True)
class NewRow:
    """One message for one channel, not yet stored; *body* is Discord's request body without the nonce."""

    claim: str
    channel: str
    kind: Kind
    slug: str
    body: JsonObject
    nonce: str
    expires_at: datetime
    received_at: datetime
    source: JsonObject | None = None
    """What the message was made from, for whoever asks why."""
    fallback: JsonObject | None = None
    """What to send instead when Discord refuses *body*."""


@frozen(kw_only=True)
class Look:
    """How a message reads with what is known now; not *complete*: more may be known soon."""

    body: JsonObject
    fallback: JsonObject | None
    complete: bool


@frozen(kw_only=True)
class Row:
    """One message for one channel as stored; times are UTC."""

    id: int
    claim: str
    channel: str
    kind: Kind
    slug: str
    state: RowState
    body: JsonObject
    fallback: JsonObject | None
    nonce: str
    source: JsonObject | None
    received_at: datetime
    expires_at: datetime
    next_at: datetime
    """Not to be tried before."""
    attempts: int
    begun_at: datetime | None
    """When the last attempt began."""
    first_unknown_at: datetime | None
    """Since when the message may exist in the channel without our knowing."""
    reduced: bool
    message_id: str | None
    reason: str | None
    done_at: datetime | None
    edit: Edit | None = None
    """Whether something was missing when it was sent, and what became of that."""


@frozen(kw_only=True)
class Counts:
    """How many rows are in which state; `dead` by reason."""

    queued: int
    sending: int
    sent: int
    dead: int
    dead_by_reason: Mapping[str, int]
    oldest_waiting: datetime | None
    """When the oldest message that still waits was received."""


def read_rows(cursor: sqlite3.Cursor) -> Iterator[Row]:
    """The rows of `SELECT * FROM outbox …`."""
    names = [column[0] for column in cursor.description]
    for values in cursor:
        have = dict(zip(names, values, strict=True))
        yield Row(
            id=have["id"],
            claim=have["claim"],
            channel=have["channel"],
            kind=have["kind"],
            slug=have["slug"],
            state=have["state"],
            body=json.loads(have["body"]),
            fallback=_json(have["fallback"]),
            nonce=have["nonce"],
            source=_json(have["source"]),
            received_at=time_of(have["received_at"]),
            expires_at=time_of(have["expires_at"]),
            next_at=time_of(have["next_at"]),
            attempts=have["attempts"],
            begun_at=maybe_time(have["begun_at"]),
            first_unknown_at=maybe_time(have["first_unknown_at"]),
            reduced=bool(have["reduced"]),
            message_id=have["message_id"],
            reason=have["reason"],
            done_at=maybe_time(have["done_at"]),
            edit=have["edit"],
        )


def _json(text: str | None) -> JsonObject | None:
    if text is None:
        return None
    value: JsonObject = json.loads(text)
    return value


def time_of(seconds: float) -> datetime:
    """A stored time, as UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def maybe_time(seconds: float | None) -> datetime | None:
    """A stored time that may be missing."""
    return None if seconds is None else time_of(seconds)
