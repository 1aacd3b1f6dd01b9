"""What makes messages readable: names, system data, loot and missing bodies, wired to their services."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from wanderer_notifier import __version__
from wanderer_notifier.app.upstreams import REDIRECTS
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.notable import Rule
from wanderer_notifier.core.policy import Rules
from wanderer_notifier.delivery.compose import Composer
from wanderer_notifier.delivery.edits import Edited
from wanderer_notifier.feeds.bodies import Bodies
from wanderer_notifier.feeds.loot import Loot
from wanderer_notifier.feeds.prices import Janice
from wanderer_notifier.feeds.universe import Universe
from wanderer_notifier.feeds.universe_esi import READ_S, Esi
from wanderer_notifier.feeds.universe_systems import Systems
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.state.rows import Row
from wanderer_notifier.state.store import Store

CONNECT_S = 5.0  # operations.md OPS-100


class Enrichment:
    """Builds the parts; `run` must be running while messages are composed.

    *rules* gives those in force, for what a map wants to see; *maps* and *kills* are the clients of the map server and
    of the kill service; *about* is where to find us, for ESI's operators (operations.md OPS-103).
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        rules: Callable[[], Rules],
        *,
        dial: Dial,
        maps: Upstream,
        kills: Upstream,
        health: Health,
        metrics: Metrics,
        now: Callable[[], datetime],
        roll: Callable[[], float],
        about: str,
    ) -> None:
        agent = f"wanderer-notifier/{__version__} (+{settings.web.public_url or about})"
        esi_api = Upstream(
            "esi",
            settings.esi_url,
            dial=dial,
            headers={"user-agent": agent, "accept": "application/json"},
            connect_s=CONNECT_S,
            read_s=READ_S,
            redirects=REDIRECTS,
            observe=metrics.http_done,
        )
        self.esi = esi = Esi(esi_api, part=health.component("esi"), roll=roll, told=metrics.esi_errors_left.set)
        self._upstreams = [esi_api]
        self.universe = Universe(store, esi, now=now, counted=metrics.looked_up)
        self.bodies = Bodies(store, esi, now=now, roll=roll)
        systems = Systems(store, maps=maps, kills=kills, now=now)
        loot: Loot | None = None
        wanted = settings.notable.enabled or settings.map.plugin_key is not None  # then each map says so itself
        if wanted and settings.janice.token is not None:
            janice_api = Upstream(
                "janice",
                settings.janice.url,
                dial=dial,
                headers={"user-agent": agent, "x-apikey": settings.janice.token.reveal()},
                connect_s=CONNECT_S,
                read_s=5.0,  # notifications.md 5.2
                observe=metrics.http_done,
            )
            self._upstreams.append(janice_api)
            janice = Janice(store, janice_api, part=health.component("janice"), now=now)
            rule = Rule(threshold_isk=settings.notable.threshold_isk, limit=settings.notable.limit)
            loot = Loot(esi, self.universe, janice, rule)
        self.composer = Composer(
            names=self.universe.names,
            static=systems.static,
            recent=systems.recent,
            loot=loot.lines if loot is not None else None,
            wants_loot=lambda slug: any(one.notable_items for one in rules().maps if one.slug == slug),
            now=now,
        )
        self._metrics = metrics

    async def run(self) -> None:
        """Look up what messages need, until cancelled."""
        await self.universe.run()

    def edited(self, row: Row, became: Edited) -> None:
        """Count an attempt to complete a message."""
        self._metrics.edits.labels(row.kind, became.replace(" ", "_")).inc()

    async def aclose(self) -> None:
        """Close all connections."""
        for upstream in self._upstreams:
            await upstream.aclose()
