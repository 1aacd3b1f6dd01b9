"""Fetches the body of kills that came as id and hash only, and hands them on as if they had come whole (K22)."""

from __future__ import annotations

import string
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import cast

import structlog
import trio

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import Arrival, KillArrived, KillSource
from wanderer_notifier.core.reading import is_object
from wanderer_notifier.feeds.universe_esi import Esi, Unavailable
from wanderer_notifier.state import bodies
from wanderer_notifier.state.bodies import Bodiless
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("kills")

AGAIN = Backoff(first_s=5.0, cap_s=60.0)
GIVEN_UP_AFTER = timedelta(hours=1)
"""As long as a kill is news by default."""
LOOK_S = 60.0
"""How often the database is looked at when nobody said that there is something new."""


class Bodies:
    """The kills without body in *store*, looked for at *esi*; `wake` when there are new ones."""

    def __init__(self, store: Store, esi: Esi, *, now: Callable[[], datetime], roll: Callable[[], float]) -> None:
        self._store, self._esi, self._now, self._roll = store, esi, now, roll
        self._woken = trio.Event()

    def wake(self) -> None:
        """There is a new one; call after its commit."""
        self._woken.set()

    async def follow(self, out: trio.MemorySendChannel[Arrival]) -> None:
        """Send each to *out* with its body, or with the reason why there is none, until cancelled.

        What is sent stays in the store until it is decided, so that a crash between the two loses nothing.
        """
        handed_on, failures = set[int](), 0
        while True:
            sought = await self._waiting()
            handed_on &= {one.killmail_id for one in sought}
            waiting = [one for one in sought if one.killmail_id not in handed_on]
            failed = False
            for one in waiting:
                arrival = await self._look_for(one)
                if arrival is None:
                    failed = True
                    continue
                handed_on.add(one.killmail_id)
                await out.send(arrival)
            failures = failures + 1 if failed else 0
            with trio.move_on_after(AGAIN.pause(failures, self._roll()) if failed else LOOK_S):
                await self._woken.wait()
            self._woken = trio.Event()

    async def _waiting(self) -> tuple[Bodiless, ...]:
        try:
            return await self._store.read(bodies.sought)
        except StoreError as error:
            log.warning("bodies_not_read", reason=str(error))
            return ()

    async def _look_for(self, one: Bodiless) -> KillArrived | None:
        """The kill with what was found; None: not to be had just now, but perhaps later."""
        if not all(char in string.hexdigits for char in one.hash):  # it becomes part of an address
            return self._without(one, "the hash is none")
        try:
            answer = await self._esi.ask("GET", f"/killmails/{one.killmail_id}/{one.hash}")
            body = answer.json() if answer.status == 200 else None
        except (Unavailable, ValueError) as error:
            if self._now() - one.received_at > GIVEN_UP_AFTER:
                return self._without(one, f"ESI did not answer for an hour: {error}")
            return None
        if not is_object(body):
            return self._without(one, f"ESI answers HTTP {answer.status}")  # final: no retry (cases.md K24)
        zkb = one.raw.get("zkb") if is_object(one.raw) else None
        log.info("body_found", killmail_id=one.killmail_id)
        return self._arrival(one, {**body, **({"zkb": zkb} if is_object(zkb) else {})}, "found")

    def _without(self, one: Bodiless, reason: str) -> KillArrived:
        log.warning("body_not_found", killmail_id=one.killmail_id, reason=reason)
        return self._arrival(one, one.raw, reason)

    @staticmethod
    def _arrival(one: Bodiless, raw: object, sought: str) -> KillArrived:
        return KillArrived(
            raw=raw,
            system_id=one.system_id,
            source=cast("KillSource", one.source),
            received_at=one.received_at,
            sought=sought,
        )
