"""Which ids of a notification a reader should see as names, and the notification with the names filled in.

What the feed says wins; only what it leaves out is looked up (notifications.md 7.1, cases.md K25).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, Literal, TypeAlias, TypeVar

from attrs import evolve, frozen

from wanderer_notifier.core.events import (
    Change,
    CharacterAdded,
    CharacterRemoved,
    Kill,
    Party,
    RallyCreated,
    SystemAdded,
    SystemRemoved,
)
from wanderer_notifier.core.killmail import final_blow, top_damage

T = TypeVar("T")
P = TypeVar("P", bound=Party)

NameKind = Literal["character", "corporation", "alliance", "type", "system"]
Key: TypeAlias = tuple[NameKind, int]

PLAYER_CORPORATIONS = 2_000_000
"""Corporations below are the game's own (wanderer-kills.md 7.2); no message shows those."""


@frozen(kw_only=True)
class Known:
    """What a look-up found; without a name: that there is no such thing."""

    name: str | None = None
    ticker: str | None = None


NOBODY = Known()
"""The id stands for nothing: deleted, not yet known, or never was (cases.md K14)."""

Names: TypeAlias = Mapping[Key, Known]


@frozen(kw_only=True)
class Looked(Generic[T]):
    """What is known by now; not *settled*: asking again later may bring more."""

    value: T
    settled: bool


def wanted(subject: Kill | Change, system_label: str | None = None) -> frozenset[Key]:
    """The ids whose names *subject* shows and does not carry; *system_label* is what a kill's system is called."""
    match subject:
        case Kill():
            keys = set(_of_kill(subject))
            if subject.system_name is None and system_label is None:
                keys.add(("system", subject.system_id))
            return frozenset(keys)
        case SystemAdded(system=system):
            return frozenset() if system.name else frozenset({("system", system.system_id)})
        case CharacterAdded(character=pilot):
            found = _lacking("character", pilot.character_id, pilot.name)
            found |= _lacking("corporation", pilot.corporation_id, pilot.corporation_ticker)
            return frozenset(found | _lacking("alliance", pilot.alliance_id, pilot.alliance_ticker))
        case RallyCreated():
            found = _lacking("system", subject.system_id, subject.system_name)
            return frozenset(found | _lacking("character", subject.character_id, subject.character_name))
        case SystemRemoved() | CharacterRemoved():
            return frozenset()


def named(subject: Kill | Change, names: Names) -> Kill | Change:
    """*subject* with every name of *names* that it lacks; a pilot or hull that does not exist shows its number."""
    match subject:
        case Kill():
            return _named_kill(subject, names)
        case SystemAdded(system=system):
            return evolve(subject, system=evolve(system, name=system.name or _name(names, "system", system.system_id)))
        case CharacterAdded(character=pilot):
            return evolve(
                subject,
                character=evolve(
                    pilot,
                    name=pilot.name or _name(names, "character", pilot.character_id),
                    corporation_name=pilot.corporation_name or _name(names, "corporation", pilot.corporation_id),
                    corporation_ticker=pilot.corporation_ticker or _ticker(names, "corporation", pilot.corporation_id),
                    alliance_ticker=pilot.alliance_ticker or _ticker(names, "alliance", pilot.alliance_id),
                ),
            )
        case RallyCreated():
            return evolve(
                subject,
                system_name=subject.system_name or _name(names, "system", subject.system_id),
                character_name=subject.character_name or _name(names, "character", subject.character_id),
            )
        case SystemRemoved() | CharacterRemoved():
            return subject


# --- kills ---------------------------------------------------------------------------------------------------------


def _of_kill(kill: Kill) -> Iterator[Key]:
    for party in (kill.victim, final_blow(kill), top_damage(kill)):
        if party is None:
            continue
        yield from _lacking("character", party.character_id, party.character_name)
        yield from _lacking("type", party.ship_type_id, party.ship_name)
        unmanned = party.character_id is None
        if party is not kill.victim and unmanned and (party.corporation_id or 0) < PLAYER_CORPORATIONS:
            continue  # an NPC is named by its hull
        owner = party.corporation_name if unmanned else "not shown"
        yield from _lacking("corporation", party.corporation_id, party.corporation_ticker and owner)


def _named_kill(kill: Kill, names: Names) -> Kill:
    shown = [one for one in (final_blow(kill), top_damage(kill)) if one is not None]
    return evolve(
        kill,
        system_name=kill.system_name or _name(names, "system", kill.system_id),
        victim=_named_party(kill.victim, names),
        attackers=tuple(
            _named_party(one, names) if any(one is other for other in shown) else one for one in kill.attackers
        ),
    )


def _named_party(party: P, names: Names) -> P:
    corporation = names.get(("corporation", party.corporation_id or 0), NOBODY)
    return evolve(
        party,
        character_name=party.character_name or _or_number(names, "character", party.character_id, "Pilot"),
        ship_name=party.ship_name or _or_number(names, "type", party.ship_type_id, "Type"),
        corporation_name=party.corporation_name or corporation.name,
        corporation_ticker=party.corporation_ticker or corporation.ticker,
    )


# --- single names --------------------------------------------------------------------------------------------------


def _lacking(kind: NameKind, number: int | None, have: str | None) -> set[Key]:
    return {(kind, number)} if number is not None and not have else set()


def _name(names: Names, kind: NameKind, number: int | None) -> str | None:
    return names.get((kind, number or 0), NOBODY).name


def _ticker(names: Names, kind: NameKind, number: int | None) -> str | None:
    return names.get((kind, number or 0), NOBODY).ticker


def _or_number(names: Names, kind: NameKind, number: int | None, word: str) -> str | None:
    found = names.get((kind, number or 0))
    return None if found is None else found.name or f"{word} {number}"
