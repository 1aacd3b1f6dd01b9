"""One socket's share of an audience: what it should hear, whether it does, and what it may have missed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
import trio

from wanderer_notifier.core.gaps import Gap, Seen, kill_id, kill_time
from wanderer_notifier.feeds.kill_audience import Audience
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch

log = structlog.get_logger("kills")


class Line:
    """Written by the session on its socket; read, and declared whole, by who mends its gaps.

    *complete_until* is the mark: nothing before it is missing. While the line is `whole` the mark follows what is
    heard; from the moment the subscription is lost it stands still until the gap behind it is closed.
    """

    def __init__(
        self,
        name: str,
        audience: Audience,
        part: Component,
        ids: tuple[int, ...],
        *,
        complete_until: datetime,
        seen: Seen,
        now: Callable[[], datetime],
        metrics: Metrics,
        count: Callable[[str], None],
    ) -> None:
        self.name, self.audience, self.part = name, audience, part
        self.wanted: Watch[tuple[int, ...]] = Watch(ids)
        self.refused: set[int] = set()
        """Ids that the service alone finds bad; outlives connections."""
        self.complete_until = complete_until
        self.gap: Gap | None = None
        """What has to be mended; None while whole or not joined."""
        self.whole = False
        self.joined = False
        self.down_since_s: float | None = None
        """When it was last joined, or began to want to be; None while joined or with nothing to want."""
        self.preload: dict[int, list[datetime | None]] = {}
        """The times of the kills that the present join replayed, per system."""
        self.preload_at_s = 0.0
        self.recovered = 0
        """Kills of the gap that the preload brought."""
        self.quiet_since, self.quiet_since_s = now(), trio.current_time()
        """Since when no kill was pushed; a join counts as one."""
        self.reproach = ""
        """Why a joined line is no good all the same."""
        self.remedy: str | None = None
        """Set to have the connection replaced, with the reason."""
        self.oversized: str | None = None
        """The service's words when it finds one socket's share too large."""
        self.changed = trio.lowlevel.ParkingLot()
        self.seen, self.now, self.metrics, self._count = seen, now, metrics, count
        self._label = f"kills:{name}"

    # --- what the session tells ---

    def count(self, what: str) -> None:
        """Count an oddity."""
        self._count(what)
        self.note(what)

    def note(self, what: str) -> None:
        """Count what is worth a number, but nothing odd."""
        self.metrics.feed_oddities.labels(self._label, what).inc()

    def connecting(self) -> None:
        """Something is wanted, and there is no subscription yet."""
        if self.down_since_s is None and not self.joined:
            self.down_since_s = trio.current_time()
        if self.part.state not in ("degraded", "failed"):  # those keep their reason until the service has answered
            self.part.to("starting", "connecting")

    def resting(self) -> None:
        """Nothing is wanted: nothing can be missed either."""
        self.gap, self.whole, self.down_since_s, self.reproach = None, False, None, ""
        self.complete_until = self.now()
        self.part.to("ok", "nothing to subscribe")
        self._touch()

    def joining(self) -> None:
        """A join is about to be sent; what it replays is its own."""
        self.preload, self.preload_at_s = {}, trio.current_time()

    def join_accepted(self, *, seamless: bool) -> None:
        """The subscription stands; *seamless* when one before it stood until now."""
        self.joined, self.down_since_s = True, None
        if not (seamless and self.whole):
            now = self.now()
            self.whole, self.gap, self.recovered = False, Gap(min(self.complete_until, now), now), 0
        if not seamless:
            self.metrics.feed_connected.labels(self._label).set(self.now().timestamp())
            if not self.reproach:
                self._unquiet()
        self.show()
        self._touch()
        tell = log.debug if seamless else log.info
        tell("Killmail channel joined", feed=self.name, ids=len(self.wanted.value))

    def show(self) -> None:
        """Put the state of a joined line on view."""
        refused = f"{len(self.refused)} ids refused by the service" if self.refused else ""
        self.part.to("degraded" if self.reproach else "ok", self.reproach or refused)

    def heard(self, at: datetime) -> None:
        """Everything that came until *at* has been handed on."""
        if self.joined and self.whole:
            self.complete_until = at

    def lost(self) -> None:
        """The subscription is gone."""
        if self.joined:
            self.metrics.feed_connected.labels(self._label).set(0)
            self.down_since_s = trio.current_time()
        self.joined, self.whole, self.gap = False, False, None
        self._touch()

    def pushed(self, system: object, kills: Sequence[object], *, preload: bool) -> None:
        """A push is about to be handed on."""
        self.metrics.feed_last_event.labels(self._label).set(self.now().timestamp())
        if preload:
            self.preload_at_s = trio.current_time()
            if type(system) is int:
                self.preload.setdefault(system, []).extend(map(kill_time, kills))
        else:
            self._unquiet()
            if self.reproach:
                self.reproach = ""
                self.show()
        for kill in kills:
            new = self.seen.add(kill_id(kill))
            if not new and not preload:
                self.note("copy")
            when = kill_time(kill)
            begin = self.gap.begin if self.gap is not None else self.complete_until
            self.recovered += preload and new and when is not None and when >= begin

    def round_trip(self, seconds: float) -> None:
        """A heartbeat was answered."""
        self.metrics.feed_round_trip.labels(self._label).set(seconds)

    # --- what others tell ---

    def mended(self, gap: Gap) -> None:
        """*gap* is closed: the mark may follow again, unless the line was lost meanwhile."""
        if self.gap is gap:
            self.gap, self.whole, self.complete_until = None, True, gap.end
            self._touch()

    def replace(self, why: str) -> None:
        """Have the connection replaced."""
        self.remedy = why
        self._touch()

    def deaf_since(self, moment: datetime) -> None:
        """Although it seemed joined, nothing was heard from *moment* on."""
        self.whole, self.complete_until = False, min(moment, self.complete_until)

    def ids(self) -> tuple[int, ...]:
        """What is wanted and not refused."""
        return tuple(one for one in self.wanted.value if one not in self.refused)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until *condition* holds of this line."""
        while not condition():
            await self.changed.park()

    def _unquiet(self) -> None:
        self.quiet_since, self.quiet_since_s = self.now(), trio.current_time()

    def _touch(self) -> None:
        self.changed.unpark_all()
