"""A killmail in any of its shapes -> `Kill`: tolerant of what is absent, strict about what it cannot do without.

One reader for the live (flat), the stored (nested), the G1 and the ESI form, also inside the wrappers that feeds put
around it (wanderer-kills.md 4.6, cases.md K21).
"""

from __future__ import annotations

from typing import Any

from wanderer_notifier.core.events import Attacker, JsonObject, Kill, Party
from wanderer_notifier.core.reading import as_amount, as_count, as_id, as_name, as_number, as_time, is_object


class BadKillmail(Exception):
    """This is no killmail one could tell anyone about.

    *reason* is `not_an_object`, `missing_killmail_id` or `missing_system_id`; *killmail_id* and *hash* are what could
    be read, enough to fetch the body elsewhere (cases.md K22).
    """

    def __init__(self, reason: str, *, killmail_id: int | None = None, hash: str | None = None) -> None:  # noqa: A002
        super().__init__(reason)
        self.reason = reason
        self.killmail_id = killmail_id
        self.hash = hash


def parse_kill(raw: object, system_id: int | None) -> Kill:
    """The kill in *raw*; *system_id* is what the envelope said and counts when the mail names no system.

    Raises `BadKillmail`, and nothing else, whatever JSON value *raw* is.
    """
    if not is_object(raw):
        raise BadKillmail("not_an_object")
    layers = _layers(raw)
    metadata = _object(layers, "zkb")
    mail_hash = as_name(metadata.get("hash")) or as_name(_first(layers, "hash"))
    named = _first(layers, "killmail_id", "killID")
    killmail_id = None if isinstance(named, float) else as_id(named)
    if killmail_id is None:
        raise BadKillmail("missing_killmail_id", hash=mail_hash)
    place = _first(layers, "system_id", "solar_system_id")
    system = as_id(system_id if place is None else place)
    if system is None:
        raise BadKillmail("missing_system_id", killmail_id=killmail_id, hash=mail_hash)
    rows, labels = _rows(layers, "attackers"), _labels(metadata.get("labels"))
    attackers = tuple(_attacker(row) for row in rows or () if is_object(row))
    return Kill(
        killmail_id=killmail_id,
        system_id=system,
        system_name=as_name(_first(layers, "solar_system_name", "system_name")),
        time=as_time(_first(layers, "kill_time", "killmail_time")),
        victim=Party(**_party(_object(layers, "victim"), "victim_name")),
        attackers=attackers,
        attacker_count=max(as_count(_first(layers, "attacker_count")), len(attackers)),
        total_value=_value(metadata, layers),
        dropped_value=as_amount(metadata.get("droppedValue")),
        hash=mail_hash,
        points=as_id(metadata.get("points")),
        location_id=as_id(metadata.get("locationID")),
        npc=metadata.get("npc", _first(layers, "npc")) is True,
        solo=(metadata.get("solo") is True or "solo" in labels) and (rows is None or bool(attackers)),
        awox=metadata.get("awox") is True,
        labels=labels,
    )


def final_blow(kill: Kill) -> Attacker | None:
    """Who gets the kill: the first marked attacker, else who did most damage (first on ties), else nobody."""
    for attacker in kill.attackers:
        if attacker.final_blow:
            return attacker
    return max(kill.attackers, key=lambda one: one.damage_done, default=None)


def top_damage(kill: Kill) -> Attacker | None:
    """Who did most damage, the first on ties; None when nobody did any."""
    best = max(kill.attackers, key=lambda one: one.damage_done, default=None)
    return best if best is not None and best.damage_done > 0 else None


def _layers(raw: JsonObject) -> list[JsonObject]:
    """Every object that may hold a part of the mail, the outermost first."""
    package = raw.get("package")
    inner = package if is_object(package) else {}
    candidates = (raw, raw.get("esi"), raw.get("killmail"), inner, inner.get("killmail"), inner.get("esi"))
    return [layer for layer in candidates if is_object(layer)]


def _first(layers: list[JsonObject], *keys: str) -> Any:
    """The first value that is present and not null."""
    for layer in layers:
        for key in keys:
            value = layer.get(key)
            if value is not None:
                return value
    return None


def _object(layers: list[JsonObject], key: str) -> JsonObject:
    """The first object under *key*; an empty list is how PHP spells an empty object (cases.md K20)."""
    for layer in layers:
        if is_object(value := layer.get(key)):
            return value
    return {}


def _value(metadata: JsonObject, layers: list[JsonObject]) -> float | None:
    for value in (metadata.get("totalValue"), metadata.get("total_value"), _first(layers, "total_value")):
        if (amount := as_amount(value)) is not None:
            return amount
    return None


def _labels(value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        return ()
    return tuple(label for one in value if (label := as_name(one, 100)) is not None)


def _rows(layers: list[JsonObject], key: str) -> list[Any] | None:
    """The first list under *key*; None where there is none, which is not the same as an empty one (cases.md K04)."""
    return next((rows for layer in layers if isinstance(rows := layer.get(key), list)), None)


def _attacker(row: JsonObject) -> Attacker:
    return Attacker(
        damage_done=as_count(row.get("damage_done")),
        final_blow=row.get("final_blow") is True,
        weapon_type_id=as_id(row.get("weapon_type_id")),
        security_status=as_number(row.get("security_status")) or 0.0,
        **_party(row, "attacker_name"),
    )


def _party(row: JsonObject, other_name: str) -> dict[str, Any]:
    get = row.get
    character, corporation, alliance = get("character"), get("corporation"), get("alliance")
    return {
        "character_id": as_id(get("character_id")),
        "character_name": as_name(get("character_name")) or as_name(get(other_name)) or _nested(character, "name"),
        "corporation_id": as_id(get("corporation_id")),
        "corporation_name": as_name(get("corporation_name")) or _nested(corporation, "name"),
        "corporation_ticker": as_name(get("corporation_ticker")) or _nested(corporation, "ticker"),
        "alliance_id": as_id(get("alliance_id")),
        "alliance_name": as_name(get("alliance_name")) or _nested(alliance, "name"),
        "alliance_ticker": as_name(get("alliance_ticker")) or _nested(alliance, "ticker"),
        "faction_id": as_id(get("faction_id")),
        "ship_type_id": as_id(get("ship_type_id")),
        "ship_name": as_name(get("ship_name")) or as_name(get("ship_type_name")),
    }


def _nested(value: object, key: str) -> str | None:
    return as_name(value.get(key)) if is_object(value) else None
