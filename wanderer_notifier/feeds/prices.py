"""What items are worth in Jita, according to Janice (notifications.md 5.2)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
import trio
from attrs import frozen

from wanderer_notifier.core.names import Looked
from wanderer_notifier.core.reading import as_amount, as_id, is_object
from wanderer_notifier.net.client import Answer, NetError, Upstream
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.state import names as cache
from wanderer_notifier.state.names import Found
from wanderer_notifier.state.store import Store, StoreError
from wanderer_notifier.wire.breaker import Breaker

log = structlog.get_logger("prices")

PRICE = "price"
PRICE_FOR = timedelta(hours=6)
TOTAL_S = 5.0
AT_ONCE = 200
"""Lines in one appraisal; more stacks than that are rare, and the rest comes with the next request."""

APPRAISAL = "/api/rest/v2/appraisal"
QUERY: Mapping[str, str | int] = {
    "market": 2,  # Jita
    "designation": "appraisal",
    "pricing": "buy",
    "pricingVariant": "immediate",
    "persist": "false",
    "compactize": "true",
    "pricePercentage": 1,
}


@frozen(kw_only=True)
class Lot:
    """A number of items of one type, under the name by which Janice knows them."""

    name: str
    quantity: int


class Janice:
    """Prices from the cache, else from Janice; *upstream* carries its key, *part* shows whether it answers."""

    def __init__(self, store: Store, upstream: Upstream, *, part: Component, now: Callable[[], datetime]) -> None:
        self._store, self._upstream, self._part, self._now = store, upstream, part, now
        self._breaker = Breaker()
        part.to("ok")  # nothing is known to be wrong before it was asked

    async def prices(self, lots: Mapping[int, Lot], *, until: float) -> Looked[Mapping[int, float]]:
        """Type id -> buy price of one item, in ISK; 0 for what nobody buys.

        Asks at most once, until *until* (Trio's clock). Not settled when a price is missing because Janice did not
        answer; those that were known before are in the answer all the same (notifications.md N8).
        """
        known = await self._cached(lots)
        missing = {type_id: lot for type_id, lot in lots.items() if type_id not in known}
        if not missing:
            return Looked(value=known, settled=True)
        asked = dict(list(missing.items())[:AT_ONCE])
        with trio.move_on_at(until):
            found = await self._ask(asked)
            if found is not None:
                priced = {type_id: found.get(type_id, 0.0) for type_id in asked}
                await self._keep(priced)
                return Looked(value={**known, **priced}, settled=len(asked) == len(missing))
        return Looked(value=known, settled=False)

    async def _ask(self, lots: Mapping[int, Lot]) -> dict[int, float] | None:
        """What Janice says of *lots*; None when it says nothing."""
        if self._breaker.wait_for(trio.current_time()) > 0:
            return None
        lines = "\n".join(f"{lot.name} {lot.quantity}" for lot in lots.values())
        self._breaker.started()
        judged = False
        try:
            answer = await self._upstream.request("POST", APPRAISAL, params=QUERY, text=lines, total_s=TOTAL_S)
            found = _prices(answer) if answer.status == 200 else None
            reason = f"HTTP {answer.status}" if answer.status != 200 else "an answer of another form"
            judged = True
        except NetError as error:
            found, reason, judged = None, str(error), True
        finally:
            if not judged:
                self._breaker.released()
        if found is None:
            self._breaker.failed(trio.current_time())
            if answer_is_final(reason):
                self._part.to("failed", "Janice does not accept JANICE_API_TOKEN")
            else:
                self._part.to("degraded", reason)
            log.warning("appraisal_failed", reason=reason, items=len(lots))
            return None
        self._breaker.succeeded()
        self._part.seen()
        self._part.to("ok")
        return found

    async def _cached(self, lots: Mapping[int, Lot]) -> dict[int, float]:
        try:
            found = await self._store.read(lambda conn: cache.read(conn, PRICE, lots))
        except StoreError as error:
            log.warning("prices_not_read", reason=str(error))
            return {}
        moment = self._now()
        return {
            type_id: float(entry.value["price"])
            for type_id, entry in found.items()
            if entry.value is not None and entry.fresh_until > moment
        }

    async def _keep(self, priced: Mapping[int, float]) -> None:
        moment = self._now()
        entries = {
            type_id: Found(value={"price": price}, fresh_until=moment + PRICE_FOR) for type_id, price in priced.items()
        }
        try:
            await self._store.write(lambda conn: cache.put(conn, PRICE, entries, moment))
        except StoreError as error:
            log.warning("prices_not_kept", reason=str(error))


def answer_is_final(reason: str) -> bool:
    """Whether only an operator can cure this."""
    return reason in ("HTTP 401", "HTTP 403")


def _prices(answer: Answer) -> dict[int, float] | None:
    """Type id -> buy price; None for an answer that is no appraisal (5.2: `items` and `failures` must be there)."""
    try:
        body = answer.json()
    except ValueError:
        return None
    if not is_object(body) or "failures" not in body or not isinstance(body.get("items"), list):
        return None
    found = {}
    for item in body["items"]:
        kind = item.get("itemType") if is_object(item) else None
        type_id = as_id(kind.get("eid")) if is_object(kind) else None
        prices = item.get("immediatePrices") if is_object(item) else None
        if type_id is not None:
            found[type_id] = (as_amount(prices.get("buyPrice")) if is_object(prices) else None) or 0.0
    return found
