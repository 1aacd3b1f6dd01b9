"""Who may see the pages, who asks too often, and whose word about an address or about TLS is believed."""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
from collections import OrderedDict, deque
from collections.abc import Callable, Sequence
from typing import Literal

import trio

TRIES, WITHIN_S = 10, 60.0
"""So many wrong tokens of one address in that time, then it must wait (operations.md OPS-71)."""
ADDRESSES = 1_024
"""Addresses whose failures are remembered; the oldest go first."""

Entry = Literal["open", "wrong", "too many"]


class Guard:
    """Compares web tokens and counts failures per address.

    *token* None leaves every page open; *trusted* are the networks (CIDR) of proxies whose `X-Forwarded-*` headers
    are believed; *clock* gives steady seconds.
    """

    def __init__(
        self, token: str | None, trusted: Sequence[str] = (), *, clock: Callable[[], float] = trio.current_time
    ) -> None:
        self._token = None if token is None else token.encode()
        self._trusted = [ipaddress.ip_network(each) for each in trusted]
        self._clock = clock
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    @property
    def has_token(self) -> bool:
        return self._token is not None

    def enter(self, authorization: str, client: str) -> Entry:
        """Whether the bearer of an `Authorization` header may see guarded pages; a wrong token is counted."""
        if self._token is None:
            return "open"
        if self._busy(client):
            return "too many"
        presented = presented_token(authorization)
        if presented is not None and hmac.compare_digest(presented.encode(errors="surrogateescape"), self._token):
            self._failures.pop(client, None)
            return "open"
        if presented is not None:  # a browser's first request has none, and learns here that it needs one
            self._fail(client)
        return "wrong"

    def client(self, peer: str | None, forwarded_for: str) -> str:
        """The address that asks: the peer's, or behind trusted proxies the last one that is none of them."""
        address = _bare(peer or "")
        if not self._trusts(address):
            return address
        for hop in reversed([_bare(each) for each in forwarded_for.split(",") if each.strip()]):
            if not _is_address(hop):
                break
            address = hop
            if not self._trusts(hop):
                break
        return address

    def secure(self, peer: str | None, forwarded_proto: str) -> bool:
        """Whether a trusted proxy says that the reader came over TLS; ours is plain HTTP."""
        return self._trusts(_bare(peer or "")) and forwarded_proto.rpartition(",")[2].strip().lower() == "https"

    def _busy(self, client: str) -> bool:
        times = self._failures.get(client)
        if times is None:
            return False
        while times and self._clock() - times[0] >= WITHIN_S:
            times.popleft()
        return len(times) >= TRIES

    def _fail(self, client: str) -> None:
        self._failures.setdefault(client, deque(maxlen=TRIES)).append(self._clock())
        self._failures.move_to_end(client)
        while len(self._failures) > ADDRESSES:
            self._failures.popitem(last=False)

    def _trusts(self, address: str) -> bool:
        if not self._trusted or not _is_address(address):
            return False
        return any(ipaddress.ip_address(address) in network for network in self._trusted)


def presented_token(header: str) -> str | None:
    """The token of an `Authorization` header: Bearer, or Basic with any user and the token as password; None: none."""
    scheme, _, value = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return "" if scheme else None


def _bare(text: str) -> str:
    """*text* without port, brackets and the prefix of an IPv4 address on a dual-stack socket."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    text = text.partition("%")[0]
    return text[7:] if text.lower().startswith("::ffff:") and "." in text else text


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
