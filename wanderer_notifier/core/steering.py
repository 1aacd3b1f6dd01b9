"""What members steer by command: priority systems and overrides, as one value that rules are made from.

(operations.md 2.4, OPS-25 to 28, OPS-62)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from attrs import evolve, frozen

from wanderer_notifier.core.namehash import name_hash, spellings
from wanderer_notifier.core.policy import Priority, Rules

LIMIT = 1_000
"""Entries of each list; a further one is refused."""

OverrideKind = Literal["track", "untrack"]


class Full(Exception):
    """The list has no room for another entry."""


@frozen(kw_only=True)
class Place:
    """A system as somebody meant it: by id where that is known, else by name only."""

    name: str
    """The EVE name; for what nobody knows, as it was typed."""
    system_id: int | None = None

    @property
    def known(self) -> bool:
        return self.system_id is not None

    def same(self, other: Place) -> bool:
        """Whether both mean one system; a name alone means every system of that name."""
        if self.system_id is not None and other.system_id is not None:
            return self.system_id == other.system_id
        return self.name.casefold() == other.name.casefold()


@frozen(kw_only=True)
class PrioritySystem:
    """One entry of the priority list; a legacy entry of which only the hash is known has no place."""

    place: Place | None
    name_hash: int
    """Under which the former program knows it."""
    by: str | None = None
    """User id of who added it."""
    at: datetime | None = None


@frozen(kw_only=True)
class Override:
    """A system followed although no map has it, or ignored although one has."""

    place: Place
    kind: OverrideKind
    by: str | None = None
    at: datetime | None = None


@frozen(kw_only=True)
class Steering:
    """Both lists, newest first."""

    systems: tuple[PrioritySystem, ...] = ()
    overrides: tuple[Override, ...] = ()

    # --- priority ---

    def priority(self, place: Place) -> PrioritySystem | None:
        """The entry for *place*, if there is one; a legacy hash of its name counts."""
        hashes = spellings(place.name)
        for one in self.systems:
            if one.name_hash in hashes if one.place is None else one.place.same(place):
                return one
        return None

    def with_priority(self, place: Place, *, by: str | None = None, at: datetime | None = None) -> Steering:
        """With *place* as the newest priority system; unchanged when it is one. Raises `Full`."""
        if self.priority(place) is not None:
            return self
        if len(self.systems) >= LIMIT:
            raise Full
        entry = PrioritySystem(place=place, name_hash=name_hash(place.name), by=by, at=at)
        return evolve(self, systems=(entry, *self.systems))

    def without_priority(self, place: Place) -> Steering:
        """Without whatever makes *place* a priority system."""
        left = self
        while (found := left.priority(place)) is not None:
            left = evolve(left, systems=tuple(one for one in left.systems if one is not found))
        return left

    @property
    def unresolved(self) -> int:
        """Legacy entries of which nobody knows the name."""
        return sum(one.place is None for one in self.systems)

    def hashes(self) -> list[int]:
        """What the former program would keep in its file: newest first, each once."""
        return list(dict.fromkeys(one.name_hash for one in self.systems))

    def with_hashes(self, hashes: Iterable[int], at: datetime | None = None) -> Steering:
        """With entries of the former program's file behind our own, as far as there is room."""
        have = {one.name_hash for one in self.systems}
        new = [number for number in dict.fromkeys(hashes) if number not in have]
        entries = tuple(PrioritySystem(place=None, name_hash=number, at=at) for number in new)
        return evolve(self, systems=(*self.systems, *entries)[:LIMIT])

    def resolved(self, known: Iterable[Place]) -> Steering:
        """With a name for each hash, and an id for each name, that *known* systems explain; the same if none does."""
        wanted_hashes = {one.name_hash for one in self.systems if one.place is None}
        places = [one.place for one in self.systems if one.place is not None] + [one.place for one in self.overrides]
        wanted_names = {place.name.casefold() for place in places if not place.known}
        if not wanted_hashes and not wanted_names:
            return self
        by_hash: dict[int, Place] = {}
        by_name: dict[str, Place] = {}
        for place in known:
            by_name.setdefault(place.name.casefold(), place)
            for number in spellings(place.name) if wanted_hashes else ():
                by_hash.setdefault(number, place)
        systems = tuple(_resolved(one, by_hash, by_name) for one in self.systems)
        overrides = tuple(evolve(one, place=_named(one.place, by_name)) for one in self.overrides)
        return (
            self
            if (systems, overrides) == (self.systems, self.overrides)
            else Steering(systems=systems, overrides=overrides)
        )

    # --- overrides ---

    def override(self, place: Place) -> Override | None:
        """The override for *place*, if there is one."""
        return next((one for one in self.overrides if one.place.same(place)), None)

    def with_override(
        self, place: Place, kind: OverrideKind, *, by: str | None = None, at: datetime | None = None
    ) -> Steering:
        """With that override for *place* instead of any other. Raises `Full`."""
        left = self.without_override(place)
        if len(left.overrides) >= LIMIT:
            raise Full
        return evolve(left, overrides=(Override(place=place, kind=kind, by=by, at=at), *left.overrides))

    def without_override(self, place: Place) -> Steering:
        """Without overrides for *place*."""
        return evolve(self, overrides=tuple(one for one in self.overrides if not one.place.same(place)))

    # --- what decisions see ---

    def tracked(self) -> Mapping[int, str]:
        """Systems to follow besides those of the maps, by id; what is known by name only cannot be subscribed to."""
        return {
            one.place.system_id: one.place.name
            for one in self.overrides
            if one.kind == "track" and one.place.system_id is not None
        }

    def hidden(self) -> Priority:
        """Systems to ignore."""
        return _covering(one.place for one in self.overrides if one.kind == "untrack")

    def merged(self, rules: Rules) -> Rules:
        """*rules* as the members steer them."""
        if not self.systems and not self.overrides:
            return rules
        ours = _covering(one.place for one in self.systems if one.place is not None)
        priority = Priority(
            ids=rules.priority.ids | ours.ids,
            names=rules.priority.names | ours.names,
            hashes=rules.priority.hashes | {one.name_hash for one in self.systems if one.place is None},
        )
        return evolve(rules, priority=priority, hidden=self.hidden(), extra_systems=self.tracked())


def _covering(places: Iterable[Place]) -> Priority:
    every = list(places)
    return Priority(
        ids=frozenset(place.system_id for place in every if place.system_id is not None),
        # A system known by id is known by its id alone: another one may carry its name as a label.
        names=frozenset(place.name.lower() for place in every if place.system_id is None),
    )


def _resolved(one: PrioritySystem, by_hash: Mapping[int, Place], by_name: Mapping[str, Place]) -> PrioritySystem:
    if one.place is None:
        found = by_hash.get(one.name_hash)
        return one if found is None else evolve(one, place=found)
    return evolve(one, place=_named(one.place, by_name))


def _named(place: Place, by_name: Mapping[str, Place]) -> Place:
    return place if place.known else by_name.get(place.name.casefold(), place)
