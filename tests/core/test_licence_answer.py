"""Every answer of the licence manager (wanderer-map.md 6.2), and how long one holds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.licence_answer import (
    Standing,
    Unavailable,
    Verdict,
    kept,
    pause_s,
    read_answer,
    restored,
)

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
NOT_FOUND = {
    "license_valid": False,
    "valid": False,
    "message": "License not found",
    "bot_associated": False,
    "bot_id": "11111111-2222-4333-8444-555555555555",
    "bot_name": "Wanderer Notifier",
    "bots": [],
}
GOOD = {
    **NOT_FOUND,
    "license_valid": True,
    "valid": True,
    "message": "License is valid",
    "bot_associated": True,
    "license_name": "Quiet Hour License",
    "valid_to": "2026-12-31",
}


def heard(status: int, body: Any) -> Verdict | Unavailable:
    return read_answer(status, body if isinstance(body, bytes) else json.dumps(body).encode())


@pytest.mark.parametrize(
    ("status", "body", "valid", "assigned"),
    [
        pytest.param(200, GOOD, True, True, id="documented success"),
        pytest.param(201, GOOD, True, True, id="created is as good"),
        pytest.param(200, NOT_FOUND, False, False, id="captured: unknown key"),
        pytest.param(200, {"valid": True, "bot_assigned": True, "message": "…"}, True, True, id="validate_license"),
        pytest.param(200, {"license_valid": True, "bot_associated": False}, True, False, id="valid, not assigned"),
        pytest.param(200, {"license_valid": False, "valid": True}, False, False, id="explicit false wins"),
        pytest.param(200, {"license_valid": True, "valid": False}, True, False, id="the first key decides"),
        pytest.param(200, {"bot_associated": False, "bot_assigned": True, "valid": True}, True, False, id="also there"),
        pytest.param(200, {"message": "License expired"}, False, False, id="missing means false"),
        pytest.param(200, {"license_valid": None}, False, False, id="null is not true"),
        pytest.param(200, {**GOOD, "features": ["a"], "limits": {"x": 1}}, True, True, id="more than we know"),
        pytest.param(403, {"error": "Bot is inactive"}, False, False, id="403 about the bot"),
        pytest.param(403, {"error": "Forbidden"}, False, False, id="403 of the manager"),
        pytest.param(404, {"message": "License not found"}, False, False, id="404 about the licence"),
    ],
)
def test_verdicts(status: int, body: Any, valid: bool, assigned: bool) -> None:
    verdict = heard(status, body)
    assert isinstance(verdict, Verdict)
    assert (verdict.valid, verdict.bot_assigned) == (valid, assigned)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (200, b"<html>maintenance</html>", "not JSON"),
        (200, b"", "not JSON"),
        (200, [1], "not JSON"),
        (200, b"[" * 100_000, "not JSON"),
        (200, {}, "LICENSE_MANAGER_URL"),
        (200, {"status": "ok"}, "LICENSE_MANAGER_URL"),
        (200, {"license_valid": "yes"}, "yes or no"),
        (200, {"valid": 1}, "yes or no"),
        (204, b"", "204"),
        (302, b"", "302"),
        (400, {"error": "license_key is required"}, "license_key is required"),
        (401, {"error": "Unauthorized"}, "NOTIFIER_API_TOKEN is refused"),
        (403, b"blocked by the firewall", "403"),
        (404, {"error": "Not found"}, "LICENSE_MANAGER_URL"),
        (404, b"<html>", "LICENSE_MANAGER_URL"),
        (429, {"error": "slow down"}, "429"),
        (500, b"", "500"),
        (503, NOT_FOUND, "503"),
    ],
)
def test_what_is_no_verdict_is_never_held_against_anyone(status: int, body: Any, words: str) -> None:
    answer = heard(status, body)
    assert isinstance(answer, Unavailable)
    assert words in answer.reason
    assert answer.credential is (status == 401)


def test_a_missing_token_is_named_as_missing() -> None:
    answer = read_answer(401, b"{}", with_token=False)
    assert isinstance(answer, Unavailable)
    assert "is not set" in answer.reason


def test_pauses_grow_to_an_hour_and_a_good_answer_resets_them() -> None:
    assert [pause_s(failures, 1800.0) for failures in range(8)] == [1800, 60, 120, 300, 900, 3600, 3600, 3600]


@pytest.mark.parametrize(
    ("standing", "state"),
    [
        (Standing(has_key=False), "invalid"),
        (Standing(has_key=False, verdict=Verdict(valid=True), answered_at=NOW), "invalid"),
        (Standing(has_key=True), "unknown"),
        (Standing(has_key=True, trouble="down"), "unknown"),
        (Standing(has_key=True, verdict=Verdict(valid=True), answered_at=NOW), "valid"),
        (Standing(has_key=True, verdict=Verdict(valid=False), answered_at=NOW), "invalid"),
        (Standing(has_key=True, verdict=Verdict(valid=True), answered_at=NOW - timedelta(hours=24)), "valid"),
        (Standing(has_key=True, verdict=Verdict(valid=False), answered_at=NOW - timedelta(hours=24)), "invalid"),
        (
            Standing(has_key=True, verdict=Verdict(valid=True), answered_at=NOW - timedelta(hours=24, seconds=1)),
            "unknown",
        ),
        (Standing(has_key=True, verdict=Verdict(valid=False), answered_at=NOW - timedelta(days=2)), "unknown"),
        (Standing(has_key=True, verdict=Verdict(valid=True), answered_at=NOW + timedelta(days=9)), "unknown"),
    ],
)
def test_the_last_answer_holds_for_a_day(standing: Standing, state: str) -> None:
    assert standing.state(NOW) == state


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (Standing(has_key=False), "no LICENSE_KEY: free tier"),
        (Standing(has_key=True), "not known: not asked yet"),
        (Standing(has_key=True, trouble="HTTP 503"), "not known: HTTP 503"),
        (
            Standing(
                has_key=True,
                answered_at=NOW,
                verdict=Verdict(valid=True, bot_assigned=True, name="Quiet Hour License", valid_to="2026-12-31"),
            ),
            "Quiet Hour License, until 2026-12-31",
        ),
        (
            Standing(has_key=True, answered_at=NOW, verdict=Verdict(valid=True)),
            "valid, not yet assigned to this bot, which changes nothing",
        ),
        (
            Standing(has_key=True, answered_at=NOW, verdict=Verdict(valid=False, message="License not found")),
            "not valid: License not found",
        ),
        (
            Standing(has_key=True, answered_at=NOW, verdict=Verdict(valid=True, bot_assigned=True), trouble="HTTP 502"),
            "valid, last answer 2026-11-25 12:00 UTC, since then: HTTP 502",
        ),
    ],
)
def test_words(standing: Standing, words: str) -> None:
    assert standing.words(NOW) == words


texts = st.text(max_size=50).map(lambda text: " ".join(text.split()))


@given(
    st.booleans(),
    st.booleans(),
    texts,
    texts,
    texts,
    st.datetimes(
        timezones=st.just(UTC),
        min_value=datetime(2000, 1, 1),  # noqa: DTZ001  # Hypothesis adds the zone
    ),
)
def test_what_is_kept_comes_back(
    valid: bool, assigned: bool, message: str, name: str, valid_to: str, at: datetime
) -> None:
    verdict = Verdict(valid=valid, bot_assigned=assigned, message=message, name=name, valid_to=valid_to)
    stored = json.loads(json.dumps(kept(Standing(has_key=True, verdict=verdict, answered_at=at))))
    assert restored(stored) == (verdict, at.timestamp())


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: (
            st.lists(one) | st.dictionaries(st.sampled_from(["at", "valid", "license_valid", "message", "x"]), one)
        ),
    )
)
def test_no_json_makes_it_stumble(value: Any) -> None:
    restored(value)
    for status in (200, 403, 404, 500):
        heard(status, value)
