"""The settings as the rest of the program sees them: frozen, typed, complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import attrs
from attrs import frozen

from wanderer_notifier.config.values import Secret
from wanderer_notifier.core.rules import Channels, Rules


@frozen(kw_only=True)
class DiscordSettings:
    """The bot, its channels and who may command it."""

    token: Secret
    application_id: str | None
    guild_id: str | None
    channels: Channels
    rally_role_ids: tuple[str, ...]
    command_scope: Literal["global", "guild", "none"]
    admin_role_ids: tuple[str, ...]
    admin_user_ids: tuple[str, ...]
    api_url: str


@frozen(kw_only=True)
class MapSettings:
    """The map of the environment; *url* is scheme, host and port only, *slug* is not yet URL-encoded."""

    url: str
    slug: str | None
    """None: the maps are those that the server lists for *plugin_key*."""
    api_key: Secret
    plugin_key: Secret | None
    keep_tokens: bool
    """Whether bot tokens that the server lists are kept in the database."""


@frozen(kw_only=True)
class KillFeedSettings:
    """WandererKills: the final socket address without query, and the REST base."""

    websocket_url: str
    rest_url: str


@frozen(kw_only=True)
class LicenseSettings:
    """The licence and the server that knows it."""

    key: Secret | None
    url: str
    token: Secret | None
    refresh_s: float
    enforcement: Literal["documented", "off"]


@frozen(kw_only=True)
class JaniceSettings:
    """The appraisal service."""

    token: Secret | None
    url: str


@frozen(kw_only=True)
class NotableSettings:
    """When an item on a kill is worth a line."""

    enabled: bool
    threshold_isk: int
    limit: int


@frozen(kw_only=True)
class StreamSettings:
    """Patience with a map's event stream, in seconds."""

    recv_timeout_s: float
    connect_timeout_s: float
    keepalive_s: float
    reconnect_first_s: float
    reconnect_cap_s: float


@frozen(kw_only=True)
class WebSettings:
    """Probes and pages; port 0 takes any free one."""

    port: int
    bind: str
    public_url: str | None
    auth_token: Secret | None
    trusted_proxies: tuple[str, ...]
    force_https: bool


@frozen(kw_only=True)
class LogSettings:
    """What is logged, and where; *dir* is set whenever *file_enabled* is."""

    level: Literal["debug", "info", "warning", "error", "critical"]
    format: Literal["json", "text"]
    file_enabled: bool
    dir: Path | None
    file_max_bytes: int
    file_backups: int


@frozen(kw_only=True)
class Settings:
    """Everything the environment decides; paths are absolute."""

    discord: DiscordSettings
    map: MapSettings
    kills: KillFeedSettings
    license: LicenseSettings
    janice: JaniceSettings
    notable: NotableSettings
    esi_url: str
    r2z2_url: str
    rules: Rules
    sse: StreamSettings
    web: WebSettings
    log: LogSettings
    data_dir: Path
    cache_dir: Path | None
    app_env: Literal["prod", "dev", "test"]
    ipv4_only: bool
    shutdown_grace_s: float
    ready_feed_grace_s: float
    crash_loop_pause_s: float
    status_messages: bool
    here_fallback: bool
    schedulers: bool
    telemetry_log: bool
    system_tracking: bool
    character_tracking: bool
    alerts_enabled: bool
    alert_channel_id: str | None
    alert_webhook_url: Secret | None
    leader_lock_file: Path | None
    warnings: tuple[str, ...]
    """What an operator should know although the service can start; holds no value of any variable."""
    sources: Mapping[str, str]
    """Canonical variable name to where its value came from: `env`, `.env`, `file`, `default`, `… alias of NAME`."""

    def secrets(self) -> tuple[str, ...]:
        """The raw value of every configured secret, for redaction."""
        return tuple(dict.fromkeys(secret.reveal() for secret in _secrets(self)))


def _secrets(value: object) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, tuple | frozenset):
        for item in value:
            yield from _secrets(item)
    elif attrs.has(kind := type(value)):
        for each in attrs.fields(kind):
            yield from _secrets(getattr(value, each.name))
