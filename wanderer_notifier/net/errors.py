"""What can go wrong between us and a peer; nobody above `net` sees the libraries' own errors.

No text in here ever holds a path, a query or a header: those carry keys and tokens.
"""

from __future__ import annotations

import ssl


class NetError(Exception):
    """A call to a peer failed."""


class NotReached(NetError):
    """Certainly not sent: no connection, no name, no TLS, no free connection in time."""


class Refused(NotReached):
    """The peer answered the WebSocket upgrade with an ordinary HTTP status."""

    def __init__(self, text: str, *, status: int, body: str = "") -> None:
        super().__init__(text)
        self.status, self.body = status, body


class Interrupted(NetError):
    """Sent at least in part, and no complete answer came: the peer may or may not have acted on it."""


class Silent(Interrupted):
    """The peer is connected and says nothing."""


class TooLarge(NetError):
    """The answer is longer than we are willing to hold."""


class BadStatus(NetError):
    """The peer answered, but not with success; *retry_after* is in seconds, None when it named none."""

    def __init__(self, text: str, *, status: int, body_excerpt: str = "", retry_after: float | None = None) -> None:
        super().__init__(text)
        self.status, self.body_excerpt, self.retry_after = status, body_excerpt, retry_after


def why(error: BaseException) -> str:
    """The most telling line in a chain of library errors: TLS and system errors hide under empty wrappers."""
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in chain:
        chain.append(at)
        if isinstance(at, BaseExceptionGroup):
            at = at.exceptions[0]
        else:
            at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    for inner in chain:
        if isinstance(inner, ssl.SSLCertVerificationError):
            return f"TLS certificate not accepted: {inner.verify_message}"
        if isinstance(inner, ssl.SSLError):
            return f"TLS failed: {inner.reason or inner}"
    for inner in reversed(chain):
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
    said = next(
        (" ".join(str(inner).split()) for inner in chain if str(inner) and not isinstance(inner, BaseExceptionGroup)),
        "",
    )
    return said[:200] or type(error).__name__
