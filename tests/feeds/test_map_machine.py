"""Whatever happens between a map and us, every event that the map can still deliver is decided exactly once.

Hypothesis writes a story of changes, cuts, losses and crashes; the story is then played in virtual time: the real feed
and pipeline with a real database against the fake map server, over a network in memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import trio
from attrs import define, field
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from trio.testing import MockClock

from tests.feeds.map_service import HOST, MapService
from wanderer_notifier.core.claims import rally_claim, system_claim
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.mapserver_events import Event, ulid
from wanderer_notifier.sim.mapserver_map import Map

HOME = 31001503
SYSTEMS = tuple(range(31002001, 31002005))
PILOT = 2147480001
TICK_S = 0.002
"""Events of one millisecond have no order upstream, so that no two changes of one system happen in the same."""
LONG_WAITS, JUMPS = 3, 2
RECOVERED_S = 400.0
"""The longest back-offs together; the map repeats ten minutes."""


@define
class Story:
    """The world of one story and what was announced in it."""

    service: MapService
    added: dict[str, str] = field(factory=dict)
    """Event id -> claim, of what must be told."""
    removed: dict[str, str] = field(factory=dict)
    others: set[str] = field(factory=set)
    beyond: set[str] = field(factory=set)
    """Events that the map could no longer deliver when they were not yet decided."""

    def watch(self) -> None:
        """Keep a list of all events from now on."""
        real = self.service.home.announce

        def announce(changed: Map, event_type: str, payload: JsonObject) -> str:
            event_id = real(changed, event_type, payload)
            self.note(event_id, event_type, payload)
            return event_id

        self.service.home.announce = announce

    def note(self, event_id: str, event_type: str, payload: JsonObject) -> None:
        if event_type == "add_system":
            self.added[event_id] = system_claim("home", payload["solar_system_id"])
        elif event_type == "rally_point_added":
            self.added[event_id] = rally_claim("home", payload["rally_point_id"])
        elif event_type == "deleted_system":
            self.removed[event_id] = system_claim("home", payload["solar_system_id"])
        else:
            self.others.add(event_id)

    def all(self) -> set[str]:
        return {*self.added, *self.removed, *self.others}

    async def lose(self) -> None:
        """What is not decided by now may be lost upstream."""
        self.beyond |= self.all() - await self.service.decided()


Step: TypeAlias = Callable[[Story], Awaitable[None]]


class MapFeedMachine(RuleBasedStateMachine):
    """Each rule writes one step; the end plays them."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Step] = []
        self.seed = self.long_waits = self.jumps = 0

    def _then(self, act: Callable[[Story], Any]) -> None:
        async def step(story: Story) -> None:
            act(story)
            await trio.sleep(TICK_S)

        self.steps.append(step)

    @initialize(seed=st.integers(0, 1000), split=st.sampled_from((None, None, 1, 7)), doubled=st.booleans())
    def begin(self, seed: int, split: int | None, doubled: bool) -> None:
        self.seed = seed

        def act(story: Story) -> None:
            story.service.server.split_at, story.service.server.duplicate_backfill = split, doubled

        self._then(act)

    # --- the map changes ---

    @rule(system=st.sampled_from(SYSTEMS), by_hand=st.booleans())
    def add(self, system: int, by_hand: bool) -> None:
        self._then(lambda story: story.service.home.add_system(system, by_hand=by_hand))

    @rule(system=st.sampled_from(SYSTEMS))
    def remove(self, system: int) -> None:
        self._then(lambda story: story.service.home.remove_system(system))

    @rule(system=st.sampled_from(SYSTEMS))
    def remove_and_add(self, system: int) -> None:
        self.remove(system)
        self.add(system, by_hand=False)

    @rule(name=st.sampled_from(("Home", "", None)))
    def rename(self, name: str | None) -> None:
        self._then(lambda story: story.service.home.set_custom_name(HOME, name))

    @rule()
    def rally(self) -> None:
        self._then(lambda story: story.service.home.rally(HOME, PILOT, "form up"))

    @rule(pair=st.permutations(SYSTEMS))
    def reorder(self, pair: list[int]) -> None:
        """Two events of one moment reach the streams in the other order (wanderer-map.md 1.5)."""

        def act(story: Story) -> None:
            home, server, held = story.service.home, story.service.server, list[Event]()
            announce = home.announce

            def hold(changed: Map, event_type: str, payload: JsonObject) -> str:
                event = Event(ulid(server.rng, server.now()), event_type, changed.id, server.now(), payload)
                server.buffer.add(event)
                held.append(event)
                story.note(event.id, event_type, payload)
                return event.id

            home.announce = hold
            home.add_system(pair[0])
            home.add_system(pair[1])
            home.announce = announce
            for event in reversed(held):
                for stream in server.streams:
                    stream.offer(event)

        self._then(act)

    # --- the way to it breaks ---

    @rule()
    def cut(self) -> None:
        self._then(lambda story: story.service.server.cut_streams())

    @rule()
    def cut_everything(self) -> None:
        self._then(lambda story: story.service.network.cut(HOST, 80))

    @rule()
    def cut_in_a_frame(self) -> None:
        self._then(lambda story: setattr(story.service.server, "cut_in_next_frame", True))

    @rule()
    def end(self) -> None:
        async def step(story: Story) -> None:
            await story.service.server.end_streams()

        self.steps.append(step)

    @rule(on=st.booleans())
    def drop(self, on: bool) -> None:
        self._then(lambda story: story.service.network.refuse(HOST, 80, on))

    @rule(on=st.booleans())
    def stall(self, on: bool) -> None:
        self._then(lambda story: story.service.server.stall(on))

    @rule(on=st.booleans())
    def switch_streams(self, on: bool) -> None:
        self._then(lambda story: setattr(story.service.home, "sse_enabled", on))

    @rule(count=st.integers(1, 4))
    def fail_lists(self, count: int) -> None:
        self._then(lambda story: story.service.server.fail_rest(count))

    @rule()
    def restart_the_map(self) -> None:
        async def step(story: Story) -> None:
            await story.lose()
            story.service.server.restart()

        self.steps.append(step)

    @precondition(lambda self: self.jumps < JUMPS)
    @rule(by_s=st.just(20.0))  # a clock that jumps back is the storms' affair: tests/service/test_chaos.py
    def jump(self, by_s: float) -> None:
        """The map server's clock is set."""
        self.jumps += 1

        async def step(story: Story) -> None:
            await story.lose()  # what waits to be replayed may come in another order than it happened
            story.service.clock_s += by_s

        self.steps.append(step)

    # --- we break ---

    @rule(away_s=st.sampled_from((0.0, 1.0, 8.0)))
    def crash(self, away_s: float) -> None:
        async def step(story: Story) -> None:
            story.service.crash()
            await trio.sleep(away_s)
            await story.service.start()

        self.steps.append(step)

    @rule()
    def be_away_for_long(self) -> None:
        async def step(story: Story) -> None:
            story.service.crash()
            await story.lose()
            await trio.sleep(1200)
            await story.service.start()

        self.steps.append(step)

    @rule(seconds=st.sampled_from((0.0, 0.01, 0.5, 2.0, 6.0)))
    def wait(self, seconds: float) -> None:
        async def step(story: Story) -> None:
            await trio.sleep(seconds)

        self.steps.append(step)

    @precondition(lambda self: self.long_waits < LONG_WAITS)
    @rule()
    def wait_for_lists(self) -> None:
        """Long enough for a map without a stream to be read twice."""
        self.long_waits += 1
        self.wait(70.0)

    @rule()
    def settle(self) -> None:
        async def step(story: Story) -> None:
            await trio.testing.wait_all_tasks_blocked()

        self.steps.append(step)

    def teardown(self) -> None:
        trio.run(play, self.steps, self.seed, clock=MockClock(autojump_threshold=0))


async def play(steps: list[Step], seed: int) -> None:
    async with trio.open_nursery() as nursery:
        service = MapService(nursery, seed=seed)
        service.home.add_system(HOME, quiet=True)
        service.home.add_character(PILOT, quiet=True)
        story = Story(service)
        story.watch()
        await service.start()
        await trio.sleep(30)
        for step in steps:
            await step(story)
        service.network.refuse(HOST, 80, False)
        service.server.stall(False)
        service.home.sse_enabled = True
        service.server.rest_failures.clear()
        with trio.move_on_after(RECOVERED_S):
            while story.all() - story.beyond - await service.decided():
                await trio.sleep(5)
        await trio.sleep(60)
        await check(story)
        nursery.cancel_scope.cancel()
    service.store.close()


async def check(story: Story) -> None:
    undecided = story.all() - story.beyond - await story.service.decided()
    assert not undecided
    told = Counter(await story.service.told())
    # Where the server's clock jumped back, it replays an addition after its own removal: by all that anybody can know,
    # the system came once more.
    reordered = Counter(claim for event_id, claim in story.added.items() if event_id in story.beyond)
    possible = Counter(story.added.values()) + reordered
    assert told <= possible  # nothing twice
    doubtful = {story.removed[event_id] for event_id in story.removed.keys() & story.beyond}
    certain = Counter(claim for event_id, claim in story.added.items() if event_id not in story.beyond)
    missing = {claim for claim in certain if told[claim] < certain[claim] and claim not in doubtful}
    assert not missing


TestMapFeed = MapFeedMachine.TestCase
TestMapFeed.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # shrinking takes minutes: do it by hand
)
