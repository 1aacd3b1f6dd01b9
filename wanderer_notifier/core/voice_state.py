"""Who sits in which voice channel, from the gateway's events (discord.md 1.12); pure.

GUILD_CREATE replaces what is known of a guild, VOICE_STATE_UPDATE moves one user, READY forgets everything. Nobody is
known to sit anywhere in a guild that is unavailable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import Factory, define

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.voice import STAGE_CHANNEL, VOICE_CHANNEL, VoiceState, eligible

HIDDEN = 1 << 17
"""Flag of a channel we may not look into: who sits there is not ours to tell."""
_TALKING = (VOICE_CHANNEL, STAGE_CHANNEL)


@define
class _Guild:
    channels: dict[str, int] = Factory(dict)
    """Types of the channels people talk in, by id."""
    afk: str | None = None
    states: dict[str, VoiceState] = Factory(dict)
    bots: set[str] = Factory(set)


class VoiceMap:
    """What is known of the *watched* guilds (None: of all); written by whoever reads the gateway."""

    def __init__(self, watched: frozenset[str] | None) -> None:
        self.watched = watched
        self._guilds: dict[str, _Guild] = {}
        self.moves = 0
        """How often somebody joined, left or changed a channel."""

    def listening(self, guild: str | None) -> tuple[str, ...] | None:
        """Who may be pinged there, in ascending order; None when that is not known now."""
        known = self._guilds.get(guild or "")
        return eligible(known.states.values(), known.channels, known.afk) if known is not None else None

    def forget(self) -> None:
        """The session is gone: what was known may be wrong from now on."""
        self._guilds.clear()

    def apply(self, kind: str, data: JsonObject) -> None:
        """Take in one event; what is not about voice, or about a guild that is not watched, changes nothing."""
        if kind == "READY":
            self.forget()
            return
        guild_id = data.get("id") if kind.startswith("GUILD_") else data.get("guild_id")
        if not isinstance(guild_id, str) or not self._watches(guild_id):
            return
        match kind:
            case "GUILD_CREATE":
                self._create(guild_id, data)
            case "GUILD_DELETE":  # an outage, or we were removed: either way nobody is known to sit there
                self._guilds.pop(guild_id, None)
            case "GUILD_UPDATE":
                if guild_id in self._guilds:
                    self._guilds[guild_id].afk = _text(data.get("afk_channel_id"))
            case "VOICE_STATE_UPDATE":
                if guild_id in self._guilds:
                    self._moved(self._guilds[guild_id], data)
            case "CHANNEL_CREATE" | "CHANNEL_UPDATE":
                if guild_id in self._guilds:
                    _note_channel(self._guilds[guild_id], data)
            case "CHANNEL_DELETE":
                if guild_id in self._guilds:
                    self._deleted(self._guilds[guild_id], _text(data.get("id")))

    # --- what outlives the process ---

    def dump(self) -> JsonObject:
        """Everything known, as JSON; belongs to the sequence number at which it was taken."""
        return {
            guild_id: {
                "channels": dict(guild.channels),
                "afk": guild.afk,
                "bots": sorted(guild.bots),
                "states": [
                    [one.user_id, one.channel_id, one.bot, one.self_deaf, one.deaf] for one in guild.states.values()
                ],
            }
            for guild_id, guild in self._guilds.items()
        }

    def load(self, dumped: JsonObject) -> None:
        """Take up what an earlier process had dumped. Raises KeyError, TypeError or ValueError for anything else."""
        guilds: dict[str, _Guild] = {}
        for guild_id, kept in dumped.items():
            states = {
                user: VoiceState(user_id=user, channel_id=channel, bot=bot, self_deaf=self_deaf, deaf=deaf)
                for user, channel, bot, self_deaf, deaf in kept["states"]
            }
            guilds[guild_id] = _Guild(
                channels={str(one): int(kind) for one, kind in kept["channels"].items()},
                afk=kept["afk"],
                states=states,
                bots=set(kept["bots"]),
            )
        self._guilds = {guild_id: guild for guild_id, guild in guilds.items() if self._watches(guild_id)}

    def _watches(self, guild_id: str) -> bool:
        return self.watched is None or guild_id in self.watched

    # --- how ---

    def _create(self, guild_id: str, data: JsonObject) -> None:
        if data.get("unavailable") is True:
            self._guilds.pop(guild_id, None)
            return
        guild = _Guild(afk=_text(data.get("afk_channel_id")))
        for channel in _objects(data.get("channels")):
            _note_channel(guild, channel)
        guild.bots = {
            user for member in _objects(data.get("members")) if (user := _user_of(member)) and _is_bot(member)
        }
        for state in _objects(data.get("voice_states")):
            read = _read(state, guild)
            if read is not None and read.channel_id is not None:
                guild.states[read.user_id] = read
        self._guilds[guild_id] = guild

    def _moved(self, guild: _Guild, data: JsonObject) -> None:
        """It fires for every mute as well: only another channel is a move (P48)."""
        new = _read(data, guild)
        if new is None:
            return
        old = guild.states.pop(new.user_id, None)
        if new.channel_id is not None:
            guild.states[new.user_id] = new
        self.moves += (old.channel_id if old is not None else None) != new.channel_id

    def _deleted(self, guild: _Guild, channel: str | None) -> None:
        guild.channels.pop(channel or "", None)
        guild.states = {user: state for user, state in guild.states.items() if state.channel_id != channel}


def _note_channel(guild: _Guild, channel: JsonObject) -> None:
    channel_id, kind, flags = _text(channel.get("id")), channel.get("type"), channel.get("flags")
    if channel_id is None:
        return
    if kind in _TALKING and not (type(flags) is int and flags & HIDDEN):
        guild.channels[channel_id] = kind
    else:
        guild.channels.pop(channel_id, None)


def _read(state: JsonObject, guild: _Guild) -> VoiceState | None:
    user = _text(state.get("user_id"))
    if user is None:
        return None
    member = state.get("member")
    if isinstance(member, dict) and _is_bot(member):
        guild.bots.add(user)
    return VoiceState(
        user_id=user,
        channel_id=_text(state.get("channel_id")),
        bot=user in guild.bots,
        self_deaf=state.get("self_deaf") is True,
        deaf=state.get("deaf") is True,
    )


def _user_of(member: JsonObject) -> str | None:
    user = member.get("user")
    return _text(user.get("id")) if isinstance(user, dict) else None


def _is_bot(member: JsonObject) -> bool:
    user = member.get("user")
    return isinstance(user, dict) and user.get("bot") is True


def _objects(value: object) -> Iterator[dict[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
