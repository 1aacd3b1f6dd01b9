"""`/api/status`: the whole state in the shape that readers of the old program know, every figure real (OPS-78)."""

from __future__ import annotations

import sys

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.web.activity import Counted, Deliveries, Stored, ago, percent, span
from wanderer_notifier.web.details import cache_stats
from wanderer_notifier.web.views import Body, Snapshot, component, memory, mode, persistence, utc

CONNECTED = {"ok": "connected", "starting": "connecting", "degraded": "reconnecting", "failed": "disconnected"}
"""Component state -> the word that readers know; a part that is switched off is `not_configured`."""
SHOWN = 20
_MB = 1024 * 1024


def full_status(view: Snapshot, stored: Stored) -> Body:
    """The body; what is counted is counted in this run, `lifetime` over all runs."""
    seen, counted = view.activity, view.activity.counted
    queue = stored.queue or view.queue
    return {
        "status": "OK",
        "timestamp": utc(view.now),
        "server_version": view.version,
        "web_server": {"running": True, "port": view.port, "bind_address": view.bind},
        "system": {"uptime_seconds": int(view.uptime_s), "memory": memory(view), "scheduler_count": 1},
        "tracking": {
            "systems_count": view.tracked_systems,
            "characters_count": view.tracked_characters,
            "killmails_received": counted.received,
        },
        "notifications": _notifications(counted),
        "processing": _processing(counted),
        "performance": {
            "success_rate": percent(counted.sent_in_all, counted.sent_in_all + counted.given_up),
            "notification_rate": percent(counted.queued, counted.processed),
            "processing_efficiency": percent(counted.processed, counted.processed + counted.malformed),
            "uptime_seconds": int(view.uptime_s),
            "last_activity": ago(
                max(filter(None, (stored.last_received_at, stored.last_sent_at)), default=None), view.now
            ),
        },
        "websocket": _websocket(view),
        "sse": _sse(view),
        "connections": {
            "total_connections": len(seen.links),
            "connections": [
                {
                    "id": link.id,
                    "type": link.kind,
                    "status": CONNECTED.get(link.state, "not_configured"),
                    "quality": link.quality,
                    "uptime_percentage": link.uptime_percent,
                    "ping_time": None if link.ping_s is None else round(link.ping_s * 1000, 1),
                }
                for link in seen.links
            ],
        },
        "recent_activity": [
            {"type": one.subject, "message": one.text, "timestamp": utc(one.at), "time_ago": ago(one.at, view.now)}
            for one in seen.recent[:SHOWN]
        ],
        "memory_detailed": {
            "total_mb": _mb(view.memory_bytes),
            "processes_mb": _mb(view.memory_bytes - view.shared_bytes),
            "system_mb": _mb(view.shared_bytes),
            "database_mb": _mb(stored.database_bytes),
            "process_count": view.task_count,
            "port_count": seen.open_files,
        },
        "processes": {
            "count": view.task_count,
            "key_processes": [{"name": name, "status": "running"} for name in seen.tasks],
        },
        "cache_stats": cache_stats(view),
        "gc_stats": {"total_collections": seen.collections, "total_reclaimed_objects": seen.collected},
        "killmail_activity": {
            "last_received_at": utc(stored.last_received_at) or "never",
            "last_received_ago": ago(stored.last_received_at, view.now),
            "last_received_id": _text(stored.last_received_id),
            "received_count": counted.received,
            "last_notified_at": utc(stored.last_notified_at) or "never",
            "last_notified_ago": ago(stored.last_notified_at, view.now),
            "last_notified_id": _text(stored.last_notified_id),
            "notified_count": counted.sent.get("kill", 0),
        },
        "discord_health": _discord(view, seen.deliveries, queue.get("queued", 0), queue.get("sending", 0)),
        # What the old program did not have:
        "state": view.state,
        "lifetime": {
            "killmails_received": seen.lifetime.received,
            "notifications": _notifications(seen.lifetime),
            "given_up": seen.lifetime.given_up,
        },
        "license": {"state": view.licence.state(view.now), "text": view.licence.words(view.now)},
        "maps": [_map(view, slug) for slug in view.maps],
        "queue": dict(queue) | {"oldest_waiting_at": utc(stored.oldest_waiting)},
        "skipped": dict(seen.skipped),
        "recent_kills": [
            {
                "killmail_id": str(kill.killmail_id),
                "received_at": utc(kill.at),
                "what": kill.what,
                "outcome": kill.fate,
                "reason": kill.why,
            }
            for kill in stored.kills
        ],
        "readiness": {"ready": view.readiness.ready, "checks": dict(view.readiness.checks)},
        "components": [component(part, view.now) for part in view.components],
        "persistence": persistence(view, stored) | {"database_bytes": stored.database_bytes},
        "runtime": {"python": view.python, "trio": view.trio, "implementation": sys.implementation.name},
    }


def _notifications(counted: Counted) -> Body:
    return {
        "total": counted.sent_in_all,
        "kills": counted.sent.get("kill", 0),
        "systems": counted.sent.get("system", 0),
        "characters": counted.sent.get("character", 0),
        "rallies": counted.sent.get("rally", 0),
        "status": counted.sent.get("status", 0),
    }


def _processing(counted: Counted) -> Body:
    return {
        "kills_processed": counted.processed,
        "kills_notified": counted.queued,
        "processing_start": counted.processed + counted.malformed,
        "processing_complete": counted.processed,
        "processing_complete_success": counted.queued,
        "processing_complete_error": counted.malformed,
        "processing_skipped": counted.skipped + counted.duplicate,
        "processing_error": counted.malformed,
        "notifications_sent": counted.sent_in_all,
    }


def _websocket(view: Snapshot) -> Body:
    parts = parts_of(view, "killmail_stream")
    worst = _worst(parts)
    up_s = min((part.for_s for part in parts if part.state == "ok"), default=0.0) if worst == "connected" else 0.0
    return {
        "client_alive": any(part.state != "disabled" for part in parts),
        "connection_status": worst,
        "connection_uptime_seconds": int(up_s),
        "connection_uptime_formatted": span(up_s),
    }


def _sse(view: Snapshot) -> Body:
    parts = parts_of(view, "map_stream")
    states = {part.name.partition(":")[2]: CONNECTED.get(part.state, "not_configured") for part in parts}
    if mode(view) == "multi_map":
        connected = sum(state == "connected" for state in states.values())
        return {
            "mode": "multi_map",
            "map_count": len(view.maps),
            "clients_running": len(states),
            "connected": connected,
            "disconnected": len(states) - connected,
            "maps": [{"map_slug": slug, "status": states.get(slug, "not_running")} for slug in view.maps],
        }
    if not view.maps:
        return {"mode": "unknown", "client_alive": False, "connection_status": "not_configured", "map_name": None}
    state = states.get(view.maps[0], "not_running")
    alive = state not in ("not_running", "not_configured")
    return {"mode": "env_var", "client_alive": alive, "connection_status": state, "map_name": view.maps[0]}


def _map(view: Snapshot, slug: str) -> Body:
    by_name = {part.name: part for part in view.components}
    stream, data = by_name.get(f"map_stream:{slug}"), by_name.get(f"map_data:{slug}")
    return {
        "slug": slug,
        "stream": stream.state if stream else "not_running",
        "data": data.state if data else "not_running",
        "last_event_at": utc(stream.seen_at) if stream else None,
    }


def _discord(view: Snapshot, seen: Deliveries, queued: int, sending: int) -> Body:
    (rest, *_) = (*parts_of(view, "discord_rest"), None)
    state = rest.state if rest is not None else "starting"
    return {
        "healthy": state == "ok" and seen.in_a_row_timed_out < 3 and seen.in_a_row_failed < 3,
        "consecutive_timeouts": seen.in_a_row_timed_out,
        "consecutive_failures": seen.in_a_row_failed,
        "last_success_at": utc(seen.last_success_at) or "never",
        "last_success_ago": ago(seen.last_success_at, view.now),
        "last_failure_at": utc(seen.last_failure_at) or "never",
        "last_failure_ago": ago(seen.last_failure_at, view.now),
        "last_failure_reason": seen.last_failure,
        "total_successes": seen.successes,
        "total_failures": seen.failures,
        "total_timeouts": seen.timeouts,
        "total_limited": seen.limited,
        "recovery_attempts": rest.reconnects if rest is not None else 0,
        "failed_kills": [
            {
                "killmail_id": str(one.killmail_id),
                "reason": one.reason,
                "failed_at": utc(one.at),
                "failed_ago": ago(one.at, view.now),
            }
            for one in seen.failed_kills
        ],
        "ratelimiter": {
            "exists": True,
            "state": CONNECTED.get(state, "disconnected"),
            "connection": {"status": "alive" if state in ("ok", "starting") else "down"},
            "queues": {"outstanding": queued, "running": sending, "inflight": sending},
        },
    }


def parts_of(view: Snapshot, name: str) -> list[ComponentView]:
    """The components of one kind, such as all map streams."""
    return [part for part in view.components if part.name.partition(":")[0] == name]


def _worst(parts: list[ComponentView]) -> str:
    states = [CONNECTED.get(part.state, "not_configured") for part in parts]
    for state in ("disconnected", "reconnecting", "connecting", "connected"):
        if state in states:
            return state
    return "not_configured" if states else "connecting"


def _mb(amount: int) -> float:
    return round(amount / _MB, 1)


def _text(number: int | None) -> str | None:
    return None if number is None else str(number)
