"""The invented part of New Eden that the fakes share: pilots, their corporations, ships and wormhole systems.

Ids of pilots, corporations and alliances are from unused ranges; ship and module types and the k-space systems are the
game's. Wormhole systems have real-looking ids and names, with statics of the right kind for their class.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from attrs import field, frozen

from wanderer_notifier.core.events import JsonObject

FOUNDER = 2147480001
"""Who founded every corporation and alliance; the captures say so of theirs."""

FOUNDING_CORPORATION = 98999001


@frozen
class Pilot:
    name: str
    corporation_id: int


@frozen
class Corporation:
    name: str
    ticker: str
    alliance_id: int | None = None


@frozen
class Alliance:
    name: str
    ticker: str


@frozen(kw_only=True)
class Names:
    """What look-ups by id find; an id that is missing is one whose look-up fails."""

    characters: Mapping[int, Pilot] = field(factory=dict)
    corporations: Mapping[int, Corporation] = field(factory=dict)
    alliances: Mapping[int, Alliance] = field(factory=dict)
    ships: Mapping[int, str] = field(factory=dict)

    def character(self, character_id: int | None) -> JsonObject | None:
        """The record of a character as the kill service nests it (wanderer-kills.md 4.3), or None."""
        pilot = self.characters.get(character_id or 0)
        if pilot is None:
            return None
        return {
            "alliance_id": None,
            "ancestry_id": None,
            "birthday": "2019-05-01T12:00:00Z",
            "bloodline_id": 4,
            "character_id": character_id,
            "corporation_id": pilot.corporation_id,
            "gender": "female",
            "name": pilot.name,
            "race_id": 2,
            "security_status": 1.25,
        }

    def corporation(self, corporation_id: int | None) -> JsonObject | None:
        """The record of a corporation, or None."""
        corporation = self.corporations.get(corporation_id or 0)
        if corporation is None:
            return None
        unknown = dict.fromkeys(
            ("date_founded", "description", "faction_id", "home_station_id", "shares", "url", "war_eligible")
        )
        return {
            **unknown,
            "alliance_id": corporation.alliance_id,
            "ceo_id": FOUNDER,
            "corporation_id": corporation_id,
            "creator_id": FOUNDER,
            "member_count": 42,
            "name": corporation.name,
            "tax_rate": 0.1,
            "ticker": corporation.ticker,
        }

    def alliance(self, alliance_id: int | None) -> JsonObject | None:
        """The record of an alliance, or None."""
        alliance = self.alliances.get(alliance_id or 0)
        if alliance is None:
            return None
        return {
            "alliance_id": alliance_id,
            "creator_corporation_id": FOUNDING_CORPORATION,
            "creator_id": FOUNDER,
            "date_founded": "2020-01-01T00:00:00Z",
            "executor_corporation_id": None,
            "faction_id": None,
            "name": alliance.name,
            "ticker": alliance.ticker,
        }


ALLIANCES: dict[int, Alliance] = {
    99999101: Alliance("Meridian Compact", "MRDN"),
    99999102: Alliance("Wrack and Ruin", "WRUIN"),
    99999104: Alliance("Quiet Between Stars", "QBS"),
}

CORPORATIONS: dict[int, Corporation] = {
    98999101: Corporation("Hollow Meridian", "HMRD", 99999101),
    98999102: Corporation("Tidewrack Salvage", "TDWRK", 99999102),
    98999103: Corporation("Ninth Lantern", "9LANT"),
    98999104: Corporation("Umbral Cartographers", "UMBRA", 99999104),
    98999105: Corporation("Static Choir", "CHOIR", 99999102),
    1000127: Corporation("Guristas", "GURIS"),
}

PILOTS: dict[int, Pilot] = {
    2147481001: Pilot("Orsa Velden", 98999101),
    2147481002: Pilot("Teo Marrisk", 98999101),
    2147481003: Pilot("Ilvane Sarr", 98999101),
    2147481004: Pilot("Kessa Dunmoor", 98999101),
    2147481005: Pilot("Lys Amaro", 98999102),
    2147481006: Pilot("Bram Ostler", 98999102),
    2147481007: Pilot("Nael Pyrrhus", 98999102),
    2147481010: Pilot("Vexa Tarnow", 98999104),
    2147481011: Pilot("Orrin Falk", 98999104),
    2147481012: Pilot("Sable Whitlock", 98999104),
    2147481020: Pilot("Juno Castellane", 98999105),
    2147481021: Pilot("Mikkel Rhade", 98999105),
    2147481030: Pilot("Dax Emmerich", 98999103),
    2147481031: Pilot("Pell Anwick", 98999103),
}

SHIPS: dict[int, str] = {
    587: "Rifter",
    621: "Caracal",
    645: "Dominix",
    670: "Capsule",
    3756: "Gnosis",
    11188: "Anathema",
    11987: "Guardian",
    12005: "Ishtar",
    12034: "Hound",
    17738: "Machariel",
    22456: "Sabre",
    23054: "Guristas Annihilator",
    28352: "Rorqual",
    29984: "Tengu",
    29990: "Loki",
    33468: "Astero",
    33470: "Stratios",
    33475: "Mobile Tractor Unit",
    35832: "Astrahus",
}

INVENTED = Names(characters=PILOTS, corporations=CORPORATIONS, alliances=ALLIANCES, ships=SHIPS)
"""Everything above; the default of the fakes."""

Spot: TypeAlias = tuple[str, int, str, str, tuple[str, ...], str | None]

SYSTEMS: dict[int, Spot] = {
    # id: name, class code, security, region, statics, effect
    31000005: ("Thera", 12, "-1.0", "G-R00031", (), None),
    31000418: ("J121006", 1, "-1.0", "A-R00001", ("N110",), None),
    31000931: ("J134522", 3, "-1.0", "C-R00012", ("U210",), "Magnetar"),
    31001361: ("J144207", 4, "-1.0", "D-R00016", ("X877", "P060"), None),
    31001503: ("J155416", 4, "-1.0", "D-R00018", ("C247", "P060"), None),
    31001677: ("J150333", 4, "-1.0", "D-R00021", ("N766", "H900"), "Pulsar"),
    31002054: ("J163018", 5, "-1.0", "E-R00027", ("H296",), "Wolf-Rayet Star"),
    31002318: ("J170122", 5, "-1.0", "E-R00029", ("H296",), None),
    31002475: ("J212103", 6, "-1.0", "F-R00030", ("W237",), "Red Giant"),
    30000142: ("Jita", 7, "0.9", "The Forge", (), None),
    30000144: ("Perimeter", 7, "1.0", "The Forge", (), None),
    30002187: ("Amarr", 7, "1.0", "Domain", (), None),
    30002510: ("Rens", 7, "0.9", "Heimatar", (), None),
    30002659: ("Dodixie", 7, "0.9", "Sinq Laison", (), None),
    30002813: ("Tama", 8, "0.3", "The Citadel", (), None),
}

DESTINATIONS: dict[str, tuple[str, str, str]] = {
    # static type: id, name, short name of where it leads (wanderer-map.md 5)
    "C247": ("c3", "Class 3", "C3"),
    "H296": ("c5", "Class 5", "C5"),
    "H900": ("c5", "Class 5", "C5"),
    "N110": ("hs", "High-sec", "H"),
    "N766": ("c2", "Class 2", "C2"),
    "P060": ("c1", "Class 1", "C1"),
    "U210": ("ls", "Low-sec", "L"),
    "W237": ("c6", "Class 6", "C6"),
    "X877": ("c4", "Class 4", "C4"),
}


def system_name(system_id: int) -> str | None:
    """The EVE name of a system the fakes know, else None."""
    spot = SYSTEMS.get(system_id)
    return spot[0] if spot else None


def static_info(system_id: int) -> JsonObject | None:
    """The map's static information about a system (wanderer-map.md 5), or None if it is unknown."""
    spot = SYSTEMS.get(system_id)
    if spot is None:
        return None
    name, code, security, region, statics, effect = spot
    wormhole = code < 7 or code > 11
    title, description = _class_words(code, security)
    info: JsonObject = {
        "class_title": title,
        "constellation_id": 21000000 + system_id % 1000 if wormhole else 20000020,
        "constellation_name": region.replace("R", "C", 1) if wormhole else "Kimotoro",
        "effect_name": effect,
        "effect_power": code if wormhole else 0,
        "is_shattered": False,
        "region_id": 11000000 + system_id % 31 if wormhole else 10000002,
        "region_name": region,
        "security": security,
        "solar_system_id": system_id,
        "solar_system_name": name,
        "solar_system_name_lc": name.lower(),
        "statics": list(statics),
        "sun_type_id": 45032,
        "system_class": code,
        "triglavian_invasion_status": "Normal",
        "type_description": description,
        "wandering": ["S047", "N290", "K329"] if wormhole else [],
    }
    if statics:
        info["static_details"] = [_static_detail(static) for static in statics]
    return info


def _class_words(code: int, security: str) -> tuple[str, str]:
    if code == 12:
        return "T", "Class 12 (Thera)"
    if code < 7:
        return f"C{code}", f"Class {code}"
    return security, {7: "High-sec", 8: "Low-sec"}.get(code, "Null-sec")


def _static_detail(static: str) -> JsonObject:
    where, name, short = DESTINATIONS[static]
    return {
        "destination": {"destinations": [where], "id": where, "name": name, "short_name": short},
        "name": static,
        "properties": {
            "lifetime": "16",
            "mass_regeneration": 0,
            "max_jump_mass": 375_000_000,
            "max_mass": 2_000_000_000,
        },
    }
