"""The notable items of a kill: which dropped, what they are called, what they are worth (notifications.md 5)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import structlog
import trio

from wanderer_notifier.core.names import Key, Looked
from wanderer_notifier.core.notable import Rule, dropped, is_abyssal, lines
from wanderer_notifier.feeds.prices import Janice, Lot
from wanderer_notifier.feeds.universe import Universe
from wanderer_notifier.feeds.universe_esi import Esi, Unavailable

log = structlog.get_logger("prices")

BUDGET_S = 6.0
"""For the whole step (notifications.md 5.3)."""
REMEMBERED = 500
"""Kills whose items are kept in memory: the same kill is asked for once per channel, and again for its edit."""


class Loot:
    """Finds out what was worth picking up; *rule* is the operator's."""

    def __init__(self, esi: Esi, universe: Universe, janice: Janice, rule: Rule) -> None:
        self._esi, self._universe, self._janice, self._rule = esi, universe, janice, rule
        self._items: OrderedDict[int, Mapping[int, int]] = OrderedDict()

    async def lines(
        self, raw: object, killmail_id: int, mail_hash: str | None, *, until: float
    ) -> Looked[tuple[str, ...]]:
        """The section's lines, ready to be shown; none when nothing is notable.

        Ends at *until* (Trio's clock) at the latest; not settled when something was not to be had by then.
        """
        until = min(until, trio.current_time() + BUDGET_S)
        items = await self._dropped(raw, killmail_id, mail_hash, until)
        if not items:
            return Looked(value=(), settled=items is not None)
        keys: list[Key] = [("type", type_id) for type_id in items]
        found = await self._universe.names(keys, until=until)
        names = {key[1]: known.name for key, known in found.value.items() if known.name}
        lots = {
            type_id: Lot(name=names[type_id], quantity=quantity)
            for type_id, quantity in items.items()
            if type_id in names and not is_abyssal(names[type_id])  # a number in place of a name fails all (K55)
        }
        priced = await self._janice.prices(lots, until=until)
        shown = lines(items, names, priced.value, self._rule)
        return Looked(value=shown, settled=found.settled and priced.settled)

    async def _dropped(
        self, raw: object, killmail_id: int, mail_hash: str | None, until: float
    ) -> Mapping[int, int] | None:
        """Type id -> quantity; None when it is not known yet."""
        items = dropped(raw)
        if items is None:
            items = self._items.get(killmail_id)
        if items is not None:
            return items
        if mail_hash is None:
            return {}
        answer = None
        with trio.move_on_at(until):
            try:
                answer = await self._esi.ask("GET", f"/killmails/{killmail_id}/{mail_hash}")
            except Unavailable as error:
                log.info("items_not_found_out", killmail_id=killmail_id, reason=str(error))
        if answer is None:
            return None
        try:
            found = (dropped(answer.json()) if answer.status == 200 else None) or {}
        except ValueError:
            return None
        self._items[killmail_id] = found
        if len(self._items) > REMEMBERED:
            self._items.popitem(last=False)
        return found
