"""What Discord's REST API tells about the guild, its channels and its members."""

from __future__ import annotations

from collections.abc import Mapping

from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_permissions import CONNECT
from wanderer_notifier.sim.discord_routes import Answer, Call, Reply, give, refuse
from wanderer_notifier.sim.http import Request


class GuildRest:
    """Answers the routes below `/guilds`.

    Args:
        guild: the one guild the bot is in.
    """

    def __init__(self, guild: Guild) -> None:
        self._guild = guild
        self.joined = True
        """Whether the bot is in the guild at all."""

    def routes(self) -> Mapping[str, Answer]:
        """What to answer, by route."""
        return {
            "GET /users/@me/guilds": self._memberships,
            "GET /guilds/{g}": self._about,
            "GET /guilds/{g}/channels": self._about,
            "GET /guilds/{g}/roles": self._about,
            "GET /guilds/{g}/members/{u}": self._about,
            "GET /guilds/{g}/voice-states/{u}": self._about,
        }

    def _memberships(self, call: Call, request: Request, at: float) -> Reply:
        guild = self._guild
        if not self.joined:
            return give([])
        member = guild.bot_member
        return give(
            [
                {
                    "id": guild.id,
                    "name": guild.name,
                    "icon": None,
                    "banner": None,
                    "owner": member.id == guild.owner_id,
                    "permissions": str(guild.base_permissions(member)),
                    "features": [],
                }
            ]
        )

    def _about(self, call: Call, request: Request, at: float) -> Reply:
        guild = self._guild
        if call.ids["g"] != guild.id or not self.joined:
            return refuse(404, 10004, "Unknown Guild")
        match call.route.removeprefix("GET /guilds/{g}"):
            case "":
                counts = {"approximate_member_count": len(guild.members) + 1, "approximate_presence_count": 1}
                return give({**guild.json(), **(counts if request.query.get("with_counts") in ("true", "1") else {})})
            case "/channels":
                # Threads are listed elsewhere, and what the bot may not view is left out (discord.md 1.12).
                visible = [one for one in guild.channels.values() if not (one.deleted or one.is_thread)]
                return give([guild.channel_json(one) for one in visible if guild.may(one)])
            case "/roles":
                return give(guild.roles_json())
            case "/members/{u}":
                member = guild.member(call.ids["u"])
                return give(guild.member_json(member)) if member else refuse(404, 10007, "Unknown Member")
        return self._voice_state(call.ids["u"])

    def _voice_state(self, user: str) -> Reply:
        guild = self._guild
        state = guild.voice.get(user)
        if state is None or state.channel_id is None:
            return refuse(404, 10065, "Unknown Voice State")
        if not guild.may(guild.channels[state.channel_id], CONNECT):
            return refuse(403, 50001, "Missing Access")
        member = guild.member(user)
        told = {"member": guild.member_json(member)} if member else {}
        return give({**state.json(), "guild_id": guild.id, **told})
