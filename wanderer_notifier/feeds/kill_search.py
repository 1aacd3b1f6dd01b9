"""Finds kills that were not pushed, where the service or zKillboard still has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import trio

from wanderer_notifier.core.events import Arrival, KillArrived
from wanderer_notifier.core.gaps import kill_id, kill_time
from wanderer_notifier.feeds.kill_line import Line
from wanderer_notifier.feeds.kill_rest import KillRest, Unusable


class Searcher:
    """Looks for kills that were not pushed and hands them on; each only once."""

    def __init__(
        self,
        rest: KillRest,
        out: trio.MemorySendChannel[Arrival],
        *,
        now: Callable[[], datetime],
        max_age_s: float,
    ) -> None:
        self.rest, self.now, self.max_age_s = rest, now, max_age_s
        self._out = out

    async def search(self, line: Line, system: int, earliest: datetime, *, lists: bool) -> list[datetime]:
        """The times of the kills of *system* since *earliest* that *line* had not brought, after handing them on.

        *lists*: ask zKillboard too, because the service's memory does not reach back far enough. Raises `NetError`,
        and `Unusable` when neither source can answer.
        """
        kills: list[Any] = []
        usable = False
        try:
            kills = await self.rest.cached(system)
            usable = True
        except Unusable:
            lists = True
        found = await self._hand_on(line, system, kills, earliest)
        if lists:
            try:
                kills = await self.rest.listed(system, earliest, self.now(), line.seen)
            except Unusable:
                if not usable:
                    raise
            else:
                found += await self._hand_on(line, system, kills, earliest)
        return found

    def unseen(self, line: Line, kills: Iterable[Any], since: datetime, until: datetime) -> bool:
        """Whether *kills* hold one between the two moments that *line* has not brought."""
        times = (kill_time(raw) for raw in kills if kill_id(raw) not in line.seen)
        return any(when is not None and since < when <= until for when in times)

    async def _hand_on(self, line: Line, system: int, kills: Iterable[Any], earliest: datetime) -> list[datetime]:
        found: list[datetime] = []
        for raw in kills:
            when = kill_time(raw)
            if when is None or when <= earliest or kill_id(raw) in line.seen:
                continue
            await self._out.send(KillArrived(raw=raw, system_id=system, source="cached", received_at=self.now()))
            line.seen.add(kill_id(raw))
            found.append(when)
        return found
