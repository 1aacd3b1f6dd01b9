"""Asks the licence manager, again and again, and remembers what it last said (wanderer-map.md 6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import structlog
import trio
from attrs import evolve

from wanderer_notifier.config.values import Secret
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.licence_answer import (
    LONGEST_S,
    Heard,
    Standing,
    Unavailable,
    Verdict,
    kept,
    pause_s,
    read_answer,
    restored,
)
from wanderer_notifier.net.client import NetError, Upstream, retry_after
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.state.licence import LicenceMemory
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("license")

PATH = "/validate_bot"
CALL_S = 10.0
SAY_AGAIN_S = 3600.0
"""The same trouble is logged once an hour (operations.md OPS-16)."""


async def validate(api: Upstream, key: str, *, with_token: bool) -> Heard:
    """One question to the manager; ends within 10 s, and whatever goes wrong on the way is `Unavailable`."""
    try:
        answer = await api.request(
            "POST", PATH, json={"license_key": key}, headers={"accept": "application/json"}, total_s=CALL_S
        )
    except NetError as error:
        return Unavailable(reason=str(error))
    wait = retry_after(answer.headers)
    return read_answer(answer.status, answer.body, retry_after_s=wait, with_token=with_token)


class Licence:
    """What is known of the licence; never waited for, never held against the user while nobody answers.

    *api* has the manager's address and our bearer token (*with_token*: if there is one); *key* None is the free tier;
    *refresh_s* is the pause after a valid answer; *told* gets each state that is entered.
    """

    def __init__(
        self,
        api: Upstream,
        key: Secret | None,
        store: Store,
        *,
        part: Component,
        refresh_s: float,
        now: Callable[[], datetime],
        roll: Callable[[], float],
        with_token: bool = True,
        told: Callable[[LicenceState], None] = lambda state: None,
    ) -> None:
        self._api, self._key = api, key
        self._memory = LicenceMemory(store, key.reveal()) if key is not None else None
        self._part, self._refresh_s, self._now, self._roll, self._told = part, refresh_s, now, roll, told
        self._with_token = with_token
        self._said: tuple[str, float] = ("", 0.0)
        self.standing = Standing(has_key=key is not None)
        if key is None:
            part.to("disabled", self.standing.words(now()))
        told(self.state())

    def state(self) -> LicenceState:
        """What the licence is worth at this moment."""
        return self.standing.state(self._now())

    async def run(self) -> None:
        """Keep asking until cancelled; without a key there is nothing to ask, and it returns at once."""
        if self._key is None or self._memory is None:
            return
        await self._recall(self._memory)
        failures = 0
        while True:
            heard = await validate(self._api, self._key.reveal(), with_token=self._with_token)
            good = isinstance(heard, Verdict) and heard.valid
            failures = 0 if good else failures + 1
            self._hear(heard)
            if isinstance(heard, Verdict):
                await self._keep(self._memory)
            wait = pause_s(failures, self._refresh_s)
            if isinstance(heard, Unavailable) and heard.retry_after_s is not None:
                wait = max(wait, min(heard.retry_after_s, LONGEST_S))
            # A little later each time, so that not all bots ask in the same second after the manager was down.
            await self._sleep(wait * (1.0 + 0.1 * self._roll()))

    async def _sleep(self, seconds: float) -> None:
        """Wait, but notice when the last answer grows too old meanwhile."""
        until, state = trio.current_time() + seconds, self.state()
        while trio.current_time() < until:
            await trio.sleep(min(SAY_AGAIN_S, until - trio.current_time()))
            if self.state() != state:
                state = self.state()
                self._told(state)
                log.warning("license_state", state=state, reason=self.standing.words(self._now()))

    async def aclose(self) -> None:
        """Close the connection."""
        await self._api.aclose()

    async def _recall(self, memory: LicenceMemory) -> None:
        try:
            found = restored(await memory.load())
        except StoreError as error:
            log.warning("license_not_recalled", reason=str(error))
            return
        if found is not None:
            verdict, at = found
            self.standing = evolve(self.standing, verdict=verdict, answered_at=datetime.fromtimestamp(at, UTC))
            self._told(self.state())

    def _hear(self, heard: Heard) -> None:
        before = self.state()
        match heard:
            case Verdict():
                first = self.standing.verdict is None or self.standing.verdict.valid != heard.valid
                was_in_trouble = bool(self.standing.trouble) or self._part.state == "starting"
                self.standing = evolve(self.standing, verdict=heard, answered_at=self._now(), trouble="")
                self._part.seen()
                words = self.standing.words(self._now())
                if not heard.valid:
                    self._part.to("degraded", words)
                    self._say("License validation failed", words, level="warning")
                else:
                    self._part.to("ok")
                    self._said = ("", 0.0)
                    level = log.info if first or was_in_trouble else log.debug
                    level("License validation successful", license=words)
            case Unavailable():
                self.standing = evolve(self.standing, trouble=heard.reason)
                self._part.to("failed" if heard.credential else "degraded", heard.reason)
                level_name = "error" if heard.credential else "warning"
                self._say("License validation unavailable", heard.reason, level=level_name)
        if self.state() != before or isinstance(heard, Verdict):
            self._told(self.state())

    def _say(self, event: str, reason: str, *, level: str) -> None:
        """Log trouble, the same one once an hour; the answer that follows it is told in any case."""
        words, at = self._said
        if words != reason or trio.current_time() - at >= SAY_AGAIN_S:
            self._said = (reason, trio.current_time())
            getattr(log, level)(event, reason=reason, state=self.state())

    async def _keep(self, memory: LicenceMemory) -> None:
        what = kept(self.standing)
        if what is None:
            return
        try:
            await memory.keep(what)
        except StoreError as error:
            log.warning("license_not_kept", reason=str(error))
