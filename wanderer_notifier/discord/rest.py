"""Discord's REST API as the delivery needs it: post a message, look whether it is there, know ourselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import (
    Absent,
    Accepted,
    CannotLook,
    ChannelClosed,
    Found,
    Limited,
    LookBack,
    NotSent,
    Outcome,
    Rejected,
    Unknown,
)
from wanderer_notifier.discord.advice import Advice
from wanderer_notifier.discord.answers import DEAD_TOKEN, MISSING_PERMISSIONS, Read, closed_words, outcome
from wanderer_notifier.discord.calls import Calls, DiscordError, NotYet, identify, sendable
from wanderer_notifier.discord.sameness import same, written_at
from wanderer_notifier.net.client import NetError, NotReached, Upstream
from wanderer_notifier.wire.limits import Limits

__all__ = ["DiscordError", "DiscordRest", "identify", "sendable"]

log = structlog.get_logger("discord")

POST = "POST /channels/{c}/messages"
EDIT = "PATCH /channels/{c}/messages/{m}"
GET = "GET /channels/{c}/messages"
ME = "GET /users/@me"
APPLICATION = "GET /applications/@me"
CHANNEL = "GET /channels/{c}"
GATEWAY = "GET /gateway/bot"

POST_S = 29.5
"""Finding out what is wrong may not make a post last longer than 30 s (cases.md D03)."""
PAGE, PAGES = 50, 4
QUIET: JsonObject = {"allowed_mentions": {"parse": []}}
"""Left out, Discord would ping whoever the text names, in an edit as well (P78)."""
MARGIN = timedelta(seconds=5)
"""How much older than the attempt a message may seem: clocks differ a little even when set by NTP."""


class DiscordRest:
    """Calls with limits, deadlines and a meaning for every answer.

    *upstream* carries the base address and the headers of `identify`; *limiter* is shared by everything that uses
    the same token; *now* is the wall clock; *limited* and *healed* as in `Calls`; *told_unheard*
    is told, once for each role, of a mention that reaches nobody.
    """

    def __init__(
        self,
        upstream: Upstream,
        *,
        limiter: Limits | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        limited: Callable[[str], None] = lambda scope: None,
        healed: Callable[[str], None] = lambda action: None,
        told_unheard: Callable[[str], None] = lambda words: None,
    ) -> None:
        limits = limiter if limiter is not None else Limits()
        self._calls = Calls(upstream, limits, now=now, limited=limited, healed=healed)
        self._me: str | None = None
        self._advice = Advice(self._get, self.me, now, told_unheard)

    @property
    def shut(self) -> bool:
        """Whether nothing is sent for a while: the edge blocks us, or too much was refused."""
        return self._calls.holder() in ("edge", "own")

    async def post(self, channel: str, body: JsonObject) -> Outcome:
        """One attempt to post *body*; ends within 30 s with what became of it, whatever happens on the way."""
        path, until = f"/channels/{channel}/messages", trio.current_time() + POST_S
        answer = await self._write("POST", POST, path, channel, {**QUIET, **body})
        if not isinstance(answer, Read):
            return answer
        became = outcome(answer)
        if isinstance(became, ChannelClosed) and became.code == MISSING_PERMISSIONS:
            return await self._advice.on_closed(channel, became, answer.words, until)
        if isinstance(became, Accepted) and body.get("embeds") and answer.value.get("embeds") == []:
            log.warning("embeds_removed", channel=channel, advice="grant the permission Embed Links")
        if isinstance(became, Accepted):
            await self._advice.on_mentions(channel, body, answer.value, until)
        return became

    async def edit(self, channel: str, message_id: str, body: JsonObject) -> Outcome:
        """One attempt to make a message of ours read like *body*; repeating it is harmless. Ends within 30 s.

        Nobody is notified by an edit, yet a mention in it stays one only while *body* allows it.
        """
        path = f"/channels/{channel}/messages/{message_id}"
        whole = {"content": None, "embeds": [], **QUIET, **body}  # what is left out would stay as it was
        answer = await self._write("PATCH", EDIT, path, channel, whole, optional=True)
        return outcome(answer) if isinstance(answer, Read) else answer

    async def look_back(self, channel: str, body: JsonObject, since: datetime) -> LookBack:
        """Whether *body*, first tried at *since*, stands in *channel*; reads up to four pages of its history."""
        before: str | None = None
        try:
            author = await self.me()
            since += self._calls.ahead - MARGIN  # after the call above, which told us the difference of the clocks
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
            return CannotLook(str(error), forbidden=error.forbidden, unauthorized=error.unauthorized)
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

    async def _write(
        self, method: str, route: str, path: str, channel: str, body: JsonObject, *, optional: bool = False
    ) -> Read | Outcome:
        """Discord's own answer, or what became of the message without one."""
        try:
            body = sendable(body)
        except ValueError as error:
            return Rejected(f"cannot be written as JSON: {error}")
        try:
            answer, refused = await self._calls.call(method, route, path, channel, json=body, optional=optional)
        except NotYet as wait:
            return Limited(wait.seconds, self._calls.holder())
        except NotReached as error:
            return NotSent(str(error))
        except NetError as error:
            return Unknown(str(error))
        return answer if refused is None else Limited(refused.wait_s, refused.scope)

    async def _commands(
        self, method: str, application: str, guild: str | None, commands: list[JsonObject] | None
    ) -> object:
        route = "/applications/{a}/guilds/{g}/commands" if guild else "/applications/{a}/commands"
        path = route.replace("{a}", application).replace("{g}", guild or "")
        try:
            answer, refused = await self._calls.call(
                method,
                f"{method} {route}",
                path,
                guild or application,
                json=commands,
                params={"with_localizations": "true"} if method == "GET" else None,
                optional=True,
            )
        except NotYet as wait:
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
            answer, refused = await self._calls.call("GET", route, path, major, params=params)
        except NotYet as wait:
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
