"""Messages as they come to stand in channels, and whom they ping."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from attrs import evolve

from wanderer_notifier.sim.discord_components import texts
from wanderer_notifier.sim.discord_form import JsonObject, Problems
from wanderer_notifier.sim.discord_guild import Guild
from wanderer_notifier.sim.discord_messages import Channel, Nonces, Posted, mention_lists, pinged
from wanderer_notifier.sim.discord_permissions import MENTION_EVERYONE
from wanderer_notifier.sim.discord_routes import Reply, refuse, tell
from wanderer_notifier.sim.discord_rules import EMPTY_MESSAGE, IS_COMPONENTS_V2, SUPPRESS_EMBEDS, legacy_problem


class MessageStore:
    """Writes into the channels of a guild.

    Args:
        now: the wall clock, aware and UTC; timestamps come from it.
        guild: the guild with its channels.
        new_id: makes ids.
        changed: called after every change of a channel.
    """

    def __init__(
        self, *, now: Callable[[], datetime], guild: Guild, new_id: Callable[[], str], changed: Callable[[], None]
    ) -> None:
        self._now = now
        self._guild = guild
        self._new_id = new_id
        self._changed = changed
        self.nonces = Nonces()

    def edit(self, channel: Channel, message: Posted, checked: JsonObject) -> Posted | Reply:
        """Change a message by a checked form; or the answer that refuses to leave it empty."""
        content = checked.get("content", message.content)
        embeds = tuple(checked.get("embeds", message.embeds))
        components = tuple(checked.get("components", message.components))
        if not (content or embeds or components):
            return refuse(400, EMPTY_MESSAGE, "Cannot send an empty message")
        # Of the flags an edit may turn one on and off, and turn another on for good (discord.md 3.8).
        asked = checked.get("flags", message.flags)
        flags = message.flags & ~SUPPRESS_EMBEDS | asked & (SUPPRESS_EMBEDS | IS_COMPONENTS_V2)
        problems = Problems()
        for name, value in (("content", content), ("embeds", embeds)):
            if value and flags & IS_COMPONENTS_V2:
                problems.add((name,), *legacy_problem(name))
        refusal = problems.refusal()
        if refusal is not None:
            return tell(refusal)
        who = message.pinged
        if checked.keys() & {"content", "components"}:
            who = self._pinged(channel, content, components, checked.get("allowed_mentions"))
        edited = evolve(
            message,
            content=content,
            embeds=embeds,
            components=components,
            flags=flags,
            pinged=who,
            mentions=mention_lists(who),
            edited=self._now(),
        )
        channel.replace(message, edited)
        self._changed()
        return edited

    def add(
        self, channel: Channel, checked: JsonObject, *, author: JsonObject, origin: JsonObject | None = None
    ) -> Posted:
        """Let *author* say in *channel* what a checked form holds; an ephemeral message stands in no channel."""
        content = checked.get("content", "")
        components = tuple(checked.get("components", ()))
        who = self._pinged(channel, content, components, checked.get("allowed_mentions"))
        message = Posted(
            id=self._new_id(),
            channel_id=channel.id,
            author=author,
            at=self._now(),
            content=content,
            embeds=tuple(checked.get("embeds", ())),
            components=components,
            flags=checked.get("flags", 0),
            nonce=checked.get("nonce"),
            pinged=who,
            mentions=mention_lists(who),
            origin=origin or {},
        )
        if not message.ephemeral:
            channel.messages.append(message)
        self._changed()
        return message

    def _pinged(
        self, channel: Channel, content: str, components: tuple[JsonObject, ...], allowed: JsonObject | None
    ) -> tuple[str, ...]:
        everyone = self._guild.may(channel, MENTION_EVERYONE)
        said = "\n".join([content, *texts(components)])
        return pinged(said, allowed, roles=self._guild.mentionable(), may_mention_everyone=everyone)
