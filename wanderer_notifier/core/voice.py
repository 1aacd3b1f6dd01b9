"""Who sits in a voice channel and may be pinged for it (notifications.md 6, cases.md D27)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

VOICE_CHANNEL, STAGE_CHANNEL = 2, 13
"""Discord's types of channels in which people talk (discord.md 1.12)."""


@frozen(kw_only=True)
class VoiceState:
    """Where one user of the guild is, as the gateway tells it."""

    user_id: str
    channel_id: str | None
    bot: bool = False
    self_deaf: bool = False
    deaf: bool = False


def eligible(
    states: Iterable[VoiceState], channels: Mapping[str, int], afk_channel: str | None = None
) -> tuple[str, ...]:
    """The ids of the users who listen, in ascending order, once each.

    *channels* gives the type of each of the guild's channels by id; who is in none of them, or in the AFK one, does
    not count, and neither do bots and the deafened.
    """
    listening = {
        state.user_id
        for state in states
        if state.channel_id is not None
        and state.channel_id != afk_channel
        and channels.get(state.channel_id) in (VOICE_CHANNEL, STAGE_CHANNEL)
        and not (state.bot or state.self_deaf or state.deaf)
        and state.user_id.isascii()
        and state.user_id.isdigit()
    }
    return tuple(sorted(listening, key=int))
