"""The one table of variables: reading, `check-config`, `.env.example` and CONFIGURATION.md all go by it."""

from __future__ import annotations

from typing import Any

from wanderer_notifier.config import addresses
from wanderer_notifier.config import values as kind
from wanderer_notifier.config.values import maybe
from wanderer_notifier.config.variable import Variable

DISCORD = "Discord"
MAP = "Map"
KILLS = "Kill feed"
LICENSE = "Licence"
ITEMS = "Notable items"
RULES = "What is notified"
STREAM = "Map stream"
WEB = "Web"
PROCESS = "Storage and process"
LOGS = "Logs and alerts"

# fmt: off
# A table reads best as one: name, group, kind, default, place in the settings / what it is for / old names.

DISCORD_BOT_TOKEN = Variable(
    "DISCORD_BOT_TOKEN", DISCORD, kind.bot_token, "", "discord.token",
    "Token of the bot that posts.", required=True, example="your_bot_token",
    aliases=("WANDERER_DISCORD_BOT_TOKEN",))
DISCORD_CHANNEL_ID = Variable(
    "DISCORD_CHANNEL_ID", DISCORD, maybe(kind.discord_id), "", "discord.channels.primary",
    "Channel for everything that has no channel of its own.", required=True, example="your_channel_id",
    aliases=("WANDERER_DISCORD_CHANNEL_ID",))
MAP_URL = Variable(
    "MAP_URL", MAP, addresses.map_server, "", "map.url",
    "Address of the Wanderer server; only scheme, host and port are used.", required=True, example="https://your_map_server",
    aliases=("WANDERER_MAP_URL", "BASE_URL"))
MAP_NAME = Variable(
    "MAP_NAME", MAP, kind.slug, "", "map.slug",
    "Name of the map as in its address.", required=True, example="your_map_name",
    aliases=("WANDERER_MAP_NAME",))
MAP_API_KEY = Variable(
    "MAP_API_KEY", MAP, kind.secret, "", "map.api_key",
    "The map's public API key.", required=True, example="your_map_api_key",
    aliases=("MAP_TOKEN", "WANDERER_MAP_TOKEN"))

DISCORD_APPLICATION_ID = Variable(
    "DISCORD_APPLICATION_ID", DISCORD, maybe(kind.discord_id), "", "discord.application_id",
    "Application that owns the slash commands; unset: learned from Discord after connecting.")
DISCORD_GUILD_ID = Variable(
    "DISCORD_GUILD_ID", DISCORD, maybe(kind.discord_id), "", "discord.guild_id",
    "Server whose voice members are mentioned, and where commands go with `DISCORD_COMMAND_SCOPE=guild`.")
DISCORD_SYSTEM_CHANNEL_ID = Variable(
    "DISCORD_SYSTEM_CHANNEL_ID", DISCORD, maybe(kind.discord_id), "", "discord.channels.system",
    "Channel for new systems.", derived="`DISCORD_CHANNEL_ID`", aliases=("WANDERER_SYSTEM_CHANNEL_ID",))
DISCORD_CHARACTER_CHANNEL_ID = Variable(
    "DISCORD_CHARACTER_CHANNEL_ID", DISCORD, maybe(kind.discord_id), "", "discord.channels.character",
    "Channel for new characters.", derived="`DISCORD_CHANNEL_ID`", aliases=("WANDERER_CHARACTER_CHANNEL_ID",))
DISCORD_SYSTEM_KILL_CHANNEL_ID = Variable(
    "DISCORD_SYSTEM_KILL_CHANNEL_ID", DISCORD, maybe(kind.discord_id), "", "discord.channels.system_kill",
    "Channel for kills that only the system makes interesting.", derived="`DISCORD_CHANNEL_ID`",
    aliases=("WANDERER_DISCORD_SYSTEM_KILL_CHANNEL_ID",))
DISCORD_CHARACTER_KILL_CHANNEL_ID = Variable(
    "DISCORD_CHARACTER_KILL_CHANNEL_ID", DISCORD, maybe(kind.discord_id), "", "discord.channels.character_kill",
    "Channel for kills with a tracked pilot or a focus corporation.", derived="`DISCORD_CHANNEL_ID`",
    aliases=("WANDERER_CHARACTER_KILL_CHANNEL_ID",))
DISCORD_RALLY_CHANNEL_ID = Variable(
    "DISCORD_RALLY_CHANNEL_ID", DISCORD, maybe(kind.discord_id), "", "discord.channels.rally",
    "Channel for rally points.", derived="`DISCORD_CHANNEL_ID`")
DISCORD_RALLY_GROUP_IDS = Variable(
    "DISCORD_RALLY_GROUP_IDS", DISCORD, kind.discord_ids, "", "discord.rally_role_ids",
    "Roles mentioned on a rally point.", aliases=("DISCORD_RALLY_GROUP_ID",))
VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED = Variable(
    "VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED", DISCORD, kind.boolean, "false", "rules.maps.0.voice_mentions",
    "Mention who sits in a voice channel on kills matched by system.")
FALLBACK_TO_HERE_ENABLED = Variable(
    "FALLBACK_TO_HERE_ENABLED", DISCORD, kind.boolean, "true", "rules.maps.0.here_fallback",
    "Mention `@here` for a priority system when nobody sits in voice.")
DISCORD_COMMAND_SCOPE = Variable(
    "DISCORD_COMMAND_SCOPE", DISCORD, kind.word("global", "guild", "none"), "global", "discord.command_scope",
    "Where slash commands are registered.")
COMMAND_ADMIN_ROLE_IDS = Variable(
    "COMMAND_ADMIN_ROLE_IDS", DISCORD, kind.discord_ids, "", "discord.admin_role_ids",
    "Roles that may change things by command, besides members with Manage Server.")
COMMAND_ADMIN_USER_IDS = Variable(
    "COMMAND_ADMIN_USER_IDS", DISCORD, kind.discord_ids, "", "discord.admin_user_ids",
    "Users that may change things by command, besides members with Manage Server.")
DISCORD_API_URL = Variable(
    "DISCORD_API_URL", DISCORD, addresses.rest, "https://discord.com/api/v10", "discord.api_url",
    "Discord's REST API; another address stands in for tests.")

PLUGIN_NOTIFIER_API_KEY = Variable(
    "PLUGIN_NOTIFIER_API_KEY", MAP, maybe(kind.secret), "", "map.plugin_key",
    "Key for the server's list of maps, asked for every 5 min; its maps replace `MAP_NAME`, channels and features.")
PLUGIN_CONFIG_CACHE_SECRETS = Variable(
    "PLUGIN_CONFIG_CACHE_SECRETS", MAP, kind.boolean, "false", "map.keep_tokens",
    "Keep bot tokens of that list in the database, with the last good list.")

WEBSOCKET_URL = Variable(
    "WEBSOCKET_URL", KILLS, addresses.kill_socket, "ws://host.docker.internal:4004", "kills.websocket_url",
    "WandererKills socket; `/socket/websocket` is added.", aliases=("WANDERER_WEBSOCKET_URL", "WANDERER_WS_URL"))
WANDERER_KILLS_URL = Variable(
    "WANDERER_KILLS_URL", KILLS, addresses.rest, "http://host.docker.internal:4004", "kills.rest_url",
    "WandererKills REST API.")
ESI_URL = Variable(
    "ESI_URL", KILLS, addresses.rest, "https://esi.evetech.net", "esi_url",
    "EVE's public API, asked for names.")
ZKILLBOARD_R2Z2_URL = Variable(
    "ZKILLBOARD_R2Z2_URL", KILLS, addresses.rest, "https://r2z2.zkillboard.com", "r2z2_url",
    "zKillboard's numbered kill files; nothing asks for them yet.")

LICENSE_KEY = Variable(
    "LICENSE_KEY", LICENSE, maybe(kind.secret), "", "license.key",
    "Licence key; unset: free tier, five rich messages of each kind per process run, then plain text.",
    aliases=("WANDERER_LICENSE_KEY",))
NOTIFIER_API_TOKEN = Variable(
    "NOTIFIER_API_TOKEN", LICENSE, maybe(kind.secret), "", "license.token",
    "Bearer token for the licence server; it guards nothing of the notifier's own.",
    aliases=("WANDERER_NOTIFIER_API_TOKEN", "API_TOKEN", "WANDERER_API_TOKEN", "LICENSE_MANAGER_API_KEY"))
LICENSE_MANAGER_URL = Variable(
    "LICENSE_MANAGER_URL", LICENSE, addresses.license_manager, "https://lm.wanderer.ltd/api", "license.url",
    "Licence server; an address without path gets `/api`.",
    aliases=("WANDERER_LICENSE_MANAGER_URL", "LICENSE_MANAGER_API_URL"))
LICENSE_REFRESH_INTERVAL = Variable(
    "LICENSE_REFRESH_INTERVAL", LICENSE, kind.duration("ms", 60, 86_400), "3600000", "license.refresh_s",
    "How often the licence is checked again.")
LICENSE_ENFORCEMENT = Variable(
    "LICENSE_ENFORCEMENT", LICENSE, kind.word("documented", "off"), "documented", "license.enforcement",
    "Whether the free tier's limit applies.")

NOTABLE_ITEMS_ENABLED = Variable(
    "NOTABLE_ITEMS_ENABLED", ITEMS, kind.boolean, "false", "notable.enabled",
    "List valuable items on kills; needs `JANICE_API_TOKEN`.")
NOTABLE_ITEMS_THRESHOLD_ISK = Variable(
    "NOTABLE_ITEMS_THRESHOLD_ISK", ITEMS, kind.whole(0, 10**15), "50000000", "notable.threshold_isk",
    "ISK from which an item is notable.", aliases=("NOTABLE_ITEM_THRESHOLD",))
NOTABLE_ITEMS_LIMIT = Variable(
    "NOTABLE_ITEMS_LIMIT", ITEMS, kind.whole(1, 25), "5", "notable.limit",
    "Most items listed on one kill.")
JANICE_API_TOKEN = Variable(
    "JANICE_API_TOKEN", ITEMS, maybe(kind.secret), "", "janice.token",
    "Key for Janice, which appraises items.")
JANICE_API_URL = Variable(
    "JANICE_API_URL", ITEMS, addresses.rest, "https://janice.e-351.com", "janice.url",
    "Janice's API.")

NOTIFICATIONS_ENABLED = Variable(
    "NOTIFICATIONS_ENABLED", RULES, kind.boolean, "true", "rules.notifications_enabled",
    "Master switch.", aliases=("WANDERER_NOTIFICATIONS_ENABLED",))
KILL_NOTIFICATIONS_ENABLED = Variable(
    "KILL_NOTIFICATIONS_ENABLED", RULES, kind.boolean, "true", "rules.kill_notifications_enabled",
    "Kills.", aliases=("WANDERER_KILL_NOTIFICATIONS_ENABLED",))
SYSTEM_NOTIFICATIONS_ENABLED = Variable(
    "SYSTEM_NOTIFICATIONS_ENABLED", RULES, kind.boolean, "true", "rules.system_notifications_enabled",
    "New systems; priority systems are told regardless.", aliases=("WANDERER_SYSTEM_NOTIFICATIONS_ENABLED",))
CHARACTER_NOTIFICATIONS_ENABLED = Variable(
    "CHARACTER_NOTIFICATIONS_ENABLED", RULES, kind.boolean, "true", "rules.character_notifications_enabled",
    "New characters.", aliases=("WANDERER_CHARACTER_NOTIFICATIONS_ENABLED",))
RALLY_NOTIFICATIONS_ENABLED = Variable(
    "RALLY_NOTIFICATIONS_ENABLED", RULES, kind.boolean, "true", "rules.rally_notifications_enabled",
    "Rally points.")
STATUS_MESSAGES_ENABLED = Variable(
    "STATUS_MESSAGES_ENABLED", RULES, kind.boolean, "false", "status_messages",
    "Status messages of the notifier itself.",
    aliases=("ENABLE_STATUS_MESSAGES", "WANDERER_ENABLE_STATUS_MESSAGES", "WANDERER_STATUS_MESSAGES_ENABLED"),
    negated=("DISABLE_STATUS_MESSAGES", "WANDERER_DISABLE_STATUS_MESSAGES"))
PRIORITY_SYSTEMS_ONLY_ENABLED = Variable(
    "PRIORITY_SYSTEMS_ONLY_ENABLED", RULES, kind.boolean, "false", "rules.maps.0.priority_only",
    "Only priority systems, for new systems and for kills matched by system.", aliases=("PRIORITY_SYSTEMS_ONLY",))
TRACK_KSPACE_ENABLED = Variable(
    "TRACK_KSPACE_ENABLED", RULES, kind.boolean, "true", "rules.maps.0.track_kspace",
    "Whether systems outside wormhole space count.",
    aliases=("ENABLE_TRACK_KSPACE_SYSTEMS", "WANDERER_FEATURE_TRACK_KSPACE"))
WORMHOLE_ONLY_KILL_NOTIFICATIONS_ENABLED = Variable(
    "WORMHOLE_ONLY_KILL_NOTIFICATIONS_ENABLED", RULES, kind.boolean, "false", "rules.maps.0.wormhole_only",
    "Only kills in wormhole space.", aliases=("WORMHOLE_ONLY_KILL_NOTIFICATIONS",))
SYSTEM_TRACKING_ENABLED = Variable(
    "SYSTEM_TRACKING_ENABLED", RULES, kind.boolean, "true", "system_tracking",
    "Subscribe to kills by system.", aliases=("ENABLE_SYSTEM_TRACKING", "WANDERER_FEATURE_SYSTEM_TRACKING"))
CHARACTER_TRACKING_ENABLED = Variable(
    "CHARACTER_TRACKING_ENABLED", RULES, kind.boolean, "true", "character_tracking",
    "Subscribe to kills by character.", aliases=("ENABLE_CHARACTER_TRACKING", "WANDERER_FEATURE_CHARACTER_TRACKING"))
CORPORATION_KILL_FOCUS = Variable(
    "CORPORATION_KILL_FOCUS", RULES, kind.eve_ids, "", "rules.maps.0.corporation_focus",
    "Corporations whose kills go to the character-kill channel.", example="98000001,98000002")
CHARACTER_EXCLUDE_LIST = Variable(
    "CHARACTER_EXCLUDE_LIST", RULES, kind.eve_ids, "", "rules.maps.0.character_exclude",
    "Characters that are neither announced nor matched.", example="90000001,90000002",
    aliases=("WANDERER_CHARACTER_EXCLUDE_LIST",))
SYSTEM_EXCLUDE_LIST = Variable(
    "SYSTEM_EXCLUDE_LIST", RULES, kind.systems, "", "rules.maps.0.system_exclude_ids rules.maps.0.system_exclude_names",
    "Systems (ids or names, comma-separated) that are neither announced nor matched.", example="30000142,Amarr")
STARTUP_SUPPRESSION_SECONDS = Variable(
    "STARTUP_SUPPRESSION_SECONDS", RULES, kind.duration("s", 0, 3600), "30", "rules.suppress_history",
    "Anything above 0 keeps silent what happened before this installation's first start; 0 tells it.")
MAX_KILLMAIL_AGE_SECONDS = Variable(
    "MAX_KILLMAIL_AGE_SECONDS", RULES, kind.duration("s", 60, 604_800), "3600", "rules.max_kill_age_s",
    "Kills older than this are not told.")

SSE_RECV_TIMEOUT = Variable(
    "SSE_RECV_TIMEOUT", STREAM, maybe(kind.patience(0.1, 86_400)), "", "sse.recv_timeout_s",
    "A stream silent for this long is reconnected.", derived="4 × `SSE_KEEPALIVE_INTERVAL` (120 s)", example="120000")
SSE_CONNECT_TIMEOUT = Variable(
    "SSE_CONNECT_TIMEOUT", STREAM, kind.duration("ms", 0.1, 600), "30000", "sse.connect_timeout_s",
    "How long connecting may take.")
SSE_KEEPALIVE_INTERVAL = Variable(
    "SSE_KEEPALIVE_INTERVAL", STREAM, kind.duration("s", 0.1, 3600), "30", "sse.keepalive_s",
    "How often the server is expected to send something.")
SSE_RECONNECT_INITIAL_DELAY = Variable(
    "SSE_RECONNECT_INITIAL_DELAY", STREAM, kind.duration("ms", 0, 3600), "1000", "sse.reconnect_first_s",
    "First pause before reconnecting; each further one doubles.")
SSE_RECONNECT_MAX_DELAY = Variable(
    "SSE_RECONNECT_MAX_DELAY", STREAM, kind.duration("ms", 0.001, 3600), "30000", "sse.reconnect_cap_s",
    "Longest pause before reconnecting.")

PORT = Variable(
    "PORT", WEB, kind.whole(0, 65_535, label="number, 1 to 65535; 0 takes any free port"), "4000", "web.port",
    "Port to listen on.", aliases=("WANDERER_PORT",))
BIND_ADDRESS = Variable(
    "BIND_ADDRESS", WEB, addresses.bind, "::", "web.bind",
    "Address to listen on; `::` takes IPv6 and IPv4.")
PUBLIC_URL = Variable(
    "PUBLIC_URL", WEB, maybe(addresses.rest), "", "web.public_url",
    "Address of the pages for people; status messages link to it.", derived="built from `HOST`, if that is set",
    example="https://notifier.your-domain", aliases=("WANDERER_PUBLIC_URL",))
HOST = Variable(
    "HOST", WEB, maybe(addresses.host), "", "",
    "Public host name; `BIND_ADDRESS` chooses where to listen.", aliases=("WANDERER_HOST",))
SCHEME = Variable(
    "SCHEME", WEB, kind.word("http", "https"), "http", "",
    "Scheme of the address built from `HOST`.", aliases=("WANDERER_SCHEME",))
WEB_AUTH_TOKEN = Variable(
    "WEB_AUTH_TOKEN", WEB, maybe(kind.secret), "", "web.auth_token",
    "Guards every page except the probes; unset: all pages are open.")
WEB_TRUSTED_PROXIES = Variable(
    "WEB_TRUSTED_PROXIES", WEB, addresses.networks, "", "web.trusted_proxies",
    "Proxies whose `X-Forwarded-*` headers are believed.", example="10.0.0.0/8")
WEB_FORCE_HTTPS = Variable(
    "WEB_FORCE_HTTPS", WEB, kind.boolean, "false", "web.force_https",
    "Redirect pages other than the probes to HTTPS.")

DATA_DIR = Variable(
    "DATA_DIR", PROCESS, kind.path, "priv", "data_dir",
    "Folder of the database; what must survive a restart is there.")
CACHE_DIR = Variable(
    "CACHE_DIR", PROCESS, maybe(kind.path), "", "cache_dir",
    "Folder whose `logs` take the log file, unless `LOG_DIR` says otherwise; caches are in the database.",
    aliases=("WANDERER_CACHE_DIR",), example="/app/data/cache")
APP_ENV = Variable(
    "APP_ENV", PROCESS, kind.word("prod", "dev", "test"), "prod", "app_env",
    "Kind of installation; `dev` writes text logs, `test` sends nothing to other machines.", aliases=("MIX_ENV",))
SCHEDULERS_ENABLED = Variable(
    "SCHEDULERS_ENABLED", PROCESS, kind.boolean, "true", "schedulers",
    "Hourly status report.")
SHUTDOWN_GRACE_SECONDS = Variable(
    "SHUTDOWN_GRACE_SECONDS", PROCESS, kind.duration("s", 0, 600), "8", "shutdown_grace_s",
    "How long a stop may take; keep it below what the container engine allows (10 s).")
READY_FEED_GRACE_SECONDS = Variable(
    "READY_FEED_GRACE_SECONDS", PROCESS, kind.duration("s", 0, 86_400), "120", "ready_feed_grace_s",
    "How long a feed may be down before `/ready` fails.")
CRASH_LOOP_PAUSE_SECONDS = Variable(
    "CRASH_LOOP_PAUSE_SECONDS", PROCESS, kind.duration("s", 0, 3600), "60", "crash_loop_pause_s",
    "How long the feeds rest at a start after three unclean ends within ten minutes; 0: not at all.")
LEADER_LOCK_FILE = Variable(
    "LEADER_LOCK_FILE", PROCESS, maybe(kind.path), "", "leader_lock_file",
    "Lock on shared storage, for a warm standby.")
HTTP_IPV4_ONLY = Variable(
    "HTTP_IPV4_ONLY", PROCESS, kind.boolean, "false", "ipv4_only",
    "Connect over IPv4 only.")

LOG_LEVEL = Variable(
    "LOG_LEVEL", LOGS,
    kind.word("debug", "info", "warning", "error", "critical", also={"warn": "warning", "notice": "info"}), "info",
    "log.level", "Least severe level that is logged.")
LOG_FORMAT = Variable(
    "LOG_FORMAT", LOGS, maybe(kind.word("json", "text")), "", "log.format",
    "Layout of the log.", derived="`json` with `APP_ENV=prod`, else `text`", example="json")
LOG_FILE_ENABLED = Variable(
    "LOG_FILE_ENABLED", LOGS, kind.boolean, "false", "log.file_enabled",
    "Write a rotating file besides standard output.")
LOG_DIR = Variable(
    "LOG_DIR", LOGS, maybe(kind.path), "", "log.dir",
    "Folder of that file.", derived="`logs` in `CACHE_DIR`, else in `DATA_DIR`", example="/app/data/logs")
LOG_FILE_MAX_BYTES = Variable(
    "LOG_FILE_MAX_BYTES", LOGS, kind.whole(1024, 10**12), "10485760", "log.file_max_bytes",
    "Size at which the file is rotated.")
LOG_FILE_BACKUPS = Variable(
    "LOG_FILE_BACKUPS", LOGS, kind.whole(1, 1000), "5", "log.file_backups",
    "Rotated files kept.")
TELEMETRY_LOGGING_ENABLED = Variable(
    "TELEMETRY_LOGGING_ENABLED", LOGS, kind.boolean, "false", "telemetry_log",
    "Put every event that arrives into the log, at level `debug`.")
ALERTS_ENABLED = Variable(
    "ALERTS_ENABLED", LOGS, kind.boolean, "true", "alerts_enabled",
    "Tell operators on Discord when a part stays down.")
ALERT_CHANNEL_ID = Variable(
    "ALERT_CHANNEL_ID", LOGS, maybe(kind.discord_id), "", "alert_channel_id",
    "Channel for those alerts.", derived="`DISCORD_CHANNEL_ID`")
ALERT_WEBHOOK_URL = Variable(
    "ALERT_WEBHOOK_URL", LOGS, maybe(addresses.secret_address), "", "alert_webhook_url",
    "Address that gets each alert as JSON, for when Discord itself is down.")
# fmt: on

TABLE: tuple[Variable[Any], ...] = tuple(each for each in list(globals().values()) if isinstance(each, Variable))
"""Every variable above, in order."""
GROUPS: tuple[str, ...] = (DISCORD, MAP, KILLS, LICENSE, ITEMS, RULES, STREAM, WEB, PROCESS, LOGS)
