"""ESI and the licence manager, as far as the service asks them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.sim.raw import Got, ask
from wanderer_notifier.sim.stubs import ERRORS_PER_MINUTE, Esi, LicenceManager

Now = Callable[[], datetime]


@pytest.fixture
def esi(now: Now) -> Esi:
    return Esi(now=now)


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("/universe/systems/31001503/?datasource=tranquility", "name", "J155416"),
        ("/latest/universe/systems/30000142/", "security_status", 0.9),
        ("/universe/types/29984/", "name", "Tengu"),
        ("/v5/corporations/98999101/", "ticker", "HMRD"),
        ("/characters/2147481001", "corporation_id", 98999101),
        ("/alliances/99999101/", "name", "Meridian Compact"),
    ],
)
async def test_esi_names_what_exists(esi: Esi, path: str, key: str, value: object) -> None:
    got = await ask(esi.handle, "GET", path)
    assert (got.status, json.loads(got.body)[key]) == (200, value)
    assert got.header("x-esi-error-limit-remain") == str(ERRORS_PER_MINUTE)
    assert (got.header("cache-control"), got.header("expires") is None) == ("public, max-age=3600", False)


@pytest.mark.parametrize(
    ("body", "status", "names"),
    [
        (b"[2147481001,98999101,587,30000142]", 200, ["Orsa Velden", "Hollow Meridian", "Rifter", "Jita"]),
        (b"[2147481001,1]", 404, None),
        (b"[1,1]", 400, None),
        (b'["x"]', 400, None),
        (b"{", 400, None),
    ],
)
async def test_esi_names_many_or_refuses_all(esi: Esi, body: bytes, status: int, names: list[str] | None) -> None:
    got = await ask(esi.handle, "POST", "/universe/names/", body=body)
    assert got.status == status
    if names is not None:
        assert [one["name"] for one in json.loads(got.body)] == names


async def test_errors_use_up_esis_patience_until_the_next_minute(autojump_clock: MockClock, esi: Esi) -> None:
    for left in range(ERRORS_PER_MINUTE - 1, -1, -1):
        got = await ask(esi.handle, "GET", "/universe/types/1/")
        assert (got.status, got.header("x-esi-error-limit-remain")) == (404, str(left))
    got = await ask(esi.handle, "GET", "/universe/types/587/")
    assert got.status == 420
    await trio.sleep(60)
    assert (await ask(esi.handle, "GET", "/universe/types/587/")).status == 200


async def test_a_stub_can_fail_be_late_or_be_gone(autojump_clock: MockClock, esi: Esi) -> None:
    esi.failing, esi.delay_s = 503, 9.0
    begun = trio.current_time()
    assert (await ask(esi.handle, "GET", "/universe/types/587/")).status == 503
    assert trio.current_time() - begun == pytest.approx(9.0)
    esi.down = True
    with pytest.raises(trio.BrokenResourceError):
        await ask_flat(esi)
    assert esi.asked["GET /universe/types/587/"] == 2


async def ask_flat(esi: Esi) -> Got:
    """Asks, and lets the error of a cut connection out of its group."""
    try:
        return await ask(esi.handle, "GET", "/universe/types/587/")
    except* trio.BrokenResourceError as group:
        broken = group.exceptions[0]
    raise broken


BEARER = [("authorization", "Bearer test-token-licence")]


@pytest.mark.parametrize("path", ["/validate_bot", "/api/validate_bot", "/api/validate_license"])
@pytest.mark.parametrize(
    ("key", "verdict", "good"), [("K", "valid", True), ("K", "invalid", False), ("X", "valid", False)]
)
async def test_the_licence_manager_judges_the_key(path: str, key: str, verdict: Any, good: bool) -> None:
    manager = LicenceManager(key="K")
    manager.verdict = verdict
    got = await ask(manager.handle, "POST", path, BEARER, json.dumps({"license_key": key}).encode())
    body = json.loads(got.body)
    assert (got.status, body["license_valid"], body["valid"], body["bot_associated"]) == (200, good, good, good)
    assert body["message"] == ("License is valid" if good else "License not found")
    assert ("valid_to" in body) is good


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("POST", "/validate_bot", [], b"{}", 401),
        ("POST", "/validate_bot", BEARER, b"{}", 400),
        ("POST", "/validate_bot", BEARER, b"[]", 400),
        ("GET", "/validate_bot", BEARER, b"", 405),
        ("POST", "/other", BEARER, b"{}", 404),
    ],
)
async def test_the_licence_manager_refuses(
    method: str, path: str, headers: list[tuple[str, str]], body: bytes, status: int
) -> None:
    assert (await ask(LicenceManager(key="K").handle, method, path, headers, body)).status == status
