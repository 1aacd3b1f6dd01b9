"""What kind of thing a type is, as far as the words and the picture of a message depend on it.

Ships, capsules and Upwell structures have a render on the image server. What is dropped in space or belongs to a
starbase is not certain to have one, but every type has an icon (notifications.md 3.2, cases.md K07).
"""

from __future__ import annotations

from typing import Literal

from wanderer_notifier.core.events import Party

Hull = Literal["ship", "structure", "deployable"]

STRUCTURES = frozenset(
    {
        2233,  # Customs Office
        12235, 12236, 16213, 16214, 20059, 20060, 20061, 20062, 20063, 20064, 20065, 20066,  # control towers
        35825, 35826, 35827,  # engineering complexes
        35832, 35833, 35834, 40340, 47512, 47513, 47514, 47515, 47516,  # citadels
        35835, 35836, 81826,  # refineries and the moon drill
        35840, 35841, 37534,  # beacon, jump bridge, jammer
    }
)  # fmt: skip
UPWELL = frozenset(one for one in STRUCTURES if one >= 35825)

DEPLOYABLES = frozenset(
    {
        12198, 12199, 12200, 26888, 26890, 26892, 28770, 28772, 28774,  # mobile warp disruptors
        33474, 33520, 33522,  # mobile depots
        33475, 33700, 33702,  # mobile tractor units
        33476, 33477, 33478,  # cynosural inhibitor, siphons
    }
)  # fmt: skip
_MOBILE = "mobile"
"""All but a few deployables are called so; the list above need not know every type of tomorrow."""


def hull_of(party: Party) -> Hull:
    """What *party* flies, or is; a type that nobody knows counts as a ship (cases.md K50)."""
    if party.ship_type_id in STRUCTURES:
        return "structure"
    if party.ship_type_id in DEPLOYABLES or _MOBILE in (party.ship_name or "").lower().split():
        return "deployable"
    return "ship"


def picture_of(party: Party) -> str | None:
    """The address of a picture of the hull, else of the pilot, else None."""
    kind = party.ship_type_id
    if kind is not None:
        render = hull_of(party) == "ship" or kind in UPWELL
        return f"https://images.evetech.net/types/{kind}/{'render?size=512' if render else 'icon?size=64'}"
    if party.character_id is not None:
        return f"https://images.evetech.net/characters/{party.character_id}/portrait?size=512"
    return None
