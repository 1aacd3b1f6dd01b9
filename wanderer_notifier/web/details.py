"""`/health/details`: everything an operator may ask about the inside, on top of `/api/system/info`."""

from __future__ import annotations

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.web.activity import Stored, percent
from wanderer_notifier.web.views import RECENT_S, Body, Snapshot, system_info, utc

_EXTERNAL = {
    "map_api": "map_data",
    "discord_api": "discord_rest",
    "license_service": "license",
    "killmail_service": "killmail_stream",
    "esi": "esi",
}
"""Name in the answer -> component."""


def health_details(view: Snapshot, stored: Stored) -> Body:
    """The body; a service in which all is well says nothing in it that sounds like trouble."""
    body = system_info(view, stored)
    problems = [
        {"timestamp": utc(one.at), "component": one.subject, "message": one.text}
        for one in view.activity.recent
        if one.level in ("fair", "bad") and (view.now - one.at).total_seconds() < RECENT_S
    ]
    return body | {
        "cache_status": {"enabled": True, "stats": cache_stats(view), "memory_usage": stored.database_bytes},
        "external_connectivity": {name: _state(view.components, part) for name, part in _EXTERNAL.items()},
        "resource_usage": {
            "memory": {"total": view.memory_bytes, "rss": view.memory_bytes},
            "process_count": view.task_count,
            "port_count": view.activity.open_files,
            "uptime_seconds": int(view.uptime_s),
        },
        "feature_flags": dict(view.features),
        "readiness": dict(view.readiness.checks),
        "recent_errors": {"enabled": True, "count": len(problems), "items": problems},
        "parked_events": stored.parked,
    }


def cache_stats(view: Snapshot) -> Body:
    """How the names that messages need were had."""
    seen = view.activity.lookups
    hits, misses = seen.get("hit", 0) + seen.get("stale", 0), seen.get("miss", 0)
    return {
        "hits": hits,
        "misses": misses,
        "hit_rate": percent(hits, hits + misses),
        "evictions": seen.get("evicted", 0),
        "expirations": seen.get("stale", 0),
        "writes": misses + seen.get("stale", 0),
        "size": seen.get("entries", 0),
    }


def _state(parts: tuple[ComponentView, ...], name: str) -> str:
    states = [part.state for part in parts if part.name.partition(":")[0] == name]
    for word in ("failed", "degraded", "starting", "ok"):
        if word in states:
            return word
    return "disabled"
