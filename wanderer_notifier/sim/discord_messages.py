"""The channels of the fake Discord: what was posted, who was pinged, and which nonces are still remembered."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeAlias

from attrs import Factory, define, field, frozen

from wanderer_notifier.sim.discord_permissions import EMBED_LINKS as EMBED_LINKS
from wanderer_notifier.sim.discord_permissions import MENTION_EVERYONE as MENTION_EVERYONE
from wanderer_notifier.sim.discord_permissions import READ_MESSAGE_HISTORY as READ_MESSAGE_HISTORY
from wanderer_notifier.sim.discord_permissions import SEND_MESSAGES as SEND_MESSAGES
from wanderer_notifier.sim.discord_permissions import VIEW_CHANNEL as VIEW_CHANNEL
from wanderer_notifier.sim.discord_permissions import Overwrite
from wanderer_notifier.sim.discord_rules import EPHEMERAL, SUPPRESS_NOTIFICATIONS

JsonObject: TypeAlias = dict[str, Any]

EPOCH_MS = 1_420_070_400_000
"""Discord's ids count milliseconds from the start of 2015."""

KEPT = 50_000
"""Messages per channel; the oldest go first, so that a demo may run for months."""

_USER = re.compile(r"<@!?(\d{1,20})>")
_ROLE = re.compile(r"<@&(\d{1,20})>")
_CODE = re.compile(r"```.*?```|``.*?``|`[^`\n]*`", re.DOTALL)


class Snowflakes:
    """Ids as Discord makes them: they rise, and hold the time.

    Args:
        now: the wall clock, as an aware UTC time.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last = 0

    def next(self) -> str:
        """An id greater than all before."""
        since = int(self._now().timestamp() * 1000) - EPOCH_MS
        self._last = max(since << 22, self._last + 1)
        return str(self._last)


@frozen(kw_only=True)
class Posted:
    """One message in a channel."""

    id: str
    channel_id: str
    author: JsonObject
    at: datetime
    content: str = ""
    embeds: tuple[JsonObject, ...] = ()
    components: tuple[JsonObject, ...] = ()
    flags: int = 0
    nonce: str | int | None = None
    pinged: tuple[str, ...] = ()
    """Who really got a notification: `user:<id>`, `role:<id>`, `everyone` or `here`."""
    mentions: JsonObject = Factory(dict)
    """`mentions`, `mention_roles` and `mention_everyone` as the message's JSON has them."""
    edited: datetime | None = None
    origin: JsonObject = Factory(dict)
    """Further fields of the message's JSON, for one that answers an interaction."""

    @property
    def ephemeral(self) -> bool:
        """Whether only the user who asked sees it."""
        return bool(self.flags & EPHEMERAL)

    @property
    def silent(self) -> bool:
        """Whether it was sent as a message that makes no sound."""
        return bool(self.flags & SUPPRESS_NOTIFICATIONS)

    @property
    def shown_embeds(self) -> tuple[JsonObject, ...]:
        """What a reader sees: of embeds with the same `url` only the first (discord.md 3.6)."""
        shown: list[JsonObject] = []
        seen: set[str] = set()
        for embed in self.embeds:
            url = embed.get("url")
            if url is None or url not in seen:
                shown.append(embed)
            if url is not None:
                seen.add(url)
        return tuple(shown)

    def json(self, *, created: bool = False) -> JsonObject:
        """The message object; the nonce is told only to the one who just created it."""
        body: JsonObject = {
            "id": self.id,
            "type": 0,
            "channel_id": self.channel_id,
            "author": self.author,
            "content": self.content,
            "embeds": list(self.embeds),
            "components": list(self.components),
            "attachments": [],
            "mentions": [],
            "mention_roles": [],
            "mention_everyone": False,
            "pinned": False,
            "tts": False,
            "timestamp": self.at.isoformat(),
            "edited_timestamp": self.edited and self.edited.isoformat(),
            "flags": self.flags,
            **self.mentions,
            **self.origin,
        }
        if created and self.nonce is not None:
            body["nonce"] = self.nonce
        return body


@define(kw_only=True)
class Channel:
    """One channel: what stands in it, and what it gives to or takes from whom."""

    id: str
    name: str
    type: int = 0
    parent_id: str | None = None
    denied: int = 0
    """Permission bits that this channel takes from the bot."""
    overwrites: dict[str, Overwrite] = Factory(dict)
    """Of roles and other members, by their id."""
    deleted: bool = False
    locked: bool = False
    """Of a thread: nobody may write there any more."""
    crossposted: set[str] = Factory(set)
    messages: deque[Posted] = field(factory=lambda: deque(maxlen=KEPT))

    @property
    def is_thread(self) -> bool:
        return self.type in (10, 11, 12)

    @property
    def is_voice(self) -> bool:
        return self.type in (2, 13)

    def find(self, message_id: str) -> Posted | None:
        """The message with this id, if it is (still) there."""
        return next((one for one in self.messages if one.id == message_id), None)

    def replace(self, old: Posted, new: Posted | None) -> None:
        """Put *new* in the place of *old*; None removes it."""
        kept = [new if one.id == old.id else one for one in self.messages]
        self.messages = deque((one for one in kept if one is not None), maxlen=KEPT)


@define
class Nonces:
    """Which nonces count as used: those of one author in the past few minutes (discord.md 3.6).

    Args:
        window_s: how long a nonce is remembered; the true length is not documented.
    """

    window_s: float = 120.0
    _used: dict[str, tuple[float, str, str]] = Factory(dict)

    def known(self, nonce: str, at: float) -> tuple[str, str] | None:
        """Channel and id of the message that used *nonce*; *at* in monotonic seconds."""
        used = self._used.get(nonce)
        if used is None or used[0] + self.window_s <= at:
            return None
        return used[1], used[2]

    def use(self, nonce: str, channel_id: str, message_id: str, at: float) -> None:
        """Remember *nonce*, and forget those that are past their window."""
        while self._used:
            oldest = next(iter(self._used))
            if self._used[oldest][0] + self.window_s > at:
                break
            del self._used[oldest]
        self._used.pop(nonce, None)
        self._used[nonce] = (at, channel_id, message_id)


def pinged(
    content: str, allowed: JsonObject | None, *, roles: dict[str, bool], may_mention_everyone: bool
) -> tuple[str, ...]:
    """Who gets a notification from *content* (embeds never notify; discord.md 3.7).

    Args:
        content: the text of the message.
        allowed: the checked `allowed_mentions`; None means that everything in the text may ping.
        roles: the guild's roles, and whether anyone may mention them.
        may_mention_everyone: whether the bot has that permission in the channel.
    """
    text = _CODE.sub(" ", content)
    parse = {"everyone", "roles", "users"} if allowed is None else set(allowed.get("parse", []))
    named_users = set() if allowed is None else set(allowed.get("users", []))
    named_roles = set() if allowed is None else set(allowed.get("roles", []))
    found: dict[str, None] = {}
    for user in _USER.findall(text):
        if "users" in parse or user in named_users:
            found[f"user:{user}"] = None
    for role in _ROLE.findall(text):
        pingable = role in roles and (roles[role] or may_mention_everyone)
        if pingable and ("roles" in parse or role in named_roles):
            found[f"role:{role}"] = None
    if "everyone" in parse and may_mention_everyone:
        found.update(dict.fromkeys(word for word in ("everyone", "here") if f"@{word}" in text))
    return tuple(found)


def mention_lists(who: tuple[str, ...]) -> JsonObject:
    """The mention fields of a message object for those who were pinged."""
    users = [one.partition(":")[2] for one in who if one.startswith("user:")]
    return {
        "mentions": [
            {"id": user, "username": f"pilot{user[-4:]}", "discriminator": "0", "avatar": None} for user in users
        ],
        "mention_roles": [one.partition(":")[2] for one in who if one.startswith("role:")],
        "mention_everyone": "everyone" in who or "here" in who,
    }
