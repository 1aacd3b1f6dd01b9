"""Signals that ask for no end: SIGHUP opens the log file again, SIGUSR1 tells what every task does."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import structlog
import trio

from wanderer_notifier.runtime import logs

log = structlog.get_logger("runtime")

DEEPEST = 3
"""So many of the innermost frames of a task are told."""


async def obey_signals(*, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Do what the signals ask for until cancelled (operations.md OPS-85); no error leaves."""
    with trio.open_signal_receiver(signal.SIGHUP, signal.SIGUSR1) as signals:
        task_status.started()
        async for number in signals:
            if number == signal.SIGUSR1:
                told = list(tasks())
                log.info("task_dump", tasks=told, total=len(told))
                continue
            try:
                logs.reopen()
            except OSError as error:
                log.error("log_file_not_reopened", reason=error.strerror)
            else:
                log.info("log_file_reopened")


def tasks() -> Iterator[str]:
    """Each task and where it waits, without the values of variables."""
    root = trio.lowlevel.current_root_task()
    if root is not None:
        yield from _under(root, 0)


def _under(task: trio.lowlevel.Task, depth: int) -> Iterator[str]:
    frames = [
        f"{Path(frame.f_code.co_filename).name}:{line} {frame.f_code.co_name}"
        for frame, line in task.iter_await_frames()
    ]
    yield f"{'  ' * depth}{task.name}: {' < '.join(reversed(frames[-DEEPEST:])) or 'about to run'}"
    for nursery in task.child_nurseries:
        for child in sorted(nursery.child_tasks, key=lambda child: child.name):
            yield from _under(child, depth + 1)
