"""What is missing when Discord only says that something is (discord.md 3.5, code 50013), or says nothing (D17)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from attrs import frozen

from wanderer_notifier.core.permissions import MENTION_EVERYONE, NAMES, in_channel, missing
from wanderer_notifier.discord.calls import DiscordError
from wanderer_notifier.discord.doctor_channel import THREADS, kind_of, overwrites, seat_of, time_out

Get = Callable[[str, str, str], Awaitable[object]]
"""(route, path, major parameter); raises `DiscordError`."""


@frozen(kw_only=True)
class _Rights:
    thread: bool
    bits: int
    timed_out_until: str | None
    roles: Mapping[str, Mapping[str, Any]]
    """The server's roles by id."""


async def lacking(get: Get, channel: str, ourselves: str, now: datetime) -> str | None:
    """What keeps the bot (*ourselves*: its user id) from writing in *channel*, in words; None: nothing that shows.

    Raises `DiscordError` when Discord cannot be asked.
    """
    rights = await _rights(get, channel, ourselves, now)
    if rights.timed_out_until is not None:
        return f"the bot is in time-out until {rights.timed_out_until}"
    names = [NAMES[bit] for bit in missing(rights.bits, thread=rights.thread)]
    return f"the bot lacks {', '.join(names)} in the channel" if names else None


async def unheard(get: Get, channel: str, ourselves: str, now: datetime, roles: Iterable[str]) -> list[str]:
    """The names of those of *roles* that the bot may not mention in *channel*: nobody is pinged (cases.md D17).

    Raises `DiscordError` when Discord cannot be asked.
    """
    rights = await _rights(get, channel, ourselves, now)
    if rights.bits & MENTION_EVERYONE:
        return []
    return [
        str(rights.roles[one].get("name")) for one in roles if rights.roles.get(one, {}).get("mentionable") is False
    ]


async def _rights(get: Get, channel: str, ourselves: str, now: datetime) -> _Rights:
    told = await _object(get, "GET /channels/{c}", f"/channels/{channel}", channel)
    guild_id = str(told.get("guild_id"))
    guild = await _object(get, "GET /guilds/{g}", f"/guilds/{guild_id}", guild_id)
    path = f"/guilds/{guild_id}/members/{ourselves}"
    member = await _object(get, "GET /guilds/{g}/members/{u}", path, guild_id)
    thread = kind_of(told) in THREADS
    if thread:  # its rights are those of the channel it hangs in
        parent = str(told.get("parent_id"))
        told = await _object(get, "GET /channels/{c}", f"/channels/{parent}", parent)
    until = time_out(member, now)
    seat = seat_of(guild, member, ourselves, timed_out=until is not None)
    listed = guild.get("roles")
    return _Rights(
        thread=thread,
        bits=in_channel(seat, overwrites(told), thread=thread),
        timed_out_until=until,
        roles={str(one.get("id")): one for one in listed if isinstance(one, dict)} if isinstance(listed, list) else {},
    )


async def _object(get: Get, route: str, path: str, major: str) -> Mapping[str, Any]:
    value = await get(route, path, major)
    if not isinstance(value, dict):
        raise DiscordError(f"the answer to {route} is not an object")
    return value
