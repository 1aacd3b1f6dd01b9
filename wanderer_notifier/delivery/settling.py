"""What an attempt came to, noted in the row, told to whoever listens, and what it means for the channel's pace."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from functools import partial

import structlog
import trio

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
from wanderer_notifier.delivery.pace import CLOSED, Pace
from wanderer_notifier.delivery.token import PROBE_S
from wanderer_notifier.state import closures, outbox
from wanderer_notifier.state.outbox import Row

log = structlog.get_logger("delivery")


class Settling:
    """Notes the outcomes of one *channel*."""

    def __init__(self, channel: str, bench: Bench, pace: Pace, doubt: Doubt) -> None:
        self._channel, self._bench, self._pace, self._doubt = channel, bench, pace, doubt

    async def note(self, row: Row, became: Outcome, began: float) -> None:
        """The attempt that *began* at that moment of Trio's clock ended as *became*."""
        took_s = trio.current_time() - began
        match became:
            case Accepted(message_id):
                await self.sent(row, message_id, "sent", took_s)
            case Limited(wait_s, scope):
                self._bench.held_up(wait_s, scope)
                await self._again(row, "limited", scope, wait_s, took_s=took_s)
            case NotSent(reason):
                await self._again(row, "not_sent", reason, self._after_failure(reason), took_s=took_s)
            case Unknown(reason):
                self._doubt.began(row, began)
                await self._again(row, "unknown", reason, self._after_failure(reason), unknown=True, took_s=took_s)
            case Rejected(reason, _, final):
                self._bench.answered()
                await self._rejected(row, reason, took_s, final=final)
            case ChannelClosed(reason):
                await self._closed(row, reason, took_s)
            case Unauthorized(reason):
                await self._unauthorized(row, reason, took_s)

    async def sent(self, row: Row, message_id: str, result: Result, took_s: float = 0.0) -> None:
        """The message stands in the channel; only one that was *sent* shows that the channel takes messages now."""
        now = self._bench.now()

        def job(conn: sqlite3.Connection) -> None:
            outbox.sent(conn, row.id, message_id, now)
            if result == "sent":
                closures.reopen(conn, self._channel)

        await self._bench.record(job)
        if result == "sent":
            self._pace.went_well()
            self._bench.closed(self._channel, None)
        self._bench.answered()
        self._bench.tell(row, result, took_s=took_s)
        self._bench.went_out()

    async def expired(self, row: Row) -> None:
        """The row is too old to matter."""
        reason = "expired" if row.reason is None else f"expired; before that: {row.reason}"
        if await self._bench.record(partial(outbox.dead, row_id=row.id, reason="expired", now=self._bench.now())):
            self._bench.tell(row, "expired", reason)

    async def may_repeat(self, row: Row, there: LookBack) -> bool:
        """Whether what the channel shows allows to send again; when it does not, the row is settled or waits."""
        match there:
            case Found(message_id):
                await self.sent(row, message_id, "found")
                return False
            case CannotLook(reason, unauthorized=True):
                await self._unauthorized(row, reason)
                return False
            case CannotLook(reason, forbidden=False):
                await self._again(row, "cannot_look", reason, self._after_failure(reason))
                return False
            case CannotLook():  # a double is better than a loss (design.md 5.2)
                return True
            case Absent():
                self._doubt.settled()
                await self._bench.write(partial(outbox.not_there, row_id=row.id))
                return True

    async def unverified(self, row: Row, reason: str) -> None:
        """The message went out although nobody could look: from now on the nonce of this attempt protects it."""
        log.warning("unverified_resend", channel=self._channel, row=row.id, claim=row.claim, reason=reason)
        self._bench.tell(row, "unverified_resend", reason)
        self._doubt.settled()
        await self._bench.record(partial(outbox.not_there, row_id=row.id))

    async def _again(
        self, row: Row, result: Result, reason: str, pause_s: float, *, unknown: bool = False, took_s: float = 0.0
    ) -> None:
        next_at = self._bench.now() + timedelta(seconds=pause_s)
        self._pace.rest(pause_s)
        why = f"asked to wait (limit: {reason})" if result == "limited" else reason
        await self._bench.record(partial(outbox.requeue, row_id=row.id, next_at=next_at, reason=why, unknown=unknown))
        self._bench.tell(row, result, reason, took_s=took_s)

    async def _unauthorized(self, row: Row, reason: str, took_s: float = 0.0) -> None:
        self._bench.unauthorized(reason)
        await self._again(row, "unauthorized", reason, PROBE_S, took_s=took_s)

    def _after_failure(self, reason: str) -> float:
        self._bench.failed(reason)
        return self._pace.failed()

    async def _rejected(self, row: Row, reason: str, took_s: float, *, final: bool) -> None:
        """Once more with less, then dead; the refused body stays readable in the row."""
        self._pace.went_well()
        smaller = None if row.reduced or final else row.fallback or plain.reduced(row.body)
        log.warning("message_refused", channel=self._channel, row=row.id, claim=row.claim, reason=reason)
        if smaller is None:
            await self._bench.record(partial(outbox.dead, row_id=row.id, reason=reason, now=self._bench.now()))
            self._bench.tell(row, "rejected", reason, took_s=took_s)
            return
        nonce = nonce_for(f"{row.claim}#reduced", row.channel)  # Discord would take the old one for a repeat
        self._doubt.settled()
        await self._bench.record(partial(outbox.reduce, row_id=row.id, body=smaller, nonce=nonce, reason=reason))
        self._bench.tell(row, "reduced", reason, took_s=took_s)

    async def _closed(self, row: Row, reason: str, took_s: float) -> None:
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
        self._pace.closed(pause_s)
        self._bench.closed(self._channel, reason)
        self._bench.answered()
        self._bench.tell(row, "closed", reason, took_s=took_s)
        log.warning("channel_closed", channel=self._channel, reason=reason, pause_s=round(pause_s))
        if noted and self._bench.primary:
            self._bench.wake((self._bench.primary,))
