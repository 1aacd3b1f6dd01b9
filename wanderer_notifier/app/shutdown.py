"""The order of the end: intake first, then what is under way, then everything (operations.md OPS-85)."""

from __future__ import annotations

import signal

import structlog
import trio

log = structlog.get_logger("shutdown")


class Ending:
    """Turns the first request to stop into a bounded drain and the second into an immediate end.

    *intake* is cancelled at once, *everything* gets a deadline of *grace_s* seconds.
    """

    def __init__(self, intake: trio.CancelScope, everything: trio.CancelScope, grace_s: float) -> None:
        self._intake, self._everything, self._grace_s = intake, everything, grace_s
        self.asked = trio.Event()
        self.hurried = False

    def ask(self, reason: str) -> None:
        """Begin the end (first call) or cut it short (second call)."""
        if self.asked.is_set():
            self.hurried = True
            log.warning("shutdown_cut_short", reason=reason)
            self._everything.cancel(reason=f"{reason} again")
            return
        log.info("shutdown_started", reason=reason, grace_s=self._grace_s)
        self.asked.set()
        self._intake.cancel(reason=reason)
        self._everything.deadline = trio.current_time() + self._grace_s

    async def on_signal(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Ask on SIGTERM and SIGINT."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            task_status.started()
            async for number in signals:
                self.ask(signal.Signals(number).name)

    async def on_event(self, stop: trio.Event) -> None:
        """Ask when *stop* is set (for callers in the same process)."""
        await stop.wait()
        self.ask("stop requested")
