"""Nothing that map, kill service, ESI or Janice answer makes the doctor stumble."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.findings import Finding
from wanderer_notifier.feeds import doctor_kills, doctor_map, doctor_services
from wanderer_notifier.net.question import Reply

NOON, DOWNTIME = datetime(2026, 11, 25, 15, 0, tzinfo=UTC), datetime(2026, 11, 25, 11, 5, tzinfo=UTC)
NAMES = [
    *("data", "systems", "items", "name", "error", "code", "status", "healthy", "metrics", "processing", "summary"),
    *("redisq_last_killmail_ago_seconds", "uptime_hours", "solar_system_id", "character"),
]
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=10,
)
statuses = st.sampled_from([0, 200, 200, 204, 301, 400, 401, 402, 403, 404, 406, 420, 429, 500, 503])
replies = st.builds(lambda status, value: yes(value, status), statuses, values)


def yes(value: Any, status: int = 200) -> Reply:
    if not status:
        return Reply(trouble="refused")
    return Reply(status=status, value=value, body=json.dumps(value).encode())


@given(replies, replies)
def test_every_answer_has_a_finding(one: Reply, other: Reply) -> None:
    found: list[Finding] = [
        doctor_map.listed("systems", "home", one),
        doctor_map.listed("tracked pilots", "home", one),
        doctor_kills.condition(one, other, NOON),
        doctor_services.esi_says(one),
        doctor_services.janice_says(one),
    ]
    assert all(each.words and each.check for each in found)
    assert all(each.level != "ok" for each in found) or 200 <= one.status < 300


def age(seconds: float) -> Reply:
    return yes({"metrics": {"processing": {"redisq_last_killmail_ago_seconds": seconds}}})


@pytest.mark.parametrize(
    ("status", "at", "level", "words"),
    [
        (age(3), NOON, "ok", "3s ago"),
        (age(3000), NOON, "fail", "taken in none for 50 min"),
        (age(3000), DOWNTIME, "warn", "downtime"),
        (yes(None, 404), NOON, "ok", "healthy"),
    ],
)
def test_how_long_ago_the_kill_service_took_in_a_kill(status: Reply, at: datetime, level: str, words: str) -> None:
    found = doctor_kills.condition(yes({"healthy": True}), status, at)
    assert found.level == level
    assert words in found.words
