"""Tells the service manager how the service is, in the notification protocol of sd_notify(3)."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

import structlog
import trio
from attrs import frozen

log = structlog.get_logger("notify")


@frozen(kw_only=True)
class ServiceManager:
    """The manager that started the process, or nobody: then nothing here has an effect."""

    address: str | None = None
    """Of its datagram socket: a path, or a name of the abstract namespace after an `@`."""
    watchdog_s: float | None = None
    """It ends the service when it has heard nothing for this long; None: it does not watch."""

    @classmethod
    def of(cls, environ: Mapping[str, str], pid: int) -> ServiceManager:
        """The manager named by `NOTIFY_SOCKET`; its watchdog counts only when `WATCHDOG_PID` is unset or *pid*."""
        address = environ.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        period = environ.get("WATCHDOG_USEC", "")
        ours = environ.get("WATCHDOG_PID", "") in ("", str(pid))
        watched = ours and period.isascii() and period.isdigit() and int(period) > 0
        return cls(address=address, watchdog_s=int(period) / 1e6 if watched else None)

    def tell(self, *news: str) -> None:
        """Send *news* such as `READY=1` or `STATUS=...`; never waits, and a failure is only logged.

        A datagram to a socket of this machine, so it is no business of `net.dial`.
        """
        if self.address is None:
            return
        name = "\0" + self.address[1:] if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as door:
                door.sendto("\n".join(news).encode(), name)
        except OSError as error:
            log.warning("service_manager_not_told", reason=str(error), news=news[0])

    async def reassure(self, alive: Callable[[], bool]) -> None:
        """Say `WATCHDOG=1` three times in each period while *alive*; returns at once when nobody watches.

        That this task gets its turn is the better half of the proof.
        """
        if self.watchdog_s is None:
            return
        while True:
            if alive():
                self.tell("WATCHDOG=1")
            await trio.sleep(self.watchdog_s / 3)
