"""What all workers of the delivery share: the store, the token, the clocks, and whom they tell what happened."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Collection
from datetime import datetime
from typing import Literal, Protocol, TypeAlias, TypeVar

import structlog
import trio
from attrs import frozen

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import LookBack, Outcome
from wanderer_notifier.core.rules import Kind
from wanderer_notifier.delivery.token import TokenGate
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.state.outbox import Look, Row
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("delivery")
T = TypeVar("T")


class Compose(Protocol):
    """`Composer.compose`: how a row reads by a given moment of Trio's clock."""

    async def __call__(self, row: Row, *, until: float) -> Look: ...


Result: TypeAlias = Literal[
    # final
    "sent",
    "found",
    "expired",
    "rejected",
    "overflow",
    # on the way
    "limited",
    "not_sent",
    "unknown",
    "closed",
    "unauthorized",
    "reduced",
    "cannot_look",
    "unverified_resend",
]
FINAL: frozenset[Result] = frozenset({"sent", "found", "expired", "rejected", "overflow"})

DEGRADED_AFTER = 2  # failures in a row; a single one is everyday
FAILED_AFTER = 5
"""So many in a row and the service is not ready (operations.md 5.3)."""
LONG_WAIT_S = 30.0
RECORD_S = 5.0
"""How long a cancellation waits for the note of what Discord answered."""
STORE_RETRY = Backoff(first_s=1.0, cap_s=30.0)


@frozen(kw_only=True)
class Delivered:
    """What one attempt, or the end of a row, came to; *latency_s* counts from the receipt of the event."""

    kind: Kind
    slug: str
    channel: str
    claim: str
    result: Result
    row_id: int
    attempts: int
    latency_s: float
    reason: str = ""
    """In words; for `limited` the scope: user, shared, global, edge or own."""
    took_s: float = 0.0
    """How long the attempt took; 0 where there was none."""

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the row."""
        return self.result in FINAL


class Bench:
    """Shared by the workers of one run."""

    def __init__(
        self,
        store: Store,
        *,
        post: Callable[[str, JsonObject], Awaitable[Outcome]],
        look_back: Callable[[str, JsonObject, datetime], Awaitable[LookBack]],
        now: Callable[[], datetime],
        roll: Callable[[], float],
        part: Component,
        observe: Callable[[Delivered], None],
        primary: str | None,
        wake: Callable[[tuple[str, ...]], None],
        stop: trio.Event,
        compose: Compose | None = None,
    ) -> None:
        self.compose = compose
        self.went_out: Callable[[], None] = lambda: None
        """Called after a message was sent; it may be due for an edit."""
        self.post, self.look_back, self.now, self.roll = post, look_back, now, roll
        self.primary, self.wake, self.stop = primary, wake, stop
        self.token = TokenGate()
        self._store, self._part, self._observe = store, part, observe
        self._closed: dict[str, str] = {}
        self._failures = 0
        self._failed_at = 0.0

    # --- the store ------------------------------------------------------------------------------------------------

    async def read(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The result of *job*; waits for a store in trouble."""
        return await self._insist(self._store.read, job)

    async def write(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """The result of *job*, committed; waits for a store in trouble."""
        return await self._insist(self._store.write, job)

    async def record(self, job: Callable[[sqlite3.Connection], T]) -> T:
        """As `write`, but a cancellation waits for it for a few seconds: what Discord answered should be noted."""
        with trio.move_on_after(RECORD_S, shield=True):
            return await self.write(job)
        return await self.write(job)  # cut off here, the row stays `sending` and the next start settles it

    async def _insist(
        self,
        call: Callable[[Callable[[sqlite3.Connection], T]], Awaitable[T]],
        job: Callable[[sqlite3.Connection], T],
    ) -> T:
        failures = 0
        while True:
            try:
                result = await call(job)
            except StoreError as error:
                failures += 1
                self._part.to("degraded", f"storage: {error}")
                log.error("delivery_not_stored", reason=str(error), failures=failures)
                await trio.sleep(STORE_RETRY.pause(failures, self.roll()))
                continue
            if failures:
                self._healthy()
            return result

    # --- what others see ------------------------------------------------------------------------------------------

    def tell(self, row: Row, result: Result, reason: str = "", *, took_s: float = 0.0) -> None:
        """Report what became of *row* or of one attempt."""
        self._observe(
            Delivered(
                kind=row.kind,
                slug=row.slug,
                channel=row.channel,
                claim=row.claim,
                result=result,
                row_id=row.id,
                attempts=row.attempts,
                latency_s=(self.now() - row.received_at).total_seconds(),
                reason=reason,
                took_s=took_s,
            )
        )

    def answered(self) -> None:
        """Discord answered as it should."""
        self._failures = 0
        self._part.seen()
        self.token.works()
        self._healthy()

    def failed(self, reason: str) -> None:
        """Discord could not be reached or did not answer as it should."""
        self._failures += 1
        self._failed_at = trio.current_time()
        self.token.undecided()
        if self._failures >= DEGRADED_AFTER and not self.token.barred:
            self._part.to("failed" if self._failures >= FAILED_AFTER else "degraded", reason)

    def held_up(self, wait_s: float, scope: str) -> None:
        """Discord asks us to wait; a short wait is its ordinary way to talk, a long one is an outage for readers."""
        self.token.undecided()
        if wait_s >= LONG_WAIT_S and not self.token.barred:
            why = f"Discord asks us to wait {wait_s:.0f} s ({scope} limit)"
            if scope == "own":
                why = f"waits {wait_s:.0f} s by itself: too many requests were refused lately"
            self._part.to("degraded", why)

    def unauthorized(self, reason: str) -> None:
        """The token is dead: everything waits, the queue is kept."""
        self.token.rejected()
        self._part.to("failed", f"Discord refuses DISCORD_BOT_TOKEN: {reason}")
        log.error("token_refused", reason=reason)

    def closed(self, channel: str, reason: str | None) -> None:
        """Note that *channel* is refused because of *reason*, or not any more (None)."""
        if reason is None:
            self._closed.pop(channel, None)
        else:
            self._closed[channel] = reason

    def closed_of(self, channels: Collection[str] | None) -> tuple[str, ...]:
        """Which of *channels* (None: of all) are refused."""
        return tuple(one for one in self._closed if channels is None or one in channels)

    def forget_old_failures(self, age_s: float) -> None:
        """With nothing left to try nobody would notice that Discord is back: after *age_s* the past is the past."""
        if self._failures and not self.token.barred and trio.current_time() - self._failed_at >= age_s:
            self._failures = 0
            self._healthy()

    def ready(self) -> None:
        """Nothing is wrong as far as anyone knows."""
        self._healthy()

    def _healthy(self) -> None:
        if self.token.barred:
            return
        closed = "; ".join(f"channel {channel} is closed: {why}" for channel, why in sorted(self._closed.items()))
        self._part.to("ok", closed[:300])
