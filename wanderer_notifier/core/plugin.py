"""The list of maps that a server hands out, and what each of its maps wants (operations.md 1.8, wanderer-map.md 3.5).

Tolerant as that list needs it: whatever is odd about one entry costs that entry or that value, with a warning, and
never the other maps. No warning shows a value from the list except slugs and ids.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import evolve, field, frozen

from wanderer_notifier.core.policy import Channels, MapRules, Rules
from wanderer_notifier.core.reading import as_id

MOST_MAPS = 200
"""The server lists at most 100 (wanderer-map.md 3.5); more would be somebody's mistake."""

_ROUTES = ("primary", "system_kill", "character_kill", "system", "character", "rally")
_BOT = re.compile(r"^bot(?:\s+|$)", re.IGNORECASE)
"""How some copy a token, with the word that stands in front of it in the header."""
_DISCORD_ID = re.compile(r"[0-9]{15,20}")


class BadList(ValueError):
    """An answer that is no list of maps; its text says why and repeats nothing of it."""


@frozen(kw_only=True)
class ListedMap:
    """One map and everything it wants."""

    slug: str
    name: str
    map_id: str
    owner: str | None = None
    rules: MapRules
    status_messages: bool = False
    guild_id: str | None = None
    """Whose voice channels are looked at; None: the configured one."""
    bot_token: str | None = field(default=None, repr=False)
    """Of a bot of its own; None: the configured one."""


@frozen(kw_only=True)
class MapList:
    """What one answer amounts to."""

    version: int
    """The server's counter, for the log: equal versions may differ in content (wanderer-map.md 3.5)."""
    maps: tuple[ListedMap, ...]
    warnings: tuple[str, ...] = ()

    def tokens(self) -> tuple[str, ...]:
        """Every bot token in it, for redaction."""
        return tuple(dict.fromkeys(one.bot_token for one in self.maps if one.bot_token))


@frozen(kw_only=True)
class Difference:
    """What a new list brings, as slugs."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)

    def __str__(self) -> str:
        parts = (("added", self.added), ("removed", self.removed), ("changed", self.changed))
        return "; ".join(f"{what}: {', '.join(slugs)}" for what, slugs in parts if slugs) or "nothing"


def difference(before: Iterable[ListedMap], after: Iterable[ListedMap]) -> Difference:
    """What tells *after* from *before*."""
    old, new = ({one.slug: one for one in maps} for maps in (before, after))
    return Difference(
        added=tuple(slug for slug in new if slug not in old),
        removed=tuple(slug for slug in old if slug not in new),
        changed=tuple(slug for slug in new if slug in old and old[slug] != new[slug]),
    )


def other_bots(maps: Iterable[ListedMap], token: str) -> tuple[str, ...]:
    """The slugs of maps that name a bot of their own, which is not the one of *token*."""
    return tuple(one.slug for one in maps if one.bot_token not in (None, token))


def with_maps(rules: Rules, maps: Iterable[ListedMap]) -> Rules:
    """*rules* for these maps; the switches that hold for all of them stay, so that both must be on."""
    return evolve(rules, maps=tuple(one.rules for one in maps))


def without_tokens(raw: object) -> object:
    """The same answer without any bot token, fit to be kept."""
    if isinstance(raw, dict):
        return {key: without_tokens(value) for key, value in raw.items() if key != "bot_token"}
    return [without_tokens(one) for one in raw] if isinstance(raw, list) else raw


def read_list(raw: object, *, here_fallback: bool = True) -> MapList:
    """The list in an answer; *here_fallback* is what no list says (FALLBACK_TO_HERE_ENABLED).

    Raises BadList for what is no list at all.
    """
    data = raw.get("data") if isinstance(raw, dict) else None
    if not isinstance(data, dict):
        raise BadList("it has no `data`")
    entries = data.get("maps")
    if not isinstance(entries, list):
        raise BadList("it has no list of maps")
    warnings: list[str] = []
    found: dict[str, ListedMap] = {}
    for number, entry in enumerate(entries, start=1):
        one = _read_map(entry, number, here_fallback, warnings.append)
        if one is None:
            continue
        if one.slug in found:
            warnings.append(f"map {one.slug} is listed twice; the first entry counts")
        elif len(found) >= MOST_MAPS:
            warnings.append(f"more than {MOST_MAPS} maps are listed; {one.slug} and what follows is not followed")
            break
        else:
            found[one.slug] = one
    version = data.get("version")
    return MapList(version=version if type(version) is int else 0, maps=tuple(found.values()), warnings=tuple(warnings))


def _read_map(entry: object, number: int, here_fallback: bool, warn: Callable[[str], None]) -> ListedMap | None:
    fields = _object(entry)
    slug, name, map_id = (_text(fields.get(key)) for key in ("slug", "name", "map_id"))
    if slug is not None and not slug.isprintable():
        slug = None
    if slug is None or name is None or map_id is None:
        lacking = [key for key, value in (("slug", slug), ("name", name), ("map_id", map_id)) if value is None]
        warn(f"map {slug or f'number {number}'} is skipped: it has no {' and no '.join(lacking)}")
        return None

    def odd(words: str) -> None:
        warn(f"map {slug}: {words}")

    discord, features = _object(fields.get("discord")), _object(fields.get("features"))
    channels = _channels(_object(discord.get("channels")), odd)
    if channels.primary is None:
        odd("it has no primary channel")
    rules = _rules(slug, features, _object(fields.get("settings")), odd)
    return ListedMap(
        slug=slug,
        name=name,
        map_id=map_id,
        owner=_text(fields.get("owner")),
        rules=evolve(
            rules,
            channels=channels,
            rally_role_ids=_role_ids(discord.get("rally_group_ids"), odd),
            here_fallback=here_fallback,
        ),
        status_messages=_flag(features, "status_messages_enabled", default=False),
        guild_id=_discord_id(discord.get("guild_id")),
        bot_token=_token(discord.get("bot_token"), odd),
    )


def _rules(slug: str, features: Mapping[str, Any], settings: Mapping[str, Any], odd: Callable[[str], None]) -> MapRules:
    ids, names = _systems(settings.get("system_exclude_list"))
    return MapRules(
        slug=slug,
        notifications_enabled=_flag(features, "notifications_enabled", default=True),
        kill_notifications_enabled=_flag(features, "kill_notifications_enabled", default=True),
        system_notifications_enabled=_flag(features, "system_notifications_enabled", default=True),
        character_notifications_enabled=_flag(features, "character_notifications_enabled", default=True),
        rally_notifications_enabled=_flag(features, "rally_notifications_enabled", default=True),
        wormhole_only=_flag(features, "wormhole_only_kill_notifications", default=False),
        track_kspace=_flag(features, "track_kspace", default=True),
        priority_only=_flag(features, "priority_systems_only", default=False),
        notable_items=_flag(features, "notable_items_enabled", default=False),
        voice_mentions=_flag(features, "voice_participant_notifications_enabled", default=False),
        corporation_focus=_eve_ids(settings, "corporation_kill_focus", odd),
        character_exclude=_eve_ids(settings, "character_exclude_list", odd),
        system_exclude_ids=ids,
        system_exclude_names=names,
    )


def _channels(channels: Mapping[str, Any], odd: Callable[[str], None]) -> Channels:
    found: dict[str, str | None] = {}
    for route in _ROUTES:
        found[route] = _discord_id(channels.get(route))
        if found[route] is None and _id_text(channels.get(route)):
            odd(f"its {route} channel is not a Discord id and counts as missing")
    return Channels(**found)


# --- single values: what is not as it should be counts as missing ------------------------------------------------


def _flag(features: Mapping[str, Any], name: str, *, default: bool) -> bool:
    value = features.get(name)
    return value if isinstance(value, bool) else default


def _eve_ids(settings: Mapping[str, Any], name: str, odd: Callable[[str], None]) -> frozenset[int]:
    listed = _list(settings.get(name))
    ids = frozenset(number for one in listed if (number := as_id(one)) is not None)
    if dropped := sum(as_id(one) is None for one in listed):
        odd(f"{dropped} of {name} {'is' if dropped == 1 else 'are'} no id and dropped")
    return ids


def _systems(listed: object) -> tuple[frozenset[int], frozenset[str]]:
    """Ids, and lower-cased names: the environment's list takes both, too."""
    ids = frozenset(number for one in _list(listed) if (number := as_id(one)) is not None)
    texts = (one.strip() for one in _list(listed) if isinstance(one, str) and as_id(one) is None)
    return ids, frozenset(text.lower() for text in texts if text)


def _role_ids(listed: object, odd: Callable[[str], None]) -> tuple[str, ...]:
    found = [_discord_id(one) for one in _list(listed)]
    if None in found:
        odd("a rally group that is not a Discord id is dropped")
    return tuple(dict.fromkeys(one for one in found if one is not None))


def _token(value: object, odd: Callable[[str], None]) -> str | None:
    text = _text(value)
    if text is None:
        return None
    token = _BOT.sub("", text)
    if not token or not all("!" <= letter <= "~" for letter in token):
        odd("its bot token is none (blanks or other letters in it); the configured bot speaks for it")
        return None
    return token


def _discord_id(value: object) -> str | None:
    text = _id_text(value)
    return text if _DISCORD_ID.fullmatch(text) else None


def _id_text(value: object) -> str:
    """An id as text, whether it came as text or as a number."""
    if isinstance(value, str):
        return value.strip()
    return str(value) if type(value) is int else ""


def _text(value: object) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
