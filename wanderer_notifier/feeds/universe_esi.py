"""Asks EVE's public API (ESI), within its error budget and not at all while it is down (operations.md OPS-103, 104)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import structlog
import trio

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.net.client import Answer, NetError, Upstream
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.wire.breaker import Breaker
from wanderer_notifier.wire.patience import Patience

log = structlog.get_logger("universe")

COMPATIBILITY_DATE = "2025-12-16"
"""As of when the answers should look; without it ESI gives the oldest form it still knows."""
READ_S, TOTAL_S = 3.0, 10.0  # notifications.md 7.1
ATTEMPTS = 3
RETRY = Backoff(first_s=0.5, cap_s=2.0)
PATIENT_S = 2.0
"""A pause up to here is waited out; a longer one is told to whoever asks, who has other things to do."""


class Unavailable(Exception):
    """ESI does not answer, or must not be asked just now; that says nothing about what was asked for."""


class Esi:
    """One client for everything asked of ESI.

    *upstream* has its base address; *part* shows whether it answers; *told* hears how many errors it still forgives.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        part: Component,
        roll: Callable[[], float],
        told: Callable[[int], None] = lambda remaining: None,
    ) -> None:
        self._upstream, self._part, self._roll, self._told = upstream, part, roll, told
        self._breaker, self._patience = Breaker(), Patience()
        part.to("ok")  # nothing is known to be wrong before it was asked

    @property
    def shut(self) -> bool:
        """Whether nothing can be learned within a few seconds."""
        now = trio.current_time()
        return max(self._breaker.wait_for(now), self._patience.wait_for(now)) > PATIENT_S

    async def ask(
        self, method: str, path: str, *, json: Sequence[int] | Sequence[str] | None = None, etag: str | None = None
    ) -> Answer:
        """The answer to one request, tried up to three times: 200, 304 (with *etag*) or a refusal below 500.

        Raises `Unavailable`.
        """
        headers = {"x-compatibility-date": COMPATIBILITY_DATE, **({"if-none-match": etag} if etag else {})}
        failures = 0
        while True:
            await self._turn()
            reason = await self._try(method, path, json, headers)
            if isinstance(reason, Answer):
                return reason
            failures += 1
            if failures >= ATTEMPTS or self.shut:
                raise Unavailable(reason)
            await trio.sleep(RETRY.pause(failures, self._roll()))

    async def _turn(self) -> None:
        """Wait for a place; raises `Unavailable` when that would take long."""
        while True:
            now = trio.current_time()
            wait = max(self._breaker.wait_for(now), self._patience.wait_for(now))
            if wait > PATIENT_S:
                raise Unavailable("ESI is left alone for a while")
            if wait <= 0:
                return
            await trio.sleep(wait)

    async def _try(
        self, method: str, path: str, json: Sequence[int] | Sequence[str] | None, headers: dict[str, str]
    ) -> Answer | str:
        """The answer, or why there is none."""
        self._breaker.started()
        self._patience.started(trio.current_time())
        judged = False
        try:
            answer = await self._upstream.request(method, path, json=json, headers=headers, total_s=TOTAL_S)
            judged = True
        except NetError as error:
            judged = True
            return self._failed(str(error))
        finally:
            if not judged:
                self._breaker.released()
        self._patience.answered(answer.status, answer.headers, trio.current_time())
        if self._patience.remaining is not None:
            self._told(self._patience.remaining)
        if answer.status in (420, 429):
            self._breaker.released()
            self._part.to("degraded", f"ESI asks us to pause (HTTP {answer.status})")
            return f"HTTP {answer.status}"
        if answer.status >= 500:
            return self._failed(f"HTTP {answer.status}")
        self._breaker.succeeded()
        self._part.seen()
        self._part.to("ok")
        return answer

    def _failed(self, reason: str) -> str:
        self._breaker.failed(trio.current_time())
        if self._breaker.is_open:
            self._part.to("degraded", reason)
            log.warning("esi_down", reason=reason)
        return reason


def expires(answer: Answer) -> datetime | None:
    """Until when ESI itself keeps the answer; asking before that gives the same."""
    try:
        return parsedate_to_datetime(answer.headers["expires"]).astimezone(UTC)
    except (KeyError, ValueError, TypeError):
        return None
