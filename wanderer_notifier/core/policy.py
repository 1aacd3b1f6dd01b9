"""What decisions depend on, and what they look like: settings per map, and verdicts with their reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal, TypeAlias

from attrs import Factory, frozen

from wanderer_notifier.core.events import SystemRecord
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.namehash import spellings
from wanderer_notifier.core.space import is_jspace, space_of
from wanderer_notifier.core.trace import Gate, Trail

Kind = Literal["kill", "system", "character", "rally", "status"]
Route = Literal["system_kill", "character_kill", "system", "character", "rally", "status"]


@frozen(kw_only=True)
class Channels:
    """The channels of one map; what is unset falls back to the primary one (notifications.md 1.2)."""

    primary: str | None = None
    system: str | None = None
    character: str | None = None
    system_kill: str | None = None
    character_kill: str | None = None
    rally: str | None = None

    def resolve(self, route: Route) -> str | None:
        """The channel for *route*; blank counts as unset; None when neither it nor the primary is set."""
        chosen = None if route == "status" else getattr(self, route)
        return (chosen or "").strip() or (self.primary or "").strip() or None


@frozen(kw_only=True)
class MapRules:
    """What one map wants to hear, and where."""

    slug: str
    channels: Channels = Channels()
    notifications_enabled: bool = True
    kill_notifications_enabled: bool = True
    system_notifications_enabled: bool = True
    character_notifications_enabled: bool = True
    rally_notifications_enabled: bool = True
    wormhole_only: bool = False
    track_kspace: bool = True
    priority_only: bool = False
    corporation_focus: frozenset[int] = frozenset()
    character_exclude: frozenset[int] = frozenset()
    system_exclude_ids: frozenset[int] = frozenset()
    system_exclude_names: frozenset[str] = frozenset()
    """Lower-cased EVE names."""
    rally_role_ids: tuple[str, ...] = ()
    voice_mentions: bool = False
    here_fallback: bool = True
    notable_items: bool = False
    """Whether valuable items of a kill are listed, where they can be appraised."""

    def systems_excluded(self) -> str:
        """How many systems the exclusion list names, in words."""
        count = len(self.system_exclude_ids) + len(self.system_exclude_names)
        return f"{count or 'no'} system{'' if count == 1 else 's'}"


@frozen(kw_only=True)
class Priority:
    """Systems whose news ping: known by id and, case-insensitively, by name."""

    ids: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    """Lower-cased."""
    hashes: frozenset[int] = frozenset()
    """Of names that only the former program knew; compared with each name's usual spellings."""

    def covers(self, system_id: int | None, *names: str | None) -> bool:
        if system_id in self.ids or any(name.lower() in self.names for name in names if name):
            return True
        return bool(self.hashes) and any(not spellings(name).isdisjoint(self.hashes) for name in names if name)


@frozen(kw_only=True)
class Rules:
    """Everything a decision depends on besides the event, the tracking state and the time."""

    maps: tuple[MapRules, ...]
    notifications_enabled: bool = True
    kill_notifications_enabled: bool = True
    system_notifications_enabled: bool = True
    character_notifications_enabled: bool = True
    rally_notifications_enabled: bool = True
    max_kill_age_s: int = 3600
    suppress_history: bool = True
    """Whether kills from before this installation's first start stay silent (STARTUP_SUPPRESSION_SECONDS > 0)."""
    priority: Priority = Priority()
    hidden: Priority = Priority()
    """Systems that members want to hear nothing of, although a map has them."""
    extra_systems: Mapping[int, str] = Factory(dict)
    """Names of systems that members want to hear of although no map has them, by id."""


@frozen(kw_only=True)
class Send:
    """Tell this channel."""

    kind: Kind
    slug: str
    channel: str
    route: Route
    claim: str
    """What must not be told twice: unique together with the channel."""
    expires_at: datetime
    """After this moment the message is no longer worth sending (design.md 5.12, how long to retry)."""
    mention: Mention = Mention()
    victim_tracked: bool = False
    attacker_tracked: bool = False
    system_label: str | None = None
    """The system's name as this channel should read it; None: the EVE name, if anyone knows it."""
    late: bool = False
    """A kill of which we heard long after it happened; the message says so."""


@frozen(kw_only=True)
class Skip:
    """Tell nobody (of that map), and why."""

    reason: str
    slug: str | None = None


Verdict: TypeAlias = Send | Skip


@frozen(kw_only=True)
class Candidate:
    """A system of one map, with every name EVE and the players have for it."""

    system: SystemRecord
    one: MapRules
    priority: Priority
    hidden: Priority = Priority()
    more_names: tuple[str | None, ...] = ()
    asked_for: bool = False
    """Whether members track it by command: that a map passes over known space does not hold for it."""

    def excluded(self) -> bool:
        eve_names = {name.lower() for name in (self.system.name, *self.more_names) if name}
        by_id = self.system.system_id in self.one.system_exclude_ids
        return by_id or not eve_names.isdisjoint(self.one.system_exclude_names)

    def untracked(self) -> bool:
        return names_cover(self.hidden, self.system, *self.more_names)

    def urgent(self) -> bool:
        return is_priority(self.system, self.priority, *self.more_names)


SYSTEM_FILTERS: tuple[Gate[Candidate], ...] = (
    Gate(
        "system_not_hidden",
        "untracked",
        lambda it: not it.untracked(),
        lambda it: (
            f"{it.system.full_name or it.system.system_id}, {'' if it.untracked() else 'not '}untracked by command"
        ),
    ),
    Gate(
        "system_not_excluded",
        "excluded",
        lambda it: not it.excluded(),
        lambda it: f"{it.system.full_name or it.system.system_id}, {it.one.systems_excluded()} excluded",
    ),
    Gate(
        "kspace_wanted",
        "kspace_disabled",
        lambda it: it.asked_for or it.one.track_kspace or is_jspace(it.system.system_id),
        lambda it: (
            f"{space_of(it.system.system_id)}, known space is {'' if it.one.track_kspace else 'not '}wanted"
            + (", but this system was asked for by command" if it.asked_for and not it.one.track_kspace else "")
        ),
    ),
    Gate(
        "priority_wanted",
        "priority_only",
        lambda it: not it.one.priority_only or it.urgent(),
        lambda it: (
            ("a priority system" if it.urgent() else "not a priority system")
            + (", only those are wanted" if it.one.priority_only else ", all are wanted")
        ),
    ),
)
"""What makes a system of the map count for nothing, in this order."""


def system_refusal(system: SystemRecord, one: MapRules, rules: Rules) -> str | None:
    """Why *system* counts for nothing on this map; None when it does count."""
    candidate = Candidate(
        system=system,
        one=one,
        priority=rules.priority,
        hidden=rules.hidden,
        asked_for=system.system_id in rules.extra_systems,
    )
    return Trail().walk(SYSTEM_FILTERS, candidate)


def is_priority(system: SystemRecord, priority: Priority, *more_names: str | None) -> bool:
    """Whether *system* pings, by its id or by any name it has."""
    return names_cover(priority, system, *more_names)


def names_cover(listed: Priority, system: SystemRecord, *more_names: str | None) -> bool:
    """Whether *system* is *listed*, by its id or by any name it has."""
    return listed.covers(system.system_id, system.name, system.custom_name, system.temporary_name, *more_names)
