"""What makes the service unready, by the states of its parts (operations.md 5.3; cases.md O13)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve

from wanderer_notifier.runtime.health import ComponentView, State
from wanderer_notifier.runtime.readiness import Readiness, readiness

T0 = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def part(name: str, state: State, *, for_s: float = 1800.0, reason: str = "") -> ComponentView:
    return ComponentView(
        name=name, state=state, reason=reason, since=T0, for_s=for_s, last_ok_at=T0, last_error_at=None,
        last_error=None, reconnects=0, seen_at=None,
    )  # fmt: skip


def judge(*parts: ComponentView) -> Readiness:
    return readiness(parts, grace_s=120, uptime_s=4000, stopping=False)


def streams(states: str) -> Readiness:
    """One letter a map: k works, d is down for long, s never connected yet."""
    words: dict[str, State] = {"k": "ok", "d": "degraded", "s": "starting"}
    return judge(*(part(f"map_stream:m{n}", words[letter], reason="cut") for n, letter in enumerate(states)))


def test_o13_a_feed_that_was_deaf_for_half_an_hour_is_no_health() -> None:
    seen = judge(part("killmail_stream:systems", "degraded", reason="silent"), part("killmail_stream:characters", "ok"))
    assert not seen.ready
    assert seen.failing == ("killmail_stream", "external_services")
    assert seen.checks["killmail_stream"] == "failed: systems: silent, down 1800s"


@pytest.mark.parametrize(
    ("states", "ready"),
    [("k", True), ("d", False), ("kd", True), ("kdd", False), ("kkd", True), ("kdds", False), ("ss", False)],
)  # fmt: skip
def test_of_several_maps_half_must_be_connected(states: str, ready: bool) -> None:
    seen = streams(states)
    assert seen.ready is ready
    if ready and "d" in states:
        assert seen.checks["map_stream"].startswith("degraded: ")
        assert "cut" in seen.checks["map_stream"]


def test_one_loaded_map_suffices_for_the_data() -> None:
    assert judge(part("map_data:a", "ok"), part("map_data:b", "failed"), part("map_data:c", "failed")).ready
    assert not judge(part("map_data:a", "failed"), part("map_data:b", "starting")).ready


def test_an_outage_shorter_than_the_grace_is_only_named() -> None:
    seen = judge(part("killmail_stream:systems", "degraded", for_s=100, reason="cut"))
    assert (seen.ready, seen.checks["killmail_stream"]) == (True, "degraded: cut, down 100s")


@pytest.mark.parametrize(
    ("state", "uptime_s", "words"),
    [
        ("degraded", 20, "starting: refused"),
        ("degraded", 61, "failed: refused, down 1800s"),
        ("failed", 20, "failed: refused, down 1800s"),
    ],
)
def test_a_feed_that_never_worked_is_starting_for_a_minute(state: State, uptime_s: float, words: str) -> None:
    feed = evolve(part("killmail_stream:systems", state, reason="refused"), last_ok_at=None, last_error_at=T0)
    seen = readiness((feed,), grace_s=120, uptime_s=uptime_s, stopping=False)
    assert (seen.ready, seen.checks["killmail_stream"], seen.settling) == (
        False,
        words,
        state == "degraded" and uptime_s < 60,
    )
    assert seen.checks["external_services"] == ("starting" if seen.settling else "failed: killmail_stream")


def test_asking_instead_of_listening_is_ready() -> None:
    seen = judge(part("killmail_stream:systems", "degraded", reason="cut"), part("killmail_fallback", "ok"))
    assert (seen.ready, seen.checks["killmail_stream"]) == (True, "ok (fallback)")


def test_the_licence_is_listed_and_never_fails() -> None:
    seen = judge(part("license", "failed", reason="not valid"))
    assert (seen.ready, seen.checks["license"]) == (True, "degraded: not valid")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("discord_rest", "Discord refuses DISCORD_BOT_TOKEN: HTTP 401"),
        ("discord_gateway", "the bot token is wrong or was reset: set DISCORD_BOT_TOKEN to the present one"),
        ("map_data:home", "MAP_API_KEY is not the key of map home"),
    ],
)
def test_a_refused_credential_is_a_matter_of_configuration(name: str, reason: str) -> None:
    seen = judge(part("configuration", "ok"), part(name, "failed", reason=reason))
    assert seen.checks["configuration"] == f"failed: {reason}"
    assert seen.failing[0] == "configuration"


def test_a_full_queue_is_not_ready() -> None:
    seen = readiness((part("discord_rest", "ok"),), grace_s=120, uptime_s=4000, stopping=False, queue_full=True)
    assert (seen.ready, seen.checks["discord_rest"]) == (False, "failed: the queue is full; ok")
