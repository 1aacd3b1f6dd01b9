"""Our answers to commands, the gateway client and the fake Discord, on a network in memory under a mock clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from tests.discord.gateway_stage import HOST, Stage, stage
from tests.discord.peer import GUILD, make_rest
from wanderer_notifier.core.commands import Asked
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.discord.commands import Commands, Result
from wanderer_notifier.discord.interaction_rest import WARM_S, InteractionRest
from wanderer_notifier.discord.registration import Registration, Scope
from wanderer_notifier.discord.rest import DiscordRest
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.health import Component, ComponentView, Health
from wanderer_notifier.sim.interactions import Interaction
from wanderer_notifier.wire.gateway import Bot
from wanderer_notifier.wire.limits import Limits

USER = "700000000000000031"


class CommandStage:
    """Commands that do what a test says."""

    def __init__(self, gateway: Stage, rest: DiscordRest, limits: Limits, interactions: Upstream, scope: Scope) -> None:
        self.gateway, self.discord, self.rest = gateway, gateway.discord, rest
        self.limits = limits
        self.asked: list[Asked] = []
        self.delay_s = 0.0
        self.result = Result(text="done")
        self.fault: Exception | None = None
        self.counted = Counter[tuple[str, str]]()
        self.stop, self.stopped = trio.Event(), trio.Event()
        self._changed = trio.Event()
        self.part: Component = Health(gateway.now, self._note).component("slash_commands")
        self.registration = Registration(
            rest, scope=scope, guild=GUILD, part=self.part, roll=lambda: 0.0, application=None
        )
        self.interactions = interactions
        self.interaction_rest = InteractionRest(interactions)
        self.commands = Commands(
            self.interaction_rest,
            act=self.act,
            suggest=self.suggest,
            application=lambda: self.registration.application,
            elsewhere=self.elsewhere,
            counted=lambda kind, action, outcome: self.counted.update([(kind, outcome)]),
        )
        self.told_elsewhere: list[str] = []

    def _note(self, view: ComponentView) -> None:
        self._changed.set()

    async def until_state(self, state: str, within_s: float = 3600.0) -> None:
        """Wait until the registration is in *state*."""
        with trio.fail_after(within_s):
            while self.part.state != state:
                self._changed = trio.Event()
                await self._changed.wait()

    async def act(self, asked: Asked) -> Result:
        self.asked.append(asked)
        await trio.sleep(self.delay_s)
        if self.fault is not None:
            raise self.fault
        return self.result

    async def elsewhere(self, asked: Asked, text: str) -> str | None:
        await trio.lowlevel.checkpoint()
        self.told_elsewhere.append(text)
        return None

    def suggest(self, typed: str) -> Sequence[JsonObject]:
        if self.fault is not None:
            raise self.fault
        return [{"name": f"{typed} {number}", "value": f"{number}"} for number in range(3)]

    async def run_commands(self) -> None:
        await self.commands.run(self.gateway.events, stop=self.stop)
        self.stopped.set()

    def invoke(self, command: str = "notifier status", options: JsonObject | None = None) -> Interaction:
        return self.discord.interactions.invoke(command, options, user=USER, check=False)


@asynccontextmanager
async def command_stage(scope: Scope = "global", *, live: bool = True) -> AsyncIterator[CommandStage]:
    """Live and registered, unless *live* is False; everything ends with the block."""
    async with stage() as gateway:
        url = f"http://{HOST}/api/v10"
        upstream, rest, limits = make_rest(url, gateway.network.dial)
        interactions = Upstream("discord_interactions", url, dial=gateway.network.dial, idle_s=2 * WARM_S)
        at = CommandStage(gateway, rest, limits, interactions, scope)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(at.run_commands)
            nursery.start_soon(at.registration.run)
            if live:
                await go_live(at)
                await at.until_state("ok", 60)
            yield at
            nursery.cancel_scope.cancel()
        await interactions.aclose()
        await upstream.aclose()


async def go_live(at: CommandStage) -> None:
    """Connect to the gateway; its READY and RESUMED reach the registration, as in the service."""
    at.gateway.bots = _Telling(at.registration)
    await at.gateway.start()
    await at.gateway.until_live(120)


class _Telling(list[Bot]):
    def __init__(self, registration: Registration) -> None:
        super().__init__()
        self._registration = registration

    def append(self, bot: Bot) -> None:
        super().append(bot)
        self._registration.ready(bot.application_id)
