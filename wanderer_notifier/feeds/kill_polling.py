"""Asks for kills as long as no socket brings them: the fallback of the kill feed (WK-21, operations.md 5.3)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import trio

from wanderer_notifier.core.events import Arrival, FeedHeard
from wanderer_notifier.core.gaps import Gap
from wanderer_notifier.feeds.kill_line import Line
from wanderer_notifier.feeds.kill_rest import Unusable
from wanderer_notifier.feeds.kill_search import Searcher
from wanderer_notifier.net.errors import NetError
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.runtime.supervise import describe

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
            await trio.sleep(_until_long_down_s(lines))
            continue
        began = trio.current_time()
        if part.state == "disabled":
            part.to("starting", "the socket is down")
        for line in down:
            await _poll(line, searcher, part, out)
        await trio.sleep_until(began + POLL_S)


def _long_down(line: Line) -> bool:
    return line.down_since_s is not None and trio.current_time() - line.down_since_s >= POLL_AFTER_S


def _until_long_down_s(lines: Sequence[Line]) -> float:
    """Seconds until one of *lines* can be down for long, and at least one: no line that is up can be before."""
    since = [line.down_since_s for line in list(lines) if line.down_since_s is not None]
    return max(min(since, default=trio.current_time()) + POLL_AFTER_S - trio.current_time(), 1.0)


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
