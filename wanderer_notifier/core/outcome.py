"""How one attempt to post a message ended; every answer of Discord maps to exactly one of these."""

from __future__ import annotations

from typing import TypeAlias

from attrs import frozen


@frozen
class Accepted:
    """Discord has the message."""

    message_id: str


@frozen
class Limited:
    """Asked to wait; nothing was posted and this is nobody's failure."""

    wait_s: float
    scope: str
    """user, shared, global or edge: who asked; own: we hold ourselves back after too many refusals."""


@frozen
class NotSent:
    """Certainly not posted (refused connection, DNS, TLS); try again."""

    reason: str


@frozen
class Unknown:
    """May or may not have been posted (time-out, cut connection, 5xx); repeat only with the same nonce."""

    reason: str


@frozen
class ChannelClosed:
    """This channel cannot be posted to now (missing access, deleted); other channels can."""

    reason: str
    code: int | None = None


@frozen
class Rejected:
    """Discord refuses this body; repeating it unchanged is useless."""

    reason: str
    code: int | None = None
    final: bool = False
    """Whether what it says is refused, so that saying it otherwise is useless, too."""


@frozen
class Unauthorized:
    """The token is dead; nothing can be posted until an operator changes it."""

    reason: str


Outcome: TypeAlias = Accepted | Limited | NotSent | Unknown | ChannelClosed | Rejected | Unauthorized


@frozen
class Found:
    """The look-back saw the message in the channel."""

    message_id: str


@frozen
class Absent:
    """The look-back reached far enough and the message is not there."""


@frozen
class CannotLook:
    """The look-back is not possible (no permission, or no answer)."""

    reason: str
    forbidden: bool
    """True: permission is missing, asking again is useless. False: try later."""
    unauthorized: bool = False
    """Whether the token is dead: nothing can be asked until an operator changes it."""


LookBack: TypeAlias = Found | Absent | CannotLook
