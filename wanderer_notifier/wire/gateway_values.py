"""The words between the gateway machine and its shell: who we are, what to do, what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

from attrs import field, frozen

from wanderer_notifier.core.events import JsonObject


@frozen(kw_only=True)
class Identity:
    """Who we are to Discord; *intents* are as few as possible."""

    token: str = field(repr=False)
    intents: int
    properties: Mapping[str, str]


@frozen(kw_only=True)
class Bot:
    """Whom the token belongs to."""

    user_id: str
    application_id: str


@frozen(kw_only=True)
class Resumable:
    """A session that may be gone on with; *last_good* is when it last brought something."""

    session_id: str = field(repr=False)
    resume_url: str | None
    seq: int
    last_good: float
    bot: Bot


@frozen
class SendFrame:
    payload: JsonObject = field(repr=False)


@frozen
class Dispatch:
    """An event; once it was handed out its number counts as handled, so keep it before anything can go wrong."""

    type: str
    data: JsonObject = field(repr=False)
    seq: int | None


@frozen
class Drop:
    """Leave now, with this close code; process nothing more of this connection."""

    code: int
    why: str


@frozen
class Ready:
    """A new session began: what was known of guilds is void."""

    bot: Bot


@frozen
class Resumed:
    """The old session goes on, all that was missed has been handed out."""

    bot: Bot


Action: TypeAlias = SendFrame | Dispatch | Drop | Ready | Resumed


@frozen(kw_only=True)
class Next:
    """What to do after the end of a connection: wait, then connect to go on or to begin anew; or never again."""

    kind: Literal["reconnect", "identify", "stop"]
    wait_s: float
    reason: str
    """For an operator."""
    cause: str
    """The same in one word, for counting."""
