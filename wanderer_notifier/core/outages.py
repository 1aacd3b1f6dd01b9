"""When the loss and the return of a feed are worth a message (notifications.md 2.6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from attrs import frozen

TELL_AFTER_S = 300.0
QUIET_S = 1800.0
"""At most one message of each kind per feed in this time."""


@frozen(kw_only=True)
class Down:
    """The feed has been gone long enough to say so."""

    feed: str
    reason: str
    down_s: float


@frozen(kw_only=True)
class Back:
    """A feed whose loss was told is back."""

    feed: str
    down_s: float


Outage: TypeAlias = Down | Back


class Outages:
    """Watches feeds from one look to the next; times are seconds of any steady clock."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}
        self._told: dict[str, float] = {}
        """Feeds whose present loss was told, and since when they are gone."""
        self._last: dict[tuple[type[Outage], str], float] = {}

    def look(self, troubles: Mapping[str, str | None], at: float) -> tuple[Outage, ...]:
        """What to tell at *at*, given each feed and the reason why it is gone (None: it works)."""
        news: list[Outage] = []
        for feed, reason in troubles.items():
            if reason is None:
                self._since.pop(feed, None)
                if feed in self._told and self._may(Back, feed, at):
                    news.append(Back(feed=feed, down_s=at - self._told.pop(feed)))
                continue
            since = self._since.setdefault(feed, at)
            if at - since >= TELL_AFTER_S and feed not in self._told and self._may(Down, feed, at):
                self._told[feed] = since
                news.append(Down(feed=feed, reason=reason, down_s=at - since))
        return tuple(news)

    def _may(self, kind: type[Outage], feed: str, at: float) -> bool:
        last = self._last.get((kind, feed))
        if last is not None and at - last < QUIET_S:
            return False
        self._last[kind, feed] = at
        return True
