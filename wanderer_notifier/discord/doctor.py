"""Asks Discord everything that must hold before notifications can arrive (discord.md 3.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import trio
from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.discord import doctor_bot as bot
from wanderer_notifier.discord.answers import closed_words, read
from wanderer_notifier.discord.doctor_channel import THREADS, Place, Seen, channel, kind_of
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.question import Reply, ask

SILENT = 1 << 12
"""The message flag with which nobody is notified."""
PAUSES = 3
PATIENCE_S = 5.0

TEST: JsonObject = {
    "content": "Test by `wanderer-notifier doctor`: this message deletes itself.",
    "embeds": [{"title": "Test", "description": "If you can read this, notifications can arrive here."}],
    "allowed_mentions": {"parse": []},
    "flags": SILENT,
}


@frozen(kw_only=True)
class Wanted:
    """What is configured; *voice*: whether voice members are to be mentioned."""

    places: tuple[Place, ...]
    application_id: str | None
    guild_id: str | None
    command_scope: str
    voice: bool = False


class Doctor:
    """One examination; every question ends within 10 s, and a limit of Discord's is waited for at most a few times."""

    def __init__(self, api: Upstream, wanted: Wanted, *, now: Callable[[], datetime]) -> None:
        self._api, self._wanted, self._now = api, wanted, now
        self.ahead_s: float | None = None
        """How far Discord's clock is ahead of ours, once it was asked."""
        self._guilds: dict[str, tuple[Reply, Reply]] = {}

    async def examine(self, *, test_message: bool = False) -> list[Finding]:
        """Everything found, in the order of asking; with *test_message* each channel gets one, for a moment."""
        me = await self._ask("GET", "/users/@me")
        self.ahead_s = me.ahead_s
        found = [bot.token(me)]
        if found[0].level == "fail":
            return [*found, warn("Discord", "channels, commands and gateway were not checked", "mend the token first")]
        user = str(me.value["id"]) if me.good else ""
        about = await self._ask("GET", "/applications/@me")
        found += bot.application(about, self._wanted.application_id)
        application = str(_field(about, "id") or self._wanted.application_id or user)
        found.append(bot.gateway(await self._ask("GET", "/gateway/bot")))
        seen = {place.id: await self._look(place, user) for place in self._wanted.places}
        found += await self._server(user, application)
        found += await self._commands(application)
        for place in self._wanted.places:
            here = channel(place, seen[place.id], user=user, application=application, now=self._now())
            found += here
            if test_message and all(one.level != "fail" for one in here):
                found.append(await self._try(place))
        return found

    async def _look(self, place: Place, user: str) -> Seen:
        told = await self._ask("GET", f"/channels/{place.id}")
        guild = _field(told, "guild_id")
        if not isinstance(guild, str):
            return Seen(channel=told)
        parent = None
        if kind_of(told.value) in THREADS and isinstance(above := _field(told, "parent_id"), str):
            parent = await self._ask("GET", f"/channels/{above}")
        about, member = await self._guild(guild, user)
        return Seen(channel=told, parent=parent, guild=about, member=member)

    async def _guild(self, guild: str, user: str) -> tuple[Reply, Reply]:
        if guild not in self._guilds:
            about = await self._ask("GET", f"/guilds/{guild}")
            self._guilds[guild] = about, await self._ask("GET", f"/guilds/{guild}/members/{user}")
        return self._guilds[guild]

    async def _server(self, user: str, application: str) -> list[Finding]:
        wanted = self._wanted
        if wanted.guild_id is None:
            if not wanted.voice:
                return []
            words = "VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED without DISCORD_GUILD_ID: nobody will be mentioned"
            return [warn("server", words, "set DISCORD_GUILD_ID to the id of your server")]
        about, _ = await self._guild(wanted.guild_id, user)
        trouble = bot.guild(about, wanted.guild_id, application)
        return [trouble or ok(f"server {wanted.guild_id}", f"the bot is in {_field(about, 'name')}")]

    async def _commands(self, application: str) -> list[Finding]:
        scope = self._wanted.command_scope
        if scope == "none":
            return bot.commands(scope, None, {}, application, None)
        path = f"/applications/{application}"
        everywhere = await self._ask("GET", f"{path}/commands") if scope == "global" else None
        joined = [guild for guild, (about, _) in self._guilds.items() if about.good]
        by_guild = {guild: await self._ask("GET", f"{path}/guilds/{guild}/commands") for guild in joined}
        return bot.commands(scope, everywhere, by_guild, application, self._wanted.guild_id)

    async def _try(self, place: Place) -> Finding:
        """Post and delete one message."""
        check = f"test message in {place.id}"
        posted = await self._ask("POST", f"/channels/{place.id}/messages", json=TEST)
        number = _field(posted, "id")
        if not isinstance(number, str):
            if posted.status and posted.status not in (401, 429) and posted.status < 500:
                return fail(check, f"refused: {closed_words(read(posted.status, posted.headers, posted.body))}")
            return bot.refused(check, posted)
        gone = await self._ask("DELETE", f"/channels/{place.id}/messages/{number}")
        if not 200 <= gone.status < 300 and gone.status != 404:
            return warn(check, "posted, but it could not be deleted again", "delete it by hand")
        if _field(posted, "embeds") == []:
            return warn(check, "Discord removed the embed", "give the bot's role Embed Links in that channel")
        return ok(check, "posted and deleted")

    async def _ask(self, method: str, path: str, *, json: JsonObject | None = None) -> Reply:
        return await patiently(self._api, method, path, now=self._now, json=json)


async def patiently(
    api: Upstream, method: str, path: str, *, now: Callable[[], datetime], json: JsonObject | None = None
) -> Reply:
    """One question; a limit of Discord's that ends within 5 s is waited for, at most three times."""
    for _ in range(PAUSES):
        reply = await ask(api, method, path, now=now, json=json)
        answer = read(reply.status, reply.headers, reply.body)
        wait_s = answer.retry_after
        if reply.status != 429 or answer.blocked or wait_s is None or wait_s > PATIENCE_S:
            break
        await trio.sleep(wait_s)
    return reply


def _field(reply: Reply, name: str) -> Any:
    return reply.value.get(name) if reply.good and isinstance(reply.value, Mapping) else None
