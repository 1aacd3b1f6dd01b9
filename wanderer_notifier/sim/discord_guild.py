"""The guild of the fake Discord: its roles and channels, complete enough for typed clients (discord.md 5.1)."""

from __future__ import annotations

from typing import Any, TypeAlias

from attrs import Factory, define, frozen

from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.discord_permissions import (
    BOT_PERMISSIONS,
    EVERYONE,
    VIEW_CHANNEL,
    Overwrite,
    in_channel,
    in_guild,
)

JsonObject: TypeAlias = dict[str, Any]

JOINED = "2026-01-05T19:30:00+00:00"
HIDDEN_NAME = "___hidden___"
HIDDEN_FLAG = 1 << 17
"""How the gateway shows a channel that the bot may not view (discord.md 1.12, channel obfuscation)."""


@frozen(kw_only=True)
class Role:
    """A role that a message may mention."""

    id: str
    name: str
    mentionable: bool = False
    permissions: int = 0
    color: int = 0


@define(kw_only=True)
class Member:
    """Somebody in the guild."""

    id: str
    name: str
    roles: list[str] = Factory(list)
    """Ids, without @everyone."""
    bot: bool = False
    timed_out: bool = False

    def user(self) -> JsonObject:
        """The user object."""
        return {
            "id": self.id,
            "username": self.name.lower().replace(" ", "_"),
            "global_name": None if self.bot else self.name,
            "discriminator": "0",
            "avatar": None,
            "bot": self.bot,
            "flags": 0,
            "public_flags": 0,
        }

    def json(self, user: JsonObject | None = None) -> JsonObject:
        """The member object; *user* stands in for the user object."""
        return {
            "user": user or self.user(),
            "nick": None,
            "avatar": None,
            "roles": list(self.roles),
            "joined_at": JOINED,
            "premium_since": None,
            "deaf": False,
            "mute": False,
            "flags": 0,
            "pending": False,
            "communication_disabled_until": "2099-01-01T00:00:00+00:00" if self.timed_out else None,
        }


@define(kw_only=True)
class VoiceState:
    """Where a member sits, and how it hears and speaks."""

    user_id: str
    channel_id: str | None
    session_id: str
    self_mute: bool = False
    self_deaf: bool = False
    deaf: bool = False
    mute: bool = False
    self_video: bool = False
    self_stream: bool = False
    suppress: bool = False

    def json(self) -> JsonObject:
        """The voice state as GUILD_CREATE has it: without guild and member."""
        return {
            **({"self_stream": True} if self.self_stream else {}),
            "channel_id": self.channel_id,
            "user_id": self.user_id,
            "session_id": self.session_id,
            "deaf": self.deaf,
            "mute": self.mute,
            "self_deaf": self.self_deaf,
            "self_mute": self.self_mute,
            "self_video": self.self_video,
            "suppress": self.suppress,
            "request_to_speak_timestamp": None,
        }


@define(kw_only=True)
class Guild:
    """One guild with the bot in it."""

    id: str
    name: str
    owner_id: str
    bot: JsonObject
    roles: dict[str, Role] = Factory(dict)
    """Without @everyone and the bot's own role, which every guild has."""
    channels: dict[str, Channel] = Factory(dict)
    members: dict[str, Member] = Factory(dict)
    """Without the bot."""
    voice: dict[str, VoiceState] = Factory(dict)
    """By user; only of those who sit somewhere."""
    afk_channel_id: str | None = None
    everyone: int = EVERYONE
    """What @everyone may do."""
    bot_permissions: int = BOT_PERMISSIONS
    """What the bot's own role gives it."""
    unavailable: bool = False
    """Whether an outage hides it."""

    @property
    def bot_role(self) -> Role:
        """The role that came with the bot; its id is the bot's plus one."""
        return Role(id=str(int(self.bot["id"]) + 1), name=self.bot["username"], permissions=self.bot_permissions)

    @property
    def bot_member(self) -> Member:
        """The bot as a member; its roles can be extended by an entry of its own in `members`."""
        more = self.members.get(self.bot["id"])
        roles = [self.bot_role.id, *(more.roles if more else [])]
        timed_out = more.timed_out if more else False
        return Member(id=self.bot["id"], name=self.bot["username"], roles=roles, bot=True, timed_out=timed_out)

    def member(self, user_id: str) -> Member | None:
        """The member with this id, the bot included."""
        return self.bot_member if user_id == self.bot["id"] else self.members.get(user_id)

    def member_json(self, member: Member) -> JsonObject:
        """The member object."""
        return member.json(self.bot if member.id == self.bot["id"] else None)

    def add_member(
        self, user_id: str, name: str | None = None, *, roles: tuple[str, ...] = (), bot: bool = False
    ) -> Member:
        """Let somebody into the guild, or give back who is there."""
        if user_id not in self.members:
            name = name or f"pilot{user_id[-4:]}"
            self.members[user_id] = Member(id=user_id, name=name, roles=list(roles), bot=bot)
        return self.members[user_id]

    def base_permissions(self, member: Member) -> int:
        """The bits of a member in the guild."""
        known = {**self.roles, self.bot_role.id: self.bot_role}
        bits = (known[role].permissions for role in member.roles if role in known)
        return in_guild(self.everyone, bits, owner=member.id == self.owner_id)

    def permissions(self, member: Member, channel: Channel) -> int:
        """The bits of a member in a channel."""
        place = self.channels.get(channel.parent_id or "") if channel.is_thread else channel
        return in_channel(
            self.base_permissions(member),
            self.overwrites(place or channel),
            guild=self.id,
            member=member.id,
            roles=member.roles,
            timed_out=member.timed_out,
            thread=channel.is_thread,
        )

    def may(self, channel: Channel, *bits: int) -> bool:
        """Whether the bot sees *channel* and has all of *bits* there."""
        has = self.permissions(self.bot_member, channel)
        return bool(has & VIEW_CHANNEL) and all(has & bit for bit in bits)

    def overwrites(self, channel: Channel) -> dict[str, Overwrite]:
        """The overwrites of a channel, with what it takes from the bot as one for its member."""
        if not channel.denied:
            return channel.overwrites
        return {**channel.overwrites, self.bot["id"]: Overwrite(id=self.bot["id"], member=True, deny=channel.denied)}

    def mentionable(self) -> dict[str, bool]:
        """The roles by id, and whether anyone may mention them."""
        return {role.id: role.mentionable for role in self.roles.values()}

    def roles_json(self) -> list[JsonObject]:
        """All roles, @everyone first."""
        everyone = Role(id=self.id, name="@everyone", permissions=self.everyone)
        roles = [everyone, self.bot_role, *self.roles.values()]
        return [_role(role, position) for position, role in enumerate(roles)]

    def json(self) -> JsonObject:
        """The guild object."""
        return {
            "id": self.id,
            "name": self.name,
            "icon": None,
            "splash": None,
            "discovery_splash": None,
            "owner_id": self.owner_id,
            "afk_channel_id": self.afk_channel_id,
            "afk_timeout": 300,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "roles": self.roles_json(),
            "emojis": [],
            "stickers": [],
            "features": [],
            "mfa_level": 0,
            "application_id": None,
            "system_channel_id": None,
            "system_channel_flags": 0,
            "rules_channel_id": None,
            "public_updates_channel_id": None,
            "safety_alerts_channel_id": None,
            "vanity_url_code": None,
            "description": None,
            "banner": None,
            "premium_tier": 0,
            "premium_subscription_count": 0,
            "premium_progress_bar_enabled": False,
            "preferred_locale": "en-US",
            "nsfw_level": 0,
            "max_members": 500_000,
            "max_presences": None,
        }

    def channel_json(self, channel: Channel, *, hidden: bool = False) -> JsonObject:
        """The channel object; *hidden*: as the gateway shows one that the bot may not view."""
        overwrites = [one.json() for one in self.overwrites(channel).values()]
        if hidden:
            overwrites = [Overwrite(id=self.id, deny=VIEW_CHANNEL).json()]
        voice: JsonObject = {
            "bitrate": 64_000,
            "user_limit": 0,
            "rtc_region": None,
            "video_quality_mode": 1,
        }
        thread: JsonObject = {
            "owner_id": self.bot["id"],
            "message_count": len(channel.messages),
            "member_count": 1,
            "thread_metadata": {
                "archived": False,
                "auto_archive_duration": 1440,
                "archive_timestamp": JOINED,
                "locked": channel.locked,
                "create_timestamp": JOINED,
            },
        }
        return {
            "id": channel.id,
            "type": channel.type,
            "guild_id": self.id,
            "name": HIDDEN_NAME if hidden else channel.name,
            "position": list(self.channels).index(channel.id),
            "permission_overwrites": overwrites,
            "parent_id": None if hidden else channel.parent_id,
            "topic": None,
            "nsfw": False,
            "rate_limit_per_user": 0,
            "last_message_id": channel.messages[-1].id if channel.messages and not hidden else None,
            "last_pin_timestamp": None,
            "flags": HIDDEN_FLAG if hidden else 0,
            **(voice if channel.is_voice else thread if channel.is_thread else {}),
        }


def _role(role: Role, position: int) -> JsonObject:
    return {
        "id": role.id,
        "name": role.name,
        "color": role.color,
        "colors": {"primary_color": role.color, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": str(role.permissions),
        "managed": False,
        "mentionable": role.mentionable,
        "flags": 0,
    }
