"""The list of maps that the fake map server hands to a notifier with the plugin's key (wanderer-map.md 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from wanderer_notifier.core.events import JsonObject

PATH = "/api/plugins/notifier/config"
MOST = 100
"""Above so many maps the real server answers with an empty list."""


class Plugin:
    """What maps have set up; by default the server is one that never heard of plugins.

    Attributes:
        installed: whether the server knows the plugin at all.
        enabled: whether its operator switched plugins on.
        key: what a notifier must present; None: none was configured.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self.installed = False
        self.enabled = True
        self.key: str | None = None
        self.empty = False
        """Answer as if there were no map: how the server's own failure looks."""
        self.version = 0
        self.asked = 0
        """How often a list was handed out."""
        self._now = now
        self._maps: dict[str, JsonObject] = {}

    def offer(
        self,
        slug: str,
        channel: str,
        *,
        discord: JsonObject | None = None,
        count: bool = True,
        **parts: dict[str, Any],
    ) -> None:
        """List a map, or list it otherwise; *parts* are `features` and `settings`, *count* False leaves the version as
        it is, which the real server does too."""
        self._maps[slug] = {
            "slug": slug,
            "name": slug.replace("-", " ").title(),
            "map_id": f"7b0f6c1e-2f64-4a55-9b2e-{len(self._maps):012x}",
            "owner": "Hollow Meridian",
            "discord": {"bot_token": "", "channels": {"primary": channel}, "rally_group_ids": [], **(discord or {})},
            "features": parts.get("features", {}),
            "settings": parts.get("settings", {}),
        }
        self.version += count

    def withdraw(self, slug: str) -> None:
        """List a map no more; the version stays, as on the real server."""
        self._maps.pop(slug, None)

    def answer(self, authorization: str | None) -> tuple[int, JsonObject]:
        """Status and body for a request with that header."""
        if not self.installed:
            return 404, {"errors": {"detail": "Not Found"}}
        if not self.enabled:
            return 403, {"error": "Plugins are disabled. Set WANDERER_PLUGINS_ENABLED=true to enable."}
        if self.key is None:
            return 503, {"error": "Plugin not configured on this server"}
        if authorization is None or not authorization.startswith("Bearer "):
            return 401, {"error": "Missing or invalid Bearer token"}
        if authorization != f"Bearer {self.key}":
            return 401, {"error": "Unauthorized (invalid token)"}
        self.asked += 1
        maps = [] if self.empty or len(self._maps) > MOST else list(self._maps.values())
        moment = self._now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return 200, {"data": {"version": self.version if maps else 0, "updated_at": moment, "maps": maps}}
