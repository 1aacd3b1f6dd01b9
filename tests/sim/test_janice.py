"""The fake Janice, and what the fake ESI knows of killmails."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from random import Random

import pytest

from tests.sim.raw import Got, ask
from wanderer_notifier.sim.janice import PATH, WARES, Janice
from wanderer_notifier.sim.killmails import Inventor
from wanderer_notifier.sim.stubs import Esi

TOKEN = "test-token-janice"
QUERY = "?market=2&designation=appraisal&pricing=buy&pricingVariant=immediate&persist=false&compactize=true"


async def appraise(
    janice: Janice, text: str, *, token: str = TOKEN, kind: str = "text/plain", query: str = QUERY
) -> Got:
    headers = [("X-ApiKey", token), ("Content-Type", kind)]
    return await ask(janice.handle, "POST", PATH + query, headers, text.encode())


async def test_it_prices_what_it_knows_and_names_what_it_does_not() -> None:
    janice = Janice(token=TOKEN)
    got = await appraise(janice, "Nanite Repair Paste 2500\n34 10\nTritanium\nNo Such Thing 3")
    answer = json.loads(got.body)
    assert [(item["itemType"]["eid"], item["amount"]) for item in answer["items"]] == [(28668, 2500), (34, 1)]
    assert answer["items"][0]["immediatePrices"]["buyPrice"] == WARES[28668].buy_isk
    assert answer["failures"] == "34 10\nNo Such Thing 3"
    assert janice.kept == 0


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"token": "test-token-other"}, 401),
        ({"kind": "application/json"}, 415),
        ({"query": "?market=1&pricingVariant=immediate"}, 400),
    ],
)
async def test_it_refuses_what_the_real_one_refuses(changes: dict[str, str], status: int) -> None:
    assert (await appraise(Janice(token=TOKEN), "Tritanium 1", **changes)).status == status


async def test_esi_gives_a_killmail_for_the_right_hash_only(now: Callable[[], datetime]) -> None:
    kill = Inventor(Random(1)).kill(now())
    esi = Esi(now=now, kill={kill["killmail_id"]: kill}.get)
    address = f"/killmails/{kill['killmail_id']}"
    got = await ask(esi.handle, "GET", f"{address}/{kill['zkb']['hash']}/")
    assert json.loads(got.body) == {key: value for key, value in kill.items() if key != "zkb"}
    assert (await ask(esi.handle, "GET", f"{address}/abc")).status == 422
    assert (await ask(esi.handle, "GET", "/killmails/1/abc")).status == 422


async def test_esi_spares_a_body_that_has_not_changed(now: Callable[[], datetime]) -> None:
    esi = Esi(now=now)
    first = await ask(esi.handle, "GET", "/corporations/98999101/")
    again = await ask(esi.handle, "GET", "/corporations/98999101/", [("If-None-Match", first.header("etag") or "")])
    assert (first.status, again.status, again.body) == (200, 304, b"")
