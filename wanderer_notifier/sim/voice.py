"""Who sits in which voice channel of the guild; each change is told as Discord tells it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from wanderer_notifier.sim.discord_guild import Guild, VoiceState

JsonObject: TypeAlias = dict[str, Any]

FLAGS = ("self_mute", "self_deaf", "self_video", "self_stream", "mute", "deaf", "suppress")
"""Each change of these is told like a move (discord.md 1.12)."""


class Voice:
    """The voice channels of a guild.

    Args:
        guild: the guild; its `voice` is kept here.
        tell: is given each VOICE_STATE_UPDATE's data.
    """

    def __init__(self, guild: Guild, tell: Callable[[JsonObject], None]) -> None:
        self._guild = guild
        self._tell = tell
        self._joins = 0

    def join(self, user: str, channel: str, *, bot: bool = False, deaf: bool = False) -> None:
        """Let somebody sit in *channel*, from nowhere or from another; raises `KeyError` for no channel."""
        if not self._guild.channels[channel].is_voice:
            raise ValueError(f"{channel} is no voice channel")
        self._guild.add_member(user, bot=bot)
        known = self._guild.voice.get(user)
        if known is None:
            self._joins += 1
            session = f"voice{self._joins:027d}"
            known = self._guild.voice[user] = VoiceState(user_id=user, channel_id=channel, session_id=session)
        known.channel_id = channel
        known.self_deaf = deaf
        self._say(known)

    def leave(self, user: str) -> None:
        """Let somebody hang up; nothing happens when nobody of that name sits anywhere."""
        state = self._guild.voice.pop(user, None)
        if state is not None:
            state.channel_id = None
            self._say(state)

    def change(self, user: str, **flags: bool) -> None:
        """Change some of `FLAGS` of somebody who sits; raises `KeyError` for others."""
        state = self._guild.voice[user]
        for name, value in flags.items():
            if name not in FLAGS:
                raise ValueError(f"no such flag: {name}")
            setattr(state, name, value)
        self._say(state)

    def _say(self, state: VoiceState) -> None:
        member = self._guild.members[state.user_id]
        self._tell({**state.json(), "guild_id": self._guild.id, "member": self._guild.member_json(member)})
