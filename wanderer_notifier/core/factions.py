"""The game's own factions by name; pirates have no pilot whose name could be shown (cases.md K02, K10)."""

from __future__ import annotations

FACTIONS: dict[int, str] = {
    500001: "Caldari State",
    500002: "Minmatar Republic",
    500003: "Amarr Empire",
    500004: "Gallente Federation",
    500005: "Jove Empire",
    500006: "CONCORD Assembly",
    500007: "Ammatar Mandate",
    500008: "Khanid Kingdom",
    500009: "The Syndicate",
    500010: "Guristas Pirates",
    500011: "Angel Cartel",
    500012: "Blood Raider Covenant",
    500013: "The InterBus",
    500014: "ORE",
    500015: "Thukker Tribe",
    500016: "Servant Sisters of EVE",
    500017: "The Society of Conscious Thought",
    500018: "Mordu's Legion Command",
    500019: "Sansha's Nation",
    500020: "Serpentis",
    500024: "Drifters",
    500025: "Rogue Drones",
    500026: "Triglavian Collective",
    500027: "EDENCOM",
}


def faction_name(faction_id: int | None) -> str | None:
    """What the faction is called; None when it is none of those we know."""
    return FACTIONS.get(faction_id or 0)
