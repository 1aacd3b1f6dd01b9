"""Component states and what the probes make of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import trio
from attrs import evolve
from trio.testing import MockClock

from wanderer_notifier.runtime.health import ComponentView, Health, State
from wanderer_notifier.runtime.readiness import degraded, readiness
from wanderer_notifier.runtime.watch import Watch

T0 = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


def view(name: str, state: State, reason: str = "", for_s: float = 0.0, *, was_ok: bool = True) -> ComponentView:
    return ComponentView(
        name=name,
        state=state,
        reason=reason,
        since=T0 - timedelta(seconds=for_s),
        for_s=for_s,
        last_ok_at=T0 if was_ok else None,
        last_error_at=None,
        last_error=None,
        reconnects=0,
        seen_at=None,
    )


async def test_a_state_lasts_from_its_first_moment(autojump_clock: MockClock) -> None:
    changes = list[ComponentView]()
    part = Health(lambda: T0, changes.append).component("feed")
    part.to("ok")
    await trio.sleep(70)
    part.to("ok")
    assert part.view().for_s == 70
    assert part.was_up_for(60)
    part.to("degraded", "lost")
    assert part.was_up_for(60), "the last good stretch still counts"
    part.to("ok")
    assert not part.was_up_for(60)
    assert [change.state for change in changes] == ["ok", "degraded", "ok"]


def test_registering_twice_gives_the_same_component() -> None:
    async def main() -> None:
        health = Health(lambda: T0)
        assert health.component("a") is health.component("a")
        health.component("b")
        assert [part.name for part in health.views()] == ["a", "b"]
        health.forget("a")
        assert [part.name for part in health.views()] == ["b"]

    trio.run(main)


def ask(
    *parts: ComponentView, uptime_s: float = 600, stopping: bool = False
) -> tuple[bool, dict[str, str], tuple[str, ...]]:
    result = readiness(parts, grace_s=120, uptime_s=uptime_s, stopping=stopping)
    return result.ready, dict(result.checks), result.failing


def test_checks_without_a_component_are_disabled_and_do_not_fail() -> None:
    ready, checks, _ = ask(view("configuration", "ok"))
    assert ready
    assert checks["configuration"] == "ok"
    assert checks["discord_gateway"] == checks["cache"] == checks["license"] == "disabled"
    assert checks["external_services"] == "ok"


def test_a_feed_down_longer_than_its_grace_fails_with_its_reason() -> None:
    ready, checks, failing = ask(view("killmail_stream", "degraded", "connection refused", 184))
    assert not ready
    assert checks["killmail_stream"] == "failed: connection refused, down 184s"
    assert checks["external_services"] == "failed: killmail_stream"
    assert failing == ("killmail_stream", "external_services")


def test_a_feed_down_within_its_grace_is_shown_but_does_not_fail() -> None:
    ready, checks, _ = ask(view("map_stream:home", "degraded", "peer ended", 12))
    assert ready
    assert checks["map_stream"] == "degraded: peer ended, down 12s"


def test_a_feed_that_never_worked_has_no_grace() -> None:
    ready, checks, _ = ask(view("map_stream:home", "degraded", "connection refused", 3, was_ok=False))
    assert not ready
    assert checks["map_stream"].startswith("failed: connection refused")


def test_what_is_covered_by_other_means_never_makes_unready() -> None:
    part = view("map_stream:home", "degraded", "no stream; the map is read every 60 s", 9999, was_ok=False)
    ready, checks, _ = ask(evolve(part, covered=True))
    assert ready
    assert checks["map_stream"] == "degraded: no stream; the map is read every 60 s"


def test_the_worst_part_speaks_for_a_check_and_is_named() -> None:
    _, checks, _ = ask(
        view("killmail_stream:systems", "ok"), view("killmail_stream:characters", "failed", "join refused", 5)
    )
    assert checks["killmail_stream"] == "failed: characters: join refused, down 5s"


@pytest.mark.parametrize(("state", "for_s"), [("degraded", 12), ("degraded", 999), ("failed", 5), ("starting", 5)])
def test_a_kill_feed_that_is_polled_while_its_socket_is_down_is_ok(state: State, for_s: float) -> None:
    ready, checks, _ = ask(view("killmail_stream:systems", state, "refused", for_s), view("killmail_fallback", "ok"))
    assert ready
    assert checks["killmail_stream"] == "ok (fallback)"
    assert checks["external_services"] == "ok"


@pytest.mark.parametrize("fallback", ["disabled", "starting", "failed", "degraded"])
def test_a_fallback_that_brings_nothing_excuses_nothing(fallback: State) -> None:
    ready, checks, _ = ask(
        view("killmail_stream:systems", "degraded", "refused", 999), view("killmail_fallback", fallback)
    )
    assert not ready
    assert checks["killmail_stream"].startswith("failed")


def test_a_fallback_is_not_mentioned_while_the_socket_works() -> None:
    assert ask(view("killmail_stream:systems", "ok"), view("killmail_fallback", "ok"))[1]["killmail_stream"] == "ok"


@pytest.mark.parametrize(("uptime_s", "settling"), [(10, True), (59.9, True), (60, False)])
def test_the_first_minute_only_changes_the_wording(uptime_s: float, settling: bool) -> None:
    result = readiness([view("map_data:home", "starting")], grace_s=120, uptime_s=uptime_s, stopping=False)
    assert not result.ready
    assert result.settling is settling


def test_ready_as_soon_as_every_check_is_ok() -> None:
    assert ask(view("map_data:home", "ok"), view("killmail_stream:systems", "ok"), uptime_s=1)[0]


def test_stopping_is_not_ready() -> None:
    assert ask(view("configuration", "ok"), stopping=True)[2] == ("stopping",)


def test_a_failed_licence_is_listed_and_never_fails() -> None:
    ready, checks, _ = ask(view("license", "failed", "unreachable", 999))
    assert ready
    assert checks["license"] == "degraded: unreachable"


def test_degraded_names_what_does_not_work() -> None:
    assert degraded([view("a", "ok"), view("b", "degraded"), view("c", "failed"), view("d", "starting")]) == ("b", "c")


async def test_watch_wakes_waiters_on_change_only() -> None:
    watch = Watch(1)
    seen = list[int]()

    async def follow() -> None:
        value = 1
        while value < 3:
            value = await watch.wait_change(value)
            seen.append(value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(follow)
        await trio.testing.wait_all_tasks_blocked()
        watch.set(1)
        await trio.testing.wait_all_tasks_blocked()
        assert seen == []
        watch.set(2)
        await trio.testing.wait_all_tasks_blocked()
        watch.set(3)
    assert seen == [2, 3]


async def test_a_part_in_trouble_says_how_often_and_when_it_is_tried_again(autojump_clock: MockClock) -> None:
    part = Health(lambda: T0).component("feed")
    part.to("ok")
    part.to("degraded", "cut")
    part.reconnecting(30.0)
    part.to("degraded", "refused")
    part.reconnecting(60.0)
    seen = part.view()
    assert (seen.failures, seen.reconnects, seen.next_attempt_at) == (2, 2, T0 + timedelta(seconds=60))
    part.to("ok")
    assert part.view().next_attempt_at is None
