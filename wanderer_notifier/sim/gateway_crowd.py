"""A guild as large as Discord allows, for clients that must not choke on it."""

from __future__ import annotations

from wanderer_notifier.sim.discord_guild import Guild, Member, Role, VoiceState
from wanderer_notifier.sim.discord_messages import Channel

CHANNELS, ROLES, VOICE_USERS = 500, 250, 500
"""The largest legal guild whose GUILD_CREATE we know: about 0.7 MB (discord.md 1.2)."""

FIRST = 910_000_000_000_000_000
KINDS = 1_000_000_000
"""Ids of each kind start so far apart."""
PER_VOICE_CHANNEL = 10


def crowd(
    guild: Guild, *, channels: int = CHANNELS, roles: int = ROLES, voice_users: int = VOICE_USERS
) -> list[VoiceState]:
    """Add so many of each to *guild*; every tenth channel, at least one, is for voice, and there the users sit.

    Gives the voice states that are new.
    """
    for number in range(roles):
        role = Role(id=str(FIRST + number), name=f"Squad {number}", permissions=1 << 10, color=number)
        guild.roles[role.id] = role
    rooms: list[str] = []
    for number in range(channels):
        voice = number % PER_VOICE_CHANNEL == 0
        one = Channel(id=str(FIRST + KINDS + number), name=f"room-{number}", type=2 if voice else 0)
        guild.channels[one.id] = one
        if voice:
            rooms.append(one.id)
    rooms = rooms or [one.id for one in guild.channels.values() if one.is_voice and not one.deleted]
    if voice_users and not rooms:
        raise ValueError("nobody can sit in a guild without voice channels")
    seated: list[VoiceState] = []
    for number in range(voice_users):
        member = Member(id=str(FIRST + 2 * KINDS + number), name=f"Pilot {number}")
        guild.members[member.id] = member
        state = VoiceState(user_id=member.id, channel_id=rooms[number % len(rooms)], session_id=f"crowd{number:027d}")
        guild.voice[member.id] = state
        seated.append(state)
    return seated
