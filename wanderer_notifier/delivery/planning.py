"""What one arrival amounts to: pure, given the settings, the tracking state and the time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Literal, TypeAlias, assert_never

from attrs import Factory, evolve, frozen

from wanderer_notifier.core import mapevents, tracking
from wanderer_notifier.core.claims import character_claim, nonce_for, rally_claim, system_claim
from wanderer_notifier.core.events import (
    Arrival,
    Change,
    CharacterRemoved,
    CharactersLoaded,
    FeedHeard,
    JsonObject,
    Kill,
    KillArrived,
    KillSource,
    MapEventArrived,
    MapLeft,
    MapLoaded,
    Party,
    Replayed,
    SystemRemoved,
)
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.record import decision_record
from wanderer_notifier.core.render import render, render_text
from wanderer_notifier.core.rules import Rules, Send, Skip, Verdict, decide_change, judge_kill
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.replay import context_of
from wanderer_notifier.delivery.sources import change_source, kill_source
from wanderer_notifier.state.bodies import Bodiless
from wanderer_notifier.state.outbox import NewRow

Voice: TypeAlias = Mapping[str, tuple[str, ...]]
"""Who sits in voice channels and may be pinged, per map slug."""
NOBODY: Voice = MappingProxyType({})


@frozen
class Decision:
    """What was decided about one kill."""

    killmail_id: int
    source: KillSource
    age_s: float | None
    """From the kill to its arrival; None when the mail has no time."""
    verdicts: tuple[Verdict, ...]
    outcome: JsonObject
    """What is kept for whoever asks why."""
    raw: object
    """The killmail as it came."""

    def reasons(self) -> list[str]:
        """Why it is not told, one reason a map."""
        return [verdict.reason for verdict in self.verdicts if isinstance(verdict, Skip)]


@frozen
class Parked:
    """An arrival that could not be made sense of: what it was and what was wrong."""

    kind: str
    raw: str
    error: str
    context: JsonObject = Factory(dict)
    """What else is needed to decide it again."""


@frozen(kw_only=True)
class Plan:
    """What to do about one arrival; carried out in one transaction."""

    rows: tuple[NewRow, ...] = ()
    releases: tuple[str, ...] = ()
    """Claims that end, because their subject left the map."""
    ended: str | None = None
    """The claim of a rally that was taken back: its message is to say so."""
    slug: str | None = None
    known: Tracking | None = None
    """The new tracking state, if it changed; only the map *slug* differs."""
    cursor: str | None = None
    """The stream of *slug* is decided up to here."""
    left: bool = False
    """The map *slug* is followed no more: what is remembered of it goes."""
    heard: FeedHeard | None = None
    """How far a kill feed is known to be complete, once this plan is committed."""
    decision: Decision | None = None
    skipped: tuple[Skip, ...] = ()
    """Refusals other than a kill's."""
    parked: Parked | None = None
    event: Literal["ok", "ignored", "malformed"] | None = None
    """How a map event was understood."""
    bodiless: Bodiless | None = None
    """A kill of which only id and hash came: its body is to be fetched first."""
    found: int | None = None
    """The kill whose body was looked for, now that this is over."""
    replayed: int | None = None
    """The parked event that this is the second try of."""

    def result(self, queued: int) -> str:
        """What came of it, in words for whoever asked for a second try; *queued* of its rows were new."""
        if self.parked is not None:
            return f"failed again: {self.parked.error}"
        if self.bodiless is not None:
            return "not decided: its body is being fetched"
        if queued:
            return f"decided: {queued} message{'' if queued == 1 else 's'} queued"
        if self.rows:
            return "decided: told before"
        reasons = [one.reason for one in self.skipped] + (self.decision.reasons() if self.decision else [])
        return f"decided: not told ({', '.join(reasons)})" if reasons else "decided: nothing to tell"


def plan(
    arrival: Arrival,
    rules: Rules,
    known: Tracking,
    *,
    now: datetime,
    first_start: datetime,
    voice: Voice = NOBODY,
) -> Plan:
    """Decide on *arrival*; whatever it holds, the answer is a plan, unless our own code is wrong.

    *voice* names the users in voice channels, per map slug.
    """
    match arrival:
        case KillArrived():
            return _plan_kill(arrival, rules, known, now, first_start, voice)
        case MapEventArrived():
            return _plan_event(arrival, rules, known, now, first_start, voice)
        case MapLoaded() | CharactersLoaded():
            state, changes = tracking.apply(known, arrival)
            made = _plan_changes(arrival.slug, changes, rules, arrival.received_at, now, first_start, voice)
            return evolve(made, known=state if state != known else None)
        case MapLeft():
            return _plan_farewell(arrival.slug, known)
        case FeedHeard():
            return Plan(heard=arrival)
        case Replayed():
            made = plan(arrival.arrival, rules, known, now=now, first_start=first_start, voice=voice)
            return _second_try(made, arrival)
        case _:
            assert_never(arrival)


def park(arrival: Arrival, error: str) -> Plan:
    """Keep *arrival* for a person to look at, and go on: its cursor moves with it (cases.md S28)."""
    match arrival:
        case KillArrived(raw=raw):
            return Plan(parked=Parked("kill", json.dumps(raw, default=str), error, context_of(arrival)))
        case MapEventArrived(slug=slug, event_id=event_id, data=data):
            kept = Parked("map_event", data, error, context_of(arrival))
            return Plan(parked=kept, slug=slug, cursor=event_id, event="malformed")
        case MapLoaded() | CharactersLoaded() | MapLeft():
            return Plan(parked=Parked("map_list", repr(arrival), error))
        case FeedHeard():
            return Plan(parked=Parked("feed", repr(arrival), error))
        case Replayed():
            return _second_try(park(arrival.arrival, error), arrival)
        case _:
            assert_never(arrival)


def _second_try(made: Plan, arrival: Replayed) -> Plan:
    """The feed was past this event long ago: its marks stay where they are."""
    return evolve(made, cursor=None, heard=None, replayed=arrival.parked_id)


def _plan_kill(
    arrival: KillArrived, rules: Rules, known: Tracking, now: datetime, first_start: datetime, voice: Voice
) -> Plan:
    try:
        kill = parse_kill(arrival.raw, arrival.system_id)
    except BadKillmail as bad:
        if bad.killmail_id is not None and bad.hash is not None and arrival.sought is None:
            return _seek_body(arrival, bad.killmail_id, bad.hash)
        ended = f" (its body: {arrival.sought})" if arrival.sought is not None else ""
        return evolve(park(arrival, f"{bad}{ended}"), found=bad.killmail_id if arrival.sought is not None else None)
    if arrival.sought is None and kill.hash is not None and _is_reference(kill):
        return _seek_body(arrival, kill.killmail_id, kill.hash)
    judgement = judge_kill(kill, arrival.source, rules, known, now=now, first_start=first_start, voice=voice)
    verdicts = judgement.verdicts
    rows = tuple(
        _new_row(kill, verdict, arrival.received_at, kill_source(arrival, verdict))
        for verdict in verdicts
        if isinstance(verdict, Send)
    )
    age_s = (arrival.received_at - kill.time).total_seconds() if kill.time else None
    outcome = decision_record(kill, judgement, received_at=arrival.received_at)
    decision = Decision(kill.killmail_id, arrival.source, age_s, verdicts, outcome, arrival.raw)
    found = kill.killmail_id if arrival.sought is not None else None
    return Plan(rows=rows, decision=decision, heard=_heard_with(arrival), found=found)


def _is_reference(kill: Kill) -> bool:
    """Whether nothing of the mail itself is there (cases.md K22)."""
    return kill.time is None and not kill.attackers and kill.victim == Party()


def _seek_body(arrival: KillArrived, killmail_id: int, mail_hash: str) -> Plan:
    bodiless = Bodiless(
        killmail_id=killmail_id,
        hash=mail_hash,
        raw=arrival.raw,
        system_id=arrival.system_id,
        source=arrival.source,
        received_at=arrival.received_at,
    )
    return Plan(bodiless=bodiless, heard=_heard_with(arrival))


def _heard_with(arrival: KillArrived) -> FeedHeard | None:
    return FeedHeard(feed=arrival.feed, until=arrival.received_at) if arrival.feed is not None else None


def _plan_event(
    arrival: MapEventArrived, rules: Rules, known: Tracking, now: datetime, first_start: datetime, voice: Voice
) -> Plan:
    try:
        event = mapevents.parse_event(arrival.slug, arrival.type, arrival.data, replayed=arrival.replayed)
    except mapevents.BadMapEvent as bad:
        return park(arrival, str(bad))
    if isinstance(event, mapevents.Ignored):
        return Plan(slug=arrival.slug, cursor=arrival.event_id, event="ignored")
    state, changes = tracking.apply(known, event)
    made = _plan_changes(arrival.slug, changes, rules, arrival.received_at, now, first_start, voice)
    ended = rally_claim(event.slug, event.rally_id) if isinstance(event, mapevents.RallyEnded) else None
    return evolve(made, known=state if state != known else None, ended=ended, cursor=arrival.event_id, event="ok")


def _plan_farewell(slug: str, known: Tracking) -> Plan:
    """Should the map come back, its first lists are silent and what appears after them is news again."""
    state = known.maps.get(slug)
    systems = tuple(system_claim(slug, number) for number in (state.systems if state else ()))
    pilots = tuple(character_claim(slug, number) for number in (state.characters if state else ()))
    rest = {other: kept for other, kept in known.maps.items() if other != slug}
    return Plan(slug=slug, known=evolve(known, maps=rest), releases=systems + pilots, left=True)


def _plan_changes(
    slug: str,
    changes: tuple[Change, ...],
    rules: Rules,
    received_at: datetime,
    now: datetime,
    first_start: datetime,
    voice: Voice,
) -> Plan:
    rows, skipped, releases = list[NewRow](), list[Skip](), list[str]()
    for change in changes:
        for verdict in decide_change(change, rules, now=now, first_start=first_start, voice=voice):
            if isinstance(verdict, Send):
                rows.append(_new_row(change, verdict, received_at, change_source(change, verdict)))
            else:
                skipped.append(verdict)
        if isinstance(change, SystemRemoved):
            releases.append(system_claim(slug, change.system.system_id))
        elif isinstance(change, CharacterRemoved):
            releases.append(character_claim(slug, change.character.character_id))
    return Plan(rows=tuple(rows), releases=tuple(releases), skipped=tuple(skipped), slug=slug)


def _new_row(subject: Kill | Change, send: Send, received_at: datetime, source: JsonObject) -> NewRow:
    # A kill is told once for all time, so its nonce follows from the claim alone. A system may leave and come back
    # within Discord's nonce window: there the moment belongs to what is told, or the second message would vanish.
    moment = "" if send.kind == "kill" else f"@{received_at.timestamp()}"
    body: JsonObject = render(subject, send).body()
    return NewRow(
        claim=send.claim,
        channel=send.channel,
        kind=send.kind,
        slug=send.slug,
        body=body,
        fallback=render_text(subject, send).body(),
        nonce=nonce_for(send.claim, send.channel + moment),
        expires_at=send.expires_at,
        received_at=received_at,
        source=source,
    )
