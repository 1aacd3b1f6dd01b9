"""From arrival to committed outbox row: one task, one transaction an arrival.

The task owns the tracking state. Whatever arrives is decided with the state at that moment; the claims, the outbox
rows, the tracking state, the stream's cursor and the decision's record commit together, so that a crash replays the
arrival and the claim absorbs it (design.md 2).
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

import structlog
import trio
from attrs import evolve, frozen

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import Arrival, FeedHeard, KillArrived, MapEventArrived, Replayed
from wanderer_notifier.core.licence import RichLimit
from wanderer_notifier.core.rules import Rules
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.forms import choose_forms, give_back
from wanderer_notifier.delivery.kill_lines import KillLines
from wanderer_notifier.delivery.planning import NOBODY, Decision, Plan, Voice, park, plan
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.supervise import describe
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import bodies, decisions, memory, outbox, parked
from wanderer_notifier.state.feed_marks import set_complete_until
from wanderer_notifier.state.outbox import NewRow
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("pipeline")


def begun_name(slug: str) -> str:
    """Under which name the very first position in the stream of the map *slug* is kept."""
    return f"begun:{slug}"


SHOWN = 2_000
"""So much of an event is in the log, where every event is wanted there."""


def cursor_name(slug: str) -> str:
    """Under which name the position in the stream of the map *slug* is kept."""
    return f"map:{slug}"


@frozen
class Committed:
    """How carrying out a plan ended."""

    queued: tuple[NewRow, ...] = ()
    duplicates: int = 0
    repeated: bool = False
    """The event was decided before, so that nothing was done now."""


class Pipeline:
    """Decides arrivals one after the other and commits each before the next.

    *rules* gives the settings in force, *known* is the tracking state (set only here), *cursors* are the stored
    positions per map, *wake* is called with the channels that got rows, *rich* decides which messages get their rich
    form (None: all), *voice* tells who sits in voice channels, *telemetry* puts every event into the debug log.
    Nothing raises for bad input: it is parked, counted and logged.
    """

    def __init__(
        self,
        store: Store,
        rules: Callable[[], Rules],
        known: Watch[Tracking],
        *,
        first_start: datetime,
        cursors: Mapping[str, str | None],
        now: Callable[[], datetime],
        metrics: Metrics,
        storage: Component,
        wake: Callable[[Iterable[str]], None],
        roll: Callable[[], float],
        rich: RichLimit | None = None,
        bodiless: Callable[[], None] = lambda: None,
        voice: Callable[[], Voice] = lambda: NOBODY,
        lines: KillLines | None = None,
        telemetry: bool = False,
    ) -> None:
        self._telemetry = telemetry
        self._lines = lines or KillLines()
        self._bodiless, self._voice = bodiless, voice
        self._rich = rich or RichLimit(lambda: "valid")
        self._store, self._rules, self._known = store, rules, known
        self._first_start, self._now, self._metrics = first_start, now, metrics
        self._storage, self._wake, self._roll = storage, wake, roll
        self._cursors = dict(cursors)
        self._unfinished: Arrival | None = None

    def cursor(self, slug: str) -> str | None:
        """The id of the newest event of the map *slug* whose decision is committed."""
        return self._cursors.get(slug)

    async def run(self, arrivals: trio.MemoryReceiveChannel[Arrival]) -> None:
        """Handle arrivals until their last sender is gone; a restart takes up the one that was interrupted."""
        if self._unfinished is not None:
            await self.handle(self._unfinished)
            self._unfinished = None
        async for arrival in arrivals:
            self._unfinished = arrival
            await self.handle(arrival)
            self._unfinished = None

    async def handle(self, arrival: Arrival) -> None:
        """Decide and commit one arrival; waits for the store as long as it takes."""
        if self._telemetry and not isinstance(arrival, FeedHeard):
            log.debug("event_arrived", kind=type(arrival).__name__, arrival=repr(arrival)[:SHOWN])
        if isinstance(arrival, KillArrived):
            self._metrics.kills_received.labels(arrival.source).inc()
        try:
            made = plan(
                arrival,
                self._rules(),
                self._known.value,
                now=self._now(),
                first_start=self._first_start,
                voice=self._voice(),
            )
        except Exception as error:  # our own fault: keep the evidence, spare the others (S28)
            log.exception("event_made_us_fail", kind=type(arrival).__name__, error=describe(error))
            made = park(arrival, describe(error))
        made, reserved = choose_forms(made, self._rich)
        done = await self._commit(arrival, made)
        give_back(reserved, done.queued, self._rich)
        if done.repeated:
            self._metrics.map_events.labels(made.slug or "", self._event_kind(arrival, made), "repeated").inc()
            return
        if made.left and made.slug is not None:
            self._cursors.pop(made.slug, None)
        if made.known is not None:
            self._known.set(made.known)
        if made.slug is not None and made.cursor is not None:
            self._cursors[made.slug] = made.cursor
        if made.ended is not None:
            self._wake(())
        if done.queued:
            self._wake({row.channel for row in done.queued})
        if made.bodiless is not None:
            self._bodiless()
        self._report(arrival, made, done)

    async def _commit(self, arrival: Arrival, made: Plan) -> Committed:
        """Carry out *made* in one transaction; a failing disk is waited for, since going on would lose the event."""
        failures = 0
        while True:
            try:
                done = await self._store.write(lambda conn: self._carry_out(conn, arrival, made))
            except StoreError as error:
                failures += 1
                self._storage.to("failed", f"cannot commit: {error}")
                log.error("commit_failed", reason=str(error), failures=failures)
                await trio.sleep(Backoff(cap_s=30.0).pause(failures, self._roll()))
            else:
                if failures:
                    self._storage.to("ok")
                return done

    def _carry_out(self, conn: sqlite3.Connection, arrival: Arrival, made: Plan) -> Committed:
        moment = self._now()
        if isinstance(arrival, MapEventArrived) and not memory.note_event(
            conn, arrival.slug, arrival.event_id, arrival.data, moment
        ):
            return Committed(repeated=True)
        for claim in made.releases:
            outbox.release(conn, claim)
        if made.ended is not None:
            outbox.end(conn, made.ended, moment)
        queued = tuple(row for row in made.rows if outbox.enqueue(conn, row) is not None)
        if made.slug is not None and made.left:
            memory.forget_map(conn, made.slug)
            for name in (cursor_name(made.slug), begun_name(made.slug)):
                memory.forget_cursor(conn, name)
        elif made.slug is not None and made.known is not None:
            memory.save_tracking(conn, made.slug, made.known.maps[made.slug])
        if made.slug is not None and made.cursor is not None:
            memory.set_cursor(conn, cursor_name(made.slug), made.cursor)
        if made.heard is not None:
            set_complete_until(conn, made.heard.feed, made.heard.until)
        if made.found is not None:
            bodies.settle(conn, made.found)
        if made.bodiless is not None and not bodies.seek(conn, made.bodiless):
            made = evolve(park(arrival, "too many kills without a body"), replayed=made.replayed)
            self._metrics.parked.labels("kill").inc()
        if made.parked is not None and made.replayed is None:
            kept = made.parked
            parked.park(conn, kept.kind, kept.raw, kept.error, moment, kept.context)
        if made.decision is not None:
            kill = made.decision
            decisions.record(conn, kill.killmail_id, kill.source, kill.outcome, kill.raw, moment)
        if made.replayed is not None:
            parked.settle(conn, made.replayed, made.result(len(queued)), moment, well=made.parked is None)
        return Committed(queued=queued, duplicates=len(made.rows) - len(queued))

    # --- telling ---

    def _report(self, arrival: Arrival, made: Plan, done: Committed) -> None:
        for row in done.queued:
            level = logging.DEBUG if row.kind == "kill" else logging.INFO  # a kill has one line, at its end
            log.log(level, "notification_queued", kind=row.kind, map=row.slug, channel_id=row.channel, claim=row.claim)
        if made.parked is not None:
            self._metrics.parked.labels(made.parked.kind).inc()
            log.warning("event_parked", kind=made.parked.kind, reason=made.parked.error)
        if isinstance(arrival, MapEventArrived):
            kind = self._event_kind(arrival, made)
            self._metrics.map_events.labels(arrival.slug, kind, made.event or "parked").inc()
        elif isinstance(arrival, KillArrived) and made.parked is not None:
            self._metrics.kills_processed.labels("malformed").inc()
        for skip in made.skipped:
            log.debug("change_skipped", map=skip.slug, reason=skip.reason)
        if made.known is not None:
            for slug, state in made.known.maps.items():
                self._metrics.tracked_systems.labels(slug).set(len(state.systems))
                self._metrics.tracked_characters.labels(slug).set(len(state.characters))
        if made.decision is not None:
            self._report_kill(made.decision, made, done, _received_at(arrival))

    @staticmethod
    def _event_kind(arrival: Arrival, made: Plan) -> str:
        """The type of a map event as a label: those that are nothing to us share one, since anybody may invent more."""
        return arrival.type if isinstance(arrival, MapEventArrived) and made.event == "ok" else "other"

    def _report_kill(self, decision: Decision, made: Plan, done: Committed, received_at: datetime) -> None:
        metrics = self._metrics
        if done.queued:
            self._lines.queued(
                decision.killmail_id,
                [row.channel for row in done.queued],
                source=decision.source,
                slug=done.queued[0].slug,
                received_at=received_at,
                now=self._now(),
                age_s=decision.age_s,
                reasons=decision.reasons(),
            )
        else:
            self._lines.skipped(
                decision.killmail_id,
                decision.reasons(),
                source=decision.source,
                received_at=received_at,
                now=self._now(),
                again=bool(made.rows),
            )
        if done.duplicates:
            metrics.kills_skipped.labels("duplicate").inc(done.duplicates)
        if done.queued:
            metrics.kills_processed.labels("queued").inc()
            if decision.age_s is not None:
                metrics.kill_age.observe(max(decision.age_s, 0.0))
        elif made.rows:
            metrics.kills_processed.labels("duplicate").inc()
        else:
            metrics.kills_processed.labels("skipped").inc()
            for reason in decision.reasons():
                metrics.kills_skipped.labels(reason).inc()


def _received_at(arrival: Arrival) -> datetime:
    """When *arrival* came, also when it is tried again."""
    inner = arrival.arrival if isinstance(arrival, Replayed) else arrival
    return inner.until if isinstance(inner, FeedHeard) else inner.received_at
