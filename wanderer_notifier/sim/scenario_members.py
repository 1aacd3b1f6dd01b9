"""What members of the guild type during the evening, and what they must read in answer."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import trio

from wanderer_notifier.sim.expectations import Expectations, Expected
from wanderer_notifier.sim.mapdata import system_name
from wanderer_notifier.sim.scenario_cast import PRIORITY_SYSTEM
from wanderer_notifier.sim.world import MEMBERS, World

ANSWER_S = 20.0
"""How long an answer may take altogether; that a first one comes within three seconds is Discord's to judge."""

PATIENCE_S = 5.0
"""How long the first member waits for the command to exist."""


class Members:
    """The members, of whom only the first may change anything.

    Args:
        world: where they are.
        expectations: gets what they must read.
        last_kill: the number of the latest kill that was told to anybody.
        tell: called with one line for each command.
    """

    def __init__(
        self,
        world: World,
        expectations: Expectations,
        last_kill: Callable[[], int | None],
        tell: Callable[[str], None],
    ) -> None:
        self._world, self._expectations, self._last_kill, self._tell = world, expectations, last_kill, tell
        self._patient = True
        self._director, self._second, self._third = MEMBERS

    async def director_fears_a_system(self) -> None:
        """From now on its news ping."""
        name = system_name(PRIORITY_SYSTEM) or str(PRIORITY_SYSTEM)
        await self._type(self._director, "system", f"✅ Added **{name}**", system_name=name, action="add_priority")

    async def member_asks_for_status(self) -> None:
        """Anybody may."""
        await self._type(self._second, "status", "**🤖 WandererNotifier Status**")

    async def member_oversteps(self) -> None:
        """Not everybody may steer."""
        await self._type(
            self._third, "system", "❌ You need the Manage Server permission", system_name="Home", action="untrack"
        )

    async def member_asks_why(self) -> None:
        """Why the latest kill was told."""
        number = self._last_kill()
        if number is not None:
            await self._type(self._second, "why", f"**Kill {number}**", kill=str(number))
        await trio.lowlevel.checkpoint()

    async def _type(self, user: str, command: str, answer: str, **options: str) -> None:
        discord = self._world.discord
        if self._patient:
            with trio.move_on_after(PATIENCE_S):
                await discord.until(lambda: discord.commands.find("notifier") is not None)
            self._patient = False
        typed = " ".join(["/notifier", command, *(f"{name}:{value}" for name, value in options.items())])
        if discord.commands.find("notifier") is None:
            self._tell(f"members: {MEMBERS[user]} looks for {typed}, which is not there")
            return
        channel = self._world.channel("primary")
        invoke = partial(discord.interactions.invoke, user=user, channel=channel)
        invoke(f"notifier {command}", options)
        self._expectations.expected.append(
            Expected(
                what=f"answer to {typed}",
                channel=channel,
                markers=(answer,),
                at=self._world.now(),
                deadline=trio.current_time() + ANSWER_S,
            )
        )
        self._tell(f"members: {MEMBERS[user]} types {typed}")
