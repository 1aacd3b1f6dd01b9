"""Which systems and pilots each map tracks; a pure fold over map events, keyed by map slug."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from attrs import Factory, frozen

from wanderer_notifier.core.events import CharacterRecord, SystemRecord


@frozen(kw_only=True)
class MapState:
    """What we know of one map."""

    slug: str
    systems: Mapping[int, SystemRecord] = Factory(dict)
    characters: Mapping[int, CharacterRecord] = Factory(dict)
    loaded_at: datetime | None = None
    """When a complete snapshot was last seen; None: never."""


@frozen(kw_only=True)
class Tracking:
    """What we know of all maps."""

    maps: Mapping[str, MapState] = Factory(dict)

    def system_ids(self) -> frozenset[int]:
        return frozenset(system for state in self.maps.values() for system in state.systems)

    def character_ids(self) -> frozenset[int]:
        return frozenset(character for state in self.maps.values() for character in state.characters)
