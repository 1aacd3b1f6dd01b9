"""The live side of Discord as the service uses it: presence and voice in, interactions out."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from datetime import datetime

import trio

from wanderer_notifier.app.registry import Registry
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.presence import presence
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.core.voice_state import VoiceMap
from wanderer_notifier.discord.news import reopened
from wanderer_notifier.discord.rest import DiscordRest
from wanderer_notifier.discord.session import GatewayEvent, Ties, follow_gateway
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime.health import Component, Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.supervise import keep_running
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state.gateway import GatewayMemory
from wanderer_notifier.state.store import Store
from wanderer_notifier.wire.gateway import Bot, Identity
from wanderer_notifier.wire.gateway_frames import GUILD_VOICE_STATES, GUILDS

EVENTS = 64
"""Interactions that may wait for the commands; the next one is answered that we are busy (style.md 4.3)."""
NAME = "wanderer-notifier"
FEEDS = ("killmail_stream", "map_stream", "map_data")
"""Without them members do not hear of something: the bot shows itself idle."""


class LiveDiscord:
    """One bot at the gateway; `events` is for whoever answers interactions, who may also set `busy` and `ready`.

    `news` is told of channels that may take messages again (None: any may).
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        store: Store,
        rest: DiscordRest,
        *,
        user_agent: str,
        dial: Dial,
        health: Health,
        metrics: Metrics,
        known: Watch[Tracking],
        now: Callable[[], datetime],
        roll: Callable[[], float],
    ) -> None:
        self._health, self._known, self._roll = health, known, roll
        self._guild = settings.discord.guild_id
        self._registry = registry
        voice = registry.listed or any(one.rules.voice_mentions for one in registry.maps)
        watched = frozenset({self._guild} if self._guild and voice else ())
        self._voice = VoiceMap(None if registry.listed else watched)  # a list may name any guild at any time
        token = settings.discord.token.reveal()
        self._identity = Identity(
            token=token,
            intents=GUILDS | (GUILD_VOICE_STATES if voice else 0),
            properties={"os": sys.platform, "browser": NAME, "device": NAME},
        )
        self._out, self.events = trio.open_memory_channel[GatewayEvent](EVENTS)
        self.busy: Callable[[GatewayEvent], None] = lambda event: None
        self.ready: Callable[[Bot], None] = lambda bot: None
        self.news: Callable[[frozenset[str] | None], None] = lambda channels: None
        self._bot: str | None = None
        self._ties = Ties(
            discover=rest.gateway,
            dial=dial,
            user_agent=user_agent,
            memory=GatewayMemory(store, token),
            voice=self._voice,
            presence=self._presence,
            out=self._out,
            busy=lambda event: self.busy(event),
            ready=self._ready,
            noticed=self._noticed,
            part=health.component("discord_gateway"),
            metrics=metrics,
            now=now,
            roll=roll,
        )

    async def run(self) -> None:
        """Stay connected until cancelled; whatever goes wrong here is shown and never leaves.

        `events` ends with it: nobody can ask any more.
        """
        with self._out:
            await keep_running(self._ties.part, self._follow, roll=self._roll)

    def listening(self) -> Mapping[str, tuple[str, ...]]:
        """Who may be pinged for a map, by its slug: those in voice, in none while that is not known."""
        return {
            one.slug: self._voice.listening(one.guild_id or self._guild) or ()
            for one in self._registry.maps
            if one.rules.voice_mentions
        }

    def _ready(self, bot: Bot) -> None:
        self._bot = bot.user_id
        self.ready(bot)

    def _noticed(self, kind: str, data: JsonObject) -> None:
        channels = reopened(kind, data, self._bot)
        if channels is None or channels:
            self.news(channels)

    async def _follow(self, part: Component) -> None:
        await follow_gateway(self._identity, self._ties)

    def _presence(self) -> JsonObject:
        down = any(
            view.state in ("degraded", "failed") and not view.covered and view.name.partition(":")[0] in FEEDS
            for view in self._health.views()
        )
        return presence(len(self._known.value.system_ids()), degraded=down)
