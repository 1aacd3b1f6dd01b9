"""Names that mean nothing any more, and how each is met: told, refused, or passed over."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from attrs import frozen

from wanderer_notifier.config.problems import Problem, printable
from wanderer_notifier.config.sources import ENV_FILE, Text
from wanderer_notifier.config.variable import Variable

_TUNED = ("ESI", "WANDERER_KILLS", "LICENSE", "JANICE", "MAP", "DISCORD", "WANDERER_SDE")

NO_LONGER_USED: frozenset[str] = frozenset(
    f"HTTP_{service}_{what}" for service in _TUNED for what in ("TIMEOUT", "RETRY_COUNT", "RETRY_DELAY")
) | {
    "GUN_CONNECT_TIMEOUT",
    "GUN_RETRY_COUNT",
    "GUN_RETRY_TIMEOUT",
    "GUN_KEEPALIVE",
    "GUN_CLOSING_TIMEOUT",
    "GUN_SNDBUF",
    "GUN_RECBUF",
    "REDISQ_URL",
    "REDISQ_POLL_INTERVAL_MS",
    "DEDUPLICATION_TTL_SECONDS",
    "NOTIFICATION_DEDUP_TTL",
    "WEBSOCKET_MAX_SYSTEMS",
    "WEBSOCKET_MAX_CHARACTERS",
    "DISCORD_COMPONENTS",
    "RICH_EMBEDS",
    "DISCORD_RICH_EMBEDS",
    "DISCORD_FILE_ATTACHMENTS",
    "DISCORD_MESSAGE_COMPONENTS",
    "DISCORD_THREAD_CREATION",
    "DISCORD_REACTIONS",
    "DISCORD_MESSAGE_EDITING",
    "DISCORD_MESSAGE_DELETION",
    "PRIORITY_SYSTEMS_ONLY_KILLS",
    "TEST_ENDPOINTS",
    "SSE_EVENT_BUFFER_SIZE",
}
"""Had a meaning once, or in a draft; whoever sets one should know that nothing listens."""

_NOT_FOCUS = (
    "is gone and has no equal: to send a corporation's kills to the character-kill channel, list it in "
    "CORPORATION_KILL_FOCUS; to ignore pilots, list them in CHARACTER_EXCLUDE_LIST"
)
REFUSED: dict[str, str] = {
    "CORPORATION_EXCLUDE_LIST": _NOT_FOCUS,
    "CHARACTER_TRACKING_CORPORATION_IDS": _NOT_FOCUS,
    "LICENSE_VALIDATION_URL": "is gone: set LICENSE_MANAGER_URL to the same address without its last part",
}
"""Quietly ignoring these would change who is told what; the reason says where to go."""

PASSED_OVER: frozenset[str] = frozenset(
    {
        "ENV",
        "SECRET_KEY_BASE",
        "LIVE_VIEW_SIGNING_SALT",
        "SESSION_SIGNING_SALT",
        "CODE_RELOADER_ENABLED",
        "TMP_DIR",
        "TZ",
        "LANG",
        "LC_ALL",
        "ENABLE_KILL_CHARTS",
        "ENABLE_MAP_CHARTS",
        "WANDERER_FEATURE_KILL_CHARTS",
        "WANDERER_FEATURE_MAP_CHARTS",
        "CHART_SERVICE_DIR",
        "CONFIG_PATH",
        "RELEASE_MODE",
        "APP_VERSION",
        "WANDERER_WS_MAX_RECONNECTS",
        "WANDERER_WS_RECONNECT_DELAY_MS",
        "WANDERER_WS_RECONNECT_WINDOW_MS",
        "REPLACE_OS_VARS",
        "MINIMAL_TEST",
        "KUBERNETES_SERVICE_HOST",
        "HOST_BACKEND_PORT",
        "HOST_DASHBOARD_PORT",
        # Container engines hand the host's proxy variables in; nobody set them for us.
        "HTTP_PROXY",
        # Read by the verification script.
        "HEALTH_ENDPOINT",
        "TIMEOUT",
        "RETRY_COUNT",
        "RETRY_DELAY",
        # Names the Wanderer server reads; they sit in the same file where both run side by side.
        "WANDERER_SSE_ENABLED",
        "WANDERER_WEBHOOKS_ENABLED",
        "WANDERER_PLUGINS_ENABLED",
        "WANDERER_PLUGIN_NOTIFIER_API_KEY",
        "WANDERER_MAP_SUBSCRIPTIONS_ENABLED",
        "SSE_MAX_CONNECTIONS_PER_MAP",
        "SSE_MAX_CONNECTIONS_PER_API_KEY",
    }
)
_PASSED_OVER_PREFIXES = ("POSTGRES_", "WANDERER_DB_", "ERL_", "ELIXIR_")

OUR_PREFIXES = ("DISCORD_", "MAP_", "HTTP_", "SSE_", "WEBSOCKET_", "NOTABLE_", "LICENSE_")
"""An unknown name that starts so, or ends in `_ENABLED`, was meant for us (OPS-06)."""

# A hint beside a name that is surely ours may be bold; a name that may be any other program's must be all but ours.
_LIKE_ENOUGH = 0.6
_SURELY_MEANT = 0.86
_SHORTEST_GUESSED = 6


def passed_over(name: str) -> bool:
    """Whether *name* is known to concern somebody else."""
    return name in PASSED_OVER or name.startswith(_PASSED_OVER_PREFIXES)


@frozen(kw_only=True)
class Names:
    """What there is to say about the names that are set, whatever their values."""

    problems: tuple[Problem, ...]
    warnings: tuple[str, ...]
    lookalikes: Mapping[str, str]
    """Canonical name to the unknown name that was probably meant to be it."""


def judge(found: Mapping[str, Text], known: Collection[str], table: Iterable[Variable[Any]]) -> Names:
    """Go through every name that is set and is not *known*."""
    canonical = [variable.name for variable in table]
    files = {variable.file_name for variable in table if variable.file_name}
    problems: list[Problem] = []
    warnings: list[str] = []
    unused: list[str] = []
    lookalikes: dict[str, str] = {}
    for name in found:
        if name in known or name in files or name == ENV_FILE or passed_over(name):
            continue
        if name in REFUSED:
            problems.append(Problem(name=name, reason=REFUSED[name], got=found[name].value))
        elif name in NO_LONGER_USED:
            unused.append(name)
        else:
            ours = name.startswith(OUR_PREFIXES) or name.endswith("_ENABLED")
            likeness = _LIKE_ENOUGH if ours else _SURELY_MEANT
            near = difflib.get_close_matches(name, canonical, n=1, cutoff=likeness)
            if not ours and (not near or len(name) < _SHORTEST_GUESSED):
                continue
            warnings.append(f"unknown variable {printable(name)}" + (f", did you mean {near[0]}?" if near else ""))
            if near and near[0] not in found:
                lookalikes[near[0]] = name
    if unused:
        warnings.insert(0, f"no longer used: {', '.join(unused)}")
    return Names(problems=tuple(problems), warnings=tuple(warnings), lookalikes=lookalikes)
