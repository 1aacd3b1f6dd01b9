"""Which systems and pilots each map tracks; a pure fold over map events, keyed by map slug.

Rules of the fold, where the map leaves room for doubt:

* The first complete list of a map is silent (`by="load"`); later ones are compared by id (`by="reconcile"`).
* A list that is suddenly empty is not believed: the map answers so when its database cannot be read. Only a second
  empty list, `EMPTY_CONFIRMED_S` later, empties the state, and what fills it again is a load, not news.
* A change to a system we do not know makes us watch it for kills (notifications.md S13), unless it left the map since
  the last complete list, for hidden systems are written to as well (wanderer-map.md 2.5). It is not announced: the next
  complete list either confirms it, which does announce it, or drops it.
* What the map is silent about stays (W48): a change never says the custom name.
* A list and the event of the same addition may come in either order, and a list may be too late to be news. So an
  `add_system` for what only a list told of is handed on as an addition too, for as long as a stream can repeat it; if
  the list already made it a message, the claim absorbs it.
* What a stream replays is in order but may be older than the lists. An `add_system` of what one list brought and a
  later one took away again is that same addition; a `deleted_system` before the `add_system` that a list already told
  of is older than it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TypeAlias, TypeVar, assert_never

from attrs import Factory, evolve, frozen

from wanderer_notifier.core.events import (
    AddedBy,
    Change,
    CharacterAdded,
    CharacterRecord,
    CharacterRemoved,
    CharactersLoaded,
    MapLoaded,
    RallyCreated,
    SystemAdded,
    SystemRecord,
    SystemRemoved,
)
from wanderer_notifier.core.mapevents import (
    CharactersChanged,
    RallyEnded,
    SystemChanged,
    SystemHidden,
    SystemShown,
    TrackedEvent,
)

EMPTY_CONFIRMED_S = 300.0
"""How long after the first sudden emptiness a second one is believed; the lists are compared every ten minutes."""

REPLAYED = timedelta(minutes=15)
"""How long after a list the event of what it added can still come: the map repeats at most 12 minutes (1.5)."""


@frozen(kw_only=True)
class MapState:
    """What we know of one map."""

    slug: str
    systems: Mapping[int, SystemRecord] = Factory(dict)
    characters: Mapping[int, CharacterRecord] = Factory(dict)
    loaded_at: datetime | None = None
    """When a complete snapshot was last seen; None: never."""
    unconfirmed: frozenset[int] = frozenset()
    """Systems among `systems` that only a change told of; the next complete list decides."""
    hidden: frozenset[int] = frozenset()
    """Systems that left since the last complete list."""
    unannounced: Mapping[int, datetime] = Factory(dict)
    """Systems whose addition only a list told of, and when it did; their event may still come."""
    came_and_went: Mapping[int, tuple[datetime, ...]] = Factory(dict)
    """Systems that one list brought and a later one took away before their event came, and when they came."""
    no_systems_since: datetime | None = None
    """When a list without any system first came although we know some."""
    no_characters_since: datetime | None = None
    emptied: bool = False
    """The state was emptied by a confirmed empty list: what fills it is a load."""


@frozen(kw_only=True)
class Tracking:
    """What we know of all maps."""

    maps: Mapping[str, MapState] = Factory(dict)

    def system_ids(self) -> frozenset[int]:
        return frozenset(system for state in self.maps.values() for system in state.systems)

    def character_ids(self) -> frozenset[int]:
        return frozenset(character for state in self.maps.values() for character in state.characters)


V = TypeVar("V")
Folded: TypeAlias = tuple[MapState, tuple[Change, ...]]


def apply(
    tracking: Tracking, event: MapLoaded | CharactersLoaded | TrackedEvent
) -> tuple[Tracking, tuple[Change, ...]]:
    """*tracking* after *event*, and what changed by it; the same object when nothing did."""
    state = tracking.maps.get(event.slug, MapState(slug=event.slug))
    after, changes = _fold(state, event)
    if after is state:
        return tracking, changes
    return evolve(tracking, maps={**tracking.maps, event.slug: after}), changes


def _fold(state: MapState, event: MapLoaded | CharactersLoaded | TrackedEvent) -> Folded:
    match event:
        case MapLoaded():
            return _loaded(state, event)
        case CharactersLoaded():
            by: AddedBy = "load" if state.loaded_at is None else "event"
            return _characters(state, event.characters, event.received_at, by, None)
        case SystemShown():
            return _shown(state, event.system, event.replayed)
        case SystemHidden():
            return _hidden(state, event.system_id, event.replayed)
        case SystemChanged():
            return _changed(state, event)
        case RallyCreated():
            known = state.systems.get(event.system_id or 0)
            name = (known.full_name if known else None) or event.system_name
            return state, (evolve(event, system_name=name),)
        case CharactersChanged() | RallyEnded():
            return state, ()
        case _:
            assert_never(event)


# --- complete lists ------------------------------------------------------------------------------------------------


def _loaded(state: MapState, event: MapLoaded) -> Folded:
    by: AddedBy = "load" if state.loaded_at is None else "reconcile"
    after, systems = _systems(state, event, by)
    after, characters = _characters(after, event.characters, event.received_at, by, event.gap_s)
    return evolve(after, loaded_at=event.received_at), systems + characters


def _systems(state: MapState, event: MapLoaded, by: AddedBy) -> Folded:
    listed = {system.system_id: system for system in event.systems}
    state = evolve(state, hidden=frozenset())
    if state.systems and not listed:
        since = state.no_systems_since or event.received_at
        if not _confirmed(since, event.received_at):
            return evolve(state, no_systems_since=since), ()
        state = evolve(state, emptied=True)
    elif listed and state.emptied:
        by, state = "load", evolve(state, emptied=False)
    known = {system_id: one for system_id, one in state.systems.items() if system_id not in state.unconfirmed}
    changes: list[Change] = [
        SystemRemoved(slug=state.slug, system=one) for system_id, one in known.items() if system_id not in listed
    ]
    changes += [
        SystemAdded(slug=state.slug, system=one, by=by, gap_s=event.gap_s)
        for system_id, one in listed.items()
        if system_id not in known
    ]
    unannounced = {
        system_id: at
        for system_id, at in state.unannounced.items()
        if system_id in listed and event.received_at - at <= REPLAYED
    }
    unannounced |= {system_id: event.received_at for system_id in listed if system_id not in known}
    came_and_went = {
        system_id: recent
        for system_id, times in _taken_away(state, listed).items()
        if (recent := tuple(at for at in times if event.received_at - at <= REPLAYED))
    }
    after = evolve(
        state,
        systems=listed,
        unconfirmed=frozenset(),
        unannounced=unannounced,
        came_and_went=came_and_went,
        no_systems_since=None,
    )
    return after, tuple(changes)


def _taken_away(state: MapState, listed: Mapping[int, SystemRecord]) -> dict[int, tuple[datetime, ...]]:
    found = dict(state.came_and_went)
    for system_id, at in state.unannounced.items():
        if system_id not in listed:
            found[system_id] = (*found.get(system_id, ()), at)
    return found


def _characters(
    state: MapState, listed_rows: tuple[CharacterRecord, ...], received_at: datetime, by: AddedBy, gap_s: float | None
) -> Folded:
    listed = {character.character_id: character for character in listed_rows}
    if state.characters and not listed:
        since = state.no_characters_since or received_at
        if not _confirmed(since, received_at):
            return evolve(state, no_characters_since=since), ()
    changes: list[Change] = [
        CharacterRemoved(slug=state.slug, character=one)
        for character_id, one in state.characters.items()
        if character_id not in listed
    ]
    changes += [
        CharacterAdded(slug=state.slug, character=one, by=by, gap_s=gap_s)
        for character_id, one in listed.items()
        if character_id not in state.characters
    ]
    if listed == state.characters and state.no_characters_since is None:
        return state, ()
    return evolve(state, characters=listed, no_characters_since=None), tuple(changes)


def _confirmed(since: datetime, now: datetime) -> bool:
    return (now - since).total_seconds() >= EMPTY_CONFIRMED_S


# --- single events -------------------------------------------------------------------------------------------------


def _shown(state: MapState, system: SystemRecord, replayed: bool) -> Folded:
    system_id = system.system_id
    if replayed and (times := state.came_and_went.get(system_id)):
        came_and_went = _without(state.came_and_went, system_id)
        return evolve(state, came_and_went=came_and_went | ({system_id: times[1:]} if times[1:] else {})), ()
    known = state.systems.get(system_id)
    if known is not None:
        system = evolve(known, name=known.name or system.name)
        if system_id not in state.unconfirmed and system_id not in state.unannounced:  # already told (S14)
            return (state if system == known else _with_system(state, system)), ()
    after = evolve(
        _with_system(state, system),
        unconfirmed=state.unconfirmed - {system_id},
        unannounced=_without(state.unannounced, system_id),
        hidden=state.hidden - {system_id},
        emptied=False,
    )
    return after, (SystemAdded(slug=state.slug, system=system, by="event"),)


def _hidden(state: MapState, system_id: int, replayed: bool) -> Folded:
    known = state.systems.get(system_id)
    if replayed and system_id in state.unannounced:
        return state, ()
    after = evolve(
        state,
        systems=_without(state.systems, system_id),
        hidden=state.hidden | {system_id},
        unconfirmed=state.unconfirmed - {system_id},
        unannounced=_without(state.unannounced, system_id),
    )
    return after, () if known is None else (SystemRemoved(slug=state.slug, system=known),)


def _changed(state: MapState, event: SystemChanged) -> Folded:
    known = state.systems.get(event.system_id)
    if known is None:
        if event.system_id in state.hidden:
            return state, ()
        fresh = SystemRecord(system_id=event.system_id, name=event.stored_name, temporary_name=event.temporary_name)
        return evolve(_with_system(state, fresh), unconfirmed=state.unconfirmed | {event.system_id}), ()
    renamed = event.stored_name is not None and known.name is not None and event.stored_name != known.name
    system = evolve(
        known,
        name=known.name or event.stored_name,
        custom_name=event.stored_name if renamed else known.custom_name,
        temporary_name=event.temporary_name,
    )
    return (state if system == known else _with_system(state, system)), ()


def _with_system(state: MapState, system: SystemRecord) -> MapState:
    return evolve(state, systems={**state.systems, system.system_id: system})


def _without(found: Mapping[int, V], key: int) -> dict[int, V]:
    return {one: value for one, value in found.items() if one != key}
