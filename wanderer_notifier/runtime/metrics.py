"""The numbers an operator graphs and alerts on; one registry, names of operations.md 7.3."""

from __future__ import annotations

import math
from collections.abc import Iterable

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
)

from wanderer_notifier import __version__
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.runtime.health import ComponentView

STATES = ("starting", "ok", "degraded", "failed", "disabled")


class Metrics:
    """All metrics of one running service, in a registry of their own; *commit* is what the program was built from."""

    def __init__(self, commit: str = "unknown") -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # the library ships it without annotations
        self.registry = registry = CollectorRegistry(auto_describe=True)
        self._reconnects: dict[str, int] = {}
        ProcessCollector(registry=registry)
        built = Gauge("notifier_build_info", "The running version.", ["version", "commit"], registry=registry)
        built.labels(__version__, commit).set(1)
        self.ready = Gauge("notifier_ready", "1 while /ready answers 200.", registry=registry)
        self.start_time = Gauge(
            "notifier_start_time_seconds", "When this process started (unix time).", registry=registry
        )
        self.component_up = Gauge(
            "notifier_component_up", "1 while a component works.", ["component"], registry=registry
        )
        self.component_state = Gauge(
            "notifier_component_state", "1 for the present state.", ["component", "state"], registry=registry
        )
        self.reconnects = Counter(
            "notifier_component_reconnects", "Attempts to connect again.", ["component"], registry=registry
        )
        self.task_restarts = Counter(
            "notifier_task_restarts", "Restarts of essential tasks.", ["task"], registry=registry
        )
        self.kills_received = Counter(
            "notifier_killmails_received", "Killmail deliveries, copies included.", ["source"], registry=registry
        )
        self.kills_skipped = Counter(
            "notifier_killmails_skipped", "Decisions not to tell, by reason.", ["reason"], registry=registry
        )
        self.kills_processed = Counter(
            "notifier_killmails_processed", "Decided deliveries by result.", ["result"], registry=registry
        )
        self.kill_age = Histogram(
            "notifier_killmail_age_seconds",
            "Kill time to first sight.",
            buckets=(5, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200),
            registry=registry,
        )
        self.delivery_seconds = Histogram(
            "notifier_delivery_seconds",
            "Received to accepted by Discord.",
            ["kind"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1800),
            registry=registry,
        )
        self.notifications = Counter(
            "notifier_notifications", "Outcomes by kind and map.", ["kind", "map", "result"], registry=registry
        )
        self.queue_length = Gauge("notifier_delivery_queue_length", "Messages waiting.", registry=registry)
        self.queue_oldest = Gauge(
            "notifier_delivery_queue_oldest_seconds", "How long the oldest message has waited.", registry=registry
        )
        self.dropped = Counter(
            "notifier_delivery_dropped", "Messages given up, by reason.", ["reason"], registry=registry
        )
        self.discord_429 = Counter(
            "notifier_discord_429", "Requests Discord asked to repeat.", ["scope"], registry=registry
        )
        self.map_events = Counter("notifier_map_events", "Map events.", ["map", "type", "result"], registry=registry)
        self.map_missed = Counter(
            "notifier_map_missed_events",
            "Changes that only a comparison of the lists found while the stream was up.",
            ["map"],
            registry=registry,
        )
        self.tracked_systems = Gauge("notifier_tracked_systems", "Systems on the map.", ["map"], registry=registry)
        self.tracked_characters = Gauge("notifier_tracked_characters", "Pilots tracked.", ["map"], registry=registry)
        self.parked = Counter("notifier_parked_events", "Events our own code failed on.", ["kind"], registry=registry)
        self.http_requests = Counter(
            "notifier_http_requests", "Requests to upstreams.", ["service", "method", "status"], registry=registry
        )
        self.http_seconds = Histogram(
            "notifier_http_request_seconds", "Their duration.", ["service"], registry=registry
        )
        self.http_retries = Counter(
            "notifier_http_retries", "Requests to upstreams made again.", ["service"], registry=registry
        )
        self.healed = Counter(
            "notifier_self_healing",
            "Measures taken against a peer that does not answer.",
            ["action"],
            registry=registry,
        )
        self.circuit_state = Gauge(
            "notifier_circuit_state",
            "1 while an upstream is left alone after failures.",
            ["service"],
            registry=registry,
        )
        self.web_requests = Counter(
            "notifier_web_requests", "Requests to our pages.", ["route", "status"], registry=registry
        )
        self.web_refused = Counter(
            "notifier_web_refused", "Requests to our pages with a wrong token.", registry=registry
        )
        self.persist_failures = Counter(
            "notifier_persist_failures", "Writes to disk that failed.", ["file"], registry=registry
        )
        self.lifetime = Gauge(
            "notifier_lifetime", "Counters over all runs of this installation.", ["what"], registry=registry
        )
        self.priority_systems = Gauge("notifier_priority_systems", "Systems with priority.", registry=registry)
        self.alerts = Counter(
            "notifier_alerts", "Operator alerts by what became of them.", ["result"], registry=registry
        )
        self.loop_lag = Gauge("notifier_loop_lag_seconds", "How late the last internal tick was.", registry=registry)
        self.unclean_starts = Counter("notifier_unclean_starts", "Starts after an unclean end.", registry=registry)

        self.feed_connected = Gauge(
            "notifier_feed_connected_since_seconds",
            "Subscribed since (unix time), 0 if not.",
            ["feed"],
            registry=registry,
        )
        self.feed_last_event = Gauge(
            "notifier_feed_last_event_seconds", "When its last event came (unix time).", ["feed"], registry=registry
        )
        self.feed_round_trip = Gauge(
            "notifier_feed_round_trip_seconds",
            "The latest heartbeat's way there and back; of a map stream: from the request to its greeting.",
            ["feed"],
            registry=registry,
        )
        self.feed_reconnects = Counter(
            "notifier_feed_reconnects", "Lost connections, by reason.", ["feed", "reason"], registry=registry
        )
        self.feed_oddities = Counter(
            "notifier_feed_oddities", "What was strange: copies, bad ids, rejoins.", ["feed", "what"], registry=registry
        )
        self.feed_gaps = Counter(
            "notifier_feed_gaps", "Times in which a feed was not heard.", ["feed", "result"], registry=registry
        )
        self.feed_gap_seconds = Counter(
            "notifier_feed_gap_seconds", "Their length together.", ["feed", "result"], registry=registry
        )
        self.feed_recovered = Counter(
            "notifier_feed_recovered", "Events of a gap that were found elsewhere.", ["feed"], registry=registry
        )

        self.lookups = Counter(
            "notifier_lookups", "Names needed, by how they were had.", ["kind", "result"], registry=registry
        )
        self.cache_hits = Counter("notifier_cache_hits", "Names that were remembered.", ["kind"], registry=registry)
        self.cache_misses = Counter("notifier_cache_misses", "Names that were not.", ["kind"], registry=registry)
        self.cache_expirations = Counter(
            "notifier_cache_expirations", "Names that were remembered, but too old.", ["kind"], registry=registry
        )
        self.cache_evictions = Counter(
            "notifier_cache_evictions", "Answers forgotten to make room.", ["kind"], registry=registry
        )
        self.cache_entries = Gauge("notifier_cache_entries", "Answers remembered.", ["kind"], registry=registry)
        self.esi_errors_left = Gauge(
            "notifier_esi_errors_left", "Errors that ESI forgives before it blocks us.", registry=registry
        )
        self.edits = Counter(
            "notifier_edits", "Attempts to complete sent messages.", ["kind", "result"], registry=registry
        )

        self.commands = Counter(
            "notifier_commands",
            "Slash commands by what was asked for and what came of it.",
            ["subcommand", "action", "result"],
            registry=registry,
        )
        self.license_valid = Gauge(
            "notifier_license_valid",
            "1 while the licence holds, 0 while it does not, NaN: not known.",
            registry=registry,
        )
        self.gateway_sessions = Counter(
            "notifier_gateway_sessions",
            "Sessions begun (ready), gone on with (resumed), and the attempts.",
            ["how"],
            registry=registry,
        )
        self.gateway_losses = Counter(
            "notifier_gateway_losses",
            "Ends of connections and failed attempts, by cause.",
            ["cause"],
            registry=registry,
        )
        self.gateway_events = Counter("notifier_gateway_events", "Events received.", ["type"], registry=registry)
        self.gateway_oddities = Counter(
            "notifier_gateway_oddities", "What was strange but did no harm.", ["what"], registry=registry
        )
        self.gateway_round_trip = Gauge(
            "notifier_gateway_round_trip_seconds", "The latest heartbeat's way there and back.", registry=registry
        )
        self.gateway_budget = Gauge(
            "notifier_gateway_identifies_left", "Sessions that Discord still lets us begin today.", registry=registry
        )

        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """Show the counters that alerts watch before anything was counted: a series whose first value is 1 has not
        increased, as Prometheus sees it."""
        for file in ("notifier.db", "persistent_values.bin", "command_log.bin"):
            self.persist_failures.labels(file)
        for task in ("delivery", "pipeline"):
            self.task_restarts.labels(task)
        for reason in ("expired", "rejected", "overflow"):
            self.dropped.labels(reason)
        for kind in ("kill", "map_event", "map_list", "feed"):
            self.parked.labels(kind)
        for scope in ("user", "shared", "global", "edge"):
            self.discord_429.labels(scope)

    def licence_told(self, state: LicenceState) -> None:
        """Follow the state of the licence."""
        self.license_valid.set({"valid": 1.0, "invalid": 0.0, "unknown": math.nan}[state])

    def looked_up(self, kind: str, result: str, count: int) -> None:
        """Count names that were needed; *result* is hit, stale (remembered, but old) or miss."""
        self.lookups.labels(kind, result).inc(count)
        (self.cache_misses if result == "miss" else self.cache_hits).labels(kind).inc(count)
        if result == "stale":
            self.cache_expirations.labels(kind).inc(count)

    def component_changed(self, view: ComponentView) -> None:
        """Follow one component's change of state or its next attempt to connect."""
        before = self._reconnects.get(view.name, 0)
        if view.reconnects > before:
            self.reconnects.labels(view.name).inc(view.reconnects - before)
        self._reconnects[view.name] = view.reconnects
        self.component_up.labels(view.name).set(view.state in ("ok", "disabled"))
        for state in STATES:
            self.component_state.labels(view.name, state).set(view.state == state)

    def map_left(self, slug: str, components: Iterable[str]) -> None:
        """Show no figures any more of a map that is not followed, nor of its *components*."""
        for name in components:
            self.component_up.remove(name)
            for state in STATES:
                self.component_state.remove(name, state)
            self._reconnects.pop(name, None)
        for gauge in (self.tracked_systems, self.tracked_characters):
            gauge.remove(slug)

    def persist_failed(self, file: str) -> None:
        """Count a write to *file* that failed."""
        self.persist_failures.labels(file).inc()

    def healed_by(self, action: str) -> None:
        """Count a measure against a peer that does not answer."""
        self.healed.labels(action).inc()

    def http_again(self, service: str) -> None:
        """Count a request to an upstream that is made again."""
        self.http_retries.labels(service).inc()

    def http_done(self, service: str, method: str, status: int | str, seconds: float) -> None:
        """Count one finished request to an upstream; *status* is a code or the kind of failure."""
        self.http_requests.labels(service, method, str(status)).inc()
        self.http_seconds.labels(service).observe(seconds)
