"""Every refusal of the map server in plain words (wanderer-map.md 1.8)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wanderer_notifier.feeds.map_refusals import MapLost, limit_reached, refusal
from wanderer_notifier.runtime.supervise import Permanent

CAPTURES = Path(__file__).parents[2].parent / "shared" / "captures" / "wanderer-map"


@pytest.mark.parametrize(
    ("status", "body", "words", "again_s"),
    [
        (401, '{"error":"Missing or invalid \'Bearer\' token"}', "MAP_API_KEY is not the key", 300),
        (401, '{"error":"Unauthorized (invalid token for map)"}', "MAP_API_KEY is not the key", 300),
        (401, '{"error":"Unauthorized","code":"UNAUTHORIZED","status":401}', "MAP_API_KEY is not the key", 300),
        (401, "Unauthorized (map subscription not active)", "subscription of map home is not active", 300),
        (402, '{"error":"Active subscription required","code":"SUBSCRIPTION_REQUIRED"}', "needs an active", 300),
        (403, "Public API is disabled", "public API is switched off", 300),
        (403, '{"error":"off","code":"SSE_DISABLED_FOR_MAP","status":403}', "switch them on in the map's", 300),
        (403, '{"error":"no","code":"SSE_NOT_AVAILABLE","status":403}', "does not allow", 300),
        (403, "<html>forbidden</html>", "does not allow", 300),
        (404, '{"error":"Map not found for identifier: home"}', "knows no map home; check MAP_NAME", 60),
        (404, "<html></html>", "knows no map home", 60),
        (429, '{"error":"Too many","code":"API_KEY_CONNECTION_LIMIT","status":429}', "connection limit", 70),
        (429, '{"error":"Too many","code":"MAP_CONNECTION_LIMIT","status":429}', "connection limit", 70),
        (429, "", "fewer requests", 300),
        (503, "Server-Sent Events are disabled on this server", "WANDERER_SSE_ENABLED", 300),
        (204, "", "nothing to stream", 300),
    ],
)
def test_what_an_operator_must_mend_is_said_and_asked_slowly(
    status: int, body: str, words: str, again_s: float
) -> None:
    error = refusal("home", status, {}, body)
    assert isinstance(error, Permanent)
    assert words in str(error)
    assert error.again_s == again_s


@pytest.mark.parametrize("status", [500, 502, 503, 504, 418, 408])
def test_what_may_pass_is_tried_again_soon(status: int) -> None:
    error = refusal("home", status, {}, "<html>Bad Gateway</html>")
    assert isinstance(error, MapLost)
    assert str(status) in str(error)


def test_s13_a_missing_map_is_asked_for_ever_more_slowly() -> None:
    pauses = [refusal("home", 404, {}, "", repeated=number) for number in range(5)]
    assert [error.again_s for error in pauses if isinstance(error, Permanent)] == [60, 120, 300, 300, 300]


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://map.test/api/maps/home?token=secret", "redirects to https://map.test;"),
        ("https://user:secret@map.test/", "redirects to https://map.test;"),
        ("/login", "redirects to another path;"),
        (None, "redirects to another path;"),
    ],
)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_s16_a_redirect_is_explained_and_tells_no_secret(status: int, location: str | None, words: str) -> None:
    error = refusal("home", status, {} if location is None else {"location": location}, "")
    assert isinstance(error, Permanent)
    assert words in str(error)
    assert "secret" not in str(error)


@pytest.mark.parametrize("body", ["[" * 100_000, "[]", "null", '{"code":7}', "\ud800"])
def test_odd_bodies_break_nothing(body: str) -> None:
    assert isinstance(refusal("home", 403, {}, body), Permanent)


def test_s11_a_full_server_gets_a_minute() -> None:
    again_s = limit_reached("home").again_s
    assert again_s is not None
    assert again_s * 0.9 >= 60.0  # jitter takes off a tenth at most


@pytest.mark.skipif(not CAPTURES.exists(), reason="no captures beside the repository")
def test_every_captured_refusal_is_understood() -> None:
    seen = 0
    for row in map(json.loads, (CAPTURES / "http-01-refusals.jsonl").read_text("utf-8").splitlines()):
        answer = row.get("response")
        if row["dir"] == "exchange" and answer and answer["status"] != 200:
            headers = {name.lower(): value for name, value in answer["headers"]}
            assert isinstance(refusal("home-chain", answer["status"], headers, answer["body"]), Permanent), row["step"]
            seen += 1
    assert seen > 5
