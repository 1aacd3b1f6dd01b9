"""The payloads of the gateway: what READY and GUILD_CREATE hold, and which intents let which event through."""

from __future__ import annotations

from typing import Any, TypeAlias

from wanderer_notifier.sim.discord_guild import JOINED, Guild
from wanderer_notifier.sim.discord_messages import Channel

JsonObject: TypeAlias = dict[str, Any]

GUILDS = 1 << 0
GUILD_MEMBERS = 1 << 1
GUILD_VOICE_STATES = 1 << 7
GUILD_PRESENCES = 1 << 8
GUILD_MESSAGES = 1 << 9
MESSAGE_CONTENT = 1 << 15
PRIVILEGED = GUILD_MEMBERS | GUILD_PRESENCES | MESSAGE_CONTENT

KNOWN = sum(1 << bit for bit in (*range(17), 20, 21, 24, 25))
"""The intents there are; another bit is 4013."""

_GUILDS_EVENTS = (
    *(f"GUILD_{word}" for word in ("CREATE", "UPDATE", "DELETE", "ROLE_CREATE", "ROLE_UPDATE", "ROLE_DELETE")),
    *(f"CHANNEL_{word}" for word in ("CREATE", "UPDATE", "DELETE", "PINS_UPDATE")),
    *(f"THREAD_{word}" for word in ("CREATE", "UPDATE", "DELETE", "LIST_SYNC")),
    *(f"STAGE_INSTANCE_{word}" for word in ("CREATE", "UPDATE", "DELETE")),
    "VOICE_CHANNEL_STATUS_UPDATE",
    "VOICE_CHANNEL_START_TIME_UPDATE",
)

NEEDS: dict[str, int] = {
    **dict.fromkeys(_GUILDS_EVENTS, GUILDS),
    **dict.fromkeys(("GUILD_MEMBER_ADD", "GUILD_MEMBER_REMOVE"), GUILD_MEMBERS),
    **dict.fromkeys(("VOICE_STATE_UPDATE", "VOICE_CHANNEL_EFFECT_SEND"), GUILD_VOICE_STATES),
    **dict.fromkeys(("MESSAGE_CREATE", "MESSAGE_UPDATE", "MESSAGE_DELETE"), GUILD_MESSAGES),
    "PRESENCE_UPDATE": GUILD_PRESENCES,
}
"""Events that need an intent; what is not listed is always sent (discord.md 1.4)."""


def passes(event: str, intents: int) -> bool:
    """Whether a client with these *intents* is sent *event*."""
    needed = NEEDS.get(event)
    return needed is None or bool(needed & intents)


def ready(
    *, user: JsonObject, guilds: list[str], session_id: str, resume_url: str, application: str, shard: object
) -> JsonObject:
    """READY's data; the guilds are ids."""
    body: JsonObject = {
        "v": 10,
        "user_settings": {},
        "user": {**user, "mfa_enabled": False, "verified": True, "email": None},
        "session_type": "normal",
        "session_id": session_id,
        "resume_gateway_url": resume_url,
        "relationships": [],
        "private_channels": [],
        "presences": [],
        "guilds": [{"id": guild, "unavailable": True} for guild in guilds],
        "application": {"id": application, "flags": 0},
        "_trace": ["fake"],
    }
    if shard is not None:
        body["shard"] = shard
    return body


def guild_create(guild: Guild, intents: int, *, obfuscate: bool) -> JsonObject:
    """GUILD_CREATE's data for a client with these *intents*; without the member intent only the bot and who talks."""
    voiced = [one for one in guild.members.values() if one.id != guild.bot["id"]]
    if not intents & GUILD_MEMBERS:
        voiced = [one for one in voiced if one.id in guild.voice] if intents & GUILD_VOICE_STATES else []
    members = [guild.bot_member, *voiced]
    there = [one for one in guild.channels.values() if not one.deleted]
    states = [one.json() for one in guild.voice.values()] if intents & GUILD_VOICE_STATES else []
    return {
        **guild.json(),
        "joined_at": JOINED,
        "large": len(guild.members) >= 50,
        "unavailable": False,
        "member_count": len(guild.members.keys() - {guild.bot["id"]}) + 1,
        "voice_states": states,
        "members": [guild.member_json(one) for one in members],
        "channels": [channel(guild, one, obfuscate=obfuscate) for one in there if not one.is_thread],
        "threads": [channel(guild, one, obfuscate=obfuscate) for one in there if one.is_thread and guild.may(one)],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
        "embedded_activities": [],
    }


def channel(guild: Guild, one: Channel, *, obfuscate: bool) -> JsonObject:
    """A channel as the gateway shows it: hidden ones without name and overwrites, if that is on (discord.md 1.12)."""
    return guild.channel_json(one, hidden=obfuscate and not guild.may(one))
