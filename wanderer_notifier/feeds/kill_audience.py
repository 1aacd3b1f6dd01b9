"""Whom a socket of the kill service listens for, and which ids the service lets it name (wanderer-kills.md 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, TypeAlias

from attrs import frozen

IDS_PER_SOCKET = 10_000
"""The server's limit for systems, and about what fits into its 131,072-byte frame for characters (1.4)."""

AudienceName: TypeAlias = Literal["systems", "characters"]


@frozen(kw_only=True)
class Audience:
    """What a socket subscribes; the limits are the server's (wanderer-kills.md 3)."""

    name: AudienceName
    key: str
    echo: str
    """Where the join's answer lists what was subscribed."""
    lowest: int
    highest: int


AUDIENCES: Mapping[AudienceName, Audience] = {
    "systems": Audience(name="systems", key="systems", echo="subscribed_systems", lowest=1, highest=50_000_000),
    "characters": Audience(
        name="characters",
        key="character_ids",
        echo="subscribed_characters",
        lowest=90_000_000,
        highest=3_000_000_000,
    ),
}


def usable(audience: Audience, ids: Iterable[object]) -> tuple[tuple[int, ...], tuple[object, ...]]:
    """Those of *ids* that the service accepts, sorted, and the others: one bad id would refuse the whole join."""
    good: list[int] = []
    bad: list[object] = []
    for one in ids:
        # True is an int for Python and none for the service.
        if type(one) is int and audience.lowest <= one <= audience.highest:
            good.append(one)
        else:
            bad.append(one)
    return tuple(sorted(good)), tuple(bad)
