"""The budget of new sessions."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.wire.identifies import BadDiscovery, read_discovery, wait_for

NOW = 1_795_000_000.0


def discovery(remaining: int, reset_after_s: int = 14_400, total: int = 1000) -> dict[str, Any]:
    limit = {"total": total, "remaining": remaining, "reset_after": reset_after_s * 1000, "max_concurrency": 1}
    return {"url": "wss://gateway.example/", "shards": 1, "session_start_limit": limit}


def test_the_first_goes_out_at_once() -> None:
    assert wait_for([], read_discovery(discovery(1000), NOW), NOW, 0.5) == (0.0, "")


def test_two_are_five_seconds_apart_and_a_little_more() -> None:
    assert wait_for([NOW], None, NOW, 0.5) == (6.0, "spacing")


def test_a_spent_budget_waits_for_its_reset() -> None:
    wait, why = wait_for([], read_discovery(discovery(0, 700), NOW), NOW, 0.5)
    assert (wait, why) == (700.0, "Discord's budget is spent")


def test_what_we_sent_since_counts_against_what_discord_said() -> None:
    found = read_discovery(discovery(2, 700), NOW)
    wait, _ = wait_for([NOW + 1, NOW + 10], found, NOW + 20, 0.5)
    assert wait == 680.0


def test_a_low_budget_is_spread_over_the_time_left() -> None:
    found = read_discovery(discovery(50, 5000), NOW)
    wait, why = wait_for([NOW - 10], found, NOW, 0.5)
    assert (wait, why) == (90.0, "Discord's budget is low")


def test_a_clock_set_back_does_not_stop_us() -> None:
    wait, _ = wait_for([NOW + 5000], None, NOW, 1.0)
    assert wait <= 6.5


@given(st.lists(st.floats(0, 400), max_size=500), st.floats(0, 0.999))
def test_no_hour_has_more_than_twenty_and_no_day_more_than_two_hundred(gaps: list[float], roll: float) -> None:
    now, times = NOW, list[float]()
    for gap in gaps:
        now += gap
        wait, _ = wait_for(times, None, now, roll)
        assert wait < 1000  # nobody is locked out for hours
        now += wait
        assert wait_for(times, None, now + 1e-3, roll) == (0.0, "")
        now += 1e-3
        times.append(now)
    for number, at in enumerate(times):
        assert sum(1 for other in times[number:] if other < at + 3600) <= 20
        assert sum(1 for other in times[number:] if other < at + 86_400) <= 200
    assert all(after - before >= 5.0 for before, after in itertools.pairwise(times))


@pytest.mark.parametrize("answer", [None, [], {}, {"url": 5}, {"url": ""}])
def test_an_answer_without_an_address_is_none(answer: object) -> None:
    with pytest.raises(BadDiscovery):
        read_discovery(answer, NOW)


@pytest.mark.parametrize("limit", [None, [], {}, {"remaining": "x"}, {"remaining": -1, "reset_after": None}])
def test_an_answer_without_a_budget_is_believed_to_have_one(limit: object) -> None:
    found = read_discovery({"url": "wss://x/", "session_start_limit": limit}, NOW)
    assert wait_for([], found, NOW, 0.0) == (0.0, "")
