"""Whose turn it is: of several copies of the service one works, the others wait or say why they do not."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable
from pathlib import Path

import structlog
import trio

from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.state.lock import LOCK_NAME, Lock, Taken
from wanderer_notifier.web.server import listen
from wanderer_notifier.web.standby import answer_standby

log = structlog.get_logger("turn")

HANDOVER_S = 30.0
"""So long a copy waits for another one with the same data directory to end: a deploy overlaps by the grace time of
the old one, 8 s unless an operator says otherwise."""
LOOK_S = 0.25


class Turn(contextlib.ExitStack):
    """The locks of the copy that works; closing it lets the next one begin."""


async def take_turn(settings: Settings, seams: Seams, stop: trio.Event | None) -> Turn | None:
    """Wait until no other copy works, and give back the right to; None when told to stop before that.

    With `LEADER_LOCK_FILE` this copy is a warm standby and waits as long as it takes; the data directory alone is
    waited for half a minute. Meanwhile the probes say `standby`. Raises `Taken` and `state.store.Unusable`.
    """
    turn = Turn()
    with contextlib.ExitStack() as undo:
        undo.callback(turn.close)
        steps: list[tuple[Path, float | None]] = [(settings.data_dir / LOCK_NAME, HANDOVER_S)]
        if settings.leader_lock_file is not None:
            steps.insert(0, (settings.leader_lock_file, None))
        for path, patience_s in steps:
            lock = await _taken(settings, seams, stop, lambda path=path: Lock.take(path), patience_s)  # type: ignore[misc]
            if lock is None:
                return None
            turn.enter_context(lock)
        undo.pop_all()
    return turn


async def _taken(
    settings: Settings, seams: Seams, stop: trio.Event | None, take: Callable[[], Lock], patience_s: float | None
) -> Lock | None:
    try:
        return take()
    except Taken as error:
        log.warning("standby", reason=str(error), waits_s=patience_s)
    # Waiting is what a standby is for: the service manager must not take it for a start that failed.
    seams.manager.tell("READY=1", "STATUS=standby: another copy works")
    became: Lock | Taken | None = None
    with trio.CancelScope() as asked:
        async with trio.open_nursery() as side:
            if seams.signals:
                await side.start(_on_signal, asked)
            if stop is not None:
                side.start_soon(_on_event, stop, asked)
            side.start_soon(seams.manager.reassure, lambda: True)
            if seams.web:
                side.start_soon(_probes, settings)
            became = await _patiently(take, patience_s)
            side.cancel_scope.cancel(reason="waited enough")
    if isinstance(became, Taken):
        raise became
    if became is not None:
        log.warning("standby_over", note="the other copy has ended; this one works now")
    return became


async def _patiently(take: Callable[[], Lock], patience_s: float | None) -> Lock | Taken:
    """The lock, or why it could not be had in time: as a value, since a nursery would wrap the error."""
    began = trio.current_time()
    while True:
        try:
            return take()
        except Taken as error:
            if patience_s is not None and trio.current_time() - began >= patience_s:
                return error
        await trio.sleep(LOOK_S)


async def _probes(settings: Settings) -> None:
    try:
        listener = listen(settings.web.bind, settings.web.port)
    except OSError as error:  # beside the other copy, on one machine: its port is taken, and that is as it should be
        log.info("standby_without_probes", reason=str(error))
        return
    log.info("standby_probes", port=listener.getsockname()[1])
    await answer_standby(listener)


async def _on_signal(asked: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        task_status.started()
        async for number in signals:
            log.info("shutdown_started", reason=signal.Signals(number).name)
            asked.cancel(reason="told to stop")


async def _on_event(stop: trio.Event, asked: trio.CancelScope) -> None:
    await stop.wait()
    asked.cancel(reason="told to stop")
