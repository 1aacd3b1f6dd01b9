"""One channel's queue, worked through in order, one message in flight: try, read the outcome, note it, go on."""

from __future__ import annotations

import math
import sqlite3
from datetime import timedelta
from functools import partial

import structlog
import trio
from attrs import evolve

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.claims import nonce_for
from wanderer_notifier.core.outcome import (
    Absent,
    Accepted,
    CannotLook,
    ChannelClosed,
    Found,
    Limited,
    LookBack,
    NotSent,
    Outcome,
    Rejected,
    Unauthorized,
    Unknown,
)
from wanderer_notifier.delivery import notices, plain
from wanderer_notifier.delivery.bench import Bench, Result
from wanderer_notifier.delivery.doubt import Doubt
from wanderer_notifier.delivery.token import PROBE_S
from wanderer_notifier.state import closures, outbox, overflow
from wanderer_notifier.state.closures import Closure
from wanderer_notifier.state.outbox import Look, Row

log = structlog.get_logger("delivery")

RETRY = Backoff(first_s=1.0, cap_s=60.0)
CLOSED = Backoff(first_s=60.0, cap_s=600.0)
LONGEST_REST_S = 600.0  # a pause noted by a former process counts for no longer: its clock may have been wrong
ABANDONED_S = 90.0  # three times as long as a post may take
OTHERS_S = 2.0
NAMES_S = 2.0  # from its arrival on a message waits for names as long as this (design.md 5.12)
LONGEST_LOOK_S = 0.05  # the wall clock may stand or step back; looking at it again must not become a busy loop


class Worker:
    """Works through the rows of *channel* until none is left or, once asked to stop, none can go now."""

    def __init__(self, channel: str, bench: Bench) -> None:
        self.channel = channel
        self.fresh = False
        """Set by whoever adds rows: do not end before having looked again."""
        self._bench = bench
        self._failures = 0
        self._not_before = -math.inf
        self._doubt = Doubt()
        self._rested = False

    async def run(self) -> None:
        """Returns in the same step in which it finds nothing to do, so that no row is overlooked."""
        while True:
            self.fresh = False
            row, closure, lost = await self._bench.read(self._look)
            if row is None:
                if lost:
                    await self._bench.write(partial(notices.tell_losses, channel=self.channel, now=self._bench.now()))
                elif not self.fresh:
                    return
                continue
            if row.state == "sending":
                if not await self._taken_over(row):
                    return
                continue
            self._remember_rest(row, closure)
            if await self._expired(row):
                continue
            if not await self._due(row):
                return
            if row.expires_at > self._bench.now() and not await self._try(row):
                return

    def _look(self, conn: sqlite3.Connection) -> tuple[Row | None, Closure | None, int]:
        row = outbox.head(conn, self.channel)
        return row, closures.closure(conn, self.channel), 0 if row else overflow.unsummarised(conn, self.channel)

    def _remember_rest(self, row: Row, closure: Closure | None) -> None:
        """Keep the pause that a former process (or a worker that ended) left behind."""
        if self._rested:
            return
        self._rested = True
        until = max(row.next_at, closure.until) if closure else row.next_at
        rest = min((until - self._bench.now()).total_seconds(), LONGEST_REST_S)
        self._not_before = trio.current_time() + rest

    async def _due(self, row: Row) -> bool:
        """Wait until the row may be tried or is too old; False when asked to stop before that."""
        while (wait := self._not_before - trio.current_time()) > 0:
            if self._bench.stop.is_set():
                return False
            fresh_for = (row.expires_at - self._bench.now()).total_seconds()
            if fresh_for <= 0:
                return True
            with trio.move_on_after(min(wait, max(fresh_for, LONGEST_LOOK_S))):
                await self._bench.stop.wait()
        return True

    async def _taken_over(self, row: Row) -> bool:
        """Another process is sending the row (a deploy overlaps): wait for it, or take it over if it died.

        False when asked to stop before that is settled.
        """
        begun_at = row.begun_at or row.received_at
        if abs((self._bench.now() - begun_at).total_seconds()) >= ABANDONED_S:
            reason = "abandoned by another process"
            await self._bench.write(
                partial(outbox.requeue, row_id=row.id, next_at=begun_at, reason=reason, unknown=True)
            )
            return True
        with trio.move_on_after(OTHERS_S):
            await self._bench.stop.wait()
        return not self._bench.stop.is_set()

    # --- one row --------------------------------------------------------------------------------------------------

    async def _expired(self, row: Row) -> bool:
        """Settle a row that is too old; an attempt of unknown end is looked for, so that the books are right."""
        if row.expires_at > self._bench.now():
            return False
        if row.first_unknown_at is not None and not self._bench.token.barred:
            there = await self._look_back(row)
            if isinstance(there, Found):
                await self._sent(row, there.message_id, "found")
                return True
        reason = "expired" if row.reason is None else f"expired; before that: {row.reason}"
        await self._bench.record(partial(outbox.dead, row_id=row.id, reason="expired", now=self._bench.now()))
        self._bench.tell(row, "expired", reason)
        return True

    async def _try(self, row: Row) -> bool:
        """One attempt; False when asked to stop before it could be made."""
        if not await self._bench.token.passed(self._bench.stop):
            return False
        try:
            unverified: str | None = None
            if self._doubt.outlived_nonce(row, self._bench.now(), trio.current_time()):
                there = await self._look_back(row)
                if not await self._may_repeat(row, there):
                    return True
                if isinstance(there, Absent):
                    row = evolve(row, first_unknown_at=None)  # it is new to its readers: it may show all it can
                unverified = there.reason if isinstance(there, CannotLook) else None
            look = await self._compose(row)
            began = trio.current_time()
            if not await self._bench.write(partial(outbox.begin, row_id=row.id, now=self._bench.now(), look=look)):
                return True  # another process took or settled it
            if look is not None:
                row = evolve(row, body=look.body, fallback=look.fallback)
            became = await self._post(row)
            if unverified is not None and isinstance(became, Accepted | Unknown):
                await self._count_unverified(row, unverified)
            await self._note(row, became, began)
        finally:
            self._bench.token.undecided()
        return True

    async def _compose(self, row: Row) -> Look | None:
        """How the row reads now; what may be in the channel already must be repeated as it was."""
        if self._bench.compose is None or row.reduced or row.first_unknown_at is not None:
            return None
        age_s = (self._bench.now() - row.received_at).total_seconds()
        wait_s = NAMES_S - age_s if 0.0 <= age_s < NAMES_S else 0.0
        try:
            return await self._bench.compose(row, until=trio.current_time() + wait_s)
        except Exception:  # a bug of ours must not hold back the message: it goes out as it was decided
            log.exception("compose_failed", channel=self.channel, row=row.id)
            return None

    async def _post(self, row: Row) -> Outcome:
        try:
            return await self._bench.post(self.channel, _with_nonce(row))
        except Exception as error:  # a bug of ours must not take down the other channels; counted as `unknown`
            log.exception("post_failed", channel=self.channel, row=row.id)
            return Unknown(f"our own error: {error!r}")

    async def _look_back(self, row: Row) -> LookBack:
        try:
            since = row.first_unknown_at or row.received_at
            return await self._bench.look_back(self.channel, _with_nonce(row), since)
        except Exception as error:
            log.exception("look_back_failed", channel=self.channel, row=row.id)
            return CannotLook(f"our own error: {error!r}", forbidden=False)

    async def _may_repeat(self, row: Row, there: LookBack) -> bool:
        """Whether what the channel shows allows to send again; when it does not, the row is settled or waits."""
        match there:
            case Found(message_id):
                await self._sent(row, message_id, "found")
                return False
            case CannotLook(reason, forbidden=False):
                await self._again(row, "cannot_look", reason, self._after_failure(reason), unknown=False)
                return False
            case CannotLook():  # a double is better than a loss (design.md 5.2)
                return True
            case Absent():
                self._doubt.settled()
                await self._bench.write(partial(outbox.not_there, row_id=row.id))
                return True

    async def _count_unverified(self, row: Row, reason: str) -> None:
        """The message went out although nobody could look: from now on the nonce of this attempt protects it."""
        log.warning("unverified_resend", channel=self.channel, row=row.id, claim=row.claim, reason=reason)
        self._bench.tell(row, "unverified_resend", reason)
        self._doubt.settled()
        await self._bench.record(partial(outbox.not_there, row_id=row.id))

    async def _note(self, row: Row, became: Outcome, began: float) -> None:
        match became:
            case Accepted(message_id):
                await self._sent(row, message_id, "sent")
            case Limited(wait_s, scope):
                self._bench.held_up(wait_s, scope)
                await self._again(row, "limited", scope, wait_s, unknown=False)
            case NotSent(reason):
                await self._again(row, "not_sent", reason, self._after_failure(reason), unknown=False)
            case Unknown(reason):
                self._doubt.began(row, began)
                await self._again(row, "unknown", reason, self._after_failure(reason), unknown=True)
            case Rejected(reason):
                self._bench.answered()
                await self._rejected(row, reason)
            case ChannelClosed(reason):
                await self._closed(row, reason)
            case Unauthorized(reason):
                self._bench.unauthorized(reason)
                await self._again(row, "unauthorized", reason, PROBE_S, unknown=False)

    # --- noting ---------------------------------------------------------------------------------------------------

    async def _sent(self, row: Row, message_id: str, result: Result) -> None:
        now = self._bench.now()

        def job(conn: sqlite3.Connection) -> None:
            outbox.sent(conn, row.id, message_id, now)
            closures.reopen(conn, self.channel)

        await self._bench.record(job)
        self._failures = 0
        self._bench.closed(self.channel, None)
        self._bench.answered()
        self._bench.tell(row, result)
        self._bench.went_out()

    async def _again(self, row: Row, result: Result, reason: str, pause_s: float, *, unknown: bool) -> None:
        next_at = self._bench.now() + timedelta(seconds=pause_s)
        self._not_before = trio.current_time() + pause_s
        why = f"asked to wait (limit: {reason})" if result == "limited" else reason
        await self._bench.record(partial(outbox.requeue, row_id=row.id, next_at=next_at, reason=why, unknown=unknown))
        self._bench.tell(row, result, reason)

    def _after_failure(self, reason: str) -> float:
        self._failures += 1
        self._bench.failed(reason)
        return RETRY.pause(self._failures, self._bench.roll())

    async def _rejected(self, row: Row, reason: str) -> None:
        """Once more with less, then dead; the refused body stays readable in the row."""
        self._failures = 0
        smaller = None if row.reduced else row.fallback or plain.reduced(row.body)
        log.warning("message_refused", channel=self.channel, row=row.id, claim=row.claim, reason=reason)
        if smaller is None:
            await self._bench.record(partial(outbox.dead, row_id=row.id, reason=reason, now=self._bench.now()))
            self._bench.tell(row, "rejected", reason)
            return
        nonce = nonce_for(f"{row.claim}#reduced", row.channel)  # Discord would take the old one for a repeat
        self._doubt.settled()
        await self._bench.record(partial(outbox.reduce, row_id=row.id, body=smaller, nonce=nonce, reason=reason))
        self._bench.tell(row, "reduced", reason)

    async def _closed(self, row: Row, reason: str) -> None:
        """The channel rests, its rows wait; the primary channel is told once per episode."""
        pause_s, noted = await self._bench.record(
            partial(
                notices.close_channel,
                row=row,
                reason=reason,
                now=self._bench.now(),
                pause=lambda failures: CLOSED.pause(failures, self._bench.roll()),
                primary=self._bench.primary,
            )
        )
        self._failures = 0
        self._not_before = trio.current_time() + pause_s
        self._bench.closed(self.channel, reason)
        self._bench.answered()
        self._bench.tell(row, "closed", reason)
        log.warning("channel_closed", channel=self.channel, reason=reason, pause_s=round(pause_s))
        if noted and self._bench.primary:
            self._bench.wake((self._bench.primary,))


def _with_nonce(row: Row) -> dict[str, object]:
    return {**row.body, "nonce": row.nonce, "enforce_nonce": True}
