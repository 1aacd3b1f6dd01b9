"""The rate limits of the fake, as pure windows."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import example, given
from hypothesis import strategies as st

from wanderer_notifier.sim.ratelimits import ROUNDING_S, Limit, RateLimits, Window, bucket_hash

WALL = datetime(2026, 3, 20, 18, 0, tzinfo=UTC)
POST = "POST /channels/{c}/messages"


def test_five_pass_and_the_sixth_waits_until_the_first_is_five_seconds_old() -> None:
    limits = RateLimits()
    told = [dict(limits.take(POST, "1", at, WALL).headers) for at in (0.0, 1.0, 2.0, 3.0, 4.0)]
    assert [one["X-RateLimit-Remaining"] for one in told] == ["4", "3", "2", "1", "0"]
    assert {one["X-RateLimit-Limit"] for one in told} == {"5"}
    refused = limits.take(POST, "1", 4.25, WALL)
    assert (refused.refused, refused.retry_after) == ("user", 0.75)
    assert dict(refused.headers)["Retry-After"] == "1"
    assert limits.take(POST, "1", 5.0, WALL).refused is None
    assert limits.take(POST, "1", 5.0, WALL).refused == "user"


def test_channels_share_the_name_of_the_bucket_but_not_its_window() -> None:
    limits = RateLimits()
    told = [limits.take(POST, channel, 0.0, WALL) for channel in "11111" + "2"]
    assert dict(told[-1].headers)["X-RateLimit-Remaining"] == "4"
    assert {dict(one.headers)["X-RateLimit-Bucket"] for one in told} == {bucket_hash(POST)}
    assert bucket_hash(POST) != bucket_hash("GET /channels/{c}")


def test_the_whole_bot_has_fifty_a_second() -> None:
    limits = RateLimits()
    for number in range(50):
        assert limits.take(POST, str(number), 0.5, WALL).refused is None
    refused = limits.take("GET /users/@me", "", 0.75, WALL)
    assert (refused.refused, refused.retry_after) == ("global", 0.75)
    assert dict(refused.headers)["X-RateLimit-Global"] == "true"
    assert "X-RateLimit-Remaining" not in dict(refused.headers)
    assert limits.take("GET /users/@me", "", 1.5, WALL).refused is None


def test_a_route_can_have_limits_of_its_own_and_change_them_while_running() -> None:
    limits = RateLimits(routes={POST: Limit(1, 60.0)})
    assert limits.take(POST, "1", 0.0, WALL).refused is None
    assert limits.take(POST, "1", 1.0, WALL).refused == "user"
    limits.routes[POST] = Limit(2, 60.0)
    assert limits.take(POST, "1", 2.0, WALL).refused is None


def test_a_hidden_limit_refuses_while_places_remain() -> None:
    limits = RateLimits(hidden={POST: Limit(2, 600.0)})
    assert [limits.take(POST, "1", 0.0, WALL).refused for _ in range(2)] == [None, None]
    refused = limits.take(POST, "1", 60.0, WALL)
    assert (refused.refused, refused.retry_after) == ("user", 540.0)
    assert (dict(refused.headers)["X-RateLimit-Remaining"], dict(refused.headers)["Retry-After"]) == ("4", "540")
    assert limits.take(POST, "2", 60.0, WALL).refused is None


def test_a_shared_limit_says_that_others_used_it_up() -> None:
    limits = RateLimits(shared={POST: Limit(1, 10.0)})
    limits.take(POST, "1", 0.0, WALL)
    refused = limits.take(POST, "1", 1.0, WALL)
    assert (refused.refused, dict(refused.headers)["X-RateLimit-Scope"]) == ("shared", "shared")


def test_a_bucket_can_get_another_name_and_keeps_its_window() -> None:
    limits = RateLimits()
    before = dict(limits.take(POST, "1", 0.0, WALL).headers)
    assert limits.rename(POST) != before["X-RateLimit-Bucket"]
    after = dict(limits.take(POST, "1", 0.0, WALL).headers)
    assert after["X-RateLimit-Bucket"] == limits.bucket(POST) != before["X-RateLimit-Bucket"]
    assert (before["X-RateLimit-Remaining"], after["X-RateLimit-Remaining"]) == ("4", "3")


def test_too_many_bad_requests_block_the_address_until_they_are_old() -> None:
    limits = RateLimits(invalid=Limit(3, 600.0))
    for at in (0.0, 1.0, 2.0):
        assert not limits.banned(at)
        limits.count_invalid(at)
    assert limits.banned(599.0)
    assert not limits.banned(600.0)


@given(st.lists(st.floats(0.0, 10.0), max_size=60), st.integers(1, 8))
@example(pauses=[1.189447684733429, 10.0, 0.0], requests=1)
def test_no_window_ever_holds_more_than_its_limit(pauses: list[float], requests: int) -> None:
    window = Window(Limit(requests, 5.0))
    at, passed = 0.0, []
    for pause in pauses:
        at += pause
        if window.take(at):
            passed.append(at)
        else:
            assert 0.0 < window.next_free_s(at) <= window.all_free_s(at) <= 5.0
    for start in passed:
        assert sum(start <= one < start + 5.0 - 2 * ROUNDING_S for one in passed) <= requests


@given(st.lists(st.floats(0.0, 2.0), min_size=1, max_size=40))
def test_who_waits_as_the_headers_say_is_never_refused(pauses: list[float]) -> None:
    limits = RateLimits()
    at = 0.0
    for pause in pauses:
        at += pause
        verdict = limits.take(POST, "1", at, WALL)
        assert verdict.refused is None
        headers = dict(verdict.headers)
        if headers["X-RateLimit-Remaining"] == "0":
            at += float(headers["X-RateLimit-Reset-After"])
