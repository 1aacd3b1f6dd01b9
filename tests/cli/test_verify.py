"""`verify`: a fault in each checked thing makes exactly that check fail, and a good service passes it all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from tests.cli.ran import MINIMAL, Ran, beside, runner
from tests.service.harness import until
from tests.service.test_run import ready_service, universe
from wanderer_notifier.cli import verify_checks, verify_host, verify_service
from wanderer_notifier.cli.verify_checks import Check
from wanderer_notifier.cli.verify_service import Target
from wanderer_notifier.config.load import load
from wanderer_notifier.net.question import Reply
from wanderer_notifier.sim.http import Exchange, serve_stream
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import LICENCE_KEY, MAP_KEY, TOKEN

REPO = Path(__file__).resolve().parents[2]
SCRIPT = REPO / "scripts" / "production_deployment_verification.sh"

Answers = dict[str, tuple[int, Any]]


def good() -> Answers:
    """What a service says in which all is well."""
    ready = {"status": "ready", "checks": {"map_stream": "ok", "killmail_stream": "ok"}}
    return {
        "/health": (200, {"status": "OK", "version": "1.0.0", "uptime": 93784}),
        "/health/ready": (200, ready),
        "/health/live": (200, {"status": "alive", "process_count": 37, "memory_bytes": 91226112}),
        "/health/details": (200, {"feature_flags": {"notifications": True}, "cache_status": {"enabled": True}}),
        "/api/status": (
            200,
            {
                "websocket": {"connection_status": "connected"},
                "sse": {"mode": "env_var", "connection_status": "connected", "map_name": "home-chain"},
                "discord_health": {"healthy": True, "last_failure_reason": None},
            },
        ),
    }


class FakeService:
    """Answers as told; *slow_s* is how long each answer takes."""

    def __init__(self, answers: Answers) -> None:
        self.answers, self.slow_s, self.token = answers, 0.0, ""
        self.head_status = 200
        self.failures = 0
        self.asked: list[str] = []

    async def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        self.asked.append(f"{request.method} {request.path}")
        await trio.sleep(self.slow_s)
        if self.failures:
            self.failures -= 1
            await exchange.respond(503, [])
            return
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            await exchange.respond(401, [], b'{"error": "Unauthorized"}')
            return
        if request.method == "HEAD":
            await exchange.respond(self.head_status, [])
            return
        code, body = self.answers[request.path]
        await exchange.respond(code, [], body if isinstance(body, bytes) else json.dumps(body).encode())


TARGET = Target(url="http://service.sim:80/health", token=None, timeout_s=30.0, retries=5, retry_delay_s=10.0)


async def checked(service: FakeService, target: Target = TARGET) -> list[Check]:
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        network.attach("service.sim", 80, partial(serve_stream, handler=service.handle))
        found = await verify_service.service(target, dial=network.dial)
        nursery.cancel_scope.cancel()
    return found


def bad(found: list[Check]) -> dict[str, str]:
    return {check.name: check.level for check in found if check.level != "pass"}


def patch(path: str, **fields: Any) -> Callable[[Answers], None]:
    def spoil(answers: Answers) -> None:
        code, body = answers[path]
        answers[path] = (code, body | fields)

    return spoil


def answer(path: str, code: int, body: Any) -> Callable[[Answers], None]:
    return lambda answers: answers.update({path: (code, body)})


FAULTS: dict[str, tuple[Callable[[Answers], None], dict[str, str]]] = {
    "all is well": (lambda answers: None, {}),
    "health in lower case": (patch("/health", status="ok"), {"health": "fail"}),
    "health is no JSON": (answer("/health", 200, b"<html>"), {"health": "fail"}),
    "not ready": (
        answer("/health/ready", 503, {"status": "not_ready", "error": "not_ready: map_stream"}),
        {"ready": "fail"},
    ),
    "ready without saying so": (patch("/health/ready", status="perhaps"), {"ready": "fail"}),
    "no readiness route": (answer("/health/ready", 404, {"error": "Not found"}), {"ready": "fail"}),
    "not alive": (answer("/health/live", 503, {"status": "not_alive"}), {"live": "fail"}),
    "alive in other words": (patch("/health/live", status="ok"), {"live": "fail"}),
    "details refused": (answer("/health/details", 401, {"error": "Unauthorized"}), {"details": "warn"}),
    "details sound like trouble": (
        patch("/health/details", recent_errors=["connection failed"]),
        {"details": "warn"},
    ),
    "kill feed away": (
        patch("/api/status", websocket={"connection_status": "reconnecting"}),
        {"kill feed": "fail"},
    ),
    "map stream away": (
        patch("/api/status", sse={"connection_status": "disconnected", "map_name": "home-chain"}),
        {"map home-chain": "fail"},
    ),
    "one of several maps away": (
        patch(
            "/api/status",
            sse={"maps": [{"map_slug": "a", "status": "connected"}, {"map_slug": "b", "status": "connecting"}]},
        ),
        {"map b": "fail"},
    ),
    "Discord does not take messages": (
        patch("/api/status", discord_health={"healthy": False, "last_failure_reason": "timeout"}),
        {"Discord delivery": "fail"},
    ),
    "no status": (answer("/api/status", 500, {"error": "Internal server error"}), {"status": "fail"}),
}


@pytest.mark.parametrize("name", FAULTS)
async def test_a_fault_in_one_thing_fails_that_check_alone(name: str, autojump_clock: MockClock) -> None:
    spoil, expected = FAULTS[name]
    service = FakeService(good())
    spoil(service.answers)
    found = await checked(service)
    assert bad(found) == expected
    assert [check.section for check in found if check.level == "pass"] or expected


async def test_what_is_shown_of_a_good_service(autojump_clock: MockClock) -> None:
    words = {check.name: check.words for check in await checked(FakeService(good()))}
    assert words["health"] == "version 1.0.0, up 1d 2h 3m 4s"
    assert words["ready"] == "map_stream ok, killmail_stream ok"
    assert words["live"] == "37 tasks, 87 MiB"
    assert words["details"] == "1 features, cache enabled: True"


async def test_a_head_request_that_is_refused_and_slow_answers_are_noticed(autojump_clock: MockClock) -> None:
    service = FakeService(good())
    service.head_status = 405
    assert bad(await checked(service)) == {"HEAD request": "fail"}
    service.head_status, service.slow_s = 200, 1.5
    assert bad(await checked(service)) == {"response time": "warn"}


async def test_a_service_that_just_starts_is_waited_for(autojump_clock: MockClock) -> None:
    service = FakeService(good())
    service.failures = 4
    began = trio.current_time()
    assert bad(await checked(service)) == {}
    assert trio.current_time() - began == pytest.approx(40, abs=1)
    service.failures = 5
    assert bad(await checked(service)) == {"health": "fail"}


async def test_a_service_that_is_not_there_is_one_failure_with_the_reason(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        network = MemoryNetwork(nursery)
        (check,) = await verify_service.service(evolve(TARGET, retries=2), dial=network.dial)
        nursery.cancel_scope.cancel()
    assert (check.name, check.level) == ("health", "fail")
    assert check.words.startswith("no answer: ")


async def test_the_web_token_goes_along_and_its_lack_is_explained(autojump_clock: MockClock) -> None:
    service = FakeService(good())
    service.token = "test-token-web"
    assert bad(await checked(service, evolve(TARGET, token="test-token-web"))) == {}
    service.answers["/health"] = good()["/health"]
    refused = await checked(service, evolve(TARGET, retries=1))
    assert {check.fix for check in refused if check.name == "status"} == {
        "set WEB_AUTH_TOKEN here to what the service has"
    }


@pytest.mark.parametrize(("seconds", "words"), [(0, "0s"), (59, "59s"), (86400, "1d"), (93784, "1d 2h 3m 4s")])
def test_spans(seconds: int, words: str) -> None:
    assert verify_checks.span(seconds) == words


def test_an_answer_of_any_shape_is_no_crash() -> None:
    values: tuple[Any, ...] = (None, [], "x", 7, {"checks": 3, "sse": [], "websocket": "?", "discord_health": 1})
    for value in values:
        reply = Reply(status=200, value=value)
        for look in (verify_checks.health, verify_checks.ready, verify_checks.live, verify_checks.details):
            assert look(reply).level in ("fail", "warn", "pass")
        assert all(check.level == "fail" for check in verify_checks.feeds(reply))


# --- the machine --------------------------------------------------------------------------------------------------


def test_missing_variables_are_warnings_and_no_value_is_shown(tmp_path: Path) -> None:
    settings = load(MINIMAL, cwd=tmp_path)
    found = {check.name: check for check in verify_host.environment(settings)}
    assert bad(list(found.values())) == {"APP_ENV": "warn", "PORT": "warn", "LICENSE_KEY": "warn"}
    assert "canary" not in str(found)
    given = {**MINIMAL, "APP_ENV": "dev", "PORT": "4000", "LICENSE_KEY": "test-licence"}
    assert bad(verify_host.environment(load(given, cwd=tmp_path))) == {"environment": "warn"}


def test_in_a_container_little_memory_and_an_unwritable_volume_are_warnings(tmp_path: Path) -> None:
    memory = tmp_path / "meminfo"
    memory.write_text("MemTotal: 8000000 kB\nMemAvailable:   102400 kB\n")
    assert bad(verify_host.container(tmp_path, memory=memory, inside=True)) == {}
    memory.write_text("MemAvailable:   102399 kB\n")
    assert bad(verify_host.container(tmp_path, memory=memory, inside=True)) == {"memory": "warn"}
    assert bad(verify_host.container(tmp_path / "none", memory=tmp_path / "none", inside=True)) == {
        "data directory": "warn"
    }
    assert [check.level for check in verify_host.container(tmp_path, inside=False)] == ["skip"]


PODMAN = """#!/bin/sh
case "$1" in
  inspect) echo "{user}" ;;
  port) printf '{ports}' ;;
  logs) cat "{log}" ;;
esac
"""


@pytest.fixture
def podman(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts a `podman` on the path that says what it is told to."""

    def make(user: str = "10001", ports: str = "4000/tcp -> 0.0.0.0:4000", log: str = "") -> None:
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "log").write_text(log)
        tool = tmp_path / "bin" / "podman"
        tool.write_text(PODMAN.format(user=user, ports=ports, log=tmp_path / "log"))
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")

    return make


def test_a_container_as_root_with_more_ports_is_noticed(tmp_path: Path, podman: Callable[..., None]) -> None:
    settings = load(MINIMAL, cwd=tmp_path)
    podman()
    assert bad(verify_host.security(settings, None, "notifier")) == {}
    podman(user="")
    assert bad(verify_host.security(settings, None, "notifier")) == {"user": "fail"}
    podman(user="0:0")
    assert bad(verify_host.security(settings, None, "notifier")) == {"user": "fail"}
    podman(ports="4000/tcp -> 0.0.0.0:4000\\n9100/tcp -> 0.0.0.0:9100\\n")
    assert bad(verify_host.security(settings, None, "notifier")) == {"published ports": "fail"}


def test_a_container_that_podman_does_not_know_is_sought_with_docker(
    tmp_path: Path, podman: Callable[..., None]
) -> None:
    settings = load(MINIMAL, cwd=tmp_path)
    podman()
    (tmp_path / "bin" / "podman").rename(tmp_path / "bin" / "docker")
    (tmp_path / "bin" / "podman").write_text("#!/bin/sh\necho no such container >&2\nexit 125\n")
    (tmp_path / "bin" / "podman").chmod(0o755)
    assert bad(verify_host.security(settings, None, "notifier")) == {}
    (tmp_path / "bin" / "docker").write_text("#!/bin/sh\nexit 1\n")
    assert bad(verify_host.security(settings, None, "notifier")) == {"user": "fail", "published ports": "fail"}


def test_a_secret_or_a_critical_line_in_the_log_is_noticed(tmp_path: Path, podman: Callable[..., None]) -> None:
    settings = load(MINIMAL, cwd=tmp_path)
    old = json.dumps({"event": "storage_replaced", "level": "critical"})
    start = json.dumps({"event": "starting", "level": "info"})
    podman(log=f"{old}\n{start}\nnot json\n")
    assert bad(verify_host.logs(settings, "notifier")) == {}
    podman(log=f"{start}\n{old}\n")
    assert bad(verify_host.logs(settings, "notifier")) == {"critical errors": "fail"}
    podman(log=f"{start}\nGET https://discord.com/{MINIMAL['DISCORD_BOT_TOKEN']}\n")
    found = verify_host.logs(settings, "notifier")
    assert bad(found) == {"secrets": "fail"}
    assert "canary" not in str(found)
    assert [check.level for check in verify_host.logs(settings, None)] == ["skip"]


def test_an_env_file_that_others_can_read_is_noticed(tmp_path: Path) -> None:
    settings = load({**MINIMAL, "DATA_DIR": str(tmp_path)}, cwd=tmp_path)
    file = tmp_path / "env"
    file.touch(mode=0o644)
    file.chmod(0o644)
    assert {check.name: check.level for check in verify_host.security(settings, file, None)}["env file"] == "warn"
    file.chmod(0o600)
    assert bad(verify_host.security(settings, file, None)) == {"user": "skip"}


# --- the command --------------------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    return runner(tmp_path / "priv", monkeypatch, capsys)


@pytest.mark.parametrize(
    ("name", "value"),
    [("HEALTH_ENDPOINT", "localhost"), ("TIMEOUT", "soon"), ("RETRY_COUNT", "0"), ("RETRY_DELAY", "-1")],
)
def test_wrong_usage_is_2(run: Callable[..., Ran], name: str, value: str) -> None:
    ran = run("verify", "--quick", **{name: value})
    assert ran.code == 2
    assert name in ran.err


def test_help_is_0_and_names_the_variables(run: Callable[..., Ran]) -> None:
    ran = run("verify", "--help")
    assert ran.code == 0
    assert "HEALTH_ENDPOINT" in ran.out


def test_nobody_there_is_1(run: Callable[..., Ran]) -> None:
    ran = run("verify", "--quick", HEALTH_ENDPOINT="http://127.0.0.1:9/health", RETRY_COUNT="1")
    assert ran.code == 1
    assert "[ERROR]   health: no answer: " in ran.out
    assert ran.out.rstrip().endswith("❌ Verification failed")


async def test_the_real_service_passes_whole_and_a_fault_fails(tmp_path: Path) -> None:
    async with universe() as world:
        world.map.add_character(2147481005, "Ilan Orr")
        environment = world.environment() | {"APP_ENV": "prod"}
        async with ready_service(world, tmp_path) as service:
            port = await service.port()
            environment |= {"PORT": str(port), "HEALTH_ENDPOINT": f"http://127.0.0.1:{port}/health"}
            await until(lambda: service.events("gateway_live"), "gateway")
            ran = await beside("verify", environment=environment, data_dir=tmp_path / "priv")
            assert ran.code == 0, ran.out + ran.err
            assert "✅ Verification passed" in ran.out
            for section in ("Feeds", "External Services: Discord", "Commands", "Persistence", "Security"):
                assert f"=== {section} ===" in ran.out
            for secret in (TOKEN, MAP_KEY, LICENCE_KEY):
                assert secret not in ran.out + ran.err

            world.doors["map"].shut = True
            world.doors["map"].cut()
            ran = await beside("verify", "--json", environment=environment, data_dir=tmp_path / "priv")
            assert ran.code == 1
            failed = [one for one in map(json.loads, ran.out.splitlines()) if one["result"] == "fail"]
            assert {one["section"] for one in failed} <= {"Readiness Check", "Feeds", "External Services: Map"}
            assert {"Feeds", "External Services: Map"} <= {one["section"] for one in failed}


@pytest.mark.timeout(120)
def test_the_script_passes_against_the_demo(tmp_path: Path) -> None:
    assert os.access(SCRIPT, os.X_OK)
    environment = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-m", "wanderer_notifier", "demo", "--seconds", "60", "--port", "0"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as demo:
        assert demo.stdout is not None
        try:
            line = next(line for line in demo.stdout if "The service's own probes:" in line)
            endpoint = line.split()[-1].removesuffix("/ready") + "/health"
            for line in demo.stdout:
                if "killmail" in line or "kill " in line:
                    break
            ran = subprocess.run(
                [str(SCRIPT)],
                env={**environment, "HEALTH_ENDPOINT": endpoint, "RETRY_DELAY": "1"},
                cwd=tmp_path,
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
        finally:
            demo.kill()
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "[SUCCESS] ready: " in ran.stdout
    assert "[SUCCESS] kill feed: connected" in ran.stdout
    assert "✅ Verification passed" in ran.stdout
