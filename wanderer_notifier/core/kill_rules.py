"""The rules for kills as values with names: what each looks at, and the reason it gives (notifications.md 1.6).

`core.rules` walks over them: `EVERYWHERE`, then who is concerned, then `TIMELY`, then `OF_THE_MAP` for each map.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from datetime import datetime

from attrs import frozen

from wanderer_notifier.core.events import Kill, KillSource, Party, SystemRecord
from wanderer_notifier.core.policy import MapRules, Route, Rules
from wanderer_notifier.core.space import is_jspace, space_of
from wanderer_notifier.core.trace import Gate

HISTORY: frozenset[KillSource] = frozenset({"preload", "cached"})
"""Sources that show the past; the others report what happens (design.md 5.3)."""

SHOWN = 5
"""How many pilots a check names."""


@frozen(kw_only=True)
class Case:
    """A kill, and what the rules that hold for all maps look at."""

    kill: Kill
    source: KillSource
    rules: Rules
    now: datetime
    first_start: datetime
    pilots: frozenset[int]
    """The attackers we know by id."""

    @property
    def history(self) -> bool:
        return self.source in HISTORY

    def age_s(self) -> int | None:
        return None if self.kill.time is None else int((self.now - self.kill.time).total_seconds())

    def before_us(self) -> bool:
        """Mails say whole seconds, so the second of the first start is ours: nothing after it may be lost."""
        return self.kill.time is not None and self.kill.time < self.first_start.replace(microsecond=0)


@frozen(kw_only=True)
class Match:
    """Why one map cares about one kill, and where it wants to hear of it."""

    kill: Kill
    rules: MapRules
    system: SystemRecord | None
    """The system as the map knows it, if the map tracks it and no filter hides it."""
    victim: bool
    attacker: bool
    focus: bool
    """Whether a corporation in focus is involved."""

    @property
    def by_system(self) -> bool:
        return self.system is not None and not (self.victim or self.attacker or self.focus)

    @property
    def route(self) -> Route:
        return "system_kill" if self.by_system else "character_kill"

    @property
    def channel(self) -> str | None:
        return self.rules.channels.resolve(self.route)


EVERYWHERE: tuple[Gate[Case], ...] = (
    Gate(
        "notifications_enabled",
        "notifications_disabled",
        lambda case: case.rules.notifications_enabled,
        lambda case: f"notifications are {_on(case.rules.notifications_enabled)}",
    ),
    Gate(
        "kill_notifications_enabled",
        "kill_notifications_disabled",
        lambda case: case.rules.kill_notifications_enabled,
        lambda case: f"kill notifications are {_on(case.rules.kill_notifications_enabled)}",
    ),
)
"""Looked at first, once for all maps."""

TIMELY: tuple[Gate[Case], ...] = (
    Gate(
        "age_known",
        "unknown_age",
        lambda case: case.kill.time is not None or not case.history,
        lambda case: f"{'no time' if case.kill.time is None else 'a time'} in the mail, source {case.source}",
    ),
    Gate(
        "young_enough",
        "too_old",
        lambda case: (age := case.age_s()) is None or age <= case.rules.max_kill_age_s,
        lambda case: (
            f"{'unknown' if (age := case.age_s()) is None else age} s old, limit {case.rules.max_kill_age_s} s"
        ),
    ),
    Gate(
        "after_first_start",
        "startup_suppression",
        lambda case: not (case.rules.suppress_history and case.history and case.before_us()),
        lambda case: (
            f"source {case.source}, first start {case.first_start:%Y-%m-%d %H:%M:%S} UTC"
            if case.history
            else f"source {case.source}: told as it happens"
        ),
    ),
)
"""Looked at once for all maps, when at least one is concerned."""

OF_THE_MAP: tuple[Gate[Match], ...] = (
    Gate(
        "map_notifications_enabled",
        "map_notifications_disabled",
        lambda match: match.rules.notifications_enabled,
        lambda match: f"notifications of this map are {_on(match.rules.notifications_enabled)}",
    ),
    Gate(
        "map_kill_notifications_enabled",
        "map_kill_disabled",
        lambda match: match.rules.kill_notifications_enabled,
        lambda match: f"kill notifications of this map are {_on(match.rules.kill_notifications_enabled)}",
    ),
    Gate(
        "wormhole_wanted",
        "wormhole_only",
        lambda match: not match.rules.wormhole_only or is_jspace(match.kill.system_id),
        lambda match: (
            f"{space_of(match.kill.system_id)}, {'only that' if match.rules.wormhole_only else 'every space'} is wanted"
        ),
    ),
    Gate(
        "channel_set",
        "no_channel",
        lambda match: match.channel is not None,
        lambda match: f"{match.route} goes to {match.channel or 'no channel'}",
    ),
)
"""Looked at for each concerned map."""


# --- what a check looked at, in words ------------------------------------------------------------------------------


def _on(flag: bool) -> str:
    return "on" if flag else "off"


def pilot(party: Party) -> str:
    """Someone's pilot, by name and id."""
    if party.character_id is None:
        return "no pilot"
    return f"{party.character_name or 'pilot'} [{party.character_id}]"


def ours_among(ours: AbstractSet[int], attackers: int) -> str:
    """Which of so many *attackers* are ours."""
    of = f"{attackers} attacker{'' if attackers == 1 else 's'}"
    return f"{ids(ours)}, of {of}" if ours else f"none of {of}"


def ids(numbers: AbstractSet[int | None]) -> str:
    """The first few of *numbers*."""
    known = sorted(one for one in numbers if one is not None)
    return ", ".join(map(str, known[:SHOWN])) + (f" and {len(known) - SHOWN} more" if len(known) > SHOWN else "")
