"""What becomes of messages, told to whoever counts, limits, alerts and logs."""

from __future__ import annotations

import logging

import structlog

from wanderer_notifier.app.alerts import Alerts
from wanderer_notifier.app.insight import Insight
from wanderer_notifier.core.licence import RichLimit
from wanderer_notifier.delivery.outbox import Delivered
from wanderer_notifier.runtime.metrics import Metrics

log = structlog.get_logger("delivery")
ARRIVED = ("sent", "found")


class Outcomes:
    """One line and one count for every attempt; the end of a row is what an operator looks for."""

    def __init__(self, metrics: Metrics, insight: Insight, alerts: Alerts, rich: RichLimit) -> None:
        self._metrics, self._insight, self._alerts, self._rich = metrics, insight, alerts, rich

    def delivered(self, result: Delivered) -> None:
        """An attempt to send a message has ended."""
        self._insight.delivered(result)
        self._alerts.delivered(result)
        if result.final:
            self._rich.settle(result.claim, result.channel, sent=result.result in ARRIVED)
        level, event = self._count(result)
        if result.kind == "kill" and level == logging.INFO:
            level = logging.DEBUG  # a kill has one line, at its end
        log.log(
            level,
            event,
            kind=result.kind,
            map=result.slug,
            channel_id=result.channel,
            claim=result.claim,
            result=result.result,
            reason=result.reason,
            attempt=result.attempts + 1,
            duration_ms=round(result.latency_s * 1000),
            took_ms=round(result.took_s * 1000),
        )

    def restarted(self, task: str) -> None:
        """An essential task failed and was started again."""
        self._metrics.task_restarts.labels(task).inc()
        self._alerts.note(task, "it failed and was started again; the log says why")

    def _count(self, result: Delivered) -> tuple[int, str]:
        """Count it; how loud and in which words the log tells of it."""
        metrics = self._metrics
        metrics.notifications.labels(result.kind, result.slug, result.result).inc()
        if result.result in ARRIVED:
            metrics.delivery_seconds.labels(result.kind).observe(max(result.latency_s, 0.0))
            return logging.INFO, "notification_sent"
        if result.final:
            metrics.dropped.labels(result.result).inc()
            return logging.ERROR, "notification_given_up"
        return logging.INFO, "notification_not_yet_sent"
