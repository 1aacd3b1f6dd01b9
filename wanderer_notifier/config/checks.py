"""What no single variable can tell: whether enough is set, whether the parts fit, what will not work as hoped."""

from __future__ import annotations

import ipaddress

from wanderer_notifier.config import table as v
from wanderer_notifier.config.problems import Problem
from wanderer_notifier.config.reading import Reading

_KEEPALIVES_MISSED = 4


def check(reading: Reading) -> None:
    """Note a problem for what is missing and for what contradicts itself."""
    listed = reading.is_set(v.PLUGIN_NOTIFIER_API_KEY)  # then map and channels come with the list (OPS-15)
    for variable in v.TABLE:
        if variable.required and not (listed and variable in (v.MAP_NAME, v.DISCORD_CHANNEL_ID)):
            reading.require(variable)
    if reading[v.DISCORD_COMMAND_SCOPE] == "guild" and not reading.is_set(v.DISCORD_GUILD_ID):
        reading.problems.append(
            Problem(name=v.DISCORD_COMMAND_SCOPE.name, reason="`guild` needs DISCORD_GUILD_ID", got="guild")
        )
    first, cap = reading[v.SSE_RECONNECT_INITIAL_DELAY], reading[v.SSE_RECONNECT_MAX_DELAY]
    if first > cap:
        reading.problems.append(
            Problem(
                name=v.SSE_RECONNECT_INITIAL_DELAY.name,
                reason="must not be above SSE_RECONNECT_MAX_DELAY",
                got=f"{first:g} s, and {cap:g} s",
            )
        )


def advise(reading: Reading) -> None:
    """Warn about what works, though not as its reader may think."""
    advice = (
        (
            not reading.is_set(v.DISCORD_APPLICATION_ID),
            "DISCORD_APPLICATION_ID is not set: slash commands wait until Discord has told it",
        ),
        (
            not reading.is_set(v.LICENSE_KEY) and reading[v.LICENSE_ENFORCEMENT] == "documented",
            "LICENSE_KEY is not set: free tier, after five rich messages of each kind only plain text",
        ),
        (
            reading.is_set(v.LICENSE_KEY) and not reading.is_set(v.NOTIFIER_API_TOKEN),
            "NOTIFIER_API_TOKEN is not set: the licence server may refuse to check LICENSE_KEY",
        ),
        (
            reading[v.NOTABLE_ITEMS_ENABLED] and not reading.is_set(v.JANICE_API_TOKEN),
            "NOTABLE_ITEMS_ENABLED has no effect without JANICE_API_TOKEN",
        ),
        (
            reading[v.VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED] and not reading.is_set(v.DISCORD_GUILD_ID),
            "VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED has no effect without DISCORD_GUILD_ID",
        ),
        (
            reading.is_set(v.PLUGIN_NOTIFIER_API_KEY) and not reading.is_set(v.MAP_NAME),
            "MAP_NAME is not set: no map is followed until the server has listed one for PLUGIN_NOTIFIER_API_KEY",
        ),
        (
            reading.is_set(v.PLUGIN_NOTIFIER_API_KEY) and not reading.is_set(v.DISCORD_CHANNEL_ID),
            "DISCORD_CHANNEL_ID is not set: notes and alerts have no channel unless ALERT_CHANNEL_ID is set",
        ),
        (
            reading.is_set(v.PLUGIN_NOTIFIER_API_KEY) and str(reading[v.MAP_URL]).startswith("http://"),
            "MAP_URL is not https: the list of maps, which may hold bot tokens, travels unencrypted",
        ),
        (
            not reading.is_set(v.WEB_AUTH_TOKEN),
            "WEB_AUTH_TOKEN is not set: every page is open to whoever reaches the port",
        ),
        (
            reading[v.WEB_FORCE_HTTPS] and not reading[v.WEB_TRUSTED_PROXIES],
            "WEB_FORCE_HTTPS without WEB_TRUSTED_PROXIES redirects for ever behind a proxy that ends TLS",
        ),
        (
            reading.is_usable(v.SSE_RECV_TIMEOUT) and reading[v.SSE_RECV_TIMEOUT] is None,
            "SSE_RECV_TIMEOUT=infinity is not possible, a dead stream would never be noticed; the default is used",
        ),
        (
            receive_timeout(reading) <= reading[v.SSE_KEEPALIVE_INTERVAL],
            "SSE_RECV_TIMEOUT is not above SSE_KEEPALIVE_INTERVAL: every quiet stream will be reconnected",
        ),
        (
            is_unspecified(reading[v.HOST]),
            "HOST no longer chooses where to listen and is ignored; use BIND_ADDRESS for that",
        ),
    )
    reading.warnings += [text for applies, text in advice if applies]


def receive_timeout(reading: Reading) -> float:
    """Seconds of silence after which a map stream is dead: as set, or four missed keep-alives."""
    return reading[v.SSE_RECV_TIMEOUT] or _KEEPALIVES_MISSED * reading[v.SSE_KEEPALIVE_INTERVAL]


def is_unspecified(host: str | None) -> bool:
    """Whether *host* is an address to listen on, such as 0.0.0.0, and no host anybody could reach."""
    try:
        return host is not None and ipaddress.ip_address(host).is_unspecified
    except ValueError:
        return False
