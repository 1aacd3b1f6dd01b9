"""All settings from one environment, or every reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Literal, cast

from wanderer_notifier.config import table as v
from wanderer_notifier.config.checks import advise, check, is_unspecified, receive_timeout
from wanderer_notifier.config.problems import ConfigError, Problem
from wanderer_notifier.config.reading import Reading
from wanderer_notifier.config.settings import (
    DiscordSettings,
    JaniceSettings,
    KillFeedSettings,
    LicenseSettings,
    LogSettings,
    MapSettings,
    NotableSettings,
    Settings,
    StreamSettings,
    WebSettings,
)
from wanderer_notifier.config.sources import collect
from wanderer_notifier.core.rules import Channels, MapRules, Rules

__all__ = ["ConfigError", "Problem", "load"]


def load(environ: Mapping[str, str], *, cwd: Path) -> Settings:
    """The settings that *environ* and the files beside it (relative to *cwd*) amount to.

    Raises ConfigError with every problem found; neither its text nor anything attached to it holds a secret.
    """
    reading = Reading(collect(environ, cwd), cwd)
    check(reading)
    advise(reading)
    if reading.problems:
        raise ConfigError(reading.presentable_problems(), reading.warnings)
    return _build(reading, cwd)


def _build(reading: Reading, cwd: Path) -> Settings:
    def placed(path: Path | None) -> Path | None:
        return cwd.absolute() / path if path is not None else None

    data_dir = cwd.absolute() / reading[v.DATA_DIR]
    cache_dir = placed(reading[v.CACHE_DIR])
    log_dir = placed(reading[v.LOG_DIR])
    if log_dir is None and reading[v.LOG_FILE_ENABLED]:
        log_dir = (cache_dir or data_dir) / "logs"
    app_env = reading[v.APP_ENV]
    channels = _channels(reading)
    public_url, url_source = _public_url(reading)
    sources = reading.sources | ({v.PUBLIC_URL.name: url_source} if url_source else {})
    return Settings(
        discord=DiscordSettings(
            token=reading[v.DISCORD_BOT_TOKEN],
            application_id=reading[v.DISCORD_APPLICATION_ID],
            guild_id=reading[v.DISCORD_GUILD_ID],
            channels=channels,
            rally_role_ids=reading[v.DISCORD_RALLY_GROUP_IDS],
            command_scope=cast("Literal['global', 'guild', 'none']", reading[v.DISCORD_COMMAND_SCOPE]),
            admin_role_ids=reading[v.COMMAND_ADMIN_ROLE_IDS],
            admin_user_ids=reading[v.COMMAND_ADMIN_USER_IDS],
            api_url=reading[v.DISCORD_API_URL],
        ),
        map=MapSettings(
            url=reading[v.MAP_URL],
            slug=reading[v.MAP_NAME] or None,
            api_key=reading[v.MAP_API_KEY],
            plugin_key=reading[v.PLUGIN_NOTIFIER_API_KEY],
            keep_tokens=reading[v.PLUGIN_CONFIG_CACHE_SECRETS],
        ),
        kills=KillFeedSettings(websocket_url=reading[v.WEBSOCKET_URL], rest_url=reading[v.WANDERER_KILLS_URL]),
        license=LicenseSettings(
            key=reading[v.LICENSE_KEY],
            url=reading[v.LICENSE_MANAGER_URL],
            token=reading[v.NOTIFIER_API_TOKEN],
            refresh_s=reading[v.LICENSE_REFRESH_INTERVAL],
            enforcement=cast("Literal['documented', 'off']", reading[v.LICENSE_ENFORCEMENT]),
        ),
        janice=JaniceSettings(token=reading[v.JANICE_API_TOKEN], url=reading[v.JANICE_API_URL]),
        notable=NotableSettings(
            enabled=reading[v.NOTABLE_ITEMS_ENABLED],
            threshold_isk=reading[v.NOTABLE_ITEMS_THRESHOLD_ISK],
            limit=reading[v.NOTABLE_ITEMS_LIMIT],
        ),
        esi_url=reading[v.ESI_URL],
        r2z2_url=reading[v.ZKILLBOARD_R2Z2_URL],
        rules=_rules(reading, channels),
        sse=StreamSettings(
            recv_timeout_s=receive_timeout(reading),
            connect_timeout_s=reading[v.SSE_CONNECT_TIMEOUT],
            keepalive_s=reading[v.SSE_KEEPALIVE_INTERVAL],
            reconnect_first_s=reading[v.SSE_RECONNECT_INITIAL_DELAY],
            reconnect_cap_s=reading[v.SSE_RECONNECT_MAX_DELAY],
        ),
        web=WebSettings(
            port=reading[v.PORT],
            bind=reading[v.BIND_ADDRESS],
            public_url=public_url,
            auth_token=reading[v.WEB_AUTH_TOKEN],
            trusted_proxies=reading[v.WEB_TRUSTED_PROXIES],
            force_https=reading[v.WEB_FORCE_HTTPS],
        ),
        log=LogSettings(
            level=cast("Literal['debug', 'info', 'warning', 'error', 'critical']", reading[v.LOG_LEVEL]),
            format=cast("Literal['json', 'text']", reading[v.LOG_FORMAT] or ("json" if app_env == "prod" else "text")),
            file_enabled=reading[v.LOG_FILE_ENABLED],
            dir=log_dir,
            file_max_bytes=reading[v.LOG_FILE_MAX_BYTES],
            file_backups=reading[v.LOG_FILE_BACKUPS],
        ),
        data_dir=data_dir,
        cache_dir=cache_dir,
        app_env=cast("Literal['prod', 'dev', 'test']", app_env),
        ipv4_only=reading[v.HTTP_IPV4_ONLY],
        shutdown_grace_s=reading[v.SHUTDOWN_GRACE_SECONDS],
        ready_feed_grace_s=reading[v.READY_FEED_GRACE_SECONDS],
        crash_loop_pause_s=reading[v.CRASH_LOOP_PAUSE_SECONDS],
        status_messages=reading[v.STATUS_MESSAGES_ENABLED],
        here_fallback=reading[v.FALLBACK_TO_HERE_ENABLED],
        schedulers=reading[v.SCHEDULERS_ENABLED],
        telemetry_log=reading[v.TELEMETRY_LOGGING_ENABLED],
        system_tracking=reading[v.SYSTEM_TRACKING_ENABLED],
        character_tracking=reading[v.CHARACTER_TRACKING_ENABLED],
        alerts_enabled=reading[v.ALERTS_ENABLED],
        alert_channel_id=reading[v.ALERT_CHANNEL_ID],
        alert_webhook_url=reading[v.ALERT_WEBHOOK_URL],
        leader_lock_file=placed(reading[v.LEADER_LOCK_FILE]),
        warnings=tuple(reading.warnings),
        sources=MappingProxyType(sources),
    )


def _channels(reading: Reading) -> Channels:
    return Channels(
        primary=reading[v.DISCORD_CHANNEL_ID],
        system=reading[v.DISCORD_SYSTEM_CHANNEL_ID],
        character=reading[v.DISCORD_CHARACTER_CHANNEL_ID],
        system_kill=reading[v.DISCORD_SYSTEM_KILL_CHANNEL_ID],
        character_kill=reading[v.DISCORD_CHARACTER_KILL_CHANNEL_ID],
        rally=reading[v.DISCORD_RALLY_CHANNEL_ID],
    )


def _rules(reading: Reading, channels: Channels) -> Rules:
    system_ids, system_names = reading[v.SYSTEM_EXCLUDE_LIST]
    one = MapRules(
        slug=reading[v.MAP_NAME] or "",
        channels=channels,
        notifications_enabled=reading[v.NOTIFICATIONS_ENABLED],
        kill_notifications_enabled=reading[v.KILL_NOTIFICATIONS_ENABLED],
        system_notifications_enabled=reading[v.SYSTEM_NOTIFICATIONS_ENABLED],
        character_notifications_enabled=reading[v.CHARACTER_NOTIFICATIONS_ENABLED],
        rally_notifications_enabled=reading[v.RALLY_NOTIFICATIONS_ENABLED],
        wormhole_only=reading[v.WORMHOLE_ONLY_KILL_NOTIFICATIONS_ENABLED],
        track_kspace=reading[v.TRACK_KSPACE_ENABLED],
        priority_only=reading[v.PRIORITY_SYSTEMS_ONLY_ENABLED],
        corporation_focus=reading[v.CORPORATION_KILL_FOCUS],
        character_exclude=reading[v.CHARACTER_EXCLUDE_LIST],
        system_exclude_ids=system_ids,
        system_exclude_names=system_names,
        rally_role_ids=reading[v.DISCORD_RALLY_GROUP_IDS],
        voice_mentions=reading[v.VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED],
        here_fallback=reading[v.FALLBACK_TO_HERE_ENABLED],
        notable_items=reading[v.NOTABLE_ITEMS_ENABLED],
    )
    return Rules(
        maps=(one,) if one.slug else (),
        notifications_enabled=one.notifications_enabled,
        kill_notifications_enabled=one.kill_notifications_enabled,
        system_notifications_enabled=one.system_notifications_enabled,
        character_notifications_enabled=one.character_notifications_enabled,
        rally_notifications_enabled=one.rally_notifications_enabled,
        max_kill_age_s=int(reading[v.MAX_KILLMAIL_AGE_SECONDS]),
        suppress_history=reading[v.STARTUP_SUPPRESSION_SECONDS] > 0,
    )


def _public_url(reading: Reading) -> tuple[str | None, str]:
    """The address for links, and its source where that is not PUBLIC_URL itself."""
    host = reading[v.HOST]
    if reading[v.PUBLIC_URL] is not None or host is None or is_unspecified(host):
        return reading[v.PUBLIC_URL], ""
    scheme, port = reading[v.SCHEME], reading[v.PORT]
    usual = {"http": 80, "https": 443}[scheme]
    shown = f"[{host}]" if ":" in host else host
    return f"{scheme}://{shown}" + ("" if port in (0, usual) else f":{port}"), "built from HOST, SCHEME and PORT"
