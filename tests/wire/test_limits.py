"""Discord's rate limits: every rule of discord.md 3.3, on a clock that is only a number."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.wire.limits import MARGIN_S, Limits, Refused, Scope

POST = "POST /channels/{c}/messages"
GET = "GET /channels/{c}/messages"


def told(
    remaining: int = 4, reset_after: float = 5.0, *, limit: int = 5, bucket: str = "abc", more: Mapping[str, str] = {}
) -> dict[str, str]:
    return {
        "x-ratelimit-limit": str(limit),
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": "12345.0",  # an epoch of a wrong clock: must not matter
        "x-ratelimit-reset-after": str(reset_after),
        "x-ratelimit-bucket": bucket,
        **more,
    }


def call(
    limits: Limits,
    now: float,
    headers: Mapping[str, str],
    *,
    route: str = POST,
    major: str = "1",
    status: int = 200,
    retry_after: float | None = None,
) -> Refused | None:
    assert limits.wait_for(route, major, now) == 0.0
    limits.started(route, major, now)
    return limits.answered(route, major, status, headers, retry_after, now)


def test_a_new_bucket_has_one_in_flight_until_the_first_answer() -> None:
    limits = Limits()
    assert limits.wait_for(POST, "1", 0.0) == 0.0
    limits.started(POST, "1", 0.0)
    assert limits.wait_for(POST, "1", 0.0) == math.inf
    assert limits.wait_for(POST, "2", 0.0) == 0.0  # another channel is another limiter
    limits.answered(POST, "1", 200, told(remaining=2), None, 0.1)
    for _ in range(2):
        assert limits.wait_for(POST, "1", 0.2) == 0.0
        limits.started(POST, "1", 0.2)
    assert limits.wait_for(POST, "1", 0.2) == math.inf


def test_nothing_left_waits_for_the_reset_by_the_monotonic_clock() -> None:
    limits = Limits()
    call(limits, 100.0, told(remaining=0, reset_after=2.5))
    assert limits.wait_for(POST, "1", 101.0) == pytest.approx(1.5)
    assert limits.wait_for(POST, "1", 102.5) == 0.0


def test_the_sixth_of_six_goes_when_the_window_is_over() -> None:
    limits, now, sent = Limits(), 0.0, []
    for number in range(6):
        now += limits.wait_for(POST, "1", now)
        call(limits, now, told(remaining=max(0, 4 - number), reset_after=5.0 - now))
        sent.append(now)
    assert sent == pytest.approx([0.0, 0.0, 0.0, 0.0, 0.0, 5.0], abs=0.2)


def test_the_same_bucket_counts_per_channel() -> None:
    limits = Limits()
    call(limits, 0.0, told(remaining=0), major="1")
    assert limits.wait_for(POST, "2", 0.0) == 0.0
    call(limits, 0.0, told(remaining=3), major="2")
    assert limits.wait_for(POST, "1", 0.0) == 5.0


def test_answers_that_overtake_each_other_do_not_give_places_back() -> None:
    limits = Limits()
    call(limits, 0.0, told(remaining=4))
    for _ in range(3):
        limits.started(POST, "1", 0.0)
    limits.answered(POST, "1", 200, told(remaining=1), None, 0.1)  # the last of the three
    limits.answered(POST, "1", 200, told(remaining=3), None, 0.2)  # the first, late
    assert limits.wait_for(POST, "1", 0.2) == pytest.approx(5.0)  # one flies, and remaining is min(1 - 1, 3)


@pytest.mark.parametrize(
    ("retry_after", "headers", "wait"),
    [
        (1.2, told(0, 9.0, more={"retry-after": "2"}), 1.2),
        (0.5, {}, 0.5),
        (64.57, {"retry-after": "65"}, 64.57),
        (None, told(0, 9.0, more={"retry-after": "2"}), 2.0),
        (None, told(0, 9.0), 9.0),
        (None, {"x-ratelimit-scope": "user"}, 1.0),
        (math.nan, told(0, 3.0), 3.0),
        (-5.0, told(0, 3.0), 3.0),
        (1e12, {}, 86_400.0),
    ],
    ids=[
        "body first",
        "fraction",
        "more than a minute",
        "then header",
        "then reset",
        "nothing",
        "NaN",
        "negative",
        "absurd",
    ],
)
def test_a_429_waits_as_long_as_told(retry_after: float | None, headers: dict[str, str], wait: float) -> None:
    limits = Limits()
    refused = call(limits, 10.0, headers, status=429, retry_after=retry_after)
    assert refused is not None
    assert refused.wait_s == pytest.approx(wait + MARGIN_S)
    assert limits.wait_for(POST, "1", 10.0) == pytest.approx(wait + MARGIN_S)
    assert limits.wait_for(POST, "1", 10.0 + wait + MARGIN_S + 1e-6) == 0.0
    assert limits.wait_for(POST, "2", 10.0) == 0.0
    assert limits.wait_for(GET, "1", 10.0) == 0.0


def test_a_hidden_sub_limit_blocks_its_bucket_only() -> None:
    limits = Limits()
    call(limits, 0.0, told(remaining=3), status=429, retry_after=60.0)
    assert limits.wait_for(POST, "1", 5.0) == pytest.approx(55.0 + MARGIN_S)
    assert limits.wait_for(POST, "2", 5.0) == 0.0


@pytest.mark.parametrize(
    ("headers", "scope"),
    [
        (told(0), "user"),
        (told(0, more={"x-ratelimit-scope": "shared"}), "shared"),
        ({"x-ratelimit-global": "true"}, "global"),
        ({"x-ratelimit-scope": "global"}, "global"),
    ],
)
def test_the_scope_of_a_429(headers: dict[str, str], scope: Scope) -> None:
    limits = Limits()
    refused = call(limits, 0.0, headers, status=429, retry_after=3.0)
    assert refused == Refused(scope=scope, wait_s=3.0 + MARGIN_S)
    assert (limits.wait_for(GET, "9", 0.0) > 0) == (scope == "global")
    assert limits.holder(0.0) == ("global" if scope == "global" else "user")
    assert limits.holder(4.0) == "user"
    assert limits.invalid(0.0) == (0 if scope == "shared" else 1)


def test_the_global_gate_opens_by_itself() -> None:
    limits = Limits()
    limits.started(POST, "1", 0.0)
    limits.started(POST, "2", 0.0)
    limits.answered(POST, "1", 429, {"x-ratelimit-global": "true"}, 2.0, 0.0)
    limits.released(POST, "2", 0.5)  # a request that was cancelled changes nothing about the gate
    assert limits.wait_for(GET, "7", 1.0) == pytest.approx(1.0 + MARGIN_S)
    assert limits.wait_for(GET, "7", 2.1) == 0.0


def test_never_more_than_fifty_in_any_second() -> None:
    limits, now, sent = Limits(), 0.0, deque[float]()
    for number in range(400):
        wait = limits.wait_for(POST, str(number), now)
        now += wait
        limits.started(POST, str(number), now)
        sent.append(now)
    for start in sent:
        assert sum(start <= at < start + 1.0 for at in sent) <= 50
    assert sent[-1] == pytest.approx((400 - 5) / 45, abs=0.1)


def test_a_request_without_an_answer_gives_its_place_back() -> None:
    limits = Limits()
    limits.started(POST, "1", 0.0)
    limits.released(POST, "1", 1.0)
    assert limits.wait_for(POST, "1", 1.0) == 0.0
    call(limits, 2.0, told(remaining=1))
    limits.started(POST, "1", 2.0)
    limits.released(POST, "1", 3.0)  # Discord may have counted it
    assert limits.wait_for(POST, "1", 3.0) == pytest.approx(4.0)
    assert limits.wait_for(POST, "1", 7.0) == 0.0


@pytest.mark.parametrize("status", [500, 502, 404, 200])
def test_answers_without_headers_stop_nobody(status: int) -> None:
    limits = Limits()
    assert call(limits, 0.0, {}, status=status) is None
    assert limits.wait_for(POST, "1", 0.1) == 0.0


@pytest.mark.parametrize("junk", ["", "soon", "nan", "inf", "-1"])
def test_headers_that_are_no_numbers_are_passed_over(junk: str) -> None:
    limits = Limits()
    headers = dict.fromkeys(told(), junk)
    headers["x-ratelimit-bucket"] = "abc"
    assert call(limits, 0.0, headers) is None
    assert limits.wait_for(POST, "1", 0.1) == 0.0


# --- buckets that change ------------------------------------------------------------------------------------------


def test_routes_that_share_a_bucket_share_its_places() -> None:
    limits = Limits()
    call(limits, 0.0, told(remaining=3), route=POST)
    call(limits, 0.0, told(remaining=0), route=GET)
    assert limits.wait_for(POST, "1", 0.0) == 5.0


def test_a_changed_bucket_takes_along_what_is_known() -> None:
    limits = Limits()
    for major in ("1", "2"):
        call(limits, 0.0, told(remaining=4), major=major)
        limits.started(POST, major, 0.0)
    limits.answered(POST, "1", 200, told(remaining=0, bucket="new"), None, 0.1)
    assert limits.wait_for(POST, "1", 0.1) == 5.0
    assert limits.known() == (2, 1)  # moved, not doubled
    for _ in range(3):
        assert limits.wait_for(POST, "2", 0.2) == 0.0
        limits.started(POST, "2", 0.2)
    assert limits.wait_for(POST, "2", 0.2) == math.inf  # the one that was in flight before the move still counts
    limits.answered(POST, "2", 200, told(remaining=3, bucket="new"), None, 0.3)
    assert limits.wait_for(POST, "2", 0.3) == math.inf
    for _ in range(3):
        limits.released(POST, "2", 0.4)
    assert limits.wait_for(POST, "2", 6.0) == 0.0


def test_a_route_that_leaves_a_shared_bucket_leaves_no_place_behind() -> None:
    limits = Limits()
    call(limits, 0.0, told(remaining=4), route=POST)
    call(limits, 0.0, told(remaining=4), route=GET)
    limits.started(POST, "1", 0.0)
    limits.started(POST, "1", 0.0)
    limits.answered(POST, "1", 200, told(remaining=1, bucket="own"), None, 0.1)
    limits.answered(POST, "1", 200, told(remaining=0, bucket="own"), None, 0.2)
    for _ in range(4):
        assert limits.wait_for(GET, "1", 0.5) == 0.0
        limits.started(GET, "1", 0.5)
    assert limits.wait_for(GET, "1", 0.5) == math.inf


def test_idle_limiters_and_old_buckets_are_forgotten() -> None:
    limits, now = Limits(), 0.0
    for number in range(10_000):
        now += 0.1
        call(limits, now, told(), major=str(number))
        if number % 1000 == 999:
            limits.started(POST, f"busy {number}", now)
    limiters, buckets = limits.known()
    assert limiters < 4_500
    assert buckets == 1
    call(limits, now + 400, told(bucket="other"), route=GET)
    assert limits.known() == (1 + 10, 2)  # what flies is kept
    assert limits.wait_for(POST, "busy 999", now + 400) == math.inf
    for number in range(999, 10_000, 1000):
        limits.released(POST, f"busy {number}", now)
    call(limits, now + 90_000, told(bucket="other"), route=GET)
    assert limits.known() == (1, 1)


# --- too many refusals, and the edge ------------------------------------------------------------------------------


def refuse(limits: Limits, count: int, now: float, status: int = 403) -> None:
    for _ in range(count):
        limits.started(POST, "1", now)
        limits.answered(POST, "1", status, told(remaining=50, limit=50), None, now)


def test_refusals_are_counted_for_ten_minutes_and_slow_us_down_in_steps() -> None:
    limits = Limits()
    refuse(limits, 99, 0.0)
    assert limits.alarm(0.0) == "none"
    refuse(limits, 1, 1.0)
    assert (limits.alarm(1.0), limits.invalid(1.0)) == ("warn", 100)
    refuse(limits, 900, 2.0, status=401)
    assert limits.alarm(2.0) == "optional stopped"
    assert limits.wait_for(GET, "1", 10.0) == 0.0
    assert limits.wait_for(GET, "1", 10.0, optional=True) == pytest.approx(590.0)  # until the first of them is old
    refuse(limits, 4_000, 3.0)
    assert limits.alarm(3.0) == "stopped"
    assert limits.wait_for(GET, "1", 10.0) == pytest.approx(590.0)
    assert limits.wait_for(GET, "1", 600.0) == 0.0
    assert limits.wait_for(GET, "1", 600.0, optional=True) == pytest.approx(3.0)
    assert limits.alarm(603.0) == "none"
    assert limits.invalid(603.0) == 0


@pytest.mark.parametrize(
    ("status", "headers", "blocked"),
    [
        (429, {"content-type": "text/html"}, False),
        (429, {"content-type": "application/json"}, False),  # {"code": 0, "message": "You are being blocked"}
        (403, {"content-type": "text/html"}, True),
    ],
    ids=["HTML", "JSON without a time", "403 page"],
)
def test_a_block_by_the_edge_stops_everything_for_minutes(status: int, headers: dict[str, str], blocked: bool) -> None:
    limits, now = Limits(), 0.0
    for minutes in (10, 20, 40, 60, 60):
        assert limits.wait_for(POST, "1", now) == 0.0
        limits.started(POST, "1", now)
        refused = limits.answered(POST, "1", status, headers, None, now, blocked=blocked)
        assert refused is not None
        assert refused.scope == "edge"
        assert refused.wait_s == pytest.approx(minutes * 60 + MARGIN_S)
        assert limits.wait_for(GET, "9", now) == pytest.approx(minutes * 60 + MARGIN_S)
        assert limits.holder(now) == "edge"
        now += minutes * 60 + 1
    call(limits, now, told())
    limits.started(POST, "1", now)
    refused = limits.answered(POST, "1", status, headers, None, now, blocked=blocked)
    assert refused is not None
    assert refused.wait_s == pytest.approx(600 + MARGIN_S)  # a good answer starts it anew


def test_while_we_hold_ourselves_back_it_is_said_that_it_is_us() -> None:
    limits = Limits()
    refuse(limits, 5_000, 0.0)
    assert limits.wait_for(POST, "1", 1.0) > 500
    assert limits.holder(1.0) == "own"


def test_a_body_that_speaks_of_all_requests_closes_the_gate_for_all() -> None:
    limits = Limits()
    limits.started(POST, "1", 0.0)
    refused = limits.answered(POST, "1", 429, {}, 2.0, 0.0, everywhere=True)
    assert refused == Refused(scope="global", wait_s=2.0 + MARGIN_S)
    assert limits.wait_for(GET, "9", 1.0) == pytest.approx(1.0 + MARGIN_S)


def test_a_block_that_names_its_end_is_believed() -> None:
    limits = Limits()
    refused = call(limits, 0.0, {"retry-after": "90"}, status=429)
    assert refused == Refused(scope="edge", wait_s=90 + MARGIN_S)


@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["start", "answer", "release"]),
            st.sampled_from([POST, GET]),
            st.sampled_from(["1", "2"]),
            st.sampled_from([200, 404, 429, 500]),
            st.integers(0, 5),
            st.sampled_from(["a", "b", ""]),
            st.floats(0, 3),
        ),
        max_size=60,
    )
)
def test_whatever_happens_everyone_gets_a_turn_again(
    steps: list[tuple[str, str, str, int, int, str, float]],
) -> None:
    limits, now = Limits(), 0.0
    flying: list[tuple[str, str]] = []
    for what, route, major, status, remaining, bucket, pause in steps:
        now += pause
        if what == "start" and limits.wait_for(route, major, now) == 0.0:
            limits.started(route, major, now)
            flying.append((route, major))
        elif what != "start" and flying:
            landed = flying.pop(0)
            if what == "release":
                limits.released(*landed, now)
            else:
                headers = told(remaining, 2.0, bucket=bucket) if bucket else {}
                limits.answered(*landed, status, headers, 1.0, now)
    for landed in flying:
        limits.released(*landed, now)
    for route in (POST, GET):
        for major in ("1", "2"):
            assert limits.wait_for(route, major, now + 10.0) == 0.0
