"""Who is told of a change of a map: systems, pilots, rally points (notifications.md 2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import assert_never

from wanderer_notifier.core.claims import character_claim, rally_claim, system_claim
from wanderer_notifier.core.events import (
    AddedBy,
    Change,
    CharacterAdded,
    CharacterRemoved,
    RallyCreated,
    SystemAdded,
    SystemRemoved,
)
from wanderer_notifier.core.mentions import rally_mention, system_mention
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.policy import MapRules, Rules, Send, Skip, Verdict, is_priority, system_refusal

SYSTEM_OR_CHARACTER_FOR = timedelta(hours=6)
RALLY_FOR = timedelta(minutes=10)
"""How long the message is worth sending (design.md 5.12)."""

RALLY_MAX_AGE = timedelta(minutes=10)
"""An older rally is over (notifications.md 2.4)."""


def decide_change(
    change: Change,
    rules: Rules,
    *,
    now: datetime,
    first_start: datetime,
    voice: Mapping[str, tuple[str, ...]] = {},
    max_gap_s: float | None = None,
) -> tuple[Verdict, ...]:
    """Who is told of *change*; removals are told to nobody.

    *max_gap_s* is the longest silence of a stream after which what a comparison finds is still news; by default the
    maximum age of a kill (design.md 5.8).
    """
    one = next((one for one in rules.maps if one.slug == change.slug), None)
    if one is None:
        return (Skip(reason="unknown_map", slug=change.slug),)
    longest = rules.max_kill_age_s if max_gap_s is None else max_gap_s
    match change:
        case SystemAdded():
            verdict = _system(change, one, rules, now, voice.get(one.slug, ()), longest)
        case CharacterAdded():
            verdict = _character(change, one, rules, now, longest)
        case RallyCreated():
            verdict = _rally(change, one, rules, now)
        case SystemRemoved() | CharacterRemoved():
            verdict = Skip(reason="removed", slug=one.slug)
        case _:
            assert_never(change)
    return (verdict,)


def _system(
    change: SystemAdded, one: MapRules, rules: Rules, now: datetime, voice: tuple[str, ...], longest: float
) -> Verdict:
    system = change.system
    urgent = is_priority(system, rules.priority)
    refusal = _old_news(change.by, change.gap_s, longest) or _muted(one, rules)
    if refusal is None and not urgent:  # a priority system is told even when the others are not (S09)
        if not rules.system_notifications_enabled:
            refusal = "system_notifications_disabled"
        elif not one.system_notifications_enabled:
            refusal = "map_system_disabled"
    refusal = refusal or system_refusal(system, one, rules)
    mention = system_mention(one, voice, urgent=True) if urgent else Mention()
    send = Send(
        kind="system",
        slug=one.slug,
        channel=one.channels.resolve("system") or "",
        route="system",
        claim=system_claim(one.slug, system.system_id),
        expires_at=now + SYSTEM_OR_CHARACTER_FOR,
        mention=mention,
        system_label=system.full_name,
    )
    return _unless(refusal, send)


def _character(change: CharacterAdded, one: MapRules, rules: Rules, now: datetime, longest: float) -> Verdict:
    refusal = _old_news(change.by, change.gap_s, longest) or _muted(one, rules)
    if refusal is None and not rules.character_notifications_enabled:
        refusal = "character_notifications_disabled"
    elif refusal is None and not one.character_notifications_enabled:
        refusal = "map_character_disabled"
    elif refusal is None and change.character.character_id in one.character_exclude:
        refusal = "excluded"
    send = Send(
        kind="character",
        slug=one.slug,
        channel=one.channels.resolve("character") or "",
        route="character",
        claim=character_claim(one.slug, change.character.character_id),
        expires_at=now + SYSTEM_OR_CHARACTER_FOR,
    )
    return _unless(refusal, send)


def _rally(change: RallyCreated, one: MapRules, rules: Rules, now: datetime) -> Verdict:
    refusal = _muted(one, rules)
    if refusal is None and not rules.rally_notifications_enabled:
        refusal = "rally_notifications_disabled"
    elif refusal is None and not one.rally_notifications_enabled:
        refusal = "map_rally_disabled"
    elif refusal is None and change.created_at is not None and now - change.created_at > RALLY_MAX_AGE:
        refusal = "too_old"
    send = Send(
        kind="rally",
        slug=one.slug,
        channel=one.channels.resolve("rally") or "",
        route="rally",
        claim=rally_claim(one.slug, change.rally_id),
        expires_at=now + RALLY_FOR,
        mention=rally_mention(one),
        system_label=change.system_name,
    )
    return _unless(refusal, send)


def _unless(refusal: str | None, send: Send) -> Verdict:
    if refusal is not None:
        return Skip(reason=refusal, slug=send.slug)
    return send if send.channel else Skip(reason="no_channel", slug=send.slug)


def _old_news(by: AddedBy, gap_s: float | None, longest: float) -> str | None:
    if by == "load":
        return "first_load"
    if by == "reconcile" and (gap_s is None or gap_s > longest):
        return "gap_too_long"
    return None


def _muted(one: MapRules, rules: Rules) -> str | None:
    if not rules.notifications_enabled:
        return "notifications_disabled"
    return None if one.notifications_enabled else "map_notifications_disabled"
