"""The probes over a real port: codes, bodies, headers, the web token."""

from __future__ import annotations

import base64
import socket
from typing import Any

import httpx
import pytest
import trio
from attrs import evolve

from tests.web.stage import BAD_FEED, GOOD, TOKEN, judge, part, site
from wanderer_notifier.web.server import listen
from wanderer_notifier.web.views import Snapshot


async def test_health_is_ok_while_alive_and_names_what_is_degraded() -> None:
    async with site(evolve(GOOD, degraded=("map_stream:home-chain",))) as client:
        answer = await client.get("/health")
    assert answer.status_code == 200
    assert answer.json() == {
        "status": "OK",
        "timestamp": "2026-11-25T03:04:05.678901Z",
        "version": "1.0.0",
        "uptime": 4215,
        "state": "running",
        "degraded": ["map_stream:home-chain"],
    }


async def test_an_outage_of_others_never_makes_us_unhealthy() -> None:
    async with site(evolve(GOOD, readiness=BAD_FEED)) as client:
        for path in ("/health", "/healthz", "/live", "/api/health"):
            assert (await client.get(path)).status_code == 200, path
        assert (await client.get("/ready")).status_code == 503


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"state": "stopping"}, "stopping"),
        ({"broken_task": "pipeline"}, "pipeline task stopped"),
        ({"loop_lag_s": 14.2}, "event loop stalled 14s"),
    ],
)
async def test_what_a_restart_would_mend_is_not_alive(change: dict[str, Any], words: str) -> None:
    async with site(evolve(GOOD, **change)) as client:
        health, live, api = [await client.get(path) for path in ("/health", "/live", "/api/health")]
    assert (health.status_code, health.json()["error"]) == (503, f"service_unavailable: {words}")
    assert health.json()["status"] == "FAILED"
    assert (live.status_code, live.json()["error"]) == (503, f"not_alive: {words}")
    assert (api.status_code, api.json()["status"]) == (503, "failed")


async def test_live_tells_tasks_memory_and_lag() -> None:
    async with site() as client:
        body = (await client.get("/live")).json()
    assert body == {
        "status": "alive",
        "timestamp": "2026-11-25T03:04:05.678901Z",
        "process_count": 37,
        "memory_bytes": 91_226_112,
        "loop_lag_ms": 3,
    }


async def test_ready_lists_every_check_of_the_checklist() -> None:
    async with site() as client:
        answer = await client.get("/ready")
    assert answer.status_code == 200
    assert list(answer.json()["checks"]) == [
        "configuration",
        "data_dir",
        "cache",
        "map_data",
        "map_stream",
        "killmail_stream",
        "discord_rest",
        "discord_gateway",
        "external_services",
        "license",
    ]


async def test_not_ready_says_which_check_and_why() -> None:
    async with site(evolve(GOOD, readiness=BAD_FEED)) as client:
        body = (await client.get("/ready")).json()
    assert body["status"] == "not_ready"
    assert body["error"] == "not_ready: killmail_stream, external_services"
    assert body["checks"]["killmail_stream"] == "failed: connection refused, down 184s"


async def test_in_the_first_minute_not_ready_means_starting() -> None:
    young = evolve(GOOD, uptime_s=5, state="starting", readiness=judge(part("map_data:x", "starting"), uptime_s=5))
    async with site(young) as client:
        answer = await client.get("/ready")
    assert (answer.status_code, answer.json()["error"]) == (503, "not_ready: starting")


async def test_system_info_has_the_documented_shape() -> None:
    async with site() as client:
        body = (await client.get("/api/system/info")).json()
    assert body["server_version"] == body["version"] == "1.0.0"
    assert body["web_server"] == {"running": True, "port": 4000, "bind_address": "::"}
    assert body["maps"] == {"mode": "env_var", "count": 1, "slugs": ["home-chain"]}
    assert body["configuration"]["warnings"] == ["LICENSE_KEY not set: free tier limits apply"]
    assert body["system"]["uptime_seconds"] == 4215


async def test_unknown_paths_and_wrong_methods_answer_in_json() -> None:
    async with site() as client:
        missing, wrong = await client.get("/nope"), await client.post("/health")
    assert (missing.status_code, missing.json()) == (404, {"error": "Not found"})
    assert (wrong.status_code, wrong.json()) == (405, {"error": "Method not allowed"})
    assert wrong.headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("method", ["OPTIONS", "POST", "PUT", "DELETE", "PATCH", "BREW"])
async def test_a_known_path_takes_no_other_method(method: str) -> None:
    async with site() as client:
        for path in ("/health", "/metrics", "/", "/api/status"):
            answer = await client.request(method, path)
            assert (answer.status_code, answer.json()) == (405, {"error": "Method not allowed"})
            assert answer.headers["allow"] == "GET, HEAD"


async def test_json_is_compact_as_documented() -> None:
    async with site() as client:
        text = (await client.get("/health")).text
    assert text.startswith('{"status":"OK","timestamp":"2026-11-25T03:04:05.678901Z","version":"1.0.0","uptime":4215,')


async def test_what_is_announced_as_too_large_is_refused() -> None:
    async with site() as client:
        small = await client.request("GET", "/health", content=b"x" * 16_384)
        large = await client.request("GET", "/health", content=b"x" * 16_385)
    assert (small.status_code, large.status_code) == (200, 413)
    assert large.json() == {"error": "Request too large"}


async def test_head_answers_without_a_body() -> None:
    async with site() as client:
        answer = await client.head("/health")
    assert (answer.status_code, answer.content) == (200, b"")


@pytest.mark.parametrize("accept", ["text/html", "application/json", "image/png"])
async def test_the_accept_header_never_refuses(accept: str) -> None:
    async with site() as client:
        assert (await client.get("/api/health", headers={"accept": accept})).status_code == 200


async def test_every_answer_carries_the_protective_headers() -> None:
    async with site() as client:
        answer = await client.get("/health", headers={"x-request-id": "caller-id-1234"})
        odd = await client.get("/health", headers={"x-request-id": "<script>"})
    assert answer.headers["x-request-id"] == "caller-id-1234"
    assert odd.headers["x-request-id"] != "<script>"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-frame-options"] == "DENY"
    assert "server" not in answer.headers


async def test_the_token_guards_all_but_the_probes() -> None:
    guarded = evolve(GOOD, guarded=True, degraded=("map_stream:x",), readiness=BAD_FEED)
    basic = base64.b64encode(f"anyone:{TOKEN}".encode()).decode()
    async with site(guarded, token=TOKEN) as client:
        assert "degraded" not in (await client.get("/health")).json()
        assert (await client.get("/ready")).json()["checks"]["killmail_stream"] == "failed"
        for path in ("/api/system/info", "/metrics"):
            refused = await client.get(path)
            assert (refused.status_code, refused.headers["www-authenticate"][:5]) == (401, "Basic")
            for bad in ("Bearer wrong", "Basic !!!", "Bearer", f"Token {TOKEN}"):
                assert (await client.get(path, headers={"authorization": bad})).status_code == 401
            for good in (f"Bearer {TOKEN}", f"Basic {basic}"):
                assert (await client.get(path, headers={"authorization": good})).status_code == 200


async def test_a_failing_view_is_a_500_and_the_server_stays_up(caplog: pytest.LogCaptureFixture) -> None:
    calls = 0

    def snapshot() -> Snapshot:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise RuntimeError("broken view")
        return GOOD

    async with site(snapshot) as client:
        first, second = await client.get("/health"), await client.get("/health")
    assert (first.status_code, first.json()) == (500, {"error": "Internal server error"})
    assert second.status_code == 200


async def test_metrics_are_prometheus_text() -> None:
    async with site() as client:
        answer = await client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'notifier_build_info{commit="unknown",version="1.0.0"} 1.0' in answer.text


def test_a_taken_port_is_an_os_error() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(OSError, match="in use"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_all_addresses_include_ipv4() -> None:
    with listen("::", 0) as listener, socket.create_connection(("127.0.0.1", listener.getsockname()[1]), timeout=5):
        pass


@pytest.mark.parametrize(("path", "line"), [("/health", "HTTP/1.1 200 OK"), ("/x", "HTTP/1.1 404 Not Found")])
async def test_the_status_line_has_its_words_as_old_scripts_expect(path: str, line: str) -> None:
    async with site() as client:
        answer = await raw(client, f"HEAD {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.splitlines()[0] == line


@pytest.mark.parametrize("head", ["HTTP/1.1\r\nhost: x\r\nconnection: close", "HTTP/1.0"])
async def test_a_reader_that_wants_the_connection_closed_is_not_kept_waiting(head: str) -> None:
    async with site() as client:
        for path in ("/health", "/", "/x"):
            with trio.fail_after(5):
                assert await raw(client, f"GET {path} {head}\r\n\r\n")


async def raw(client: httpx.AsyncClient, request: str) -> str:
    """Everything that comes until the server closes."""
    answer = bytearray()
    async with await trio.open_tcp_stream("127.0.0.1", client.base_url.port or 0) as stream:
        await stream.send_all(request.encode())
        with trio.fail_after(5):
            async for chunk in stream:
                answer += chunk
    return answer.decode()
