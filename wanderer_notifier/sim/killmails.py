"""Killmails: inventing them as ESI and zKillboard serve them, and the shapes that the kill service makes of them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.mapdata import INVENTED, PILOTS, SYSTEMS, Names

LIVE_ZKB = (
    "awox",
    "destroyedValue",
    "droppedValue",
    "fittedValue",
    "hash",
    "labels",
    "locationID",
    "npc",
    "points",
    "solo",
    "totalValue",
)
"""What the live form keeps of `zkb` (wanderer-kills.md 4.2)."""

WEAPON = 2410
CAPSULE = 670
STRUCTURE = 35832
NPC_SHIP = 23054
NPC_CORPORATION = 1000127
NPC_FACTION = 500010
FIGHTERS = (587, 621, 645, 3756, 12005, 12034, 17738, 22456, 29984, 29990, 33470)


def live_form(kill: JsonObject, names: Names = INVENTED) -> JsonObject:
    """The flat shape that is pushed as a kill happens: unknown keys absent, of names only pilot and ship.

    Args:
        kill: as ESI serves it, with zKillboard's block under `zkb`.
        names: what look-ups find.
    """
    attackers = kill["attackers"]
    zkb = kill["zkb"]
    flags = {"npc": False, "solo": False, "awox": False}
    return _ordered(
        {
            "killmail_id": kill["killmail_id"],
            "kill_time": kill["killmail_time"],
            "system_id": kill["solar_system_id"],
            "attacker_count": len(attackers),
            "victim": _present(
                {
                    **_live_party(kill["victim"], names),
                    "damage_taken": kill["victim"].get("damage_taken", 0),
                    "position": kill["victim"].get("position"),
                }
            ),
            "attackers": [
                _present(
                    {
                        **_live_party(attacker, names),
                        "weapon_type_id": attacker.get("weapon_type_id"),
                        "damage_done": attacker.get("damage_done", 0),
                        "final_blow": attacker.get("final_blow", False),
                        "security_status": attacker.get("security_status", 0.0),
                    }
                )
                for attacker in attackers
            ],
            "zkb": {**flags, **{key: zkb[key] for key in LIVE_ZKB if zkb.get(key) is not None}},
        }
    )


def stored_form(kill: JsonObject, names: Names = INVENTED) -> JsonObject:
    """The nested shape of preloads and of the cache: explicit nulls, records of everybody who could be looked up."""
    victim = {
        **_stored_party(kill["victim"], names),
        "damage_taken": kill["victim"].get("damage_taken", 0),
        "position": kill["victim"].get("position"),
    }
    if "items" in kill["victim"]:
        victim["items"] = kill["victim"]["items"]
    attackers = [
        {
            **_stored_party(attacker, names),
            "weapon_type_id": attacker.get("weapon_type_id"),
            "damage_done": attacker.get("damage_done", 0),
            "final_blow": attacker.get("final_blow", False),
            "security_status": attacker.get("security_status", 0.0),
        }
        for attacker in kill["attackers"]
    ]
    return _ordered(
        {
            "killmail_id": kill["killmail_id"],
            "kill_time": kill["killmail_time"],
            "system_id": kill["solar_system_id"],
            "victim": victim,
            "attackers": attackers,
            "final_blow_attacker": next((one for one in attackers if one["final_blow"]), None),
            "total_damage": victim["damage_taken"],
            "involved_parties": len(attackers) + 1,
            "total_value": kill["zkb"].get("totalValue", 0),
            "npc": kill["zkb"].get("npc", False),
            "zkb": kill["zkb"],
        }
    )


def listing_form(kill: JsonObject) -> JsonObject:
    """zKillboard's reference: id and `zkb` only."""
    return _ordered({"killmail_id": kill["killmail_id"], "zkb": kill["zkb"]})


def involved(kill: JsonObject) -> set[int]:
    """The ids of all characters on a kill, victim and attackers."""
    parties = [kill["victim"], *kill["attackers"]]
    return {party["character_id"] for party in parties if party.get("character_id") is not None}


def iso(moment: datetime, *, micros: bool = False) -> str:
    """UTC in ISO 8601 with `Z`, to the second or to the microsecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ" if micros else "%Y-%m-%dT%H:%M:%SZ")


class Inventor:
    """Draws realistic killmails; the same seed gives the same ones.

    Args:
        rng: the only source of randomness.
        first_id: id of the first kill; ids go up from there.
    """

    def __init__(self, rng: random.Random, *, first_id: int = 139_000_000) -> None:
        self._rng = rng
        self._next_id = first_id

    def kill(
        self,
        at: datetime,
        *,
        system_id: int | None = None,
        victim: int | None = None,
        attackers: Sequence[int] | None = None,
        attacker_count: int | None = None,
        ship_type_id: int | None = None,
        value: float | None = None,
        npc: bool = False,
        structure: bool = False,
        pod: bool = False,
    ) -> JsonObject:
        """One killmail as ESI serves it, with `zkb`; what is not given is drawn.

        Args:
            at: when it happened.
            victim: character id of the victim.
            attackers: character ids, the first strikes the final blow.
            attacker_count: fill up with fleet members to this many attackers.
            value: ISK.
            npc: killed by pirates only.
            structure: the victim is a citadel without a pilot.
            pod: the victim is a capsule.
        """
        rng = self._rng
        self._next_id += 1
        system = system_id if system_id is not None else rng.choice(sorted(SYSTEMS))
        victim_id = victim if victim is not None else rng.choice(sorted(PILOTS))
        ship = STRUCTURE if structure else CAPSULE if pod else ship_type_id or rng.choice(FIGHTERS)
        strikers = list(attackers) if attackers is not None else []
        if attackers is None:
            others = sorted(PILOTS.keys() - {victim_id})
            strikers = rng.sample(others, rng.randint(1, 4))
        while attacker_count is not None and len(strikers) < attacker_count:
            strikers.append(2_147_400_000 + len(strikers))
        damage = rng.randint(400, 90_000)
        striking = self._pirates(damage) if npc else self._fleet(strikers, damage)
        total = value if value is not None else round(10 ** rng.uniform(6.0, 9.6), 2)
        return {
            "killmail_id": self._next_id,
            "killmail_time": iso(at),
            "solar_system_id": system,
            "victim": self._victim(victim_id, ship, damage, structure=structure),
            "attackers": striking,
            "zkb": self._zkb(total, system, npc=npc, attackers=len(striking)),
        }

    def _victim(self, character_id: int, ship: int, damage: int, *, structure: bool) -> JsonObject:
        identity = _identity(character_id)
        if structure:
            del identity["character_id"]
        position = {axis: round(self._rng.uniform(-1e12, 1e12), 2) for axis in ("x", "y", "z")}
        return {**identity, "damage_taken": damage, "items": [], "position": position, "ship_type_id": ship}

    def _fleet(self, pilots: Iterable[int], damage: int) -> list[JsonObject]:
        pilots = list(pilots)
        return [
            {
                **_identity(pilot),
                "damage_done": damage // len(pilots),
                "final_blow": number == 0,
                "security_status": round(self._rng.uniform(-9.9, 5.0), 1),
                "ship_type_id": self._rng.choice(FIGHTERS),
                "weapon_type_id": WEAPON,
            }
            for number, pilot in enumerate(pilots)
        ]

    def _pirates(self, damage: int) -> list[JsonObject]:
        return [
            {
                "corporation_id": NPC_CORPORATION,
                "damage_done": damage,
                "faction_id": NPC_FACTION,
                "final_blow": True,
                "security_status": 0.0,
                "ship_type_id": NPC_SHIP,
            }
        ]

    def _zkb(self, total: float, system: int, *, npc: bool, attackers: int) -> JsonObject:
        where = "loc:w-space" if system >= 31_000_000 else "loc:highsec"
        solo = attackers == 1 and not npc
        return {
            "locationID": 40_000_000 + system % 100_000,
            "hash": f"{self._rng.getrandbits(160):040x}",
            "fittedValue": round(total * 0.8, 2),
            "droppedValue": round(total * 0.3, 2),
            "destroyedValue": round(total * 0.7, 2),
            "totalValue": total,
            "points": 1 if npc else self._rng.randint(1, 40),
            "npc": npc,
            "solo": solo,
            "awox": False,
            "labels": ["cat:6", "solo" if solo else "#:2+", "npc" if npc else "pvp", where],
        }


def _identity(character_id: int) -> JsonObject:
    """Character, corporation and alliance of a pilot; those nobody invented fly for the first corporation."""
    pilot = PILOTS.get(character_id)
    corporation_id = pilot.corporation_id if pilot else 98999101
    alliance_id = INVENTED.corporations[corporation_id].alliance_id
    return _present({"character_id": character_id, "corporation_id": corporation_id, "alliance_id": alliance_id})


def _live_party(party: JsonObject, names: Names) -> JsonObject:
    character = names.characters.get(party.get("character_id") or 0)
    return {
        **{key: party.get(key) for key in ("character_id", "corporation_id", "alliance_id", "ship_type_id")},
        "character_name": character.name if character else None,
        "ship_name": names.ships.get(party.get("ship_type_id") or 0),
    }


def _stored_party(party: JsonObject, names: Names) -> JsonObject:
    ids = {key: party.get(key) for key in ("character_id", "corporation_id", "alliance_id", "ship_type_id")}
    character = names.character(party.get("character_id"))
    looked_up = {
        "faction_id": party.get("faction_id"),
        "character": character,
        "character_name": character["name"] if character else None,
        "corporation": names.corporation(party.get("corporation_id")),
        "alliance": names.alliance(party.get("alliance_id")),
        "ship_name": names.ships.get(party.get("ship_type_id") or 0),
    }
    return {**ids, **_present(looked_up)}


def _present(value: JsonObject) -> JsonObject:
    return {key: item for key, item in value.items() if item is not None}


def _ordered(value: JsonObject) -> JsonObject:
    """The keys of every object in alphabetical order, as the service writes them."""
    return {key: _ordered_item(value[key]) for key in sorted(value)}


def _ordered_item(value: Any) -> Any:
    if isinstance(value, dict):
        return _ordered(value)
    if isinstance(value, list):
        return [_ordered_item(item) for item in value]
    return value
