"""Closes the gaps of the kill feed: what a lost subscription missed is looked up where the service still has it.

After each join the preload comes by itself; where it may have left out something, or cannot be trusted, the service's
memory is asked, and where that is shorter than the gap, zKillboard's lists (wanderer-kills.md 6.4, WK-21). While a
socket stays down the memory is polled. Characters cannot be asked for: their gaps are counted and shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
import trio

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import Arrival, FeedHeard, KillArrived
from wanderer_notifier.core.gaps import LONG_GAP, Gap, doubtful, kill_id, kill_time
from wanderer_notifier.feeds.kill_line import Line
from wanderer_notifier.feeds.kill_rest import KillRest, Unusable
from wanderer_notifier.net.errors import NetError
from wanderer_notifier.runtime.health import Component, FeedGap
from wanderer_notifier.runtime.supervise import describe

log = structlog.get_logger("kills")

PRELOAD_QUIET_S, PRELOAD_MOST_S = 3.0, 60.0
"""A join's replay has no end marker: it is over after so much silence, at the latest after so long."""
MARK_S = 15.0
"""How often a quiet feed's mark moves."""
ROUNDS = Backoff(first_s=15.0, cap_s=300.0)
"""Between two rounds over the systems for which the service gave no answer."""
SHOWN_FROM_S = 1.0
"""Shorter gaps are mended like any other, and only counted."""


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


async def keep_marks(lines: Sequence[Line], out: trio.MemorySendChannel[Arrival]) -> None:
    """Send each whole line's mark through the pipeline, behind what the line brought."""
    sent: dict[str, datetime] = {}
    while True:
        for line in list(lines):
            if line.whole and sent.get(line.name) != line.complete_until:
                sent[line.name] = line.complete_until
                await out.send(FeedHeard(feed=line.name, until=line.complete_until))
        await trio.sleep(MARK_S)


async def mend_gaps(line: Line, searcher: Searcher | None, out: trio.MemorySendChannel[Arrival]) -> None:
    """Close each gap of *line* after each join, for ever; one that cannot be closed is told of and left."""
    while True:
        await line.until(lambda: line.gap is not None)
        gap = line.gap
        assert gap is not None
        async with trio.open_nursery() as nursery:

            async def overtaken(gap: Gap, scope: trio.CancelScope) -> None:
                await line.until(lambda: line.gap is not gap)
                scope.cancel(reason="another gap")

            nursery.start_soon(overtaken, gap, nursery.cancel_scope)
            await _mend(line, gap, searcher, out)
            nursery.cancel_scope.cancel(reason="mended")


async def _mend(line: Line, gap: Gap, searcher: Searcher | None, out: trio.MemorySendChannel[Arrival]) -> None:
    found, left = 0, ""
    if line.audience.name == "characters":
        left = "kills of tracked pilots outside tracked systems"
    elif searcher is None:
        left = "kills that the preload left out"
    else:
        await _preload_over(line)
        found, left = await _search_all(line, gap, searcher)
    recovered = line.recovered + found
    line.mended(gap)
    await out.send(FeedHeard(feed=line.name, until=gap.end))
    label = f"kills:{line.name}"
    result = "recovered" if not left else "unrecoverable" if line.audience.name == "characters" else "partial"
    line.metrics.feed_gaps.labels(label, result).inc()
    line.metrics.feed_gap_seconds.labels(label, result).inc(gap.seconds)
    line.metrics.feed_recovered.labels(label).inc(recovered)
    if gap.seconds >= SHOWN_FROM_S:
        line.part.note_gap(FeedGap(begin=gap.begin, end=gap.end, recovered=recovered, unrecoverable=left))
        log.info(
            "kill_feed_gap",
            feed=line.name,
            begin=gap.begin.isoformat(),
            end=gap.end.isoformat(),
            seconds=round(gap.seconds, 1),
            recovered=recovered,
            unrecoverable=left,
        )


async def _preload_over(line: Line) -> None:
    most = trio.current_time() + PRELOAD_MOST_S
    while (over := min(line.preload_at_s + PRELOAD_QUIET_S, most)) > trio.current_time():  # noqa: ASYNC110
        await trio.sleep_until(over)  # each kill of it puts the end off


async def _search_all(line: Line, gap: Gap, searcher: Searcher) -> tuple[int, str]:
    """How many kills were found, and in words what could not be asked for."""
    now = searcher.now
    lists: bool | None = None
    pending: list[int] = []
    found = rounds = unusable = 0
    while True:
        earliest = gap.earliest(now(), searcher.max_age_s)
        if earliest >= gap.end:
            return found, _systems(len(pending) + unusable) if lists is not None else "kills that are too old by now"
        left: list[int] = []
        try:
            if lists is None:
                condition = await searcher.rest.condition()
                lists = gap.forgotten(condition.uptime_s, now())
                everything = lists or gap.end - gap.begin > LONG_GAP
                pending = list(line.ids() if everything else doubtful(line.preload, earliest))
            for system in pending:
                try:
                    times = await searcher.search(line, system, earliest, lists=lists)
                    found += sum(when >= gap.begin for when in times)
                except Unusable:
                    unusable += 1
                except NetError as error:
                    log.warning("kill_gap_not_asked", feed=line.name, system=system, reason=describe(error))
                    left.append(system)
        except NetError as error:
            log.warning("kill_gap_not_asked", feed=line.name, reason=describe(error))
        else:
            if not left:
                return found, _systems(unusable)
            pending = left
        rounds += 1
        await trio.sleep(ROUNDS.pause(rounds, 0.0))


def _systems(count: int) -> str:
    return f"kills in {count} system{'s' if count > 1 else ''}" if count else ""


# --- while a socket stays down ---

POLL_AFTER_S, POLL_S = 30.0, 60.0


async def poll_while_down(
    lines: Sequence[Line], searcher: Searcher, part: Component, out: trio.MemorySendChannel[Arrival]
) -> None:
    """Ask for the kills of each line that is down for more than 30 s, every minute, with the systems of the moment."""
    part.to("disabled", "not needed")
    while True:
        down = [line for line in list(lines) if _long_down(line)]
        if not down:
            part.to("disabled", "not needed")
            await trio.sleep(1.0)
            continue
        began = trio.current_time()
        if part.state == "disabled":
            part.to("starting", "the socket is down")
        for line in down:
            await _poll(line, searcher, part, out)
        await trio.sleep_until(began + POLL_S)


def _long_down(line: Line) -> bool:
    return line.down_since_s is not None and trio.current_time() - line.down_since_s > POLL_AFTER_S


async def _poll(line: Line, searcher: Searcher, part: Component, out: trio.MemorySendChannel[Arrival]) -> None:
    """One round over the systems of *line*; when all of them answered, the gap begins only now."""
    began = searcher.now()
    earliest = Gap(line.complete_until, began).earliest(began, searcher.max_age_s)
    ids = line.ids()
    found = 0
    try:
        uptime_s = (await searcher.rest.condition()).uptime_s
        lists = Gap(line.complete_until, began).forgotten(uptime_s, began)
        for system in ids:
            if not _long_down(line):
                return  # the join mends the rest
            found += len(await searcher.search(line, system, earliest, lists=lists))
    except Unusable as error:
        part.to("failed", f"the kill service's memory cannot be read: {error}")
        return
    except NetError as error:
        part.to("failed", describe(error))
        return
    finally:
        line.metrics.feed_recovered.labels(f"kills:{line.name}").inc(found)
    part.to("ok", f"asking for {len(ids)} systems every {POLL_S:.0f} s while the socket is down")
    if not line.joined:
        # zKillboard's lists lag behind by minutes, so that they prove nothing about the present.
        until = began - timedelta(minutes=15) if lists else began
        line.complete_until = max(line.complete_until, until)
        await out.send(FeedHeard(feed=line.name, until=line.complete_until))
