"""Who may do what in a channel of the fake Discord, computed from roles and overwrites as Discord does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

ADMINISTRATOR = 1 << 3
MANAGE_GUILD = 1 << 5
ADD_REACTIONS = 1 << 6
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
MANAGE_MESSAGES = 1 << 13
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
CONNECT = 1 << 20
SPEAK = 1 << 21
USE_APPLICATION_COMMANDS = 1 << 31
SEND_MESSAGES_IN_THREADS = 1 << 38

EVERY_PERMISSION = (1 << 53) - 1
"""All bits there are and some more; what an owner or administrator has."""

EVERYONE = (
    VIEW_CHANNEL
    | SEND_MESSAGES
    | ADD_REACTIONS
    | READ_MESSAGE_HISTORY
    | CONNECT
    | SPEAK
    | USE_APPLICATION_COMMANDS
    | SEND_MESSAGES_IN_THREADS
)
"""What a new guild gives to everybody."""

BOT_PERMISSIONS = VIEW_CHANNEL | SEND_MESSAGES | EMBED_LINKS | ATTACH_FILES | READ_MESSAGE_HISTORY | MENTION_EVERYONE
"""What the bot's own role gives it."""

TIMED_OUT = VIEW_CHANNEL | READ_MESSAGE_HISTORY

_WRITING = EMBED_LINKS | ATTACH_FILES | MENTION_EVERYONE


@frozen(kw_only=True)
class Overwrite:
    """What a channel gives to or takes from a role or a member."""

    id: str
    member: bool = False
    """Whether the id is a member's; else a role's."""
    allow: int = 0
    deny: int = 0

    def json(self) -> dict[str, object]:
        """The overwrite object."""
        return {"id": self.id, "type": int(self.member), "allow": str(self.allow), "deny": str(self.deny)}


def in_guild(everyone: int, roles: Iterable[int], *, owner: bool) -> int:
    """The bits of a member before any channel: @everyone's and those of its roles together.

    Args:
        everyone: bits of @everyone.
        roles: bits of each role the member has.
        owner: whether the guild is the member's.
    """
    bits = everyone
    for role in roles:
        bits |= role
    return EVERY_PERMISSION if owner or bits & ADMINISTRATOR else bits


def in_channel(
    base: int,
    overwrites: Mapping[str, Overwrite],
    *,
    guild: str,
    member: str,
    roles: Iterable[str],
    timed_out: bool = False,
    thread: bool = False,
) -> int:
    """The bits of a member in a channel (discord.md 3.9, step 6).

    Args:
        base: its bits in the guild, from `in_guild`.
        overwrites: of the channel (for a thread: of its parent), by the id of role or member.
        guild: the guild's id, which is @everyone's too.
        member: the member's id.
        roles: ids of its roles without @everyone.
        timed_out: whether it may only look for now.
        thread: whether writing there needs SEND_MESSAGES_IN_THREADS instead of SEND_MESSAGES.
    """
    if base & ADMINISTRATOR:
        return EVERY_PERMISSION
    bits = base
    if (everyone := overwrites.get(guild)) is not None:
        bits = bits & ~everyone.deny | everyone.allow
    theirs = [overwrites[role] for role in roles if role in overwrites]
    for one in theirs:
        bits &= ~one.deny
    for one in theirs:
        bits |= one.allow
    if (own := overwrites.get(member)) is not None:
        bits = bits & ~own.deny | own.allow
    if not bits & VIEW_CHANNEL:
        return 0
    if timed_out:
        bits &= TIMED_OUT
    if not bits & (SEND_MESSAGES_IN_THREADS if thread else SEND_MESSAGES):
        bits &= ~_WRITING
    return bits
