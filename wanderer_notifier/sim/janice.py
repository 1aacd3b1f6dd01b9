"""A stand-in for Janice, which appraises items (notifications.md 5.2)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeAlias

from attrs import frozen

from wanderer_notifier.sim.http import Exchange, Request
from wanderer_notifier.sim.stubs import Stub

JsonObject: TypeAlias = dict[str, Any]

PATH = "/api/rest/v2/appraisal"
TEXT_LIMIT = 1_000_000
_LINE = re.compile(r"(?P<name>.*?)(?:\s+x?(?P<quantity>\d+))?")


@frozen
class Ware:
    """A type of item, and what the best buy order in Jita pays for one."""

    name: str
    buy_isk: float


WARES: dict[int, Ware] = {
    34: Ware("Tritanium", 4.1),
    28668: Ware("Nanite Repair Paste", 25_000.0),
    19207: Ware("Pithum C-Type Medium Shield Booster", 180_000_000.0),
    35659: Ware("10MN Y-S8 Compact Afterburner", 120_000.0),
    17559: Ware("Federation Navy Stasis Webifier", 62_000_000.0),
    14268: Ware("Cormack's Modified Armor Thermal Hardener", 950_000_000.0),
    47740: Ware("50MN Abyssal Microwarpdrive", 0.0),
    47736: Ware("Abyssal Warp Disruptor", 0.0),
    3297: Ware("Small Standard Container", 9_000.0),
}
"""Types that may drop; the ids of the first ones are the game's."""


class Janice(Stub):
    """Prices of what it knows; every appraisal is remembered in `appraised`.

    Args:
        token: the only key that it accepts.
        wares: what it can price, by type id.
    """

    def __init__(self, *, token: str, wares: Mapping[int, Ware] = WARES) -> None:
        super().__init__()
        self._token = token
        self.wares = dict(wares)
        self.appraised: list[str] = []
        """The text of each appraisal."""
        self.kept = 0
        """How many appraisals were to be kept for others to see."""

    async def handle(self, exchange: Exchange) -> None:
        """Answer one request."""
        if await self.troubled(exchange):
            return
        status, body = self._answer(exchange.request)
        await exchange.respond(status, [("Content-Type", "application/json")], json.dumps(body).encode())

    def _answer(self, request: Request) -> tuple[int, JsonObject]:
        if request.path != PATH:
            return 404, {"message": "Not found"}
        if request.method != "POST":
            return 405, {"message": "Method not allowed"}
        if request.headers.get("x-apikey") != self._token:
            return 401, {"message": "Unauthorized"}
        if not request.headers.get("content-type", "").startswith("text/plain"):
            return 415, {"message": "Unsupported media type"}
        if request.query.get("market") != "2" or request.query.get("pricingVariant") != "immediate":
            return 400, {"message": "Bad request"}
        self.kept += request.query.get("persist") != "false"
        text = request.body.decode()
        self.appraised.append(text)
        return 200, self._appraisal(text)

    def _appraisal(self, text: str) -> JsonObject:
        known = {ware.name: (type_id, ware) for type_id, ware in self.wares.items()}
        items, failures = list[JsonObject](), list[str]()
        for line in text.splitlines():
            match = _LINE.fullmatch(line.strip())
            found = known.get(match["name"]) if match else None
            if match is None or found is None:
                failures.append(line)
                continue
            items.append(_item(*found, int(match["quantity"] or 1)))
        total = sum(item["immediatePrices"]["buyPriceTotal"] for item in items)
        return {
            "failures": "\n".join(failures),
            "immediatePrices": {"totalBuyPrice": total, "totalSellPrice": total, "totalSplitPrice": total},
            "items": items,
            "market": {"id": 2, "name": "Jita 4-4"},
            "pricing": "buy",
            "pricingVariant": "immediate",
        }


def _item(type_id: int, ware: Ware, quantity: int) -> JsonObject:
    prices = {
        "buyPrice": ware.buy_isk,
        "buyPriceTotal": ware.buy_isk * quantity,
        "sellPrice": ware.buy_isk * 1.1,
        "sellPriceTotal": ware.buy_isk * 1.1 * quantity,
    }
    return {
        "amount": quantity,
        "effectivePrices": prices,
        "immediatePrices": prices,
        "itemType": {"eid": type_id, "name": ware.name, "packagedVolume": 5.0, "volume": 5.0},
        "totalPackagedVolume": 5.0 * quantity,
        "totalVolume": 5.0 * quantity,
    }
