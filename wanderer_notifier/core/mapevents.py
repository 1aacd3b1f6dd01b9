"""A map's words -> values: the events of its stream and the rows of its REST lists (wanderer-map.md 2, 3.4, 4).

Ids become numbers here and nowhere else (cases.md K42): the map writes the same id as text in one place and as a
number in another, and a row's own UUID must never pass for an EVE id.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import evolve, frozen

from wanderer_notifier.core.cursors import cursor_before as cursor_before
from wanderer_notifier.core.cursors import ulid_time_ms as ulid_time_ms
from wanderer_notifier.core.events import CharacterRecord, JsonObject, RallyCreated, SystemRecord
from wanderer_notifier.core.reading import as_id, as_name, as_text, as_time, is_object


class BadMapEvent(Exception):
    """What the map sent cannot be understood; *reason* says what is wrong with it, without quoting it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@frozen(kw_only=True)
class SystemShown:
    """A system became visible on the map; the name may be the players' or absent."""

    slug: str
    system: SystemRecord
    replayed: bool = False
    """It happened before the stream was opened."""


@frozen(kw_only=True)
class SystemHidden:
    """A system left the map."""

    slug: str
    system_id: int
    replayed: bool = False


@frozen(kw_only=True)
class SystemChanged:
    """A field of a system was written; sent for hidden systems too, and silent about `custom_name` and `tag`."""

    slug: str
    system_id: int
    stored_name: str | None
    """The EVE name, or what a player renamed it to."""
    temporary_name: str | None


@frozen(kw_only=True)
class CharactersChanged:
    """A hint that the list of tracked pilots may have changed; the list itself must be read (design.md 5.7)."""

    slug: str


@frozen(kw_only=True)
class RallyEnded:
    """A rally point was removed."""

    slug: str
    rally_id: str


@frozen
class Ignored:
    """An event that does not concern us, known or not (cases.md M11)."""

    type: str


TrackedEvent: TypeAlias = SystemShown | SystemHidden | SystemChanged | CharactersChanged | RallyCreated | RallyEnded
MapEvent: TypeAlias = TrackedEvent | Ignored

CHARACTER_HINTS = frozenset({"character_added", "character_removed", "character_updated", "characters_updated"})


def parse_event(slug: str, type: str, data: str, *, replayed: bool = False) -> MapEvent:  # noqa: A002
    """The event in *data*, the JSON envelope of a stream's frame whose `event:` line said *type*.

    Raises `BadMapEvent`, and nothing else, whatever text *data* is.
    """
    try:
        envelope = json.loads(data)
    except (ValueError, RecursionError):
        raise BadMapEvent("data is not JSON") from None
    if not is_object(envelope):
        raise BadMapEvent("data is not an object")
    named = envelope.get("type")
    kind = named if isinstance(named, str) and named else type
    if kind in CHARACTER_HINTS:
        return CharactersChanged(slug=slug)
    read = _READERS.get(kind)
    if read is None:
        return Ignored(as_name(kind, 100) or "unnamed")
    payload = envelope.get("payload")
    if not is_object(payload):
        raise BadMapEvent("payload is not an object")
    event = read(slug, payload)
    return evolve(event, replayed=replayed) if isinstance(event, SystemShown | SystemHidden) else event


def _shown(slug: str, payload: JsonObject) -> SystemShown:
    return SystemShown(
        slug=slug,
        system=SystemRecord(
            system_id=_system_id(payload),
            name=as_name(payload.get("name")),
            temporary_name=as_name(payload.get("temporary_name")),
            custom_name=as_name(payload.get("custom_name")),
        ),
    )


def _hidden(slug: str, payload: JsonObject) -> SystemHidden:
    return SystemHidden(slug=slug, system_id=_system_id(payload))


def _changed(slug: str, payload: JsonObject) -> SystemChanged:
    return SystemChanged(
        slug=slug,
        system_id=_system_id(payload),
        stored_name=as_name(payload.get("name")),
        temporary_name=as_name(payload.get("temporary_name")),
    )


def _rally(slug: str, payload: JsonObject) -> RallyCreated:
    return RallyCreated(
        slug=slug,
        rally_id=_rally_id(payload, "rally_point_id", "id"),
        system_id=as_id(payload.get("solar_system_id")),
        system_name=as_name(payload.get("system_name")),
        character_id=_eve_id(payload),
        character_name=as_name(payload.get("character_name")),
        message=as_text(payload.get("message")),
        created_at=as_time(payload.get("created_at")),
    )


def _rally_ended(slug: str, payload: JsonObject) -> RallyEnded:
    return RallyEnded(slug=slug, rally_id=_rally_id(payload, "id", "rally_point_id"))


_READERS: dict[str, Callable[[str, JsonObject], TrackedEvent]] = {
    "add_system": _shown,
    "deleted_system": _hidden,
    "system_metadata_changed": _changed,
    "rally_point_added": _rally,
    "rally_point_removed": _rally_ended,
}


def _system_id(payload: JsonObject) -> int:
    """`solar_system_id`, else a numeric `id` (notifications.md E15, E16); the row's UUID does not count."""
    found = as_id(payload.get("solar_system_id")) or as_id(payload.get("id"))
    if found is None:
        raise BadMapEvent("no solar system id")
    return found


def _rally_id(payload: JsonObject, *keys: str) -> str:
    for key in keys:
        if (found := as_name(payload.get(key), 100)) is not None:
            return found
    raise BadMapEvent("no rally point id")


def _eve_id(row: JsonObject) -> int | None:
    """The pilot's EVE id; `character_id` counts only where it is one, since the map puts a UUID there."""
    return as_id(row.get("eve_id")) or as_id(row.get("character_eve_id")) or as_id(row.get("character_id"))


# --- rows of the REST lists ----------------------------------------------------------------------------------------


@frozen
class BadRow:
    """A row that cannot be used, and why."""

    reason: str


def parse_system(row: object) -> SystemRecord | BadRow:
    """One element of `data.systems`; its `name` is the server's display name, `original_name` the EVE name."""
    if not is_object(row):
        return BadRow("not an object")
    if row.get("visible") is False:
        return BadRow("hidden")
    system_id = as_id(row.get("solar_system_id"))
    if system_id is None:
        return BadRow("no solar system id")
    name = as_name(row.get("original_name"))
    if name == f"System {system_id}":  # what the map says when it does not know either
        name = None
    return SystemRecord(
        system_id=system_id,
        name=name if "original_name" in row else as_name(row.get("name")),
        custom_name=as_name(row.get("custom_name")),
        temporary_name=as_name(row.get("temporary_name")),
        tag=as_name(row.get("tag")),
    )


def parse_character(row: object) -> CharacterRecord | BadRow:
    """One element of the tracked characters; a row whose `character` is null names nobody."""
    if not is_object(row):
        return BadRow("not an object")
    if row.get("tracked") is False:
        return BadRow("not tracked")
    character = row.get("character", row)
    if character is None:
        return BadRow("no character")
    if not is_object(character):
        return BadRow("character is not an object")
    character_id = _eve_id(character)
    if character_id is None:
        return BadRow("no EVE id")
    return CharacterRecord(
        character_id=character_id,
        name=as_name(character.get("name")) or as_name(character.get("character_name")),
        corporation_id=as_id(character.get("corporation_id")),
        corporation_name=as_name(character.get("corporation_name")),
        corporation_ticker=as_name(character.get("corporation_ticker")),
        alliance_id=as_id(character.get("alliance_id")),
        alliance_ticker=as_name(character.get("alliance_ticker")),
    )


def parse_systems(body: object) -> tuple[tuple[SystemRecord, ...], tuple[BadRow, ...]]:
    """All systems of a REST answer, and the rows that could not be used; `BadMapEvent` when it holds no list."""
    data = body.get("data") if is_object(body) else body
    rows = data.get("systems") if is_object(data) else data  # old releases answer with the bare list
    parsed = [parse_system(row) for row in _rows(rows, "systems")]
    return _good(parsed, SystemRecord), _good(parsed, BadRow)


def parse_characters(body: object) -> tuple[tuple[CharacterRecord, ...], tuple[BadRow, ...]]:
    """All tracked pilots of a REST answer, and the rows that could not be used; `BadMapEvent` when it holds no list."""
    data = body.get("data") if is_object(body) else body
    parsed = [parse_character(row) for row in _rows(data, "characters")]
    return _good(parsed, CharacterRecord), _good(parsed, BadRow)


def _rows(rows: object, what: str) -> list[Any]:
    if not isinstance(rows, list):
        raise BadMapEvent(f"no list of {what}")
    return rows


def _good(parsed: list[Any], kind: type[Any]) -> tuple[Any, ...]:
    return tuple(one for one in parsed if isinstance(one, kind))
