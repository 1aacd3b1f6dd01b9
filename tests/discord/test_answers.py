"""What each answer of Discord means for a message: the tables of discord.md 3.4 and 3.5."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.outcome import (
    Accepted,
    ChannelClosed,
    Limited,
    NotSent,
    Outcome,
    Rejected,
    Unauthorized,
    Unknown,
)
from wanderer_notifier.discord.answers import flatten, outcome, read

JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=UTF-8"}


def meaning(status: int, body: Any, headers: dict[str, str] = JSON) -> Outcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome(read(status, headers, raw))


def error(code: int, message: str = "no", **more: Any) -> dict[str, Any]:
    return {"code": code, "message": message, **more}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, {"id": "123", "content": ""}, Accepted),
        (200, b'{"id": "12', Unknown),
        (200, b"", Unknown),
        (200, [], Unknown),
        (200, {"id": 123}, Unknown),
        (204, b"", Unknown),
        (302, b"", Unknown),
        *((status, b"<html>", Unknown) for status in (500, 502, 503, 504, 520, 524, 526, 530, 599)),
        (408, b"", Unknown),
        (401, error(0, "401: Unauthorized"), Unauthorized),
        (401, error(50014), Unauthorized),
        (403, error(40001), Unauthorized),
        (401, b"<html>", Unauthorized),
        (404, error(10003, "Unknown Channel"), ChannelClosed),
        (404, error(10004), ChannelClosed),
        (404, error(0, "404: Not Found"), ChannelClosed),
        (403, error(50001, "Missing Access"), ChannelClosed),
        (403, error(50013, "Missing Permissions"), ChannelClosed),
        (403, error(0, "403: Forbidden"), ChannelClosed),
        (400, error(40058), ChannelClosed),
        (400, error(50008), ChannelClosed),
        (400, error(50083), ChannelClosed),
        (403, error(160005), ChannelClosed),
        (400, error(220001), ChannelClosed),
        (
            400,
            error(50035, errors={"channel_id": {"_errors": [{"code": "X", "message": "not a snowflake"}]}}),
            ChannelClosed,
        ),
        (400, error(50035, errors={"content": {"_errors": []}, "channel_id": {}}), Rejected),
        (400, error(50035), Rejected),
        (400, error(50006), Rejected),
        (400, error(0), Rejected),
        (400, b"not json", Rejected),
        (403, error(200000), Rejected),
        (403, error(240000), Rejected),
        (405, b"", Rejected),
        (413, error(40005), Rejected),
        (418, b"", Rejected),
        (400, error(20016), Limited),
        (403, error(20028), Limited),
        (400, error(40004), NotSent),
        (400, error(130000), NotSent),
        (403, error(110001), NotSent),
    ],
)
def test_the_meaning_of_an_answer(status: int, body: Any, kind: type[Outcome]) -> None:
    assert type(meaning(status, body)) is kind


def test_a_message_that_was_deleted_in_between_is_not_sent_again() -> None:
    assert meaning(404, error(10008, "Unknown Message")) == Accepted("")


@pytest.mark.parametrize("code", [200000, 200001, 240000])
def test_content_that_is_blocked_is_refused_in_any_form(code: int) -> None:
    refused = meaning(400, error(code, "blocked"))
    assert refused == Rejected(f"HTTP 400, code {code}: blocked", code, final=True)


@pytest.mark.parametrize(
    ("status", "told", "everywhere"), [(429, True, True), (429, "true", False), (403, True, False)]
)
def test_a_429_says_whether_it_concerns_everything(status: int, told: object, everywhere: bool) -> None:
    assert read(status, JSON, json.dumps({"retry_after": 1.0, "global": told}).encode()).everywhere == everywhere


def test_a_wait_that_comes_as_a_400_is_waited_for() -> None:
    assert meaning(400, error(20016, retry_after=2.5)) == Limited(2.5, "user")
    assert meaning(400, error(20016)) == Limited(5.0, "user")


def test_form_errors_are_flattened_to_dotted_paths() -> None:
    tree = {
        "embeds": {
            "0": {
                "title": {"_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}]},
                "fields": {"3": {"value": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "Required."}]}}},
            }
        },
        "_errors": [{"code": "X", "message": "All wrong."}],
    }
    assert list(flatten(tree)) == [
        "embeds.0.title: Must be 256 or fewer in length.",
        "embeds.0.fields.3.value: Required.",
        "All wrong.",
    ]
    refused = meaning(400, error(50035, "Invalid Form Body", errors=tree))
    assert isinstance(refused, Rejected)
    assert refused.code == 50035
    assert "code 50035: Invalid Form Body: embeds.0.title: Must be 256" in refused.reason


def test_an_operator_reads_what_to_do() -> None:
    closed = meaning(403, error(50013, "Missing Permissions"))
    assert closed == ChannelClosed(
        "the bot lacks a permission in the channel (Send Messages or Embed Links) "
        "[HTTP 403, code 50013: Missing Permissions]",
        50013,
    )


@pytest.mark.parametrize(
    ("status", "body", "headers", "blocked"),
    [
        (429, b"<!DOCTYPE html>", HTML, True),
        (403, b"<!DOCTYPE html>", HTML, True),
        (403, b"  <html>", {}, True),
        (403, b"error code: 1015", {"content-type": "text/plain"}, True),
        (403, b"", {}, False),
        (403, json.dumps(error(40333)).encode(), JSON, True),
        (502, b"<html>", HTML, False),
        (403, json.dumps(error(50001)).encode(), JSON, False),
    ],
)
def test_the_edge_is_told_from_discord(status: int, body: bytes, headers: dict[str, str], blocked: bool) -> None:
    assert read(status, headers, body).blocked == blocked


@pytest.mark.parametrize(
    ("value", "wait"), [(1.2, 1.2), (0, 0.0), ("1.2", None), (-1, None), (None, None), (float("inf"), None)]
)
def test_the_wait_in_a_body(value: object, wait: float | None) -> None:
    assert read(429, JSON, json.dumps({"retry_after": value}).encode()).retry_after == wait


NAMES = st.sampled_from(["code", "errors", "_errors", "message", "id", "retry_after"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
)
BODIES = st.binary(max_size=40) | VALUES.map(lambda value: json.dumps(value).encode())


@given(status=st.integers(200, 599), body=BODIES)
def test_no_answer_makes_us_stumble(status: int, body: bytes) -> None:
    outcome(read(status, {}, body))


def test_a_very_deep_answer_makes_us_not_stumble() -> None:
    meaning(400, b'{"errors": ' + b'{"a": ' * 500 + b"1" + b"}" * 501)
    meaning(400, b"[" * 100_000)
