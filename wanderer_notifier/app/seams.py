"""Everything through which the service touches the world; tests and simulations put theirs in (design.md 6)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from attrs import Factory, frozen

from wanderer_notifier.net.dial import Dial, tcp_dial
from wanderer_notifier.runtime.notify import ServiceManager
from wanderer_notifier.state.store import Runner


def _utc_now() -> datetime:
    return datetime.now(UTC)


@frozen(kw_only=True)
class Seams:
    """The wall clock, the dice, the network and the disk; the defaults are the real ones."""

    now: Callable[[], datetime] = _utc_now
    dice: random.Random = Factory(random.Random)
    dial: Dial | None = None
    """None: real TCP, over IPv4 only if the settings say so."""
    store_run: Runner | None = None
    """How the store's blocking calls run; None: in a worker thread."""
    signals: bool = True
    """Whether SIGTERM and SIGINT are ours; only one service in a process can have them."""
    web: bool = True
    """Whether to open the web port; off where there are no real sockets."""
    manager: ServiceManager = ServiceManager()
    """Who started the process and wants to know how it is; nobody by default."""
    build: Mapping[str, str | None] = Factory(dict)
    """`commit` and `date` of what runs, as far as whoever built it said so."""

    def dialler(self, *, ipv4_only: bool) -> Dial:
        return self.dial if self.dial is not None else tcp_dial(ipv4_only=ipv4_only)
