"""From arrival to committed outbox row: parse, fold, decide, render, and one transaction for all of it.

One task owns the tracking state. Whatever arrives is decided with the state at that moment; the claims, the outbox
rows, the tracking state, the stream's cursor and the decision's record commit together, so that a crash replays the
arrival and the claim absorbs it (design.md 2).
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable
from datetime import datetime

import structlog
import trio
from attrs import evolve, frozen

from wanderer_notifier.core import mapevents, tracking
from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.core.events import (
    Arrival,
    Change,
    CharacterRemoved,
    CharactersLoaded,
    JsonObject,
    Kill,
    KillArrived,
    MapEventArrived,
    MapLoaded,
    SystemRemoved,
)
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.render import render, render_text
from wanderer_notifier.core.rules import Rules, Send, Skip, Verdict, decide_change, decide_kill
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.supervise import describe
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import memory, outbox
from wanderer_notifier.state.outbox import NewRow
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("pipeline")


@frozen(kw_only=True)
class Plan:
    """What one arrival amounts to; carried out in one transaction."""

    rows: tuple[NewRow, ...] = ()
    releases: tuple[str, ...] = ()
    """Claims that end, because their subject left the map."""
    tracking: Tracking | None = None
    slug: str | None = None
    cursor: tuple[str, str] | None = None
    """Name and value."""
    decision: tuple[int, str, JsonObject] | None = None
    """Kill id, source, verdicts."""
    parked: tuple[str, str, str] | None = None
    """Kind, raw body, error."""


@frozen(kw_only=True)
class Committed:
    """How carrying out a plan ended."""

    queued: tuple[NewRow, ...]
    duplicates: int


class Pipeline:
    """Decides arrivals one after the other and commits each before the next.

    *rules* and *known* are watched values: the settings in force and the tracking state (set only here). *wake* is
    called with the channels that got rows. Nothing raises for bad input: it is parked, counted and logged.
    """

    def __init__(
        self,
        store: Store,
        rules: Callable[[], Rules],
        known: Watch[Tracking],
        *,
        first_start: datetime,
        now: Callable[[], datetime],
        metrics: Metrics,
        storage: Component,
        wake: Callable[[Iterable[str]], None],
        roll: Callable[[], float],
    ) -> None:
        self._store, self._rules, self._known = store, rules, known
        self._first_start, self._now, self._metrics = first_start, now, metrics
        self._storage, self._wake, self._roll = storage, wake, roll
        self._unfinished: Arrival | None = None

    async def run(self, arrivals: trio.MemoryReceiveChannel[Arrival]) -> None:
        """Handle arrivals until their last sender is gone; a restart takes up the one that was interrupted."""
        if self._unfinished is not None:
            await self.handle(self._unfinished)
        async for arrival in arrivals:
            self._unfinished = arrival
            await self.handle(arrival)
            self._unfinished = None

    async def handle(self, arrival: Arrival) -> None:
        """Decide and commit one arrival; waits for the store as long as it takes."""
        try:
            plan = self._plan(arrival)
        except Exception as error:  # our own fault: keep the evidence, spare the others (S28)
            log.exception("event_parked", kind=type(arrival).__name__, error=describe(error))
            plan = self._park(arrival, describe(error))
        done = await self._commit(plan)
        if plan.tracking is not None:
            self._known.set(plan.tracking)
            self._count_tracked(plan.tracking)
        if done.queued:
            self._wake({row.channel for row in done.queued})
        self._report(plan, done)

    # --- deciding (pure, given the present state) ---

    def _plan(self, arrival: Arrival) -> Plan:
        match arrival:
            case KillArrived():
                return self._plan_kill(arrival)
            case MapEventArrived():
                return self._plan_event(arrival)
            case MapLoaded() | CharactersLoaded():
                state, changes = tracking.apply(self._known.value, arrival)
                return self._plan_changes(arrival.slug, state, changes, arrival.received_at)

    def _plan_kill(self, arrival: KillArrived) -> Plan:
        self._metrics.kills_received.labels(arrival.source).inc()
        try:
            kill = parse_kill(arrival.raw, arrival.system_id)
        except BadKillmail as bad:
            log.warning("killmail_malformed", reason=str(bad), source=arrival.source)
            self._metrics.kills_processed.labels("malformed").inc()
            return self._park(arrival, str(bad))
        verdicts = decide_kill(
            kill, arrival.source, self._rules(), self._known.value, now=self._now(), first_start=self._first_start
        )
        rows = tuple(self._row(kill, verdict, arrival) for verdict in verdicts if isinstance(verdict, Send))
        return Plan(rows=rows, decision=(kill.killmail_id, arrival.source, _verdicts_json(kill, verdicts)))

    def _plan_event(self, arrival: MapEventArrived) -> Plan:
        cursor = (f"map:{arrival.slug}", arrival.event_id)
        try:
            event = mapevents.parse_event(arrival.slug, arrival.type, arrival.data)
        except mapevents.BadMapEvent as bad:
            self._metrics.map_events.labels(arrival.slug, arrival.type, "malformed").inc()
            log.warning("map_event_malformed", map=arrival.slug, type=arrival.type, reason=str(bad))
            return evolve(self._park(arrival, str(bad)), cursor=cursor)
        if isinstance(event, mapevents.Ignored):
            self._metrics.map_events.labels(arrival.slug, "other", "ignored").inc()
            return Plan(cursor=cursor)
        self._metrics.map_events.labels(arrival.slug, arrival.type, "ok").inc()
        state, changes = tracking.apply(self._known.value, event)
        return evolve(self._plan_changes(arrival.slug, state, changes, arrival.received_at), cursor=cursor)

    def _plan_changes(
        self, slug: str, state: Tracking, changes: tuple[Change, ...], received_at: datetime
    ) -> Plan:
        rules, rows, releases = self._rules(), list[NewRow](), list[str]()
        for change in changes:
            verdicts = decide_change(change, rules, now=self._now(), first_start=self._first_start)
            for verdict in verdicts:
                if isinstance(verdict, Send):
                    rows.append(_new_row(change, verdict, received_at))
                else:
                    log.debug("change_skipped", map=slug, change=type(change).__name__, reason=verdict.reason)
            if isinstance(change, SystemRemoved):
                releases.append(f"system:{slug}:{change.system.system_id}")
            elif isinstance(change, CharacterRemoved):
                releases.append(f"character:{slug}:{change.character.character_id}")
        changed = state if state != self._known.value else None
        return Plan(rows=tuple(rows), releases=tuple(releases), tracking=changed, slug=slug)

    def _row(self, kill: Kill, send: Send, arrival: KillArrived) -> NewRow:
        row = _new_row(kill, send, arrival.received_at)
        return evolve(row, source={"raw": arrival.raw, "system_id": arrival.system_id})

    def _park(self, arrival: Arrival, error: str) -> Plan:
        kind = type(arrival).__name__
        self._metrics.parked.labels(kind).inc()
        raw = arrival.data if isinstance(arrival, MapEventArrived) else getattr(arrival, "raw", None)
        return Plan(parked=(kind, raw if isinstance(raw, str) else json.dumps(raw, default=str), error))

    # --- committing ---

    async def _commit(self, plan: Plan) -> Committed:
        """Carry out *plan* in one transaction; a failing disk is waited for, since forgetting would lose a kill."""
        failures = 0
        while True:
            try:
                done = await self._store.write(lambda conn: self._carry_out(conn, plan))
            except StoreError as error:
                failures += 1
                self._storage.to("degraded", f"cannot commit: {error}")
                log.error("commit_failed", reason=str(error), failures=failures)
                await trio.sleep(Backoff(cap_s=30.0).pause(failures, self._roll()))
            else:
                if failures:
                    self._storage.to("ok")
                return done

    def _carry_out(self, conn: sqlite3.Connection, plan: Plan) -> Committed:
        for claim in plan.releases:
            outbox.release(conn, claim)
        queued = tuple(row for row in plan.rows if outbox.enqueue(conn, row, self._now()) is not None)
        if plan.tracking is not None and plan.slug is not None:
            memory.save_tracking(conn, plan.slug, plan.tracking.maps[plan.slug])
        if plan.cursor is not None:
            memory.set_cursor(conn, *plan.cursor)
        if plan.parked is not None:
            memory.park(conn, *plan.parked, self._now())
        if plan.decision is not None and (queued or not plan.rows):
            memory.record_decision(conn, *plan.decision, self._now())
        return Committed(queued=queued, duplicates=len(plan.rows) - len(queued))

    # --- telling ---

    def _count_tracked(self, state: Tracking) -> None:
        for slug, one in state.maps.items():
            self._metrics.tracked_systems.labels(slug).set(len(one.systems))
            self._metrics.tracked_characters.labels(slug).set(len(one.characters))

    def _report(self, plan: Plan, done: Committed) -> None:
        for row in done.queued:
            log.info("notification_queued", kind=row.kind, map=row.slug, channel_id=row.channel, claim=row.claim)
        if plan.decision is None:
            return
        kill_id, source, outcome = plan.decision
        if done.duplicates:
            self._metrics.kills_skipped.labels("duplicate").inc(done.duplicates)
        if done.queued:
            self._metrics.kills_processed.labels("queued").inc()
            if isinstance(age := outcome.get("age_s"), (int, float)):
                self._metrics.kill_age.observe(max(age, 0))
        elif plan.rows:
            self._metrics.kills_processed.labels("duplicate").inc()
        else:
            self._metrics.kills_processed.labels("skipped").inc()
            for skip in outcome["skipped"]:
                self._metrics.kills_skipped.labels(skip["reason"]).inc()
            log.debug("kill_skipped", killmail_id=kill_id, source=source, reasons=outcome["skipped"])


def _new_row(subject: Kill | Change, send: Send, received_at: datetime) -> NewRow:
    nonce = nonce_for(send.claim, send.channel)
    body, plain = render(subject, send).body(nonce), render_text(subject, send).body(nonce)
    return NewRow(
        claim=send.claim,
        channel=send.channel,
        kind=send.kind,
        slug=send.slug,
        body=body,
        fallback=plain,
        nonce=nonce,
        source=None,
        expires_at=send.expires_at,
        received_at=received_at,
    )


def _verdicts_json(kill: Kill, verdicts: tuple[Verdict, ...]) -> JsonObject:
    return {
        "system_id": kill.system_id,
        "time": kill.time.isoformat() if kill.time else None,
        "sent": [
            {"map": one.slug, "channel": one.channel, "route": one.route} for one in verdicts if isinstance(one, Send)
        ],
        "skipped": [{"map": one.slug, "reason": one.reason} for one in verdicts if isinstance(one, Skip)],
    }
