"""The kill service's HTTP interface: what it still has in memory, and what zKillboard lists (wanderer-kills.md 5, 6.4).

One request at a time, paced, behind a breaker: recovery must not become the load that keeps a service down.
"""

from __future__ import annotations

import math
from datetime import datetime
from typing import Any

import trio

from wanderer_notifier.core.gaps import Condition, Seen, is_whole, kill_id, kill_time, read_condition
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.errors import BadStatus, Interrupted, NetError
from wanderer_notifier.wire.breaker import Breaker

PACE_S = 0.1
"""Between two requests for what the service has in memory."""
SLOW_PACE_S = 1.0
"""Between two requests that make the service ask zKillboard, which counts them."""
LISTED = 100
"""References read per system; the newest come first."""
OLD_IN_A_ROW = 3
"""Ids follow time only roughly: so many too old ones, and the rest of a list is older still."""


class Unusable(Exception):
    """The service answers, but not with what we can use; asking again gives the same."""


class KillRest:
    """One kill service; shared by everything that asks it, so that pace and breaker hold for all."""

    def __init__(self, api: Upstream) -> None:
        self._api = api
        self._breaker = Breaker()
        self._gate = trio.Lock()
        self._next_at = -math.inf

    @property
    def shunned(self) -> bool:
        """Whether the service failed so often that it is left alone for a while."""
        return self._breaker.is_open

    async def condition(self) -> Condition:
        """What the service says of itself; knows nothing of a service that does not say. Raises `NetError`."""
        status = await self._optional("/status")
        return read_condition(status, await self._optional("/health"))

    async def cached(self, system: int) -> list[Any]:
        """All kills of *system* in the service's memory. Raises `NetError`, and `Unusable` where it lists ids only."""
        kills = _kills(await self._get(f"/api/v1/kills/cached/{system}", PACE_S))
        if any(type(kill) is int for kill in kills):
            raise Unusable("the cache lists ids only")
        return kills

    async def listed(self, system: int, earliest: datetime, now: datetime, seen: Seen) -> list[Any]:
        """The kills of *system* since *earliest* that zKillboard knows and *seen* does not.

        Those that turn out too old are noted in *seen*. Raises `NetError`; `Unusable` where there is no such list.
        """
        hours = max(1, math.ceil((now - earliest).total_seconds() / 3600))
        params = {"since_hours": hours, "limit": LISTED}
        rows = _kills(await self._get(f"/api/v1/kills/system/{system}", SLOW_PACE_S, params))
        found: list[Any] = []
        old = 0
        for row in rows:
            number = kill_id(row)
            if number is None or number in seen:
                continue
            whole = row if is_whole(row) else await self._killmail(number)
            when = kill_time(whole)
            if when is not None and when > earliest:
                found.append(whole)
                continue
            seen.add(number)
            old += 1
            if old >= OLD_IN_A_ROW:
                break
        return found

    async def _killmail(self, number: int) -> Any:
        try:
            answer = await self._get(f"/api/v1/killmail/{number}", SLOW_PACE_S)
        except Unusable:
            return None
        return answer.get("data") if isinstance(answer, dict) else None

    async def _optional(self, path: str) -> Any:
        """The object at *path*, an unhappy 503 included; None where there is none."""
        try:
            return await self._get(path, 0.0, unhappy=True)
        except Unusable:
            return None

    async def _get(
        self, path: str, pace_s: float, params: dict[str, int] | None = None, *, unhappy: bool = False
    ) -> Any:
        async with self._gate:
            now = trio.current_time()
            await trio.sleep_until(max(self._next_at, now + self._breaker.wait_for(now)))
            self._next_at = trio.current_time() + pace_s
            self._breaker.started()
            try:
                answer = await self._api.request("GET", path, params=params)
                if answer.status == 200 or (unhappy and answer.status == 503):
                    body = _decoded(answer.json)
                elif answer.status == 429 or answer.status >= 500:
                    raise BadStatus(f"kills: answered HTTP {answer.status}", status=answer.status)
                else:
                    body = None
            except NetError:
                self._breaker.failed(trio.current_time())
                raise
            except BaseException:
                self._breaker.released()
                raise
            self._breaker.succeeded()
        if body is None:
            raise Unusable(f"HTTP {answer.status}")
        return body


def _decoded(read: Any) -> Any:
    try:
        return read()
    except ValueError as error:
        raise Interrupted("kills: the answer is not JSON") from error


def _kills(answer: Any) -> list[Any]:
    data = answer.get("data") if isinstance(answer, dict) else None
    kills = data.get("kills") if isinstance(data, dict) else data
    if not isinstance(kills, list):
        raise Unusable("no list of kills")
    return kills
