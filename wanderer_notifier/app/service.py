"""The service from the outside: logs, its turn, its storage, one life, an exit code."""

from __future__ import annotations

import os
import sys
from functools import partial

import structlog
import trio

from wanderer_notifier import __version__
from wanderer_notifier.app.life import Life
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.app.turn import take_turn
from wanderer_notifier.config.report import effective
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.runtime import logs
from wanderer_notifier.runtime.supervise import BudgetSpent, describe
from wanderer_notifier.state.backup import bring_back_spare
from wanderer_notifier.state.lock import Taken
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("app")

EX_OK, EX_SOFTWARE, EX_OSFILE, EX_INTERRUPTED = 0, 70, 71, 130


def main(settings: Settings, seams: Seams) -> int:
    """Run the service until it is told to stop; returns the exit code."""
    log_file = settings.log.dir / "wanderer_notifier.log" if settings.log.file_enabled and settings.log.dir else None
    try:
        redact = logs.configure(
            level=settings.log.level,
            layout=settings.log.format,
            secrets=settings.secrets(),
            file=log_file,
            file_max_bytes=settings.log.file_max_bytes,
            file_backups=settings.log.file_backups,
        )
    except OSError as error:
        print(f"cannot open the log file {log_file}: {error}", file=sys.stderr)  # noqa: T201  # no log to say it in
        return EX_OSFILE
    return trio.run(partial(run, settings, seams=seams, redact=redact))


async def run(
    settings: Settings,
    *,
    seams: Seams | None = None,
    redact: logs.Redactor | None = None,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> int:
    """The whole service; starts with the real web port (0 without one) and returns the exit code.

    Setting *stop* asks for the same ordered end as SIGTERM.
    """
    seams = seams or Seams()
    redact = redact or logs.Redactor(settings.secrets())
    log.info("starting", version=__version__, environment=settings.app_env, data_dir=str(settings.data_dir))
    for group, values in effective(settings).items():
        log.info("configuration", group=group, **values)
    for warning in settings.warnings:
        log.warning("configuration_warning", problem=warning)
    try:
        turn = await take_turn(settings, seams, stop)
    except Taken as error:
        log.critical("another_copy_runs", reason=str(error), data_dir=str(settings.data_dir))
        return EX_OSFILE
    except StoreError as error:
        log.critical("storage_unusable", reason=str(error), data_dir=str(settings.data_dir), uid=os.getuid())
        return EX_OSFILE
    if turn is None:
        log.info("shutdown_complete", note="told to stop while waiting for another copy to end")
        return EX_OK
    with turn:
        return await _run_alone(settings, seams, redact, stop, task_status)


async def _run_alone(
    settings: Settings,
    seams: Seams,
    redact: logs.Redactor,
    stop: trio.Event | None,
    task_status: trio.TaskStatus[int],
) -> int:
    try:
        store = Store.open(
            settings.data_dir / "notifier.db", run=seams.store_run, now=seams.now, last_good=bring_back_spare
        )
    except StoreError as error:
        log.critical("storage_unusable", reason=str(error), data_dir=str(settings.data_dir), uid=os.getuid())
        return EX_OSFILE
    if store.report.found == "replaced":
        log.critical(
            "storage_replaced",
            reason=store.report.reason,
            set_aside=str(store.report.set_aside),
            last_good_copy="brought back" if store.report.recovered else "none, begun anew",
        )
    try:
        hurried = await Life(settings, seams, store, redact, stop).run(task_status)
        return EX_INTERRUPTED if hurried else EX_OK
    except* BudgetSpent as group:
        log.critical("essential_part_failed", reason=describe(group))
        code = EX_SOFTWARE
    except* StoreError as group:
        log.critical("storage_unusable", reason=describe(group), data_dir=str(settings.data_dir), uid=os.getuid())
        code = EX_OSFILE
    except* OSError as group:
        log.critical("port_or_file_unusable", reason=describe(group), port=settings.web.port)
        code = EX_OSFILE
    finally:
        store.close()
    return code
