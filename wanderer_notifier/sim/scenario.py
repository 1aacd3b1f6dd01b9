"""A seeded evening in a wormhole: an opening that shows everything once, then chance, and what must come of it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any, TypeAlias

import trio

from wanderer_notifier.sim import faults
from wanderer_notifier.sim.expectations import Expected, Outcome
from wanderer_notifier.sim.scenario_acts import Acts
from wanderer_notifier.sim.world import World

PAUSE_S = 3.0
"""Mean time between two events after the opening, at speed 1."""

OPENING_PAUSE_S = 0.8

Act: TypeAlias = Callable[[], Any]


class Scenario:
    """Plays one evening.

    Args:
        world: where it happens.
        rng: decides what and when; the same seed gives the same evening, up to the service's own timing.
        tell: called with one line for each event.
    """

    def __init__(self, world: World, rng: Random, *, tell: Callable[[str], None] = lambda line: None) -> None:
        self.world = world
        self.acts = Acts(world, rng, tell)
        self._rng = rng

    @property
    def expected(self) -> list[Expected]:
        """What must have arrived, or still must."""
        return self.acts.expectations.expected

    def prepare(self) -> None:
        """Draw the map and its history, before the service starts."""
        self.acts.prepare()

    async def play(self, *, speed: float = 1.0, until: float | None = None) -> None:
        """Wait for the service, play the opening, then go on at random.

        Args:
            speed: how many times as fast as usual the events follow each other.
            until: when to start nothing more, in seconds of Trio's clock; None: never ends.
        """
        with trio.move_on_at(math.inf if until is None else until):
            await self.acts.joined()
            for act in self._opening():
                await _carry_out(act)
                await trio.sleep(OPENING_PAUSE_S / speed)
            choices, weights = zip(*self._repertoire(), strict=True)
            while True:
                (act,) = self._rng.choices(choices, weights)
                await _carry_out(act)
                await trio.sleep(self._rng.expovariate(1.0) * PAUSE_S / speed)

    async def settled(self, timeout_s: float) -> Outcome:
        """Wait up to *timeout_s* seconds for what is still due, then compare."""
        discord = self.world.discord

        def complete() -> bool:
            outcome = self.outcome()
            return not (outcome.pending or outcome.missing)

        with trio.move_on_after(timeout_s):
            await discord.until(complete)
        return self.outcome()

    def outcome(self) -> Outcome:
        """What has arrived so far, and what has not."""
        return self.acts.expectations.outcome(self.world.discord, trio.current_time())

    def _opening(self) -> list[Act]:
        acts = self.acts
        return [
            # five kills that the free tier shows richly, then one in words
            acts.kill_in_chain,
            acts.own_loss,
            acts.own_kill,
            acts.noise,
            acts.members.director_fears_a_system,
            acts.kill_by_pirates,
            acts.system_comes,
            acts.members.member_asks_for_status,
            acts.structure_dies,
            acts.kill_in_words,
            partial(acts.trouble, faults.status(502, effect=True), "Discord posts, but answers 502"),
            acts.pod_dies,
            acts.members.member_asks_why,
            acts.pilot_comes,
            acts.members.member_oversteps,
            acts.dreaded_system_comes,
            acts.rally,
            partial(acts.trouble, faults.limited(0.7), "Discord answers 429 once"),
            acts.treasure,
            acts.great_battle,
            acts.friendly_fire,
            acts.late_kill,
            acts.deployable_dies,
            acts.rich_kill,
            acts.kills_while_away,
            acts.kill_in_new_system,
            acts.system_goes,
            acts.system_comes_while_away,
            partial(acts.trouble, faults.cut(effect=True), "Discord posts, then cuts the connection"),
            acts.kill_in_chain,
        ]

    def _repertoire(self) -> list[tuple[Act, int]]:
        """What chance may choose from, and how likely."""
        acts = self.acts
        return [
            (acts.kill_in_chain, 6),
            (acts.own_loss, 4),
            (acts.own_kill, 4),
            (acts.noise, 5),
            (acts.kill_by_pirates, 2),
            (acts.structure_dies, 1),
            (acts.pod_dies, 2),
            (acts.rich_kill, 1),
            (acts.great_battle, 1),
            (acts.treasure, 1),
            (acts.deployable_dies, 1),
            (acts.friendly_fire, 1),
            (acts.late_kill, 1),
            (acts.system_comes, 3),
            (acts.system_goes, 2),
            (acts.pilot_comes, 1),
            (acts.rally, 1),
            (acts.members.member_asks_for_status, 1),
            (acts.members.member_asks_why, 1),
            (acts.kills_while_away, 1),
            (acts.system_comes_while_away, 1),
            (partial(acts.trouble, faults.limited(1.0), "Discord answers 429 once"), 1),
            (partial(acts.trouble, faults.cut(effect=True), "Discord posts, then cuts the connection"), 1),
        ]


async def play(world: World, rng: Random, *, speed: float = 1.0, until: float | None = None) -> Scenario:
    """Prepare and play a scenario in one go; gives it back with its expectations (see `Scenario.play`)."""
    scenario = Scenario(world, rng)
    scenario.prepare()
    await scenario.play(speed=speed, until=until)
    return scenario


async def _carry_out(act: Act) -> None:
    done = act()
    if isinstance(done, Awaitable):
        await done
    await trio.lowlevel.checkpoint()
