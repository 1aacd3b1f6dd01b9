"""The canonical line of a kill: exactly one at level info, when all that will become of it is known (OPS-92)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog
from attrs import Factory, define

from wanderer_notifier.core.claims import killmail_of
from wanderer_notifier.core.gaps import Seen
from wanderer_notifier.delivery.bench import Delivered

log = structlog.get_logger("killmail")

OPEN = 4_096
"""Kills under way; the outbox holds fewer, so only rows that another process removed pile up here."""
UNTRACKED = "not_tracked"


@define
class _Life:
    """A kill between its decision and the last answer about it."""

    waiting: set[str]
    sent: int = 0
    given_up: int = 0
    reasons: dict[str, None] = Factory(dict)
    source: str | None = None
    age_s: float | None = None
    decided_ms: int | None = None
    attempts: int = 0
    map: str = ""


class KillLines:
    """Told of decisions and of deliveries; writes the line when the last channel of a kill is settled."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, _Life] = OrderedDict()
        self._told = Seen()
        self._untracked = 0

    def resume(self, waiting: Iterable[tuple[str, str]]) -> None:
        """Take up the kills that a former process left: claim and channel of each waiting message."""
        for claim, channel in waiting:
            if (number := killmail_of(claim)) is not None:
                self._life(number, {channel})

    def queued(
        self,
        killmail_id: int,
        channels: Sequence[str],
        *,
        source: str,
        slug: str,
        received_at: datetime,
        now: datetime,
        age_s: float | None,
        reasons: Iterable[str],
    ) -> None:
        """Messages for *channels* are in the queue; *reasons* are why other maps do not tell it."""
        life = self._life(killmail_id, set(channels))
        life.source, life.age_s, life.map = source, age_s, slug
        life.decided_ms = _ms(received_at, now)
        life.reasons = dict.fromkeys(reasons)

    def skipped(
        self,
        killmail_id: int,
        reasons: Sequence[str],
        *,
        source: str,
        received_at: datetime,
        now: datetime,
        again: bool,
    ) -> None:
        """Nobody is told; *again*: because everybody was. A kill that concerns nobody is only counted."""
        why = list(dict.fromkeys(reasons))
        if again:
            log.debug("kill", killmail_id=killmail_id, outcome="duplicate", source=source)
        elif set(why) <= {UNTRACKED}:
            self._untracked += 1
            log.debug("kill", killmail_id=killmail_id, outcome="not_sent", reasons=why, source=source)
        elif self._told.add(killmail_id):
            log.info(
                "kill",
                killmail_id=killmail_id,
                outcome="not_sent",
                reasons=why,
                source=source,
                decided_ms=_ms(received_at, now),
            )

    def delivered(self, result: Delivered) -> None:
        """One attempt, or the end of one message."""
        number = killmail_of(result.claim)
        if number is None:
            return
        life = self._open.get(number)
        if life is None:
            if not result.final:
                return
            life = self._life(number, {result.channel})
        life.attempts += 1
        if not result.final:
            return
        life.waiting.discard(result.channel)
        life.map = life.map or result.slug
        if result.result in ("sent", "found"):
            life.sent += 1
        else:
            life.given_up += 1
            life.reasons[result.result] = None
        if not life.waiting:
            self._end(number, life, result)

    def summarise(self) -> None:
        """One line about the kills that concerned nobody since the last such line; none when there were none."""
        if self._untracked:
            log.info("kills_untracked", count=self._untracked)
            self._untracked = 0

    def _life(self, number: int, channels: set[str]) -> _Life:
        self._told.add(number)
        life = self._open.setdefault(number, _Life(waiting=set()))
        life.waiting |= channels
        if len(self._open) > OPEN:
            self._open.popitem(last=False)
        return life

    def _end(self, number: int, life: _Life, result: Delivered) -> None:
        del self._open[number]
        outcome = "sent" if not life.given_up else "partly_sent" if life.sent else "given_up"
        log.info(
            "kill",
            killmail_id=number,
            outcome=outcome,
            reasons=list(life.reasons),
            map=life.map,
            channels=life.sent + life.given_up,
            source=life.source,
            age_s=None if life.age_s is None else round(life.age_s, 1),
            decided_ms=life.decided_ms,
            sent_ms=round(result.latency_s * 1000),
            attempts=life.attempts,
        )


def _ms(begin: datetime, end: datetime) -> int:
    return round((end - begin).total_seconds() * 1000)
