"""One call to Discord's REST API: its turn, its deadline, what its answer teaches, and a fresh start after silence."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import structlog
import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.discord.answers import Read, read
from wanderer_notifier.net.client import Answer, Upstream
from wanderer_notifier.net.errors import Silent
from wanderer_notifier.wire.limits import Alarm, Limits, Refused

log = structlog.get_logger("discord")

PATIENCE_S = 5.5
"""A bucket that opens sooner is waited for, a later one is the caller's to wait for: it has rows to look after."""
CALL_S = 24.0
"""The longest call; with the patience above a post ends within 30 s (cases.md D03)."""
SILENT_CALLS = 3
"""After so many time-outs in a row the connections are given up for new ones (operations.md OPS-48)."""


class DiscordError(Exception):
    """Discord could not be asked; *forbidden*: it will not answer better next time, *unauthorized*: nor anything.

    *wait_s* is after how many seconds it wants to be asked again, if it said so.
    """

    def __init__(
        self, text: str, *, forbidden: bool = False, unauthorized: bool = False, wait_s: float | None = None
    ) -> None:
        super().__init__(text)
        self.forbidden, self.unauthorized, self.wait_s = forbidden, unauthorized, wait_s


class NotYet(Exception):
    """Not sent: a limit asks to wait for *seconds* first."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def identify(token: str, version: str, about_url: str) -> dict[str, str]:
    """The headers every request carries; without this form of User-Agent the edge may block us."""
    return {
        "authorization": f"Bot {token}",
        "user-agent": f"DiscordBot ({about_url}, {version}) wanderer-notifier/{version}",
        "accept": "application/json",
    }


def sendable(body: JsonObject) -> JsonObject:
    """*body* without lone surrogates, which are no text. Raises ValueError for what JSON cannot hold."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from error
    clean: JsonObject = json.loads(text.encode("utf-8", "replace"))
    return clean


class Calls:
    """Everything that uses one token goes through one of these.

    *upstream* carries the base address and the headers of `identify`, *limits* is what Discord taught about its
    limits, *now* the wall clock; *limited* is told the scope of every refusal for reasons of limits, *healed* the name
    of a measure that was taken.
    """

    def __init__(
        self,
        upstream: Upstream,
        limits: Limits,
        *,
        now: Callable[[], datetime],
        limited: Callable[[str], None],
        healed: Callable[[str], None],
    ) -> None:
        self._upstream, self._limits, self._now = upstream, limits, now
        self._limited, self._healed = limited, healed
        self._moved = trio.Event()
        self._alarm: Alarm = "none"
        self._silent = 0
        self.ahead = timedelta()
        """How far Discord's clock is ahead of ours, by the `Date` of its last answer."""

    async def call(
        self,
        method: str,
        route: str,
        path: str,
        major: str,
        *,
        json: JsonObject | list[JsonObject] | None = None,
        params: Mapping[str, str | int] | None = None,
        optional: bool = False,
    ) -> tuple[Read, Refused | None]:
        """One request when its turn has come: its answer, and what was refused if that was a matter of limits.

        *route* is method and template, *major* the channel or guild; *optional* calls give way first when too many
        requests were refused. Raises `NotYet`, and as `Upstream.request`.
        """
        await self._turn(route, major, optional=optional)
        self._limits.started(route, major, trio.current_time())
        landed = False
        try:
            raw = await self._request(method, path, json, params)
            answer = read(raw.status, raw.headers, raw.body)
            landed = True
            refused = self._limits.answered(
                route,
                major,
                raw.status,
                raw.headers,
                answer.retry_after,
                trio.current_time(),
                blocked=answer.blocked,
                everywhere=answer.everywhere,
            )
        finally:
            if not landed:
                self._limits.released(route, major, trio.current_time())
            self._moved.set()
            self._moved = trio.Event()
        if refused is not None:
            self._limited(refused.scope)
        self._learn_clock(raw.headers)
        self._watch_refusals()
        return answer, refused

    def holder(self) -> str:
        """Whose limit `NotYet` was about."""
        return self._limits.holder(trio.current_time())

    async def _request(
        self,
        method: str,
        path: str,
        json: JsonObject | list[JsonObject] | None,
        params: Mapping[str, str | int] | None,
    ) -> Answer:
        try:
            raw = await self._upstream.request(method, path, json=json, params=params, total_s=CALL_S)
        except Silent:
            self._silent += 1
            if self._silent >= SILENT_CALLS:
                log.warning("discord_silent", action="new_connection_pool", timeouts=self._silent)
                self._silent = 0
                self._healed("new_connection_pool")
                with trio.CancelScope(shield=True):  # closing never waits for the peer
                    await self._upstream.renew()
            raise
        self._silent = 0
        return raw

    async def _turn(self, route: str, major: str, *, optional: bool) -> None:
        """Wait for a place in the bucket; raises `NotYet` when that would take long."""
        deadline = trio.current_time() + PATIENCE_S
        while (wait := self._limits.wait_for(route, major, trio.current_time(), optional=optional)) > 0.0:
            until = trio.current_time() + wait
            if (until > deadline and math.isfinite(wait)) or trio.current_time() >= deadline:
                raise NotYet(wait if math.isfinite(wait) else 1.0)
            with trio.move_on_at(min(until, deadline)):
                await self._moved.wait()

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        try:
            self.ahead = parsedate_to_datetime(headers["date"]).astimezone(UTC) - self._now()
        except (KeyError, ValueError, TypeError, OverflowError):
            return

    def _watch_refusals(self) -> None:
        alarm = self._limits.alarm(trio.current_time())
        if alarm != self._alarm:
            level = log.info if alarm == "none" else log.warning
            level("refusals", alarm=alarm, in_ten_minutes=self._limits.invalid(trio.current_time()))
            self._alarm = alarm
