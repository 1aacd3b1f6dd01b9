"""A peer that keeps failing is left alone, and asked now and then."""

from __future__ import annotations

import math

from wanderer_notifier.wire.breaker import CAP_S, FIRST_S, OPENS_AFTER, Breaker


def tripped(times: int = 1) -> tuple[Breaker, float]:
    """A breaker that opened *times* times in a row, and the moment of the last failure."""
    breaker, now = Breaker(), 0.0
    for _ in range(OPENS_AFTER):
        breaker.failed(now)
    for _ in range(times - 1):
        now += breaker.wait_for(now)
        breaker.started()
        breaker.failed(now)
    return breaker, now


def test_it_stays_closed_below_five_failures_in_a_row() -> None:
    breaker = Breaker()
    for _ in range(3):
        for _ in range(OPENS_AFTER - 1):
            breaker.failed(0.0)
        assert (breaker.wait_for(0.0), breaker.is_open) == (0.0, False)
        breaker.succeeded()


def test_it_opens_for_ten_seconds_and_twice_as_long_each_time_up_to_five_minutes() -> None:
    waits = []
    for times in range(1, 9):
        breaker, now = tripped(times)
        waits.append(breaker.wait_for(now))
    assert waits == [FIRST_S, 20.0, 40.0, 80.0, 160.0, CAP_S, CAP_S, CAP_S]


def test_one_request_finds_out_whether_the_peer_is_back() -> None:
    breaker, now = tripped()
    now += FIRST_S
    assert breaker.wait_for(now) == 0.0
    breaker.started()
    assert breaker.wait_for(now) == math.inf
    breaker.succeeded()
    assert (breaker.wait_for(now), breaker.is_open) == (0.0, False)


def test_a_probe_that_was_given_up_lets_the_next_one_try() -> None:
    breaker, now = tripped()
    breaker.started()
    breaker.released()
    assert breaker.wait_for(now + FIRST_S) == 0.0
    assert breaker.is_open
