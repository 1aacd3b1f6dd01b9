"""The rows of a fake map, and how the REST interface shows them (wanderer-map.md 3.4, 4)."""

from __future__ import annotations

from datetime import datetime

from attrs import define

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.killmails import iso
from wanderer_notifier.sim.mapdata import INVENTED


@define(kw_only=True)
class System:
    """A row of the map; `stored_name` is the EVE name or a rename."""

    id: str
    system_id: int
    eve_name: str
    stored_name: str
    added_at: datetime
    changed_at: datetime
    custom_name: str | None = None
    temporary_name: str | None = None
    tag: str | None = None
    labels: str | None = None
    description: str | None = None
    status: int | None = None
    locked: bool = False
    visible: bool = True
    position: tuple[int, int] = (0, 0)


@define(kw_only=True)
class Character:
    """A tracked pilot of the map."""

    id: str
    character_id: str
    eve_id: int | None
    """None makes a row without a character, which the real list may contain."""
    name: str
    corporation_id: int | None
    since: datetime
    tracked: bool = True


def system_row(map_id: str, system: System) -> JsonObject:
    """A system as the list shows it: two of the names are computed (wanderer-map.md 4.1)."""
    renamed = system.stored_name if system.stored_name != system.eve_name else None
    custom = renamed or system.custom_name
    return {
        "id": system.id,
        "map_id": map_id,
        "solar_system_id": system.system_id,
        "name": system.temporary_name or custom or system.eve_name,
        "original_name": system.eve_name,
        "temporary_name": system.temporary_name,
        "custom_name": custom,
        "description": system.description,
        "tag": system.tag,
        "labels": system.labels,
        "status": system.status,
        "visible": system.visible,
        "locked": system.locked,
        "position_x": system.position[0],
        "position_y": system.position[1],
        "inserted_at": iso(system.added_at, micros=True),
        "updated_at": iso(system.changed_at, micros=True),
    }


def character_row(map_id: str, row: Character) -> JsonObject:
    """A row of the list of tracked characters."""
    moment = iso(row.since, micros=True)
    return {
        "id": row.id,
        "map_id": map_id,
        "character_id": row.character_id,
        "tracked": row.tracked,
        "followed": False,
        "inserted_at": moment,
        "updated_at": moment,
        "character": None if row.eve_id is None else _character(row),
    }


def _character(row: Character) -> JsonObject:
    corporation = INVENTED.corporations.get(row.corporation_id or 0)
    alliance_id = corporation.alliance_id if corporation else None
    alliance = INVENTED.alliances.get(alliance_id or 0)
    return {
        "eve_id": str(row.eve_id),
        "name": row.name,
        "corporation_id": row.corporation_id,
        "corporation_ticker": corporation.ticker if corporation else None,
        "alliance_id": alliance_id,
        "alliance_ticker": alliance.ticker if alliance else None,
    }
