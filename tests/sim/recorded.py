"""The world behind the recorded traffic of the kill service, and what differs from run to run in it."""

from __future__ import annotations

import re
from typing import Any

from tests.sim.captures import records
from wanderer_notifier.sim.mapdata import Alliance, Corporation, Names, Pilot

Record = dict[str, Any]

NAMES = Names(
    characters={
        2147480001: Pilot("Arlo Vantreth", 98999001),
        2147480002: Pilot("Mirae Sunderlight", 98999001),
        2147480003: Pilot("Tovin Kaskari", 98999002),
        2147480004: Pilot("Ysolde Brackwater", 98999002),
        2147480005: Pilot("Denn Okaru", 98999003),
        2147480006: Pilot("Lirra Quillfeather", 98999003),
    },
    corporations={
        98999001: Corporation("Hollow Lantern Cartography", "HLCAR", 99999001),
        98999002: Corporation("Brackwater Salvage Guild", "BWSG", 99999002),
        98999003: Corporation("Third Orbit Freight", "3RDO"),
        1000127: Corporation("Guristas", "GURIS"),
    },
    alliances={99999001: Alliance("Lantern Compact", "LNTRN"), 99999002: Alliance("Tidewrack Accord", "TIDE.")},
    ships={
        587: "Rifter",
        621: "Caracal",
        670: "Capsule",
        22456: "Sabre",
        23054: "Guristas Annihilator",
        35832: "Astrahus",
    },
)
"""What the stand-ins of the recording knew."""

WORKING_NAMES = {"subscription_id", "connected_at", "timestamp"}


def normal(value: Any) -> Any:
    """Blank what differs from run to run."""
    if isinstance(value, dict):
        return {
            key: re.sub(r"\d{16}_[\w-]{11}$", "<id>", item)
            if key == "user_id"
            else f"<{key}>"
            if key in WORKING_NAMES
            else normal(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [normal(item) for item in value]
    return value


def sockets(name: str) -> list[list[Record]]:
    """The records of one file, one list for each socket that was opened."""
    result: list[list[Record]] = []
    for record in records("wanderer-kills", name):
        if record["dir"] == "open":
            result.append([])
        if record["dir"] in ("open", "opened", "refused", "send", "recv", "closed"):
            result[-1].append(record)
    return result


def esi_form(shown: Record) -> Record:
    """The upstream kill behind one that the service showed, in whichever of its forms."""
    looked_up = {"character", "corporation", "alliance", "character_name", "ship_name"}

    def party(value: Record) -> Record:
        return {key: item for key, item in value.items() if key not in looked_up and item is not None}

    return {
        "killmail_id": shown["killmail_id"],
        "killmail_time": shown["kill_time"],
        "solar_system_id": shown["system_id"],
        "victim": party(shown["victim"]),
        "attackers": [party(one) for one in shown["attackers"]],
        "zkb": shown["zkb"],
    }
