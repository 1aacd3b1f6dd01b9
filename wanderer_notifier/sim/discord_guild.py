"""The guild of the fake Discord: its roles and channels, complete enough for typed clients (discord.md 5.1)."""

from __future__ import annotations

from typing import Any, TypeAlias

from attrs import Factory, define, frozen

from wanderer_notifier.sim.discord_messages import BOT_PERMISSIONS, Channel

JsonObject: TypeAlias = dict[str, Any]


@frozen(kw_only=True)
class Role:
    """A role that a message may mention."""

    id: str
    name: str
    mentionable: bool = False
    permissions: int = 0
    color: int = 0


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

    @property
    def bot_role(self) -> Role:
        """The role that came with the bot; its id is the bot's plus one."""
        return Role(id=str(int(self.bot["id"]) + 1), name=self.bot["username"], permissions=BOT_PERMISSIONS)

    def mentionable(self) -> dict[str, bool]:
        """The roles by id, and whether anyone may mention them."""
        return {role.id: role.mentionable for role in self.roles.values()}

    def json(self) -> JsonObject:
        """The guild object."""
        everyone = Role(id=self.id, name="@everyone")
        roles = [everyone, self.bot_role, *self.roles.values()]
        return {
            "id": self.id,
            "name": self.name,
            "icon": None,
            "splash": None,
            "discovery_splash": None,
            "owner_id": self.owner_id,
            "afk_channel_id": None,
            "afk_timeout": 300,
            "verification_level": 0,
            "default_message_notifications": 0,
            "explicit_content_filter": 0,
            "roles": [_role(role, position) for position, role in enumerate(roles)],
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

    def channel_json(self, channel: Channel) -> JsonObject:
        """The channel object; what the channel takes from the bot shows as an overwrite for its member."""
        denied = {"id": self.bot["id"], "type": 1, "allow": "0", "deny": str(channel.denied)}
        return {
            "id": channel.id,
            "type": channel.type,
            "guild_id": self.id,
            "name": channel.name,
            "position": list(self.channels).index(channel.id),
            "permission_overwrites": [denied] if channel.denied else [],
            "parent_id": None,
            "topic": None,
            "nsfw": False,
            "rate_limit_per_user": 0,
            "last_message_id": channel.messages[-1].id if channel.messages else None,
            "last_pin_timestamp": None,
            "flags": 0,
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
