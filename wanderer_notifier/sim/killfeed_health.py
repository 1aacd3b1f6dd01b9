"""What the kill service says about itself: `/health` and `/status` (wanderer-kills.md 5.4, capture http-02)."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.killmails import iso

FAILED_POLLS_S = (4.8, 6.8, 10.8, 18.8, 34.8)
"""When the first polls fail after the upstream is lost: pauses that double, measured."""
POLL_S = 30.0
"""The longest pause between polls; the errors count on at this pace."""
MOST_ERRORS = 10
"""With so many failed polls the breaker opens and `/health` turns into 503, some 185 seconds after the loss."""


@frozen(kw_only=True)
class Condition:
    """How the service is."""

    now: datetime
    started_at: datetime
    upstream_lost_at: datetime | None = None
    forced_down: bool = False
    """Unhealthy whatever the upstream does."""

    @property
    def errors(self) -> int:
        """Polls of the upstream that failed in a row."""
        if self.forced_down:
            return MOST_ERRORS
        if self.upstream_lost_at is None:
            return 0
        since = (self.now - self.upstream_lost_at).total_seconds()
        early = sum(since >= one for one in FAILED_POLLS_S)
        late = max(0.0, since - FAILED_POLLS_S[-1]) // POLL_S
        return min(early + int(late), MOST_ERRORS)

    @property
    def healthy(self) -> bool:
        return self.errors < MOST_ERRORS


def health(condition: Condition) -> JsonObject:
    """The body of `/health`; `status` says ok even where the HTTP status is 503, as the real one does."""
    now, errors = condition.now, condition.errors
    moment = int(now.timestamp())
    up_s = int((now - condition.started_at).total_seconds())
    lost_s = int((now - condition.upstream_lost_at).total_seconds()) if condition.upstream_lost_at else 0
    return {
        "status": "ok",
        "timestamp": iso(now, micros=True),
        "details": {
            "unknown": {
                "character_subscriptions": _index("character_count"),
                "system_subscriptions": _index("system_count"),
            }
        },
        "connection_monitor": {
            "conn_max_idle_time": 90000,
            "recycled_count": 0,
            "consecutive_timeout_errors": 0,
            "last_recycled_at": moment - up_s % 300,
            "consecutive_connection_failures": errors,
            "last_successful_request": moment - lost_s,
            "total_timeouts": 0,
            "total_connection_failures": errors,
            "failure_reasons": {"connection_refused": errors} if errors else {},
            "recycle_interval": 300,
            "time_since_recycled": up_s % 300,
            "time_since_success": lost_s,
        },
        "circuit_breaker": {
            "circuit_reset_timeout_ms": 300000,
            "max_consecutive_errors": MOST_ERRORS,
            "consecutive_errors": errors,
            "circuit_state": "closed" if condition.healthy else "open",
            "circuit_opened_at": None if condition.healthy else -576_460_000_000 + up_s * 1000,  # the VM's own clock
            "last_updated": moment * 1000,
        },
        "healthy": condition.healthy,
    }


def status(condition: Condition, *, kept: int, systems: int, subscriptions: int) -> JsonObject:
    """The body of `/status`; all of New Eden gives a kill every few seconds, so that the last one is never old here
    unless the upstream was lost."""
    up_s = max(0, int((condition.now - condition.started_at).total_seconds()))
    began = iso(condition.started_at, micros=True)
    lost_at = condition.upstream_lost_at
    quiet_s = 3 + (int((condition.now - lost_at).total_seconds()) if lost_at is not None else 0)
    calls = {"avg_duration_ms": 0, "error_count": 0, "requests_per_minute": 0, "total_requests": 0}
    return {
        "timestamp": iso(condition.now, micros=True),
        "metrics": {
            "system": {
                "memory": {"atom": 909_553, "binary": 5_289_216, "processes": 18_683_736, "total": 59_524_504},
                "ports": {"count": 9, "limit": 65_536},
                "processes": {"count": 409, "limit": 1_048_576},
                "run_queue": 0,
                "schedulers": 2,
                "ets_tables": 72,
                "uptime_seconds": up_s,
            },
            "storage": {"killmails_count": kept, "systems_count": systems},
            "api": {"esi": calls, "zkillboard": calls},
            "websocket": {
                "timestamp": began,
                "started_at": began,
                "last_reset": began,
                "connections": {"active": 0, "total_connected": 0, "total_disconnected": 0},
                "kills_sent": {"total": 0, "preload": 0, "realtime": 0},
                "rates": {},
                "subscriptions": {"active": 0, "total_added": 0, "total_removed": 0, "total_systems": 0},
                "uptime_seconds": 0,
            },
            "sse": {"connections_active": 0, "events_sent_total": 0},
            "parser_stats": {"failed": 0, "last_reset": began, "skipped": 0, "stored": kept, "total_processed": kept},
            "processing": {
                "processing_lag_seconds": 0,
                "redisq_last_killmail_ago_seconds": quiet_s,
                "redisq_received": kept,
            },
        },
        "summary": {
            "processing_lag_seconds": quiet_s,
            "killmails_stored": kept,
            "active_preload_tasks": 0,
            "active_subscriptions": subscriptions,
            "api_requests_per_minute": 0,
            "cache_hit_rate": 0.0,
            "memory_usage_mb": 56.77,
            "uptime_hours": round(up_s / 3600, 2),
        },
    }


def _index(counted: str) -> JsonObject:
    return {counted: 0, "subscription_count": 0, "memory_bytes": 0, "last_update": "never"}
