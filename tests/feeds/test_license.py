"""The client of the licence manager in virtual time: answers, outages, memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
import trio
from trio.testing import MockClock

from tests.log_lines import logged
from wanderer_notifier.config.values import Secret
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.feeds.license import Licence
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.sim.door import Door
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.stubs import LicenceManager
from wanderer_notifier.state.store import MEMORY, Store

T = TypeVar("T")
BEGIN = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)
KEY, TOKEN = "BOT-TESTCANARY01", "test-token-licence-canary"
ASKED = "POST /api/validate_bot"


async def inline(sync_fn: Callable[[], T], /, *, limiter: trio.CapacityLimiter | None = None) -> T:
    await trio.lowlevel.checkpoint()
    return sync_fn()


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


class Stage:
    """A manager, a store, and clients that live one after the other."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.manager = LicenceManager(key=KEY, token=TOKEN)
        self.door = Door("licence", self.manager.handle)
        self.network = MemoryNetwork(nursery)
        self.network.attach("licence.sim", 80, self.door.serve)
        self.store = Store.open(MEMORY, run=inline)
        self.health = Health(now)
        self.told: list[LicenceState] = []

    @property
    def asked(self) -> int:
        return self.manager.asked[ASKED]

    @asynccontextmanager
    async def client(
        self, *, key: str | None = KEY, token: str | None = TOKEN, refresh_s: float = 3600.0
    ) -> AsyncIterator[Licence]:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        api = Upstream("license", "http://licence.sim:80/api", dial=self.network.dial, headers=headers)
        licence = Licence(
            api,
            Secret(key) if key else None,
            self.store,
            part=self.health.component("license"),
            refresh_s=refresh_s,
            now=now,
            roll=lambda: 0.0,
            with_token=token is not None,
            told=self.told.append,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(licence.run)
            await trio.sleep(0.5)
            yield licence
            nursery.cancel_scope.cancel()
        await licence.aclose()


@pytest.fixture
def stage(nursery: trio.Nursery) -> Iterator[Stage]:
    made = Stage(nursery)
    yield made
    made.store.close()


async def test_a_valid_licence_is_asked_for_again_at_the_refresh_interval(
    autojump_clock: MockClock, stage: Stage
) -> None:
    with logged() as lines:
        async with stage.client(refresh_s=1800.0) as licence:
            assert licence.state() == "valid"
            assert stage.health.component("license").state == "ok"
            await trio.sleep(5 * 1800.0)
            assert stage.asked == 6
    assert [line["event"] for line in lines if line["log_level"] == "info"] == ["License validation successful"]
    assert stage.told == ["unknown", "valid", *["valid"] * 5]
    assert not any("CANARY" in str(line).upper() for line in lines)


async def test_the_question_is_as_documented(autojump_clock: MockClock, stage: Stage) -> None:
    seen = []

    async def spy(exchange: object) -> None:
        seen.append(exchange.request)  # type: ignore[attr-defined]
        await stage.manager.handle(exchange)  # type: ignore[arg-type]

    stage.network.attach("licence.sim", 80, Door("licence", spy).serve)
    async with stage.client():
        pass
    (request,) = seen
    assert (request.method, request.path) == ("POST", "/api/validate_bot")
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.body == b'{"license_key":"%s"}' % KEY.encode()


async def test_an_invalid_licence_is_asked_again_soon_and_found_valid(autojump_clock: MockClock, stage: Stage) -> None:
    stage.manager.verdict = "invalid"
    with logged() as lines:
        async with stage.client() as licence:
            assert licence.state() == "invalid"
            view = stage.health.component("license").view()
            assert (view.state, view.reason) == ("degraded", "not valid: License not found")
            times = []
            for _ in range(6):
                before, asked = trio.current_time(), stage.asked
                while stage.asked == asked:
                    await trio.sleep(1)
                times.append(round((trio.current_time() - before) / 60))
            assert times == [1, 2, 5, 15, 60, 60]
            stage.manager.verdict = "valid"
            await trio.sleep(3700)
            assert licence.state() == "valid"
    said = [line["event"] for line in lines if line["event"].startswith("License")]
    assert said[0] == "License validation failed"
    assert said[-1] == "License validation successful"


@pytest.mark.parametrize("before", ["valid", "invalid"])
@pytest.mark.parametrize("trouble", ["shut", "500", "429", "401", "html", "404", "stall"])
async def test_trouble_keeps_the_last_answer_for_a_day_and_then_knows_nothing(
    autojump_clock: MockClock, stage: Stage, before: LicenceState, trouble: str
) -> None:
    stage.manager.verdict = before  # type: ignore[assignment]
    async with stage.client(refresh_s=600.0) as licence:
        assert licence.state() == before
        match trouble:
            case "shut":
                stage.door.shut = True
                stage.door.cut()
            case "stall":
                stage.manager.delay_s = 1e6
            case "401":
                stage.manager.revoked = True
            case "html":
                stage.manager.says = (200, b"<html>maintenance</html>")
            case status:
                stage.manager.says = (int(status), b'{"error":"nothing to see"}')
        await trio.sleep(23.5 * 3600)
        assert licence.state() == before
        assert stage.health.component("license").state == ("failed" if trouble == "401" else "degraded")
        await trio.sleep(2 * 3600)
        assert licence.state() == "unknown"
        assert stage.told[-1] == "unknown"
        stage.door.shut, stage.manager.delay_s, stage.manager.revoked, stage.manager.says = False, 0.0, False, None
        stage.manager.verdict = "valid"
        await trio.sleep(3700)
        assert licence.state() == "valid"


async def test_nobody_who_could_be_asked_is_not_the_users_fault(autojump_clock: MockClock, stage: Stage) -> None:
    stage.manager.down = True
    async with stage.client() as licence:
        assert licence.state() == "unknown"
        stage.manager.down = False
        await trio.sleep(61)
        assert licence.state() == "valid"


async def test_retry_after_is_heeded(autojump_clock: MockClock, stage: Stage) -> None:
    stage.manager.says, stage.manager.retry_after = (429, b"{}"), 1500
    async with stage.client():
        await trio.sleep(1400)
        assert stage.asked == 1
        await trio.sleep(200)
        assert stage.asked == 2


async def test_a_restart_remembers_the_last_answer_of_the_same_key(autojump_clock: MockClock, stage: Stage) -> None:
    stage.manager.verdict = "invalid"
    async with stage.client() as licence:
        assert licence.state() == "invalid"
    stage.manager.down = True
    async with stage.client() as licence:
        assert licence.state() == "invalid"
    async with stage.client(key="BOT-ANOTHER") as licence:
        assert licence.state() == "unknown"
    text = await stage.store.read(lambda conn: "\n".join(conn.iterdump()))
    assert KEY not in text


async def test_without_a_key_nothing_is_asked(autojump_clock: MockClock, stage: Stage) -> None:
    async with stage.client(key=None) as licence:
        assert licence.state() == "invalid"
        await trio.sleep(80_000)
    assert not stage.manager.asked
    view = stage.health.component("license").view()
    assert (view.state, view.reason) == ("disabled", "no LICENSE_KEY: free tier")
    assert stage.told == ["invalid"]


async def test_without_a_token_the_manager_decides(autojump_clock: MockClock, stage: Stage) -> None:
    async with stage.client(token=None) as licence:
        assert licence.state() == "unknown"
        assert "NOTIFIER_API_TOKEN is not set" in stage.health.component("license").view().reason


async def test_a_licence_without_our_bot_is_valid_with_a_note(autojump_clock: MockClock, stage: Stage) -> None:
    stage.manager.assigned = False
    async with stage.client() as licence:
        assert licence.state() == "valid"
        assert "not yet assigned" in licence.standing.words(now())
        assert stage.health.component("license").state == "ok"


async def test_the_same_trouble_is_logged_once_an_hour(autojump_clock: MockClock, stage: Stage) -> None:
    stage.manager.revoked = True
    with logged() as lines:
        async with stage.client():
            await trio.sleep(3 * 3600)
    errors = [line for line in lines if line["log_level"] == "error"]
    assert 2 <= len(errors) <= 4
    assert {line["event"] for line in errors} == {"License validation unavailable"}


async def test_a_store_that_cannot_keep_it_does_no_harm(autojump_clock: MockClock, stage: Stage) -> None:
    await stage.store.write(lambda conn: conn.execute("PRAGMA query_only = ON"))
    async with stage.client() as licence:
        assert licence.state() == "valid"
