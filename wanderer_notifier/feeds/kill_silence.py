"""Is a silent kill feed deaf, or is nothing happening? (WK-20, cases.md S14, S15, O13)

A corporation's few systems may well see no kill for hours. So silence alone proves nothing: the service is asked
whether it takes in kills at all, and whether it has any of ours that it did not push.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import structlog
import trio

from wanderer_notifier.core.events import Arrival, FeedHeard
from wanderer_notifier.core.gaps import Condition, in_downtime
from wanderer_notifier.feeds.kill_line import Line
from wanderer_notifier.feeds.kill_rest import Unusable
from wanderer_notifier.feeds.kill_search import Searcher
from wanderer_notifier.net.errors import NetError

log = structlog.get_logger("kills")

QUIET_S = 20 * 60.0
"""So long without a kill makes us ask; ten times what separates two kills of all New Eden is nothing for one map."""
LOOK_S = 60.0
ASKED = 200
"""So many systems are asked for their latest kills, others the next time."""
PUSH_S = 10.0
"""A kill may reach the service's memory this much before it reaches us."""


async def watch_silence(
    lines: Sequence[Line],
    searcher: Searcher,
    out: trio.MemorySendChannel[Arrival],
    *,
    roll: Callable[[], float],
) -> None:
    """Every minute look at the lines that are joined and have brought no kill for long; show what is wrong, for ever.

    A line that is found deaf is connected anew, and what it did not bring is handed on.
    """
    checked: dict[str, float] = {}
    tried: set[str] = set()
    while True:
        await trio.sleep(LOOK_S)
        for line in list(lines):
            quiet_s = trio.current_time() - line.quiet_since_s
            if not (line.joined and line.whole) or quiet_s < QUIET_S or in_downtime(searcher.now()):
                if quiet_s < QUIET_S:
                    tried.discard(line.name)
                continue
            if not line.reproach and trio.current_time() - checked.get(line.name, -QUIET_S) < QUIET_S:
                continue
            checked[line.name] = trio.current_time()
            await _look(line, searcher, out, roll, tried, quiet_s)


async def _look(
    line: Line,
    searcher: Searcher,
    out: trio.MemorySendChannel[Arrival],
    roll: Callable[[], float],
    tried: set[str],
    quiet_s: float,
) -> None:
    quiet_since = line.quiet_since
    try:
        condition = await searcher.rest.condition()
    except NetError:
        condition = Condition()  # the heartbeats are answered, so the socket's peer lives; nothing to conclude
    fault = condition.fault()
    if fault is None and line.audience.name == "systems":
        try:
            if await _withheld(line, searcher, roll, quiet_since):
                fault = "the kill service has some that it did not push"
                line.deaf_since(quiet_since)
                await out.send(FeedHeard(feed=line.name, until=line.complete_until))
        except (NetError, Unusable):
            pass
    if not line.joined or line.quiet_since != quiet_since:
        return  # it spoke, or was lost, while we asked
    before, line.reproach = line.reproach, f"no kill for {quiet_s / 60:.0f} min; {fault}" if fault else ""
    line.show()
    if fault is None:
        tried.discard(line.name)
        return
    if not before:
        log.warning("kill_feed_silent", feed=line.name, minutes=round(quiet_s / 60), reason=fault)
    if line.name not in tried:  # once per silence: if a new connection does not help, more of them will not
        tried.add(line.name)
        line.replace(line.reproach)


async def _withheld(line: Line, searcher: Searcher, roll: Callable[[], float], since: datetime) -> bool:
    """Whether the service's memory holds kills since *since* that were not pushed; they are handed on."""
    ids = line.ids()
    start = int(roll() * len(ids)) if len(ids) > ASKED else 0
    before = searcher.now()
    asked = (ids[start:] + ids[:start])[:ASKED]
    suspects: list[int] = []
    for system in asked:
        kills = await searcher.rest.cached(system)
        if searcher.unseen(line, kills, since, before):
            suspects.append(system)
    if not suspects:
        return False
    await trio.sleep(PUSH_S)
    found = [await searcher.search(line, system, since, lists=False) for system in suspects]
    return any(found)
