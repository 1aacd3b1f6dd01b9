"""The services we talk to: one client each, with its own limits and its own name in the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from wanderer_notifier import ABOUT, __version__
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.discord.rest import identify
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime.metrics import Metrics

REDIRECTS = 3
"""So many are followed by public reads (operations.md OPS-106)."""
DISCORD_AGENT = identify("", __version__, ABOUT)["user-agent"]


class Upstreams:
    """Builds the clients of Discord, the map server, the kill service and the licence manager."""

    def __init__(self, settings: Settings, *, dial: Dial, metrics: Metrics, roll: Callable[[], float]) -> None:
        def client(
            name: str, address: str, headers: Mapping[str, str], *, total_s: float = 60.0, redirects: int = 0
        ) -> Upstream:
            return Upstream(
                name,
                address,
                dial=dial,
                headers=headers,
                total_s=total_s,
                redirects=redirects,
                observe=metrics.http_done,
                retried=metrics.http_again,
                healed=metrics.healed_by,
                roll=roll,
            )

        ours = {"user-agent": f"wanderer-notifier/{__version__} (+{ABOUT})"}
        discord, licence = settings.discord, settings.license
        self.discord = client("discord", discord.api_url, identify(discord.token.reveal(), __version__, ABOUT))
        self.maps = client("map", settings.map.url, ours | _bearer(settings.map.api_key.reveal()))
        self.kills = client("kills", settings.kills.rest_url, ours, total_s=30.0, redirects=REDIRECTS)
        plugin = settings.map.plugin_key
        self.plugin = (
            Upstream(
                "plugin",
                settings.map.url,
                dial=dial,
                headers=ours | _bearer(plugin.reveal()),
                connections=1,
                max_body=4 * 2**20,
                observe=metrics.http_done,
            )
            if plugin is not None
            else None
        )
        self.licence = Upstream(
            "license",
            licence.url,
            dial=dial,
            headers=ours | (_bearer(licence.token.reveal()) if licence.token is not None else {}),
            connections=1,
            observe=metrics.http_done,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for upstream in (self.licence, self.discord, self.maps, self.kills, self.plugin):
            if upstream is not None:
                await upstream.aclose()


def _bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
