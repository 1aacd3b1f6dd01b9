"""The names and labels of the metrics, as the documentation promises them (operations.md 7.3)."""

from __future__ import annotations

import pytest

from wanderer_notifier.runtime.metrics import Metrics

TABLE = """
notifier_build_info{version,commit} notifier_start_time_seconds notifier_unclean_starts_total
notifier_component_up{component} notifier_component_state{component,state}
notifier_component_reconnects_total{component} notifier_task_restarts_total{task}
notifier_killmails_received_total{source} notifier_killmails_skipped_total{reason}
notifier_killmails_processed_total{result} notifier_killmail_age_seconds notifier_delivery_seconds{kind}
notifier_notifications_total{kind,map,result} notifier_delivery_queue_length
notifier_delivery_dropped_total{reason} notifier_discord_429_total{scope}
notifier_map_events_total{map,type,result} notifier_tracked_systems{map} notifier_tracked_characters{map}
notifier_http_requests_total{service,method,status} notifier_http_request_seconds{service}
notifier_http_retries_total{service} notifier_circuit_state{service} notifier_cache_hits_total{kind}
notifier_cache_misses_total{kind} notifier_cache_evictions_total{kind} notifier_cache_expirations_total{kind}
notifier_cache_entries{kind} notifier_commands_total{subcommand,action,result} notifier_priority_systems
notifier_license_valid notifier_persist_failures_total{file} notifier_loop_lag_seconds
notifier_web_requests_total{route,status} process_resident_memory_bytes process_cpu_seconds_total process_open_fds
"""


@pytest.mark.parametrize("promised", TABLE.split())
def test_a_promised_metric_exists_with_its_labels(promised: str) -> None:
    name, _, labels = promised.rstrip("}").partition("{")
    metrics = Metrics()
    family = next(one for one in metrics.registry.collect() if name in (one.name, f"{one.name}_total"))
    if not name.startswith("process_"):
        (owner,) = {
            collector for collector, names in metrics.registry._collector_to_names.items() if family.name in names
        }
        assert tuple(getattr(owner, "_labelnames", ())) == tuple(filter(None, labels.split(",")))


@pytest.mark.parametrize(
    "sample",
    [
        ("notifier_persist_failures_total", {"file": "notifier.db"}),
        ("notifier_task_restarts_total", {"task": "pipeline"}),
        ("notifier_delivery_dropped_total", {"reason": "expired"}),
        ("notifier_parked_events_total", {"kind": "kill"}),
        ("notifier_discord_429_total", {"scope": "global"}),
    ],
    ids=lambda sample: sample[0],
)
def test_what_alerts_watch_begins_at_zero_so_that_the_first_one_is_an_increase(
    sample: tuple[str, dict[str, str]],
) -> None:
    assert Metrics().registry.get_sample_value(*sample) == 0
