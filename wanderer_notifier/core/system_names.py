"""Which system somebody means by what they typed, and what to suggest while they type (operations.md OPS-26)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from wanderer_notifier.core.commands import CHOICES, NAME_LIMIT
from wanderer_notifier.core.events import JsonObject, SystemRecord
from wanderer_notifier.core.steering import Place, Steering
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.core.wording import cut, one_line

FIRST_SYSTEM, LAST_SYSTEM = 30_000_000, 33_000_000


@frozen(kw_only=True)
class Ambiguous:
    """Several systems are called that; the names tell them apart."""

    names: tuple[str, ...]


def find_on_maps(typed: str, tracking: Tracking) -> Place | Ambiguous | None:
    """The tracked system that *typed* means: its id, its EVE name, or what players call it; None: no tracked one."""
    wanted = typed.casefold()
    every = list(_systems(tracking))
    if typed.isascii() and typed.isdecimal():
        return next((place_of(one) for one in every if one.system_id == int(typed)), None)
    named = {one.system_id: one for one in every if (one.name or "").casefold() == wanted}
    named = named or {one.system_id: one for one in every if wanted in _labels(one)}
    if len(named) > 1:
        return Ambiguous(names=tuple(sorted(one.name or str(one.system_id) for one in named.values())))
    return next((place_of(one) for one in named.values()), None)


def place_of(system: SystemRecord) -> Place:
    """A tracked system under its EVE name; where that is not known, under what the players call it."""
    return Place(name=system.name or system.map_name or str(system.system_id), system_id=system.system_id)


def places(tracking: Tracking) -> Iterator[Place]:
    """Every tracked system under each of its names; what is typed today or was in the former program."""
    for system in _systems(tracking):
        for name in (system.name, system.custom_name, system.temporary_name):
            if name:
                yield Place(name=name, system_id=system.system_id)


def is_system_id(number: int) -> bool:
    """Whether *number* is in the range of solar systems."""
    return FIRST_SYSTEM <= number < LAST_SYSTEM


def suggestions(typed: str, tracking: Tracking, steering: Steering) -> list[JsonObject]:
    """At most 25 choices for what was *typed* so far: tracked systems, then those on the lists; beginnings first."""
    wanted = " ".join(typed.split()).casefold()
    found: dict[str, tuple[bool, str, str]] = {}
    listed = [one.place for one in steering.systems if one.place] + [one.place for one in steering.overrides]
    shown = [(system.full_name, _value(system), _labels(system) | {(system.name or "").casefold()})
             for system in _systems(tracking)]  # fmt: skip
    shown += [(place.name, place.name, {place.name.casefold()}) for place in listed]
    for label, value, names in shown:
        text = one_line(label or value, NAME_LIMIT)
        if text is None or value in found or not any(wanted in name for name in names):
            continue
        begins = any(name.startswith(wanted) for name in names if name)
        found[value] = (not begins, text.casefold(), text)
    best = sorted(found.items(), key=lambda one: one[1])[:CHOICES]
    return [{"name": text, "value": value} for value, (_, _, text) in best]


def _systems(tracking: Tracking) -> Iterable[SystemRecord]:
    return (system for state in tracking.maps.values() for system in state.systems.values())


def _labels(system: SystemRecord) -> set[str]:
    return {name.casefold() for name in (system.custom_name, system.temporary_name) if name}


def _value(system: SystemRecord) -> str:
    """What choosing *system* sends; its EVE name is as good as its id, and can be read."""
    return cut(system.name, NAME_LIMIT) if system.name else str(system.system_id)
