"""Which maps there are to look at, and what Discord must allow for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import frozen

from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.findings import Finding, ok, warn
from wanderer_notifier.core.plugin import ListedMap, other_bots
from wanderer_notifier.core.policy import MapRules, Route
from wanderer_notifier.discord.doctor import Wanted
from wanderer_notifier.discord.doctor_channel import Place
from wanderer_notifier.feeds.plugin_maps import Listed, Unavailable, ask
from wanderer_notifier.net.client import Upstream

ROUTES: Mapping[str, Route] = {
    "systems": "system",
    "pilots": "character",
    "kills by system": "system_kill",
    "kills by pilot": "character_kill",
    "rally points": "rally",
}


@frozen(kw_only=True)
class Maps:
    """The maps as they are followed now: those that the server lists, or that of the environment."""

    slugs: tuple[str, ...]
    listed: tuple[ListedMap, ...] | None = None
    findings: tuple[Finding, ...] = ()


async def maps_of(settings: Settings, api: Upstream | None) -> Maps:
    """Ask the server for its list with *api*, which carries the plugin's key (None: there is none); within 10 s."""
    own = (settings.map.slug,) if settings.map.slug else ()
    if api is None:
        return Maps(slugs=own)
    heard = await ask(api, None, here_fallback=settings.here_fallback)
    if not isinstance(heard, Listed):
        reason = heard.reason if isinstance(heard, Unavailable) else "no list"
        found = warn("map list", reason, "until there is one, the last good list or MAP_NAME is followed")
        return Maps(slugs=own, findings=(found,))
    slugs = tuple(one.slug for one in heard.found.maps)
    findings = [ok("map list", f"{len(slugs)} maps: {', '.join(slugs)}")]
    findings += [warn("map list", words, "set it right in the map's settings") for words in heard.found.warnings]
    if strangers := other_bots(heard.found.maps, settings.discord.token.reveal()):
        words = f"{', '.join(strangers)}: a bot of its own is not used, the configured bot posts for every map"
        findings.append(warn("map list", words, "invite the configured bot to that map's Discord server"))
    return Maps(slugs=slugs, listed=heard.found.maps, findings=tuple(findings))


def wanted(settings: Settings, listed: tuple[ListedMap, ...] | None = None) -> Wanted:
    """What Discord must allow for these settings and, if the server lists maps, for those."""
    rules = settings.rules.maps if listed is None else tuple(one.rules for one in listed)
    uses: dict[str, list[str]] = {}
    here: set[str] = set()
    roles: dict[str, tuple[str, ...]] = {}
    for number, use, one in _uses(settings, listed, rules):
        uses.setdefault(number, []).append(use)
        if one is not None and one.here_fallback and use.endswith(("systems", "kills by system")):
            here.add(number)
        if one is not None and use.endswith("rally points"):
            roles[number] = tuple(dict.fromkeys((*roles.get(number, ()), *one.rally_role_ids)))
    return Wanted(
        places=tuple(
            Place(id=number, uses=tuple(uses_of), here=number in here, roles=roles.get(number, ()))
            for number, uses_of in uses.items()
        ),
        application_id=settings.discord.application_id,
        guild_id=settings.discord.guild_id,
        command_scope=settings.discord.command_scope,
        voice=any(one.voice_mentions for one in rules),
    )


def _uses(
    settings: Settings, listed: tuple[ListedMap, ...] | None, rules: tuple[MapRules, ...]
) -> Iterator[tuple[str, str, MapRules | None]]:
    """Channel and what it is for, with the rules of the map whose news go there."""
    if (number := settings.discord.channels.resolve("status")) is not None:
        yield number, "status and notes", None
    for one in rules:
        prefix = "" if listed is None else f"{one.slug}: "
        for use, route in ROUTES.items():
            if (number := one.channels.resolve(route)) is not None:
                yield number, f"{prefix}{use}", one
    if settings.alerts_enabled and settings.alert_channel_id is not None:
        yield settings.alert_channel_id, "alerts", None
