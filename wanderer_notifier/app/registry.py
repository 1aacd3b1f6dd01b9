"""Which maps are followed and by which rules: the environment's one, or those that the server lists."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable

from wanderer_notifier.app.helm import Helm
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.plugin import Difference, ListedMap, with_maps
from wanderer_notifier.feeds.plugin_maps import PluginMaps
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state.store import Store


class Registry:
    """Keeps the rules in *helm* in step with the list of maps; `load` comes first, `run` goes on all the time.

    *api* carries the plugin's key; without it the maps are those of the environment, for ever. *learned* is told of
    bot tokens before anything can show them, *changed* of what a new list brought.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        helm: Helm,
        api: Upstream | None,
        *,
        health: Health,
        roll: Callable[[], float],
        learned: Callable[[Iterable[str]], None],
        changed: Callable[[Difference], None],
    ) -> None:
        self._rules, self._helm, self._health = settings.rules, helm, health
        own = tuple(
            ListedMap(
                slug=one.slug, name=one.slug, map_id=one.slug, rules=one, status_messages=settings.status_messages
            )
            for one in settings.rules.maps
        )
        self._plugin: PluginMaps | None = None
        if api is not None:
            self._plugin = PluginMaps(
                api,
                store,
                own=own,
                here_fallback=settings.here_fallback,
                keep_tokens=settings.map.keep_tokens,
                bot_token=settings.discord.token.reveal(),
                part=health.component("plugin_config"),
                roll=roll,
                learned=learned,
                changed=changed,
            )
        self.maps = own
        self._deaf = False
        self.slugs: Watch[frozenset[str]] = Watch(frozenset(one.slug for one in own))
        """What to follow; changes after the rules have."""
        self.status: Watch[frozenset[tuple[str, str]]] = Watch(self._status(own))
        """Slug and channel of each map that wants status messages."""

    @property
    def listed(self) -> bool:
        """Whether the maps come from the server's list."""
        return self._plugin is not None

    def load(self, conn: sqlite3.Connection) -> None:
        """Take up the last good list of an earlier process; runs in the store's thread, so that no part is told."""
        if self._plugin is not None:
            self._plugin.recall(conn)
            self._follow(self._plugin.maps.value)

    async def ready(self) -> None:
        """Return as soon as it is settled what to follow: at once, or after the first question to the server."""
        if self._plugin is not None:
            await self._plugin.settled.wait()
            self._apply(self._plugin.maps.value)

    async def ask(self) -> None:
        """Keep asking the server, until cancelled."""
        if self._plugin is not None:
            await self._plugin.run()

    async def follow(self) -> None:
        """Put each new list in force, until cancelled."""
        if self._plugin is None:
            return
        self._tell_if_deaf()
        await self._plugin.settled.wait()
        while True:
            seen = self._plugin.maps.value
            self._apply(seen)
            await self._plugin.maps.wait_change(seen)

    def _apply(self, maps: tuple[ListedMap, ...]) -> None:
        self._follow(maps)
        self._tell_if_deaf()

    def _follow(self, maps: tuple[ListedMap, ...]) -> None:
        self.maps = maps
        self._helm.follow(with_maps(self._rules, maps))
        self.slugs.set(frozenset(one.slug for one in maps))
        self.status.set(self._status(maps))

    def _tell_if_deaf(self) -> None:
        """Without any map nothing of a map is ever told: that is not ready (cases.md O13)."""
        settled = self._plugin is not None and self._plugin.settled.is_set()
        if not self.maps:
            self._health.component("map_data").to("failed" if settled else "starting", "no map is followed")
        elif self._deaf:
            self._health.component("map_data").to("disabled")
        self._deaf = not self.maps

    @staticmethod
    def _status(maps: Iterable[ListedMap]) -> frozenset[tuple[str, str]]:
        wanting = ((one.slug, one.rules.channels.resolve("status")) for one in maps if one.status_messages)
        return frozenset((slug, channel) for slug, channel in wanting if channel is not None)
