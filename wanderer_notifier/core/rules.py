"""Who is told what: every outcome is a value, refusals with their reason (design.md 5, notifications.md 1.6 and 2).

The order of checks for a kill: global flags, tracking (after the exclude, k-space and priority filters), age, history,
then per map its flags, wormhole-only and channel; one message per kill and channel. The rules are values with names
(`core.trace`), so that the walk over them that decides also leaves a trail to explain the decision with.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import frozen

from wanderer_notifier.core.changes import decide_change as decide_change
from wanderer_notifier.core.claims import kill_claim
from wanderer_notifier.core.events import Kill, KillSource, SystemRecord
from wanderer_notifier.core.kill_rules import EVERYWHERE, OF_THE_MAP, TIMELY, Case, Match, ids, ours_among, pilot
from wanderer_notifier.core.mentions import system_mention
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.policy import SYSTEM_FILTERS, Candidate, is_priority
from wanderer_notifier.core.policy import Channels as Channels
from wanderer_notifier.core.policy import Kind as Kind
from wanderer_notifier.core.policy import MapRules as MapRules
from wanderer_notifier.core.policy import Priority as Priority
from wanderer_notifier.core.policy import Route as Route
from wanderer_notifier.core.policy import Rules as Rules
from wanderer_notifier.core.policy import Send as Send
from wanderer_notifier.core.policy import Skip as Skip
from wanderer_notifier.core.policy import Verdict as Verdict
from wanderer_notifier.core.trace import Check, Trail
from wanderer_notifier.core.tracking import Tracking

KILL_AT_LEAST = timedelta(minutes=15)
"""Even an old kill is worth sending for this long after it was decided (design.md 5.12)."""

LATE_AFTER = timedelta(minutes=10)
"""A kill decided later than this after it happened is marked late."""


@frozen(kw_only=True)
class Judgement:
    """What was decided about a kill, and every check on the way there."""

    verdicts: tuple[Verdict, ...]
    checks: tuple[Check, ...]


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
    return judge_kill(kill, source, rules, tracking, now=now, first_start=first_start, voice=voice).verdicts


def judge_kill(
    kill: Kill,
    source: KillSource,
    rules: Rules,
    tracking: Tracking,
    *,
    now: datetime,
    first_start: datetime,
    voice: Mapping[str, tuple[str, ...]] = {},
) -> Judgement:
    """What `decide_kill` says, with the checks that led there."""
    trail = Trail()
    verdicts = _verdicts(kill, source, rules, tracking, now, first_start, voice, trail)
    return Judgement(verdicts=verdicts, checks=trail.checks())


def _verdicts(
    kill: Kill,
    source: KillSource,
    rules: Rules,
    tracking: Tracking,
    now: datetime,
    first_start: datetime,
    voice: Mapping[str, tuple[str, ...]],
    trail: Trail,
) -> tuple[Verdict, ...]:
    known = frozenset(one.character_id for one in kill.attackers if one.character_id is not None)
    case = Case(kill=kill, source=source, rules=rules, now=now, first_start=first_start, pilots=known)
    if (refusal := trail.walk(EVERYWHERE, case)) is not None:
        return (Skip(reason=refusal),)
    found = [_match(case, one, tracking, trail) for one in rules.maps]
    if all(isinstance(one, Skip) for one in found):
        telling = tuple(one for one in found if isinstance(one, Skip) and one.reason != "not_tracked")
        return telling or (Skip(reason="not_tracked"),)
    if (refusal := trail.walk(TIMELY, case)) is not None:
        return (Skip(reason=refusal),)
    eve_name = kill.system_name or _eve_name(kill.system_id, tracking)
    verdicts: list[Verdict] = []
    taken: set[str] = set()
    for one in found:
        if isinstance(one, Skip):
            verdict: Verdict = one
        elif (refusal := trail.walk(OF_THE_MAP, one, one.rules.slug)) is not None:
            verdict = Skip(reason=refusal, slug=one.rules.slug)
        else:
            verdict = _send_kill(one, eve_name, rules, now, voice.get(one.rules.slug, ()))
            seen = (
                f"channel {verdict.channel}, {'told for another map' if verdict.channel in taken else 'not told yet'}"
            )
            if trail.note("channel_once", verdict.channel not in taken, seen, verdict.slug):
                taken.add(verdict.channel)
            else:
                verdict = Skip(reason="same_channel", slug=verdict.slug)
        verdicts.append(verdict)
    return tuple(verdicts)


def _match(case: Case, one: MapRules, tracking: Tracking, trail: Trail) -> Match | Skip:
    kill, state, slug = case.kill, tracking.maps.get(one.slug), one.slug
    tracked = frozenset(state.characters) if state is not None else frozenset()
    system = state.systems.get(kill.system_id) if state is not None else None
    shown = f"system {kill.system_id}" if system is None else f"{system.full_name or 'system'} [{kill.system_id}]"
    trail.note("system_on_map", system is not None, shown, slug, effect="reason")
    if system is None and kill.system_id in case.rules.extra_systems:
        system = SystemRecord(system_id=kill.system_id, name=case.rules.extra_systems[kill.system_id])
        trail.note("system_tracked", True, f"{system.name} [{kill.system_id}], by command", slug, effect="reason")
    refusal = None
    if system is not None:
        candidate = Candidate(
            system=system,
            one=one,
            priority=case.rules.priority,
            hidden=case.rules.hidden,
            more_names=(kill.system_name,),
            asked_for=kill.system_id in case.rules.extra_systems,
        )
        if (refusal := trail.walk(SYSTEM_FILTERS, candidate, slug, effect="system")) is not None:
            system = None
    wanted = tracked - one.character_exclude
    victim, ours = kill.victim.character_id, wanted & case.pilots
    trail.note("victim_tracked", victim in wanted, pilot(kill.victim), slug, effect="reason")
    trail.note("attacker_tracked", bool(ours), ours_among(ours, len(kill.attackers)), slug, effect="reason")
    if system is not None or victim in wanted or ours:
        focus = _focused(kill, one)
        if one.corporation_focus:
            seen = f"a corporation in focus is {'' if focus else 'not '}involved"
            trail.note("corporation_focus", focus, seen, slug, effect="none")
        return Match(kill=kill, rules=one, system=system, victim=victim in wanted, attacker=bool(ours), focus=focus)
    hidden = tracked & (case.pilots | {victim})
    if hidden:
        trail.note("pilot_not_excluded", False, f"tracked, but excluded: {ids(hidden)}", slug)
        refusal = refusal or "excluded"
    return Skip(reason=refusal or "not_tracked", slug=slug)


def _focused(kill: Kill, one: MapRules) -> bool:
    focus = one.corporation_focus
    return bool(focus) and any(party.corporation_id in focus for party in (kill.victim, *kill.attackers))


def _eve_name(system_id: int, tracking: Tracking) -> str | None:
    """What EVE calls the system, from whichever map knows; the players' names never leave their map."""
    known = (state.systems.get(system_id) for state in tracking.maps.values())
    return next((system.name for system in known if system is not None and system.name), None)


def _send_kill(match: Match, eve_name: str | None, rules: Rules, now: datetime, voice: tuple[str, ...]) -> Send:
    one, kill = match.rules, match.kill
    mention, label = Mention(), eve_name
    if match.by_system and match.system is not None:
        label = match.system.map_name or eve_name
        mention = system_mention(one, voice, urgent=is_priority(match.system, rules.priority, kill.system_name))
    happened = min(kill.time or now, now)
    return Send(
        kind="kill",
        slug=one.slug,
        channel=match.channel or "",  # the walk above asked for it
        route=match.route,
        claim=kill_claim(kill.killmail_id),
        expires_at=max(happened + timedelta(seconds=rules.max_kill_age_s), now + KILL_AT_LEAST),
        mention=mention,
        victim_tracked=match.victim,
        attacker_tracked=match.attacker,
        system_label=label,
        late=now - happened > LATE_AFTER,
    )
