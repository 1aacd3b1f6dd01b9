"""How far a gap reaches, what a preload proves, and what the kill service says of itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wanderer_notifier.core.gaps import (
    Condition,
    Gap,
    Seen,
    doubtful,
    in_downtime,
    is_whole,
    kill_id,
    kill_time,
    read_condition,
)

NOON = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("begin", "now", "max_age_s", "earliest"),
    [
        (-5, 0, 3600, -60),  # a kill of 11:00 could still be published at 11:55
        (-5, 0, 86_400, -65),  # but none that is older than an hour then
        (-600, 0, 3600, -60),
        (0, 0, 600, -10),
    ],
)
def test_a_gap_reaches_back_as_far_as_the_service_publishes_and_we_tell(
    begin: float, now: float, max_age_s: float, earliest: float
) -> None:
    assert Gap(at(begin), at(now)).earliest(at(now), max_age_s) == at(earliest)


@pytest.mark.parametrize(("uptime_s", "forgotten"), [(None, False), (60, True), (299, True), (301, True), (303, False)])
def test_a_service_younger_than_the_gap_has_forgotten(uptime_s: float | None, forgotten: bool) -> None:
    assert Gap(at(-5), at(-1)).forgotten(uptime_s, at(0)) is forgotten


def test_a_clock_that_jumped_back_makes_no_negative_gap() -> None:
    assert Gap(at(0), at(-5)).seconds == 0


def test_a_full_preload_of_new_kills_leaves_a_doubt() -> None:
    shown: dict[int, tuple[datetime | None, ...]] = {
        1: (at(-1),) * 5,
        2: (at(-1),) * 4,  # everything there is
        3: (*(at(-1),) * 4, at(-70)),  # reaches back far enough
        4: (None, *(at(-1),) * 5),
    }
    assert doubtful(shown, at(-60)) == (1, 4)


@pytest.mark.parametrize(
    ("status", "health", "fault"),
    [
        ({"metrics": {"processing": {"redisq_last_killmail_ago_seconds": 3}}}, {"healthy": True}, None),
        ({"metrics": {"processing": {"r2z2_last_killmail_ago_seconds": 1500}}}, {"healthy": True}, "none for 25 min"),
        ({}, {"healthy": False}, "unhealthy"),
        (None, None, None),
        ([], "x", None),
        ({"metrics": {"processing": {"redisq_last_killmail_ago_seconds": None}}}, {"healthy": "no"}, None),
    ],
)
def test_the_service_says_why_nothing_comes(status: Any, health: Any, fault: str | None) -> None:
    said = read_condition(status, health).fault()
    assert (said is None) == (fault is None)
    assert fault is None or fault in (said or "")


@pytest.mark.parametrize(
    ("status", "health", "uptime_s"),
    [
        ({"metrics": {"system": {"uptime_seconds": 18}}, "summary": {"uptime_hours": 5}}, None, 18),
        ({"summary": {"uptime_hours": 1.0}}, None, 3564),  # at least
        (None, {"uptime_seconds": 54}, 54),
        ({"summary": {}}, {}, None),
    ],
)
def test_the_uptime_is_found_in_every_version(status: Any, health: Any, uptime_s: float | None) -> None:
    assert read_condition(status, health).uptime_s == uptime_s


def test_nothing_is_concluded_from_nothing() -> None:
    assert Condition().fault() is None


@pytest.mark.parametrize(("hour", "minute", "down"), [(10, 59, False), (11, 0, True), (11, 59, True), (12, 0, False)])
def test_s23_the_daily_downtime_excuses_silence(hour: int, minute: int, down: bool) -> None:
    assert in_downtime(datetime(2026, 11, 25, hour, minute, tzinfo=UTC)) is down


@pytest.mark.parametrize("raw", [None, 5, [], {}, {"killmail_id": "x"}, {"kill_time": 5}])
def test_odd_kills_have_neither_id_nor_time(raw: Any) -> None:
    assert kill_id(raw) is None
    assert kill_time(raw) is None
    assert not is_whole(raw)


def test_what_was_seen_is_remembered_up_to_a_limit() -> None:
    seen = Seen(limit=3)
    assert [seen.add(one) for one in (1, 2, 1, 3, 4, None)] == [True, True, False, True, True, False]
    assert [one in seen for one in (1, 2, 3, 4, None)] == [False, True, True, True, False]
    assert len(seen) == 3
