"""Closes the gaps of the kill feed: what a lost subscription missed is looked up where the service still has it.

After each join the preload comes by itself; where it may have left out something, or cannot be trusted, the service's
memory is asked, and where that is shorter than the gap, zKillboard's lists (wanderer-kills.md 6.4, WK-21).
Characters cannot be asked for: their gaps are counted and shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import structlog
import trio

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import Arrival, FeedHeard
from wanderer_notifier.core.gaps import LONG_GAP, Gap, doubtful
from wanderer_notifier.feeds.kill_line import Line
from wanderer_notifier.feeds.kill_rest import Unusable
from wanderer_notifier.feeds.kill_search import Searcher
from wanderer_notifier.net.errors import NetError
from wanderer_notifier.runtime.health import FeedGap
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
