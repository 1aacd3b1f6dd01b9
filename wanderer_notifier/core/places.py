"""Systems that are a place of their own, whatever their class says (cases.md K46, K47)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

THERA, TURNUR, ZARZAKH = 31000005, 30002086, 30100000

PLACES: Mapping[int, str] = MappingProxyType(
    {
        THERA: "Thera",
        TURNUR: "Turnur",
        ZARZAKH: "Zarzakh",
        31000001: "Sentinel",
        31000002: "Barbican",
        31000003: "Vidette",
        31000004: "Conflux",
        31000006: "Redoubt",
    }
)
"""Five of them are the drifters'."""

POCHVEN_CLASS, POCHVEN = "P", "Pochven"
"""How the map names its class, and its region."""
