"""Everything about `/notifier` put together: registration, answers, and what the commands do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import trio

from wanderer_notifier.app.desk import Desk
from wanderer_notifier.app.gateway import LiveDiscord
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.steering import Place
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.discord.commands import Commands
from wanderer_notifier.discord.interaction_rest import WARM_S, InteractionRest
from wanderer_notifier.discord.registration import Registration
from wanderer_notifier.discord.rest import DiscordRest
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state.store import Store


class Commanding:
    """Builds the parts; they take what *live* hears. *search* finds a system that no map has."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        helm: Helm,
        live: LiveDiscord,
        rest: DiscordRest,
        *,
        search: Callable[[str], Awaitable[Place | None]],
        known: Watch[Tracking],
        health: Health,
        metrics: Metrics,
        licence: Callable[[], LicenceState],
        uptime_s: Callable[[], float],
        user_agent: str,
        dial: Dial,
        now: Callable[[], datetime],
        roll: Callable[[], float],
    ) -> None:
        discord = settings.discord
        self._live = live
        self._gateway = health.component("discord_gateway")
        self._upstream = Upstream(
            "discord_interactions",
            discord.api_url,
            dial=dial,
            headers={"user-agent": user_agent, "accept": "application/json"},
            idle_s=2 * WARM_S,
            observe=metrics.http_done,
            roll=roll,
        )
        self._registration = registration = Registration(
            rest,
            scope=discord.command_scope,
            guild=discord.guild_id,
            part=health.component("slash_commands"),
            roll=roll,
            application=discord.application_id,
        )
        desk = Desk(
            settings,
            store,
            helm,
            known,
            health=health,
            licence=licence,
            post=rest.post,
            search=search,
            uptime_s=uptime_s,
            now=now,
        )
        self._interactions = InteractionRest(self._upstream)
        self._commands = Commands(
            self._interactions,
            act=desk.act,
            suggest=desk.suggest,
            application=lambda: registration.application,
            elsewhere=desk.tell_in_channel,
            counted=lambda subcommand, action, result: metrics.commands.labels(subcommand, action, result).inc(),
        )
        live.busy = self._commands.busy
        live.ready = lambda bot: registration.ready(bot.application_id)

    async def run(self, *, stop: trio.Event) -> None:
        """Register and answer until *stop* is set and everybody has their answer."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._registration.run, name="command registration")
            nursery.start_soon(self._interactions.keep_warm, self._hears, name="commands: warm connection")
            await self._commands.run(self._live.events, stop=stop)
            nursery.cancel_scope.cancel(reason="asked to stop")

    def _hears(self) -> bool:
        """Whether a command may arrive at any moment."""
        return self._gateway.state == "ok"

    async def aclose(self) -> None:
        """Close all connections."""
        await self._upstream.aclose()
