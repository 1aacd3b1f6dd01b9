"""What an operator should do about a channel that refuses us, or about mentions that reach nobody."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

import structlog
import trio
from attrs import evolve

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import ChannelClosed
from wanderer_notifier.core.permissions import MENTION_EVERYONE, NAMES
from wanderer_notifier.discord.calls import DiscordError
from wanderer_notifier.discord.lacking import Get, lacking, unheard

log = structlog.get_logger("discord")

GOOD_FOR_S = 600.0
LONGEST_S = 4.0
"""Finding out may take no longer."""


class Advice:
    """Finds out more where Discord's answer does not say enough; every question is asked seldom.

    *get* and *me* ask Discord, *now* is the wall clock, *tell* hears advice that no outcome carries.
    """

    def __init__(
        self,
        get: Get,
        me: Callable[[], Awaitable[str]],
        now: Callable[[], datetime],
        tell: Callable[[str], None],
    ) -> None:
        self._get, self._me, self._now, self._tell = get, me, now, tell
        self._lacks: dict[str, tuple[float, str | None]] = {}
        """By channel: when it was last found out what we lack there, and what."""
        self._asked_about = set[str]()

    async def on_closed(self, channel: str, closed: ChannelClosed, words: str, until: float) -> ChannelClosed:
        """*closed* with the missing permission by its name; *words* are Discord's, *until* ends the search."""
        now = trio.current_time()
        at, lacks = self._lacks.get(channel, (-math.inf, None))
        if now - at >= GOOD_FOR_S:
            with trio.move_on_at(min(now + LONGEST_S, until)), suppress(DiscordError):
                lacks = await lacking(self._get, channel, await self._me(), self._now())
            self._lacks[channel] = (now, lacks)
        return closed if lacks is None else evolve(closed, reason=f"{lacks} [{words}]")

    async def on_mentions(self, channel: str, body: JsonObject, shown: Mapping[str, Any], until: float) -> None:
        """A role that may not be mentioned is *shown* and pings nobody: say so, once for each role (cases.md D17)."""
        reached = shown.get("mention_roles")
        wanted = (body.get("allowed_mentions") or {}).get("roles") or ()
        if not isinstance(reached, list):
            return
        mute = [role for role in wanted if role not in reached and role not in self._asked_about]
        if not mute:
            return
        self._asked_about.update(mute)
        names = list[str]()
        with trio.move_on_at(min(trio.current_time() + LONGEST_S, until)), suppress(DiscordError):
            names = await unheard(self._get, channel, await self._me(), self._now(), mute)
        if names:
            words = f"mentioning the role {', '.join(names)} reaches nobody: allow anyone to mention it, "
            words += f"or give the bot {NAMES[MENTION_EVERYONE]}"
            log.warning("roles_not_mentioned", channel=channel, roles=mute, advice=words)
            self._tell(words)
