"""Who and what takes part in the scenario: the corporation's map, its pilots, and their enemies."""

from __future__ import annotations

MAP_SYSTEMS: tuple[tuple[int, str | None, str | None], ...] = (
    # id, custom name, temporary name
    (31001503, "Home", None),
    (31002054, None, "Static C5"),
    (31000931, "The Farm (Magnetar)", None),
    (31001361, None, None),
    (31000418, None, "HS exit"),
    (31002475, "Red Door", None),
    (30002813, None, None),
    (30000142, None, None),
)
"""The map as it is when the service starts."""

COMING_SYSTEMS = (31001677, 31000005, 30000144, 30002187)
"""Systems that are added and removed during the evening."""

PRIORITY_SYSTEM = 31002318
"""A system that the corporation fears: its news ping; comes once."""

LOOT = ((19207, 1), (14268, 1), (28668, 2500), (34, 90_000), (47740, 1))
"""Type id and how many dropped of the treasure: dear and cheap things, and one of the abyss."""

FOREIGN_SYSTEMS = (30002510, 30002659)
"""Systems that never come onto the map."""

TRACKED = (2147481001, 2147481002, 2147481003, 2147481010, 2147481030, 2147481012)
"""The pilots that the map tracks from the start."""

COMING_PILOTS = (2147481004, 2147481011, 2147481031)
"""Pilots that are tracked later."""

HOSTILES = (2147481005, 2147481006, 2147481007, 2147481020, 2147481021)
"""Pilots that nobody tracks."""

RALLY_CALLS = (
    "Form up, bring scouts",
    "Armor doctrine, 5 min",
    "Eviction defence, everything that flies",
    "They rolled in. *Cloak up* and wait for ||the bubble||",
    None,
)
