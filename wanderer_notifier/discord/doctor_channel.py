"""Whether the bot can do its work in a channel, by what Discord tells of it, its server and us (discord.md 3.9)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from wanderer_notifier.core import permissions as may
from wanderer_notifier.core.findings import Finding, fail, ok, warn
from wanderer_notifier.core.permissions import Overwrite, Seat, bits_of, in_channel, invite_link
from wanderer_notifier.discord.answers import MISSING_ACCESS, UNKNOWN_CHANNEL, read
from wanderer_notifier.discord.doctor_bot import refused
from wanderer_notifier.net.question import Reply

KINDS: Mapping[int, str] = {
    0: "text channel",
    2: "voice channel's chat",
    5: "announcement channel",
    10: "announcement thread",
    11: "thread",
    12: "private thread",
    13: "stage channel's chat",
}
"""The types that take messages."""
OTHER_KINDS: Mapping[int, str] = {
    1: "direct message",
    3: "group",
    4: "category",
    14: "directory",
    15: "forum",
    16: "media channel",
}
THREADS = frozenset({10, 11, 12})


@frozen(kw_only=True)
class Place:
    """A configured channel: what it is for, and whom we mention there."""

    id: str
    uses: tuple[str, ...]
    """Such as `kills by system`; what is shown."""
    here: bool = False
    """Whether `@here` may be mentioned."""
    roles: tuple[str, ...] = ()

    @property
    def check(self) -> str:
        return f"channel {self.id} ({', '.join(self.uses)})"


@frozen(kw_only=True)
class Seen:
    """The answers about one channel; *parent* of a thread, *guild* and *member* as far as they could be asked."""

    channel: Reply
    parent: Reply | None = None
    guild: Reply | None = None
    member: Reply | None = None


def kind_of(channel: Mapping[str, Any]) -> int:
    """Its type; -1 for what is none."""
    kind = channel.get("type")
    return kind if isinstance(kind, int) else -1


def channel(place: Place, seen: Seen, *, user: str, application: str, now: datetime) -> list[Finding]:
    """All there is to say about *place*; one finding when all is well. *user* is the bot's own id."""
    told = _object(seen.channel)
    if told is None:
        return [_not_seen(place, seen.channel, application)]
    kind = kind_of(told)
    if kind not in KINDS:
        return [
            fail(
                place.check,
                f"this is no text channel but a {OTHER_KINDS.get(kind, f'channel of type {kind}')}",
                "use the id of a text channel: right click on it, Copy Channel ID (with Developer Mode on)",
            )
        ]
    guild, member = _object(seen.guild), _object(seen.member)
    if guild is None or member is None:
        first = seen.guild if guild is None else seen.member
        return [refused(place.check, first) if first is not None else fail(place.check, "its server is not known")]
    until = time_out(member, now)
    seat = seat_of(guild, member, user, timed_out=until is not None)
    place_of_rights = _object(seen.parent) if kind in THREADS else told
    bits = in_channel(seat, overwrites(place_of_rights or told), thread=kind in THREADS)
    found = list(_trouble(place, told, guild, bits, until))
    name = f"#{told.get('name')} in {guild.get('name')}"
    return found or [ok(place.check, f"{name}: the bot may do all it needs there")]


def seat_of(guild: Mapping[str, Any], member: Mapping[str, Any], user: str, *, timed_out: bool) -> Seat:
    """The bot's place in its server."""
    number = str(guild.get("id"))
    bits = {str(role.get("id")): bits_of(role.get("permissions")) for role in _objects(guild.get("roles"))}
    roles = member.get("roles")
    own = [role for role in roles if isinstance(role, str) and role in bits] if isinstance(roles, list) else []
    return Seat(
        user=user,
        guild=number,
        owner=guild.get("owner_id") == user,
        everyone=bits.get(number, 0),
        roles={role: bits[role] for role in own},
        timed_out=timed_out,
    )


def overwrites(channel: Mapping[str, Any]) -> list[Overwrite]:
    """The overwrites of a channel object."""
    return [
        Overwrite(id=str(one.get("id")), allow=bits_of(one.get("allow")), deny=bits_of(one.get("deny")))
        for one in _objects(channel.get("permission_overwrites"))
    ]


def time_out(member: Mapping[str, Any], now: datetime) -> str | None:
    """Until when the member is timed out, as Discord writes it; None when it is not."""
    until = member.get("communication_disabled_until")
    try:
        return until if isinstance(until, str) and datetime.fromisoformat(until) > now else None
    except (ValueError, TypeError):
        return None


def _trouble(
    place: Place, told: Mapping[str, Any], guild: Mapping[str, Any], bits: int, until: str | None
) -> Iterator[Finding]:
    kind = kind_of(told)
    meta = told.get("thread_metadata")
    meta = meta if isinstance(meta, dict) else {}
    if until is not None and bits != may.ALL:
        yield fail(place.check, f"the bot is in time-out until {until}", "a moderator must end the time-out")
        return
    missing = may.missing(bits, thread=kind in THREADS)
    if missing:
        yield _lacks(place, missing, guild)
        return
    if kind in THREADS and meta.get("locked"):
        yield fail(place.check, "the thread is locked", "unlock it, or use another channel")
    elif kind in THREADS and meta.get("archived"):
        yield warn(
            place.check, "the thread is archived", "the next message opens it again; a channel would not fall asleep"
        )
    if not bits & may.READ_MESSAGE_HISTORY:
        yield warn(
            place.check,
            "the bot cannot read the channel's history: after a crash in the wrong moment a message may come twice",
            _grant([may.READ_MESSAGE_HISTORY]),
        )
    yield from _pings(place, guild, bits)


def _pings(place: Place, guild: Mapping[str, Any], bits: int) -> Iterator[Finding]:
    roles = {str(role.get("id")): role for role in _objects(guild.get("roles"))}
    for role in place.roles:
        if role not in roles:
            yield fail(
                place.check,
                f"role {role} of DISCORD_RALLY_GROUP_IDS does not exist in {guild.get('name')}",
                "right click on the role in Server Settings, Roles: Copy Role ID",
            )
    if bits & may.MENTION_EVERYONE:
        return
    mute = [
        str(roles[role].get("name")) for role in place.roles if role in roles and not roles[role].get("mentionable")
    ]
    if mute:
        yield warn(
            place.check,
            f"mentioning the role {', '.join(mute)} reaches nobody",
            f"allow anyone to mention it (Server Settings, Roles), or {_grant([may.MENTION_EVERYONE])}",
        )
    if place.here:
        yield warn(
            place.check,
            "@here for priority systems reaches nobody",
            f"{_grant([may.MENTION_EVERYONE])}, or set FALLBACK_TO_HERE_ENABLED=false",
        )


def _not_seen(place: Place, reply: Reply, application: str) -> Finding:
    code = read(reply.status, reply.headers, reply.body).code if reply.status else 0
    if code == UNKNOWN_CHANNEL:
        return fail(
            place.check,
            "there is no such channel: it was deleted, or the id is wrong",
            "right click on the channel, Copy Channel ID (with Developer Mode on)",
        )
    if code == MISSING_ACCESS:
        return fail(
            place.check,
            "the bot cannot see the channel, or is not in its server",
            f"{_grant([may.VIEW_CHANNEL])}; if it is not in the server: {invite_link(application)}",
        )
    return refused(place.check, reply)


def _lacks(place: Place, missing: Sequence[int], guild: Mapping[str, Any]) -> Finding:
    names = ", ".join(may.NAMES[bit] for bit in missing)
    return fail(place.check, f"the bot lacks {names} there ({guild.get('name')})", _grant(missing))


def _grant(bits: Sequence[int]) -> str:
    names = ", ".join(may.NAMES[bit] for bit in bits)
    return f"give the bot's role {names} in the channel's settings, Permissions"


def _object(reply: Reply | None) -> Mapping[str, Any] | None:
    return reply.value if reply is not None and reply.good and isinstance(reply.value, dict) else None


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
