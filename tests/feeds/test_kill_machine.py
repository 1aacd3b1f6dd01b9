"""Whatever happens between the kill service and us, every kill of a tracked system is decided and told exactly once.

Hypothesis writes a story of kills, cuts, losses, restarts and crashes; the story is then played in virtual time: the
real feed and pipeline with a real database against the fake kill service, over a network in memory.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import trio
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from trio.testing import MockClock

from tests.feeds.kill_service import HOST, PILOT, PORT, SYSTEMS, KillService

RECOVERED_S = 2400.0
"""Breaker, back-offs, lists at one request a second, and the watch for silence, together."""

Step: TypeAlias = Callable[[KillService], Awaitable[None]]


class KillFeedMachine(RuleBasedStateMachine):
    """Each rule writes one step; the end plays them."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.seed = self.long_waits = 0

    def _then(self, act: Callable[[KillService], Any]) -> None:
        async def step(service: KillService) -> None:
            act(service)

        self.steps.append(step)

    @initialize(seed=st.integers(0, 1000))
    def begin(self, seed: int) -> None:
        self.seed = seed

    # --- kills happen ---

    @rule(system=st.sampled_from(SYSTEMS), times=st.sampled_from((1, 1, 2, 3)))
    def kill(self, system: int, times: int) -> None:
        self._then(lambda service: service.kill(system_id=system, times=times))

    @rule(age_s=st.sampled_from((30.0, 700.0, 3000.0)))
    def kill_heard_late(self, age_s: float) -> None:
        """The order of kills and of their ids says nothing about their times."""
        self._then(lambda service: service.kill(age_s=age_s))

    @rule()
    def kill_one_of_ours(self) -> None:
        """Both sockets bring it."""
        self._then(lambda service: service.kill(victim=PILOT))

    @rule(count=st.integers(5, 12))
    def fight(self, count: int) -> None:
        """More than a preload shows."""
        for _ in range(count):
            self.kill(SYSTEMS[1], 1)

    # --- the way to it breaks ---

    @rule()
    def cut(self) -> None:
        self._then(lambda service: service.network.cut(HOST, PORT))

    @rule(on=st.booleans())
    def drop(self, on: bool) -> None:
        self._then(lambda service: service.network.refuse(HOST, PORT, on))

    @rule(on=st.booleans())
    def half_open(self, on: bool) -> None:
        self._then(lambda service: service.network.stall(HOST, PORT, on))

    @rule(on=st.booleans())
    def stall(self, on: bool) -> None:
        self._then(lambda service: service.feed.stall(on))

    @rule()
    def crash_channels(self) -> None:
        self._then(lambda service: service.feed.crash_channels())

    @rule(code=st.sampled_from((1000, 1011, 1012)))
    def close(self, code: int) -> None:
        self._then(lambda service: service.feed.close_all(code))

    @rule(status=st.sampled_from((None, 503, 404, 403)))
    def refuse_upgrades(self, status: int | None) -> None:
        self._then(lambda service: service.feed.refuse_upgrades(status))

    @rule()
    def drop_a_reply(self) -> None:
        self._then(lambda service: service.feed.drop_replies(1))

    @rule(seconds=st.sampled_from((0.0, 4.0, 12.0)))
    def delay_joins(self, seconds: float) -> None:
        self._then(lambda service: service.feed.delay_join(seconds))

    @rule(count=st.integers(1, 8))
    def fail_lookups(self, count: int) -> None:
        self._then(lambda service: setattr(service, "http_failures", count))

    @rule(polite=st.booleans())
    def restart_the_service(self, polite: bool) -> None:
        """Its memory is gone; only zKillboard knows what it had."""
        self._then(lambda service: service.feed.restart() if polite else service.feed.kill())

    # --- we break ---

    @rule(away_s=st.sampled_from((0.0, 1.0, 20.0)))
    def crash(self, away_s: float) -> None:
        async def step(service: KillService) -> None:
            service.crash()
            await trio.sleep(away_s)
            await service.start()

        self.steps.append(step)

    @rule(seconds=st.sampled_from((0.0, 0.01, 0.5, 2.0, 6.0)))
    def wait(self, seconds: float) -> None:
        async def step(service: KillService) -> None:
            await trio.sleep(seconds)

        self.steps.append(step)

    @precondition(lambda self: self.long_waits < 3)
    @rule(seconds=st.sampled_from((40.0, 100.0, 400.0)))
    def wait_long(self, seconds: float) -> None:
        """Long enough for marks to move, heartbeats to fail and polls to begin."""
        self.long_waits += 1
        self.wait(seconds)

    def teardown(self) -> None:
        trio.run(play, self.steps, self.seed, clock=MockClock(autojump_threshold=0))


async def play(steps: list[Step], seed: int) -> None:
    async with trio.open_nursery() as nursery:
        service = KillService(nursery, seed=seed)
        await service.start()
        await trio.sleep(10)
        for step in steps:
            await step(service)
        service.network.refuse(HOST, PORT, False)
        service.network.stall(HOST, PORT, False)
        service.feed.stall(False)
        service.feed.refuse_upgrades(None)
        service.feed.delay_join(0.0)
        service.feed.drop_replies(0)
        service.http_failures = 0
        with trio.move_on_after(RECOVERED_S):
            while service.expected - set(await service.told()):
                await trio.sleep(5)
        await trio.sleep(120)
        told = await service.told()
        nursery.cancel_scope.cancel()
    service.store.close()
    assert not service.expected - set(told), "missed"
    assert not {claim for claim, times in told.items() if times > 1}, "told twice"
    assert set(told) <= service.expected


TestKillFeed = KillFeedMachine.TestCase
TestKillFeed.settings = settings(
    max_examples=20,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
