"""What happens in the world, as frozen values: kills, systems, characters, rallies."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, TypeAlias

from attrs import frozen

JsonObject: TypeAlias = dict[str, Any]

KillSource = Literal["live", "preload", "cached", "poll"]
"""How a kill reached us: pushed as it happened, replayed after a join, read from the cache, or polled."""

AddedBy = Literal["event", "reconcile", "load"]
"""Who told us of an addition: a live event, the comparison after a gap, or the silent first load."""


@frozen(kw_only=True)
class Party:
    """Someone involved in a kill; every field may be unknown."""

    character_id: int | None = None
    character_name: str | None = None
    corporation_id: int | None = None
    corporation_name: str | None = None
    corporation_ticker: str | None = None
    alliance_id: int | None = None
    alliance_name: str | None = None
    alliance_ticker: str | None = None
    faction_id: int | None = None
    ship_type_id: int | None = None
    ship_name: str | None = None


@frozen(kw_only=True)
class Attacker(Party):
    damage_done: int = 0
    final_blow: bool = False
    weapon_type_id: int | None = None
    security_status: float = 0.0


@frozen(kw_only=True)
class Kill:
    """One killmail, whatever shape it arrived in."""

    killmail_id: int
    system_id: int
    system_name: str | None = None
    time: datetime | None
    """UTC; None when the mail carries no readable time."""
    victim: Party
    attackers: tuple[Attacker, ...] = ()
    attacker_count: int = 0
    total_value: float | None = None
    """ISK; None means unknown, which is not the same as 0."""
    dropped_value: float | None = None
    hash: str | None = None
    points: int | None = None
    location_id: int | None = None
    """The celestial that was nearest."""
    npc: bool = False
    solo: bool = False
    awox: bool = False
    labels: tuple[str, ...] = ()


@frozen(kw_only=True)
class SystemRecord:
    """A system as a map knows it; `name` is the EVE name, the other two are the players' names."""

    system_id: int
    name: str | None = None
    custom_name: str | None = None
    temporary_name: str | None = None
    tag: str | None = None

    @property
    def map_name(self) -> str | None:
        """What the players call it: custom, else temporary, else the EVE name (notifications.md 3.2.2)."""
        return self.custom_name or self.temporary_name or self.name

    @property
    def full_name(self) -> str | None:
        """The players' name with the EVE name behind it where they differ: `Home (J123456)` (cases.md M08)."""
        shown = self.map_name
        return shown if self.name is None or shown == self.name else f"{shown} ({self.name})"


@frozen(kw_only=True)
class SystemStatic:
    """What never changes about a system (notifications.md 2.1.1); every field may be unknown."""

    name: str | None = None
    """The EVE name."""
    class_title: str | None = None
    type_description: str | None = None
    security: float | None = None
    region: str | None = None
    effect: str | None = None
    shattered: bool = False
    statics: tuple[str, ...] = ()
    """`C247 → C3`, or just the hole's name."""


@frozen(kw_only=True)
class CharacterRecord:
    """A tracked pilot as a map knows them."""

    character_id: int
    name: str | None = None
    corporation_id: int | None = None
    corporation_name: str | None = None
    corporation_ticker: str | None = None
    alliance_id: int | None = None
    alliance_ticker: str | None = None


# --- what the feeds hand to the pipeline -------------------------------------------------------------------------


@frozen(kw_only=True)
class KillArrived:
    """One raw element of a kill push; the pipeline parses it, so that a bad one is parked and not lost."""

    raw: object
    system_id: int | None
    """The system the envelope named, if it named one."""
    source: KillSource
    received_at: datetime
    feed: str | None = None
    """Whose mark of being complete moves to `received_at` with the decision; None while a gap is still open."""
    sought: str | None = None
    """How the search for its body ended, when it first came without one (cases.md K22)."""


@frozen(kw_only=True)
class FeedHeard:
    """A kill feed has missed nothing up to *until*; travels behind what the feed brought, and commits after it."""

    feed: str
    until: datetime


@frozen(kw_only=True)
class MapLoaded:
    """A complete REST snapshot of one map."""

    slug: str
    systems: tuple[SystemRecord, ...]
    characters: tuple[CharacterRecord, ...]
    gap_s: float | None
    """Seconds since the stream was last heard; 0 for a periodic comparison, None if it never was."""
    received_at: datetime


@frozen(kw_only=True)
class CharactersLoaded:
    """The tracked pilots of one map, re-read after a hint of the stream that they changed."""

    slug: str
    characters: tuple[CharacterRecord, ...]
    received_at: datetime


@frozen(kw_only=True)
class MapEventArrived:
    """One event of a map's stream, its data not yet parsed."""

    slug: str
    event_id: str
    """The stream's ULID; commits as the cursor together with what was decided."""
    type: str
    data: str
    received_at: datetime
    replayed: bool = False
    """It happened before the stream was opened; a list may have told of it by now."""


@frozen(kw_only=True)
class Replayed:
    """A parked event that somebody wants decided again, as if it arrived now."""

    parked_id: int
    arrival: KillArrived | MapEventArrived


@frozen(kw_only=True)
class MapLeft:
    """A map is followed no more; travels behind what its feed brought, so that nothing of it comes after."""

    slug: str
    received_at: datetime


Arrival: TypeAlias = KillArrived | FeedHeard | MapLoaded | CharactersLoaded | MapEventArrived | MapLeft | Replayed


# --- what the tracking state makes of map events (changes to decide on) ------------------------------------------


@frozen(kw_only=True)
class SystemAdded:
    slug: str
    system: SystemRecord
    by: AddedBy
    gap_s: float | None = None


@frozen(kw_only=True)
class SystemRemoved:
    slug: str
    system: SystemRecord


@frozen(kw_only=True)
class CharacterAdded:
    slug: str
    character: CharacterRecord
    by: AddedBy
    gap_s: float | None = None


@frozen(kw_only=True)
class CharacterRemoved:
    slug: str
    character: CharacterRecord


@frozen(kw_only=True)
class RallyCreated:
    slug: str
    rally_id: str
    system_id: int | None = None
    system_name: str | None = None
    character_id: int | None = None
    character_name: str | None = None
    message: str | None = None
    created_at: datetime | None = None
    ended_at: datetime | None = None
    """When we heard that it was taken back; a rally that expires does so in silence (wanderer-map.md 2.8)."""


Change: TypeAlias = SystemAdded | SystemRemoved | CharacterAdded | CharacterRemoved | RallyCreated
