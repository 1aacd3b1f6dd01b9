"""Turns a frozen snapshot of the service into the bodies of the probes (operations.md 5.4)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import Factory, frozen

from wanderer_notifier.core.licence_answer import Standing
from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.runtime.readiness import Readiness
from wanderer_notifier.web.activity import Activity, Stored, percent

Body = dict[str, Any]
RECENT_S = 3600.0
"""What went wrong longer ago than this is history."""
ALIVE_LAG_S = 10.0
"""An event loop that did not tick for this long is not alive (operations.md 5.3)."""


@frozen(kw_only=True)
class FileSeen:
    """A file in the data directory."""

    bytes: int
    changed_at: datetime


@frozen(kw_only=True)
class Snapshot:
    """Everything the web may know, gathered at one moment."""

    now: datetime
    version: str
    started_at: datetime
    uptime_s: float
    state: str
    """starting, running or stopping."""
    readiness: Readiness
    components: tuple[ComponentView, ...]
    degraded: tuple[str, ...]
    broken_task: str | None
    """The essential task whose restart budget is spent, if any."""
    loop_lag_s: float
    task_count: int
    memory_bytes: int
    environment: str
    python: str
    platform: str
    trio: str
    build: Mapping[str, str | None]
    bind: str
    port: int
    maps: tuple[str, ...]
    features: Mapping[str, bool]
    channels: Mapping[str, bool]
    warnings: tuple[str, ...]
    queue: Mapping[str, int]
    tracked_systems: int
    tracked_characters: int
    restarts: int
    guarded: bool
    """Whether a web token is configured, so that the open probes say less."""
    shared_bytes: int = 0
    """Of the memory, what is code and shared with other processes."""
    data_dir: str = ""
    files: Mapping[str, FileSeen | None] = Factory(dict)
    """What lies in the data directory, by name; None: there is no such file."""
    activity: Activity = Activity()
    licence: Standing = Standing(has_key=False)
    """What is known of the licence; `.state(now)` and `.words(now)` hold no secret."""


def utc(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with microseconds and `Z`."""
    return None if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def not_alive(view: Snapshot) -> str | None:
    """Why a restart of the process would help, or None; outages of others never count."""
    if view.state == "stopping":
        return "stopping"
    if view.broken_task is not None:
        return f"{view.broken_task} task stopped"
    if view.loop_lag_s > ALIVE_LAG_S:
        return f"event loop stalled {view.loop_lag_s:.0f}s"
    return None


def health(view: Snapshot) -> tuple[int, Body]:
    """`GET /health`: liveness with a summary."""
    common: Body = {"timestamp": utc(view.now), "version": view.version, "uptime": int(view.uptime_s)}
    why = not_alive(view)
    if why is not None:
        return 503, {"status": "FAILED", "error": f"service_unavailable: {why}", **common}
    body: Body = {"status": "OK", **common, "state": view.state}
    if not view.guarded:
        body["degraded"] = list(view.degraded)
    return 200, body


def api_health(view: Snapshot) -> tuple[int, Body]:
    """`GET /api/health`: the shape the old program had, but honest."""
    failed = not_alive(view) is not None
    return (503 if failed else 200), {"status": "failed" if failed else "ok", "timestamp": utc(view.now)}


def live(view: Snapshot) -> tuple[int, Body]:
    """`GET /live`: strict liveness."""
    why = not_alive(view)
    if why is not None:
        return 503, {"status": "not_alive", "error": f"not_alive: {why}", "timestamp": utc(view.now)}
    return 200, {
        "status": "alive",
        "timestamp": utc(view.now),
        "process_count": view.task_count,
        "memory_bytes": view.memory_bytes,
        "loop_lag_ms": round(view.loop_lag_s * 1000),
    }


def ready(view: Snapshot) -> tuple[int, Body]:
    """`GET /ready`: whether every part that is needed works; with a web token set the reasons stay inside."""
    result, broken = view.readiness, not_alive(view)
    checks = dict(result.checks)
    if view.guarded:
        checks = {name: _outside(words) for name, words in checks.items()}
    if result.ready and broken is None:
        return 200, {"status": "ready", "timestamp": utc(view.now), "checks": checks}
    what = broken or ("starting" if result.settling else ", ".join(result.failing))
    return 503, {"status": "not_ready", "error": f"not_ready: {what}", "timestamp": utc(view.now), "checks": checks}


def _outside(words: str) -> str:
    """What a stranger learns of a check: that it is ok, failed, still starting or not needed."""
    state = words.partition(":")[0].partition(" ")[0]
    return "ok" if state == "degraded" else state


def system_info(view: Snapshot, stored: Stored) -> Body:
    """`GET /api/system/info`: build, runtime and a summary of the configuration, without secrets."""
    return {
        "status": "OK",
        "timestamp": utc(view.now),
        "server_version": view.version,
        "version": view.version,
        "environment": view.environment,
        "build": {"commit": view.build.get("commit") or "unknown", "date": view.build.get("date")},
        "runtime": {"python": view.python, "platform": view.platform, "trio": view.trio},
        "started_at": utc(view.started_at),
        "state": view.state,
        "restarts": view.restarts,
        "web_server": {"running": True, "port": view.port, "bind_address": view.bind},
        "system": {
            "uptime_seconds": int(view.uptime_s),
            "memory": memory(view),
            "scheduler_count": 1,
        },
        "maps": {"mode": mode(view), "count": len(view.maps), "slugs": list(view.maps)},
        "features": dict(view.features),
        "configuration": {"warnings": list(view.warnings), "channels": dict(view.channels)},
        "tracking": {"systems_count": view.tracked_systems, "characters_count": view.tracked_characters},
        "queue": dict(view.queue),
        "components": [component(part, view.now) for part in view.components],
        "persistence": persistence(view, stored),
        "license": {"state": view.licence.state(view.now), "text": view.licence.words(view.now)},
    }


def mode(view: Snapshot) -> str:
    """Where the maps come from, in the words of the old program."""
    return "env_var" if len(view.maps) <= 1 else "multi_map"


def memory(view: Snapshot) -> Body:
    """What we hold: `system` is code and what other processes share, `processes` is the rest."""
    total, shared = view.memory_bytes // 1024, min(view.shared_bytes, view.memory_bytes) // 1024
    return {
        "total_kb": total,
        "processes_kb": total - shared,
        "system_kb": shared,
        "processes_percent": percent(total - shared, total),
        "system_percent": percent(shared, total),
    }


def component(part: ComponentView, now: datetime) -> Body:
    """One component; the last error of one that works is shown for an hour, then it is history."""
    recent = part.last_error_at is not None and (now - part.last_error_at).total_seconds() < RECENT_S
    telling = recent or part.state not in ("ok", "disabled")
    return {
        "name": part.name,
        "state": part.state,
        "reason": part.reason,
        "since": utc(part.since),
        "last_success_at": utc(max(filter(None, (part.last_ok_at, part.seen_at)), default=None)),
        "last_error_at": utc(part.last_error_at),
        "last_error": part.last_error if telling else None,
        "reconnects": part.reconnects,
        "next_attempt_at": utc(part.next_attempt_at),
        "counters": {"failures": part.failures, "reconnects": part.reconnects},
        "gaps": [
            {
                "from": utc(gap.begin),
                "to": utc(gap.end),
                "recovered": gap.recovered,
                "unrecoverable": gap.unrecoverable,
            }
            for gap in part.gaps
        ],
    }


def persistence(view: Snapshot, stored: Stored) -> Body:
    """What lies in the data directory; the two files of the old program under the names it gave them."""
    body: Body = {"data_dir": view.data_dir}
    for name, seen in view.files.items():
        body[name] = {
            "present": seen is not None,
            "bytes": seen.bytes if seen else 0,
            "last_write": utc(seen.changed_at) if seen else None,
        }
    if "persistent_values" in body:
        body["persistent_values"]["priority_systems"] = view.activity.priority_systems
    if "command_log" in body:
        body["command_log"]["entries"] = stored.commands
    return body
