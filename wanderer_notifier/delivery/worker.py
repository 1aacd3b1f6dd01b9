"""One channel's queue, worked through in order, one message in flight: try, read the outcome, note it, go on."""

from __future__ import annotations

import sqlite3
from functools import partial

import structlog
import trio
from attrs import evolve

from wanderer_notifier.core.outcome import Absent, Accepted, CannotLook, Found, LookBack, Outcome, Unknown
from wanderer_notifier.delivery import notices
from wanderer_notifier.delivery.bench import Bench
from wanderer_notifier.delivery.doubt import Doubt
from wanderer_notifier.delivery.pace import Pace
from wanderer_notifier.delivery.settling import Settling
from wanderer_notifier.state import closures, losses, outbox
from wanderer_notifier.state.closures import Closure
from wanderer_notifier.state.losses import Losses
from wanderer_notifier.state.outbox import Look, Row

log = structlog.get_logger("delivery")

ABANDONED_S = 90.0  # three times as long as a post may take
OTHERS_S = 2.0
NAMES_S = 2.0  # from its arrival on a message waits for names as long as this (design.md 5.12)


class Worker:
    """Works through the rows of *channel* until none is left or, once asked to stop, none can go now."""

    def __init__(self, channel: str, bench: Bench) -> None:
        self.channel = channel
        self.fresh = False
        """Set by whoever adds rows: do not end before having looked again."""
        self.pace = Pace(bench.roll)
        self._bench = bench
        self._doubt = Doubt()
        self._settling = Settling(channel, bench, self.pace, self._doubt)
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
            if not await self.pace.due(self._bench.stop, partial(self._fresh_for_s, row)):
                return
            if self._fresh_for_s(row) > 0 and not await self._try(row):
                return

    def _look(self, conn: sqlite3.Connection) -> tuple[Row | None, Closure | None, Losses | None]:
        row = outbox.head(conn, self.channel)
        return row, closures.closure(conn, self.channel), None if row else losses.untold(conn, self.channel)

    def _fresh_for_s(self, row: Row) -> float:
        return (row.expires_at - self._bench.now()).total_seconds()

    def _remember_rest(self, row: Row, closure: Closure | None) -> None:
        if not self._rested:
            self._rested = True
            until = max(row.next_at, closure.until) if closure else row.next_at
            self.pace.remember((until - self._bench.now()).total_seconds(), closed=closure is not None)

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

    async def _expired(self, row: Row) -> bool:
        """Settle a row that is too old; an attempt of unknown end is looked for, so that the books are right."""
        if self._fresh_for_s(row) > 0:
            return False
        if row.first_unknown_at is not None and not self._bench.token.barred:
            there = await self._look_back(row)
            if isinstance(there, Found):
                await self._settling.sent(row, there.message_id, "found")
                return True
        await self._settling.expired(row)
        return True

    async def _try(self, row: Row) -> bool:
        """One attempt; False when asked to stop before it could be made."""
        if not await self._bench.token.passed(self._bench.stop):
            return False
        try:
            if self._fresh_for_s(row) <= 0:  # that may have taken hours
                return True
            unverified: str | None = None
            if self._doubt.outlived_nonce(row, self._bench.now(), trio.current_time()):
                there = await self._look_back(row)
                if not await self._settling.may_repeat(row, there):
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
                await self._settling.unverified(row, unverified)
            await self._settling.note(row, became, began)
        finally:
            self._bench.token.undecided()
        return True

    async def _compose(self, row: Row) -> Look | None:
        """How the row reads now; what may be in the channel already must be repeated as it was."""
        if row.reduced or row.first_unknown_at is not None:
            return None
        if notices.of_losses(row):
            return await self._bench.write(partial(notices.more_losses, row=row))
        if self._bench.compose is None:
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


def _with_nonce(row: Row) -> dict[str, object]:
    return {**row.body, "nonce": row.nonce, "enforce_nonce": True}
