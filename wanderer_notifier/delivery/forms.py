"""Rich or plain: which form the rows of a plan get, as far as the licence has a say (notifications.md 4)."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from wanderer_notifier.core.licence import RichLimit
from wanderer_notifier.delivery.planning import Plan
from wanderer_notifier.state.outbox import NewRow


def choose_forms(made: Plan, rich: RichLimit) -> tuple[Plan, frozenset[tuple[str, str]]]:
    """*made* with the plain form where no rich one is allowed, and the claims and channels with a new reservation."""
    rows, reserved = list[NewRow](), set[tuple[str, str]]()
    for row in made.rows:
        before = rich.holds(row.claim, row.channel)
        if rich.reserve(row.kind, row.claim, row.channel) or row.fallback is None:
            rows.append(row)
        else:
            rows.append(evolve(row, body=row.fallback, fallback=None))
        if not before and rich.holds(row.claim, row.channel):
            reserved.add((row.claim, row.channel))
    return evolve(made, rows=tuple(rows)), frozenset(reserved)


def give_back(reserved: frozenset[tuple[str, str]], queued: Iterable[NewRow], rich: RichLimit) -> None:
    """Free the places of rows that were not queued: copies of what is queued, or was sent, already."""
    for claim, channel in reserved - {(row.claim, row.channel) for row in queued}:
        rich.settle(claim, channel, sent=False)
