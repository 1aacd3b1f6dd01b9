"""What a scenario did, what must therefore stand in which channel, and what must not."""

from __future__ import annotations

import json
from datetime import datetime

from attrs import frozen

from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_messages import Posted


@frozen(kw_only=True)
class Expected:
    """One message that must arrive."""

    what: str
    """In words, for the summary."""
    channel: str
    markers: tuple[str, ...]
    """Any of these texts shows that a message is the one."""
    at: datetime
    """When its cause happened."""
    deadline: float
    """By when it must be there, in seconds of Trio's clock."""


@frozen(kw_only=True)
class Unwanted:
    """Something that no channel may mention."""

    what: str
    marker: str


@frozen(kw_only=True)
class Outcome:
    """The expectations held against the channels."""

    arrived: tuple[tuple[Expected, Posted], ...]
    pending: tuple[Expected, ...]
    """Not there, but there is time left."""
    missing: tuple[Expected, ...]
    """Not there, and overdue."""
    leaked: tuple[Unwanted, ...]
    doubled: tuple[Expected, ...]
    """Told more often than it happened."""

    @property
    def good(self) -> bool:
        """Whether all that is due is there, once, and nothing else."""
        return not (self.missing or self.leaked or self.doubled)


class Expectations:
    """A growing list of what must and must not be told."""

    def __init__(self) -> None:
        self.expected: list[Expected] = []
        self.unwanted: list[Unwanted] = []

    def outcome(self, discord: Discord, at: float) -> Outcome:
        """Compare with what was posted; *at* in seconds of Trio's clock."""
        arrived: list[tuple[Expected, Posted]] = []
        waiting: list[Expected] = []
        doubled: list[Expected] = []
        texts = {number: [(one, _text(one)) for one in discord.messages(number)] for number in discord.guild.channels}
        answered = {number: list(said) for number, said in texts.items()}
        for one in discord.interactions.log:
            answered[one.channel.id] += [(said, _text(said)) for said in one.shown if said.ephemeral]
        wanted: dict[tuple[str, tuple[str, ...]], list[Expected]] = {}
        for expected in self.expected:
            wanted.setdefault((expected.channel, expected.markers), []).append(expected)
        # The same news may be due twice, as for a system that went and came back.
        for (channel, markers), news in wanted.items():
            found = [one for one, text in answered[channel] if any(marker in text for marker in markers)]
            arrived.extend(zip(news, found, strict=False))
            waiting.extend(news[len(found) :])
            if len(found) > len(news):
                doubled.append(news[-1])
        # What only the asker of a command sees leaks to nobody.
        everything = "\n".join(text for channel in texts.values() for _, text in channel)
        return Outcome(
            arrived=tuple(arrived),
            pending=tuple(one for one in waiting if one.deadline >= at),
            missing=tuple(one for one in waiting if one.deadline < at),
            leaked=tuple(one for one in self.unwanted if one.marker in everything),
            doubled=tuple(doubled),
        )


def _text(message: Posted) -> str:
    return f"{message.content}\n{json.dumps(message.embeds, ensure_ascii=False)}"
