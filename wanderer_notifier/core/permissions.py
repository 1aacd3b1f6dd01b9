"""What a member may do in a channel, from roles and overwrites (discord.md 3.9, step 6)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

ADMINISTRATOR = 1 << 3
VIEW_CHANNEL = 1 << 10
SEND_MESSAGES = 1 << 11
EMBED_LINKS = 1 << 14
ATTACH_FILES = 1 << 15
READ_MESSAGE_HISTORY = 1 << 16
MENTION_EVERYONE = 1 << 17
USE_APPLICATION_COMMANDS = 1 << 31
SEND_MESSAGES_IN_THREADS = 1 << 38

LONGEST = 20
"""Digits of 64 bits."""

ALL = (1 << 64) - 1
"""Owners and administrators may do everything, what is invented later included."""

NAMES: Mapping[int, str] = {
    VIEW_CHANNEL: "View Channel",
    SEND_MESSAGES: "Send Messages",
    SEND_MESSAGES_IN_THREADS: "Send Messages in Threads",
    EMBED_LINKS: "Embed Links",
    READ_MESSAGE_HISTORY: "Read Message History",
    MENTION_EVERYONE: "Mention @everyone, @here and All Roles",
}
"""As Discord's settings call them."""

INVITED_WITH = (
    VIEW_CHANNEL
    | SEND_MESSAGES
    | SEND_MESSAGES_IN_THREADS
    | EMBED_LINKS
    | READ_MESSAGE_HISTORY
    | MENTION_EVERYONE
    | USE_APPLICATION_COMMANDS
)
"""What the bot needs for everything it does."""

_NEEDS_WRITING = EMBED_LINKS | ATTACH_FILES | MENTION_EVERYONE
_LEFT_IN_TIME_OUT = VIEW_CHANNEL | READ_MESSAGE_HISTORY


@frozen(kw_only=True)
class Overwrite:
    """What a channel gives to or takes from a role or a member, by *id*."""

    id: str
    allow: int = 0
    deny: int = 0


@frozen(kw_only=True)
class Seat:
    """A member's place in a guild; *roles* are ids with their bits, without @everyone."""

    user: str
    guild: str
    owner: bool
    everyone: int
    roles: Mapping[str, int]
    timed_out: bool = False


def in_guild(seat: Seat) -> int:
    """The bits of a member before any channel."""
    bits = seat.everyone
    for more in seat.roles.values():
        bits |= more
    return ALL if seat.owner or bits & ADMINISTRATOR else bits


def in_channel(seat: Seat, overwrites: Iterable[Overwrite], *, thread: bool = False) -> int:
    """The bits of a member in a channel; those of a thread come from its parent's *overwrites*."""
    bits = in_guild(seat)
    if bits == ALL:
        return ALL
    by_id = {one.id: one for one in overwrites}
    bits = _apply(bits, [by_id[seat.guild]] if seat.guild in by_id else [])
    bits = _apply(bits, [by_id[role] for role in seat.roles if role in by_id])
    bits = _apply(bits, [by_id[seat.user]] if seat.user in by_id else [])
    if not bits & VIEW_CHANNEL:
        return 0
    if seat.timed_out:
        bits &= _LEFT_IN_TIME_OUT
    if not bits & (SEND_MESSAGES_IN_THREADS if thread else SEND_MESSAGES):
        bits &= ~_NEEDS_WRITING
    return bits


def missing(bits: int, *, thread: bool = False) -> list[int]:
    """What *bits* of a channel lack for our messages; what another lack implies is left out."""
    writing = SEND_MESSAGES_IN_THREADS if thread else SEND_MESSAGES
    lacks = [bit for bit in (VIEW_CHANNEL, writing, EMBED_LINKS) if not bits & bit]
    return lacks[:1]


def invite_link(application: str, guild: str = "") -> str:
    """The address where somebody with Manage Server lets the bot in, with everything it needs."""
    link = (
        f"https://discord.com/oauth2/authorize?client_id={application}"
        f"&scope=bot%20applications.commands&permissions={INVITED_WITH}"
    )
    return f"{link}&guild_id={guild}" if guild else link


def bits_of(value: object) -> int:
    """Bits as Discord writes them, in a string; 0 for anything else."""
    if not isinstance(value, str) or len(value) > LONGEST:
        return 0
    return int(value) if value.isascii() and value.isdigit() else 0


def _apply(bits: int, overwrites: Sequence[Overwrite]) -> int:
    """First everything that is taken, then everything that is given, so that giving wins."""
    for one in overwrites:
        bits &= ~one.deny
    for one in overwrites:
        bits |= one.allow
    return bits
