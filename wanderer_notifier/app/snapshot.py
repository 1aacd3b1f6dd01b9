"""Gathers what the web may show into one frozen value."""

from __future__ import annotations

import platform
import resource
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import trio

from wanderer_notifier import __version__
from wanderer_notifier.app.insight import Insight
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.licence_answer import Standing
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.readiness import degraded, readiness
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state.overflow import CAPACITY
from wanderer_notifier.web.activity import Activity
from wanderer_notifier.web.views import FileSeen, Snapshot

FILES = ("notifier.db", "persistent_values.bin", "command_log.bin")
"""What operators of either program look for in the data directory."""


class Vitals:
    """The few facts about the process itself that its tasks write and the probes read."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.started_at, self.started_s = now(), trio.current_time()
        self.last_tick_s = trio.current_time()
        self.queue: Mapping[str, int] = {}
        self.broken_task: str | None = None
        self.stopping = False
        self.running = False
        self.port = 0
        self.unclean_starts = 0
        self.build: Mapping[str, str | None] = {}


def gather(
    settings: Settings,
    health: Health,
    known: Watch[Tracking],
    vitals: Vitals,
    now: Callable[[], datetime],
    licence: Standing,
    insight: Insight | None = None,
) -> Snapshot:
    """The service at this moment; what happened lately is in it only with *insight*, since that takes a while."""
    uptime_s = trio.current_time() - vitals.started_s
    parts, rules = health.views(), settings.rules
    one = rules.maps[0] if rules.maps else None
    channels = settings.discord.channels
    memory_bytes, shared_bytes = _memory()
    return Snapshot(
        now=now(),
        version=__version__,
        started_at=vitals.started_at,
        uptime_s=uptime_s,
        state="stopping" if vitals.stopping else "running" if vitals.running else "starting",
        readiness=readiness(
            parts,
            grace_s=settings.ready_feed_grace_s,
            uptime_s=uptime_s,
            stopping=vitals.stopping,
            queue_full=vitals.queue.get("queued", 0) + vitals.queue.get("sending", 0) >= CAPACITY,
        ),
        components=parts,
        degraded=degraded(parts),
        broken_task=vitals.broken_task,
        loop_lag_s=max(0.0, trio.current_time() - vitals.last_tick_s - 1.0),
        task_count=trio.lowlevel.current_statistics().tasks_living,
        memory_bytes=memory_bytes,
        shared_bytes=shared_bytes,
        data_dir=str(settings.data_dir),
        files={name.partition(".")[0]: _file(settings.data_dir / name) for name in FILES} if insight else {},
        activity=insight.activity(parts, len(rules.priority.ids) + len(rules.priority.names))
        if insight
        else Activity(),
        environment=settings.app_env,
        python=platform.python_version(),
        platform=f"{sys.platform}-{platform.machine()}",
        trio=trio.__version__,
        build=vitals.build,
        bind=settings.web.bind,
        port=vitals.port,
        maps=tuple(each.slug for each in rules.maps),
        features={
            "notifications": rules.notifications_enabled,
            "kill_notifications": rules.kill_notifications_enabled,
            "system_notifications": rules.system_notifications_enabled,
            "character_notifications": rules.character_notifications_enabled,
            "rally_notifications": rules.rally_notifications_enabled,
            "status_messages": settings.status_messages,
            "priority_systems_only": bool(one and one.priority_only),
            "track_kspace": bool(one and one.track_kspace),
            "wormhole_only_kills": bool(one and one.wormhole_only),
            "notable_items": settings.notable.enabled,
            "voice_participants": bool(one and one.voice_mentions),
        },
        channels={
            "primary": bool(channels.primary),
            "system": bool(channels.system),
            "character": bool(channels.character),
            "system_kill": bool(channels.system_kill),
            "character_kill": bool(channels.character_kill),
            "rally": bool(channels.rally),
        },
        warnings=settings.warnings,
        queue=vitals.queue,
        tracked_systems=len(known.value.system_ids()),
        tracked_characters=len(known.value.character_ids()),
        restarts=vitals.unclean_starts,
        guarded=settings.web.auth_token is not None,
        licence=licence,
    )


def _memory() -> tuple[int, int]:
    """Resident memory now and the part of it that is shared; where the system does not say, the highest it was."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:  # noqa: PTH123  # one read of a pseudo file
            _, resident, shared, *_ = (int(pages) * resource.getpagesize() for pages in statm.read().split())
            return resident, shared
    except (OSError, ValueError):
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, 0


def _file(path: Path) -> FileSeen | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return FileSeen(bytes=found.st_size, changed_at=datetime.fromtimestamp(found.st_mtime, UTC))
