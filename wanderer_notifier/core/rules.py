"""Who is told what: every outcome is a value, refusals with their reason (design.md 5, notifications.md 1.6 and 2).

The order of checks for a kill: global flags, tracking (after the exclude, k-space and priority filters), age, history,
then per map its flags, wormhole-only and channel; one message per kill and channel.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import frozen

from wanderer_notifier.core.changes import decide_change as decide_change
from wanderer_notifier.core.claims import kill_claim
from wanderer_notifier.core.events import Kill, KillSource, SystemRecord
from wanderer_notifier.core.mentions import system_mention
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.policy import Channels as Channels
from wanderer_notifier.core.policy import Kind as Kind
from wanderer_notifier.core.policy import MapRules as MapRules
from wanderer_notifier.core.policy import Priority as Priority
from wanderer_notifier.core.policy import Route as Route
from wanderer_notifier.core.policy import Rules as Rules
from wanderer_notifier.core.policy import Send as Send
from wanderer_notifier.core.policy import Skip as Skip
from wanderer_notifier.core.policy import Verdict as Verdict
from wanderer_notifier.core.policy import is_priority, system_refusal
from wanderer_notifier.core.space import is_jspace
from wanderer_notifier.core.tracking import MapState, Tracking

HISTORY: frozenset[KillSource] = frozenset({"preload", "cached"})
"""Sources that show the past; the others report what happens (design.md 5.3)."""

KILL_AT_LEAST = timedelta(minutes=15)
"""Even an old kill is worth sending for this long after it was decided (design.md 5.12)."""


@frozen(kw_only=True)
class _Match:
    """Why one map cares about one kill."""

    rules: MapRules
    system: SystemRecord | None
    """The system as the map knows it, if the map tracks it and no filter hides it."""
    victim: bool
    attacker: bool

    def focused(self, kill: Kill) -> bool:
        focus = self.rules.corporation_focus
        return bool(focus) and any(party.corporation_id in focus for party in (kill.victim, *kill.attackers))


def decide_kill(
    kill: Kill,
    source: KillSource,
    rules: Rules,
    tracking: Tracking,
    *,
    now: datetime,
    first_start: datetime,
    voice: Mapping[str, tuple[str, ...]] = {},
) -> tuple[Verdict, ...]:
    """Everyone who is told of *kill*, and everyone who is not.

    *first_start* is when this installation first ran; *voice* the ids of the users in voice channels per map slug. A
    `Skip` without slug speaks for all maps.
    """
    if not rules.notifications_enabled:
        return (Skip(reason="notifications_disabled"),)
    if not rules.kill_notifications_enabled:
        return (Skip(reason="kill_notifications_disabled"),)
    found = [_match(kill, one, rules.priority, tracking.maps.get(one.slug)) for one in rules.maps]
    if all(isinstance(one, Skip) for one in found):
        telling = tuple(one for one in found if isinstance(one, Skip) and one.reason != "not_tracked")
        return telling or (Skip(reason="not_tracked"),)
    if (refusal := _stale(kill, source, rules, now, first_start)) is not None:
        return (refusal,)
    eve_name = kill.system_name or _eve_name(kill.system_id, tracking)
    verdicts: list[Verdict] = []
    taken: set[str] = set()
    for one in found:
        if isinstance(one, Skip):
            verdict: Verdict = one
        else:
            verdict = _send_kill(kill, one, eve_name, rules, now, voice.get(one.rules.slug, ()))
        if isinstance(verdict, Send):
            if verdict.channel in taken:
                verdict = Skip(reason="same_channel", slug=verdict.slug)
            else:
                taken.add(verdict.channel)
        verdicts.append(verdict)
    return tuple(verdicts)


def _match(kill: Kill, one: MapRules, priority: Priority, state: MapState | None) -> _Match | Skip:
    tracked = frozenset(state.characters) if state is not None else frozenset()
    system = state.systems.get(kill.system_id) if state is not None else None
    victim, attackers = kill.victim.character_id, {attacker.character_id for attacker in kill.attackers}
    wanted = tracked - one.character_exclude
    refusal = None
    if system is not None and (refusal := system_refusal(system, one, priority, kill.system_name)) is not None:
        system = None
    match = _Match(rules=one, system=system, victim=victim in wanted, attacker=not wanted.isdisjoint(attackers))
    if match.system is not None or match.victim or match.attacker:
        return match
    if refusal is None and (victim in tracked or not tracked.isdisjoint(attackers)):
        refusal = "excluded"
    return Skip(reason=refusal or "not_tracked", slug=one.slug)


def _stale(kill: Kill, source: KillSource, rules: Rules, now: datetime, first_start: datetime) -> Skip | None:
    if kill.time is None:
        return Skip(reason="unknown_age") if source in HISTORY else None
    if int((now - kill.time).total_seconds()) > rules.max_kill_age_s:
        return Skip(reason="too_old")
    if rules.suppress_history and source in HISTORY and kill.time < first_start:
        return Skip(reason="startup_suppression")
    return None


def _eve_name(system_id: int, tracking: Tracking) -> str | None:
    """What EVE calls the system, from whichever map knows; the players' names never leave their map."""
    known = (state.systems.get(system_id) for state in tracking.maps.values())
    return next((system.name for system in known if system is not None and system.name), None)


def _send_kill(
    kill: Kill, match: _Match, eve_name: str | None, rules: Rules, now: datetime, voice: tuple[str, ...]
) -> Verdict:
    one = match.rules
    if not one.notifications_enabled:
        return Skip(reason="map_notifications_disabled", slug=one.slug)
    if not one.kill_notifications_enabled:
        return Skip(reason="map_kill_disabled", slug=one.slug)
    if one.wormhole_only and not is_jspace(kill.system_id):
        return Skip(reason="wormhole_only", slug=one.slug)
    by_system = match.system is not None and not (match.victim or match.attacker or match.focused(kill))
    route: Route = "system_kill" if by_system else "character_kill"
    channel = one.channels.resolve(route)
    if channel is None:
        return Skip(reason="no_channel", slug=one.slug)
    mention, label = Mention(), eve_name
    if by_system and match.system is not None:
        label = match.system.map_name or eve_name
        mention = system_mention(one, voice, urgent=is_priority(match.system, rules.priority, kill.system_name))
    happened = min(kill.time or now, now)
    return Send(
        kind="kill",
        slug=one.slug,
        channel=channel,
        route=route,
        claim=kill_claim(kill.killmail_id),
        expires_at=max(happened + timedelta(seconds=rules.max_kill_age_s), now + KILL_AT_LEAST),
        mention=mention,
        victim_tracked=match.victim,
        attacker_tracked=match.attacker,
        system_label=label,
    )
