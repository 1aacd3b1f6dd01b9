"""Discord's REST API as the delivery needs it: post a message, look whether it is there, know ourselves."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import structlog
import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import (
    Absent,
    Accepted,
    CannotLook,
    Found,
    Limited,
    LookBack,
    NotSent,
    Outcome,
    Rejected,
    Unknown,
)
from wanderer_notifier.discord.answers import DEAD_TOKEN, Read, closed_words, outcome, read
from wanderer_notifier.discord.sameness import same, written_at
from wanderer_notifier.net.client import NetError, NotReached, Upstream
from wanderer_notifier.wire.limits import Alarm, Limits, Refused

log = structlog.get_logger("discord")

POST = "POST /channels/{c}/messages"
EDIT = "PATCH /channels/{c}/messages/{m}"
GET = "GET /channels/{c}/messages"
ME = "GET /users/@me"
APPLICATION = "GET /applications/@me"
CHANNEL = "GET /channels/{c}"
GATEWAY = "GET /gateway/bot"

PATIENCE_S = 5.5
"""A bucket that opens sooner is waited for, a later one is the caller's to wait for: it has rows to look after."""
CALL_S = 24.0
"""The longest call; with the patience above a post ends within 30 s (cases.md D03)."""
PAGE, PAGES = 50, 4
QUIET: JsonObject = {"allowed_mentions": {"parse": []}}
"""Left out, Discord would ping whoever the text names, in an edit as well (P78)."""
MARGIN = timedelta(seconds=5)
"""How much older than the attempt a message may seem: clocks differ a little even when set by NTP."""


class DiscordError(Exception):
    """Discord could not be asked; *forbidden*: it will not answer better next time, *unauthorized*: nor anything.

    *wait_s* is after how many seconds it wants to be asked again, if it said so.
    """

    def __init__(
        self, text: str, *, forbidden: bool = False, unauthorized: bool = False, wait_s: float | None = None
    ) -> None:
        super().__init__(text)
        self.forbidden, self.unauthorized, self.wait_s = forbidden, unauthorized, wait_s


def identify(token: str, version: str, about_url: str) -> dict[str, str]:
    """The headers every request carries; without this form of User-Agent the edge may block us."""
    return {
        "authorization": f"Bot {token}",
        "user-agent": f"DiscordBot ({about_url}, {version}) wanderer-notifier/{version}",
        "accept": "application/json",
    }


class DiscordRest:
    """Calls with limits, deadlines and a meaning for every answer.

    *upstream* carries the base address and the headers of `identify`; *limiter* is shared by everything that uses
    the same token; *now* is the wall clock.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        roll: Callable[[], float],
        limiter: Limits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._upstream, self._roll, self._now = upstream, roll, now
        self._limits = limiter if limiter is not None else Limits()
        self._moved = trio.Event()
        self._me: str | None = None
        self._alarm: Alarm = "none"
        self._ahead = timedelta()
        """How far Discord's clock is ahead of ours, by the `Date` of its last answer."""

    async def post(self, channel: str, body: JsonObject) -> Outcome:
        """One attempt to post *body*; ends within 30 s with what became of it, whatever happens on the way."""
        try:
            body = sendable({**QUIET, **body})
        except ValueError as error:
            return Rejected(f"cannot be written as JSON: {error}")
        try:
            answer, refused = await self._call("POST", POST, f"/channels/{channel}/messages", channel, json=body)
        except _NotYet as wait:
            return Limited(wait.seconds, self._limits.holder(trio.current_time()))
        except NotReached as error:
            return NotSent(str(error))
        except NetError as error:
            return Unknown(str(error))
        if refused is not None:
            return Limited(refused.wait_s, refused.scope)
        became = outcome(answer)
        if isinstance(became, Accepted) and body.get("embeds") and answer.value.get("embeds") == []:
            log.warning("embeds_removed", channel=channel, advice="grant the permission Embed Links")
        return became

    async def edit(self, channel: str, message_id: str, body: JsonObject) -> Outcome:
        """One attempt to make a message of ours read like *body*; repeating it is harmless. Ends within 30 s.

        Nobody is notified by an edit, yet a mention in it stays one only while *body* allows it.
        """
        try:
            body = sendable({"content": None, "embeds": [], **QUIET, **body})  # what is left out would stay as it was
        except ValueError as error:
            return Rejected(f"cannot be written as JSON: {error}")
        path = f"/channels/{channel}/messages/{message_id}"
        try:
            answer, refused = await self._call("PATCH", EDIT, path, channel, json=body)
        except _NotYet as wait:
            return Limited(wait.seconds, self._limits.holder(trio.current_time()))
        except NotReached as error:
            return NotSent(str(error))
        except NetError as error:
            return Unknown(str(error))
        return outcome(answer) if refused is None else Limited(refused.wait_s, refused.scope)

    async def look_back(self, channel: str, body: JsonObject, since: datetime) -> LookBack:
        """Whether *body*, first tried at *since*, stands in *channel*; reads up to four pages of its history."""
        before: str | None = None
        try:
            author = await self.me()
            since += self._ahead - MARGIN  # after the call above, which told us the difference of the clocks
            for _ in range(PAGES):
                page = await self._page(channel, before)
                for message in page:
                    at = written_at(message)
                    if (at is None or at >= since) and same(message, body, author):
                        return Found(str(message.get("id")))
                if not page and before is None:
                    return await self._why_empty(channel)
                at = written_at(page[-1]) if page else None
                if len(page) < PAGE or (at is not None and at < since):
                    return Absent()
                before = str(page[-1].get("id"))
        except DiscordError as error:
            return CannotLook(str(error), forbidden=error.forbidden)
        return CannotLook(f"more than {PAGE * PAGES} newer messages in the channel", forbidden=True)

    async def me(self) -> str:
        """Our own user id, asked once. Raises `DiscordError`."""
        if self._me is None:
            value = await self._get(ME, "/users/@me", "")
            identity = value.get("id") if isinstance(value, dict) else None
            if not isinstance(identity, str):
                raise DiscordError("Discord does not say who we are")
            self._me = identity
        return self._me

    async def application(self) -> str:
        """The id of the application that the token is for. Raises `DiscordError`."""
        value = await self._get(APPLICATION, "/applications/@me", "")
        identity = value.get("id") if isinstance(value, dict) else None
        if not isinstance(identity, str):
            raise DiscordError("Discord does not say which application we are")
        return identity

    async def gateway(self) -> object:
        """Where the gateway is and how many sessions may still be begun, as Discord says it. Raises `DiscordError`."""
        return await self._get(GATEWAY, "/gateway/bot", "")

    async def commands(self, application: str, guild: str | None) -> object:
        """The commands registered for all guilds, or for one. Raises `DiscordError`."""
        return await self._commands("GET", application, guild, None)

    async def register(self, application: str, guild: str | None, commands: list[JsonObject]) -> None:
        """Make *commands* all there are for all guilds, or for one. Raises `DiscordError`."""
        await self._commands("PUT", application, guild, commands)

    async def _commands(
        self, method: str, application: str, guild: str | None, commands: list[JsonObject] | None
    ) -> object:
        route = "/applications/{a}/guilds/{g}/commands" if guild else "/applications/{a}/commands"
        path = route.replace("{a}", application).replace("{g}", guild or "")
        try:
            answer, refused = await self._call(
                method,
                f"{method} {route}",
                path,
                guild or application,
                json=commands,
                params={"with_localizations": "true"} if method == "GET" else None,
            )
        except _NotYet as wait:
            raise DiscordError(f"must wait {wait.seconds:.0f} s", wait_s=wait.seconds) from None
        except NetError as error:
            raise DiscordError(str(error)) from error
        if refused is None and 200 <= answer.status < 300:
            return answer.value
        raise DiscordError(
            answer.words,
            forbidden=refused is None and answer.status == 403,
            unauthorized=answer.status == 401 or answer.code in DEAD_TOKEN,
            wait_s=answer.retry_after if refused is None else refused.wait_s,
        )

    async def _page(self, channel: str, before: str | None) -> list[dict[str, Any]]:
        params: dict[str, str | int] = {"limit": PAGE, **({"before": before} if before else {})}
        value = await self._get(GET, f"/channels/{channel}/messages", channel, params)
        if not isinstance(value, list) or not all(isinstance(message, dict) for message in value):
            raise DiscordError("the channel's history is not a list of messages")
        return value

    async def _why_empty(self, channel: str) -> LookBack:
        """Without Read Message History Discord shows a channel as empty: ask whether anything was ever said there."""
        value = await self._get(CHANNEL, f"/channels/{channel}", channel)
        if isinstance(value, dict) and value.get("last_message_id", "?") is None:
            return Absent()
        return CannotLook("its messages are hidden from the bot (permission Read Message History)", forbidden=True)

    async def _get(self, route: str, path: str, major: str, params: Mapping[str, str | int] | None = None) -> object:
        try:
            answer, refused = await self._call("GET", route, path, major, params=params)
        except _NotYet as wait:
            raise DiscordError(f"must wait {wait.seconds:.0f} s before asking", wait_s=wait.seconds) from None
        except NetError as error:
            raise DiscordError(str(error)) from error
        if refused is None and answer.status == 200 and answer.value is not None:
            return answer.value
        forbidden = refused is None and answer.status in (403, 404)
        words = "an answer that is not JSON" if answer.status == 200 else answer.words
        unauthorized = refused is None and (answer.status == 401 or answer.code in DEAD_TOKEN)
        raise DiscordError(
            closed_words(answer) if forbidden else words,
            forbidden=forbidden,
            unauthorized=unauthorized,
            wait_s=refused.wait_s if refused is not None else None,
        )

    # --- one call -------------------------------------------------------------------------------------------------

    async def _call(
        self,
        method: str,
        route: str,
        path: str,
        major: str,
        *,
        json: JsonObject | list[JsonObject] | None = None,
        params: Mapping[str, str | int] | None = None,
    ) -> tuple[Read, Refused | None]:
        await self._turn(route, major)
        self._limits.started(route, major, trio.current_time())
        landed = False
        try:
            raw = await self._upstream.request(method, path, json=json, params=params, total_s=CALL_S)
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
            )
        finally:
            if not landed:
                self._limits.released(route, major, trio.current_time())
            self._moved.set()
            self._moved = trio.Event()
        self._learn_clock(raw.headers)
        self._watch_refusals()
        return answer, refused

    async def _turn(self, route: str, major: str) -> None:
        """Wait for a place in the bucket; raises `_NotYet` when that would take long."""
        deadline = trio.current_time() + PATIENCE_S
        while (wait := self._limits.wait_for(route, major, trio.current_time())) > 0.0:
            until = trio.current_time() + wait
            if (until > deadline and math.isfinite(wait)) or trio.current_time() >= deadline:
                raise _NotYet(wait if math.isfinite(wait) else 1.0)
            with trio.move_on_at(min(until, deadline)):
                await self._moved.wait()

    def _learn_clock(self, headers: Mapping[str, str]) -> None:
        try:
            self._ahead = parsedate_to_datetime(headers["date"]).astimezone(UTC) - self._now()
        except (KeyError, ValueError, TypeError):
            return

    def _watch_refusals(self) -> None:
        alarm = self._limits.alarm(trio.current_time())
        if alarm != self._alarm:
            level = log.info if alarm == "none" else log.warning
            level("refusals", alarm=alarm, in_ten_minutes=self._limits.invalid(trio.current_time()))
            self._alarm = alarm


def sendable(body: JsonObject) -> JsonObject:
    """*body* without lone surrogates, which are no text. Raises ValueError for what JSON cannot hold."""
    try:
        text = json.dumps(body, ensure_ascii=False, allow_nan=False)
    except TypeError as error:
        raise ValueError(str(error)) from error
    clean: JsonObject = json.loads(text.encode("utf-8", "replace"))
    return clean


class _NotYet(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds
