"""Who gets in, whose address counts, and what the server does with too much of anything."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
import trio
from attrs import evolve

from tests.web.stage import GOOD, TOKEN, site
from wanderer_notifier.web.guard import ADDRESSES, Guard

GUARDED = ("/", "/dashboard", "/api/system/info", "/api/status", "/health/details", "/api/commands", "/metrics")
BEARER = {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("path", GUARDED)
async def test_each_guarded_page_wants_the_token(path: str) -> None:
    basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    async with site(GOOD, token=TOKEN) as client:
        refused = await client.get(path)
        assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
        assert (await client.get(path, headers=BEARER)).status_code == 200
        assert (await client.get(path, headers={"authorization": f"Basic {basic}"})).status_code == 200
        assert (await client.head(path, headers=BEARER)).content == b""


async def test_a_token_that_is_no_ascii_is_wrong_and_no_error() -> None:
    async with site(GOOD, token="test-token-üñï") as client:
        assert (await client.get("/metrics", headers=[(b"authorization", b"Bearer \xff\xfe")])).status_code == 401
        good = base64.b64encode("x:test-token-üñï".encode()).decode()
        assert (await client.get("/metrics", headers={"authorization": f"Basic {good}"})).status_code == 200


async def test_ten_wrong_tokens_a_minute_then_429_even_for_the_right_one() -> None:
    async with site(GOOD, token=TOKEN) as client:
        with structlog.testing.capture_logs() as logged:
            codes = [
                (await client.get("/metrics", headers={"authorization": f"Bearer {number}"})).status_code
                for number in range(12)
            ]
        last = await client.get("/metrics", headers=BEARER)
        assert codes == [401] * 10 + [429] * 2
        assert (last.status_code, last.headers["retry-after"]) == (429, "60")
        assert (await client.get("/health")).status_code == 200, "probes are open to everybody"
    refusals = [line for line in logged if line["event"] == "web_token_refused"]
    assert len(refusals) == 12
    assert {line["client"] for line in refusals} == {"127.0.0.1"}


def test_failures_are_forgotten_after_a_minute_and_never_grow_without_end() -> None:
    at = [0.0]
    guard = Guard(TOKEN, clock=lambda: at[0])
    for _ in range(10):
        assert guard.enter("Bearer wrong", "192.0.2.1") == "wrong"
    assert guard.enter(f"Bearer {TOKEN}", "192.0.2.1") == "too many"
    assert guard.enter(f"Bearer {TOKEN}", "192.0.2.2") == "open"
    at[0] = 60.0
    assert guard.enter(f"Bearer {TOKEN}", "192.0.2.1") == "open"
    for number in range(3 * ADDRESSES):
        guard.enter("Bearer wrong", f"2001:db8::{number:x}")
    assert len(guard._failures) == ADDRESSES


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        ("203.0.113.9", "198.51.100.1", "203.0.113.9"),  # a stranger may claim anything
        ("10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("::ffff:10.0.0.2", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.2", "192.0.2.66, 198.51.100.1, 10.0.0.3", "198.51.100.1"),  # the first one was invented
        ("10.0.0.2", "", "10.0.0.2"),
        ("10.0.0.2", "nonsense", "10.0.0.2"),
        ("10.0.0.2", "[2001:db8::1]:4711", "2001:db8::1"),
    ],
)
def test_the_address_that_asks(peer: str, forwarded: str, expected: str) -> None:
    assert Guard(None, ("10.0.0.0/8",)).client(peer, forwarded) == expected


async def test_https_is_enforced_only_when_wanted_and_believed_only_from_the_proxy() -> None:
    secure = {"x-forwarded-proto": "https"}
    async with site(GOOD, force_https=True) as client:
        answer = await client.get("/api/status?x=1", headers={"host": "notifier.example:4000", **secure})
        assert (answer.status_code, answer.headers["location"]) == (301, "https://notifier.example/api/status?x=1")
        assert (await client.get("/ready")).status_code == 200
    async with site(GOOD, force_https=True, trusted=("127.0.0.0/8",)) as client:
        assert (await client.get("/api/status", headers=secure)).status_code == 200
        assert (await client.get("/api/status", headers={"x-forwarded-proto": "http"})).status_code == 301
    async with site(GOOD) as client:
        assert (await client.get("/api/status")).status_code == 200


async def test_commands_exist_only_behind_a_token() -> None:
    asked: list[int] = []

    async def commands(limit: int) -> list[dict[str, Any]]:
        asked.append(limit)
        return [{"subcommand": "status", "at": "2026-01-02T03:04:05Z"}] * 3

    async with site(GOOD, commands=commands) as client:
        assert (await client.get("/api/commands")).status_code == 404
    async with site(GOOD, token=TOKEN, commands=commands) as client:
        body = (await client.get("/api/commands?limit=2", headers=BEARER)).json()
        assert (body["count"], len(body["commands"])) == (2, 2)
        for odd in ("", "?limit=-1", "?limit=x", "?limit=99999999999"):
            assert (await client.get(f"/api/commands{odd}", headers=BEARER)).status_code == 200
    assert asked == [2, 50, 50, 50, 50]


@pytest.mark.parametrize(
    "path", ["/health/", "/health?x=1", "/ready/", "/health/ready", "/api/health/live", "/health/live", "/healthz"]
)
async def test_probes_answer_with_a_slash_or_a_query_and_to_head(path: str) -> None:
    async with site(GOOD) as client:
        assert (await client.get(path)).status_code == 200
        assert (await client.head(path)).status_code == 200


@pytest.fixture
def all_levels() -> Iterator[None]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
    yield
    structlog.configure(**before)


@pytest.mark.usefixtures("all_levels")
async def test_one_log_line_a_request_and_probes_only_at_debug() -> None:
    async with site(GOOD, token=TOKEN) as client:
        with structlog.testing.capture_logs() as logged:
            await client.get("/health?token=test-token-query", headers={"x-request-id": "caller-id-1234"})
            await client.get("/api/status?key=test-token-query", headers=BEARER)
    first, second = (line for line in logged if line["event"] == "web_request")
    assert (first["log_level"], first["request_id"], first["path"]) == ("debug", "caller-id-1234", "/health")
    assert (second["log_level"], second["status"], second["client"]) == ("info", 200, "127.0.0.1")
    assert second["bytes"] > 100
    assert "test-token" not in str(logged)


async def test_redaction_runs_over_every_body() -> None:
    secret = "test-token-canary"
    view = evolve(GOOD, warnings=(secret,))
    async with site(view, redact=lambda text: text.replace(secret, "***")) as client:
        for path in ("/", "/api/system/info", "/health/details", "/metrics"):
            assert secret not in (await client.get(path)).text, path


async def test_more_connections_than_allowed_are_told_to_come_again() -> None:
    async with site(GOOD, connections=2) as client:
        port = client.base_url.port or 0
        async with (
            await trio.open_tcp_stream("127.0.0.1", port) as one,
            await trio.open_tcp_stream("127.0.0.1", port) as two,
        ):
            for stream in (one, two):
                await stream.send_all(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
                assert b"200" in await stream.receive_some()
            assert (await client.get("/health")).status_code == 503
            await one.aclose()
            with trio.fail_after(5):
                while (await client.get("/health")).status_code != 200:
                    await trio.lowlevel.checkpoint()


async def test_a_head_that_is_sent_drop_by_drop_is_cut_off(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    async with site(GOOD) as client, await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0) as stream:
        began = trio.current_time()
        await stream.send_all(b"GET /health HTTP/1.1\r\n")
        try:
            for _ in range(30):
                await trio.sleep(1)
                await stream.send_all(b"x-a: b\r\n")
        except trio.BrokenResourceError:
            pass
        assert 9 < trio.current_time() - began < 15


async def test_a_body_of_more_than_16_kib_is_not_read() -> None:
    async with site(GOOD) as client:
        assert (await client.post("/health", content=b"x" * 20_000)).status_code in (405, 413)
        assert (await client.get("/health")).status_code == 200
