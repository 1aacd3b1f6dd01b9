"""Users who type commands into the fake Discord, and what they see in answer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import trio
from attrs import Factory, define, field, frozen

from wanderer_notifier.sim.discord_guild import Member
from wanderer_notifier.sim.discord_messages import Channel, Posted
from wanderer_notifier.sim.discord_permissions import ADMINISTRATOR
from wanderer_notifier.sim.interactions_typing import typed

if TYPE_CHECKING:
    from wanderer_notifier.sim.discord import Discord

JsonObject: TypeAlias = dict[str, Any]

ANSWER_S = 3.0
"""Seconds for the first answer (discord.md 2.2)."""

TOKEN_S = 900.0
"""Seconds that an interaction's token lives."""

KEPT = 5_000
"""Interactions that are remembered; the oldest go first."""

COMMAND, COMPONENT, AUTOCOMPLETE = 2, 3, 4


class NoAnswer(Exception):
    """The user read "The application did not respond"."""


@frozen(kw_only=True)
class Answer:
    """What the user saw."""

    content: str
    embeds: tuple[JsonObject, ...]
    ephemeral: bool
    deferred: bool
    """Whether "is thinking" stood there first."""
    after_s: float
    """Seconds from the command to the first answer, thinking included."""
    message: Posted


@define(kw_only=True, eq=False)
class Interaction:
    """One thing a user did, and how it was answered."""

    id: str
    token: str
    type: int
    user: Member
    channel: Channel
    command: str
    asked_at: float
    """Seconds of Trio's clock."""
    payload: JsonObject
    answer_type: int | None = None
    """Of the first answer: 4, 5, 6, 7, 8, 9; None while there is none."""
    answered_at: float | None = None
    deferred_flags: int = 0
    original: str | None = None
    """Id of the message that `@original` means."""
    messages: dict[str, Posted] = Factory(dict)
    """The answer and its follow-ups by id, oldest first; what was deleted is gone."""
    choices: list[JsonObject] | None = None
    """Of an autocomplete answer."""
    modal: JsonObject | None = None
    late: bool = False
    """Whether an answer came after the deadline."""
    _changed: trio.lowlevel.ParkingLot = field(factory=trio.lowlevel.ParkingLot)

    @property
    def loading(self) -> bool:
        """Whether "is thinking" stands there now."""
        return self.answer_type == 5 and self.original is None

    @property
    def shown(self) -> list[Posted]:
        """What the user sees now."""
        return list(self.messages.values())

    def touch(self) -> None:
        """Something changed."""
        self._changed.unpark_all()

    async def acknowledged(self) -> None:
        """Return after the first answer, be it only thinking; raises `NoAnswer` when none comes in time."""
        with trio.move_on_at(self.asked_at + ANSWER_S):
            while self.answered_at is None:
                await self._changed.park()
        if self.answered_at is None:
            raise NoAnswer(f"nobody answered {self.command!r} within {ANSWER_S:g} s")

    async def answer(self) -> Answer:
        """The first message the user sees; raises `NoAnswer` when none comes while the token lives."""
        await self.acknowledged()
        with trio.move_on_at(self.asked_at + TOKEN_S):
            while not self.messages:
                await self._changed.park()
        if not self.messages or self.answered_at is None:
            raise NoAnswer(f"{self.command!r} is thinking for ever")
        message = self.messages.get(self.original or "") or next(iter(self.messages.values()))
        return Answer(
            content=message.content,
            embeds=message.shown_embeds,
            ephemeral=message.ephemeral,
            deferred=self.answer_type == 5,
            after_s=self.answered_at - self.asked_at,
            message=message,
        )

    async def suggestions(self) -> list[JsonObject]:
        """The choices of an autocomplete answer; raises `NoAnswer` when none comes in time."""
        await self.acknowledged()
        return self.choices or []

    async def until(self, ready: Callable[[Interaction], bool]) -> None:
        """Return as soon as *ready*(this) holds; it is asked again after each answer and edit."""
        while not ready(self):
            await self._changed.park()


class Interactions:
    """Everything that users did with the bot.

    Args:
        discord: where they did it.
    """

    def __init__(self, discord: Discord) -> None:
        self._discord = discord
        self._by_token: dict[str, Interaction] = {}
        self.log: deque[Interaction] = deque(maxlen=KEPT)
        """Oldest first."""

    def find(self, token: str) -> Interaction | None:
        """The interaction of a token."""
        return self._by_token.get(token)

    def invoke(
        self,
        command: str,
        options: Mapping[str, Any] | None = None,
        *,
        user: str,
        channel: str | None = None,
        roles: tuple[str, ...] = (),
        permissions: int | None = None,
        check: bool = True,
    ) -> Interaction:
        """Let *user* send a slash command; INTERACTION_CREATE goes out at once.

        Args:
            command: its name, then group and subcommand, with spaces between: `notifier system`.
            options: the values by option name.
            user: id of the member; who is unknown joins the guild.
            channel: where; else the first text channel.
            roles: that the member gets in addition.
            permissions: the member's bits there, instead of those computed.
            check: whether Discord's own client checks apply. Raises `LookupError` for a command nobody registered and
                `ValueError` for options its declaration forbids, `PermissionError` for a member who may not use it.
        """
        return self._ask(COMMAND, command, options or {}, user, channel, roles, permissions, check, None)

    def type_into(
        self, command: str, option: str, text: str, *, user: str, channel: str | None = None, check: bool = True
    ) -> Interaction:
        """Let *user* type *text* into an option that completes; `suggestions()` of the result gives the choices."""
        return self._ask(AUTOCOMPLETE, command, {option: text}, user, channel, (), None, check, option)

    def click(self, message: Posted, custom_id: str, *, user: str) -> Interaction:
        """Let *user* press a button of *message*."""
        data = {"component_type": 2, "custom_id": custom_id, "id": 1}
        member = self._discord.guild.add_member(user)
        channel = self._discord.channel(message.channel_id)
        return self._create(COMPONENT, custom_id, data, member, channel, None, {"message": message.json()})

    def again(self, interaction: Interaction) -> None:
        """Deliver an interaction once more, as Discord may (discord.md P67)."""
        self._discord.gateway.dispatch("INTERACTION_CREATE", interaction.payload)

    # --- within -------------------------------------------------------------------------------------------------------

    def _ask(
        self,
        kind: int,
        command: str,
        options: Mapping[str, Any],
        user: str,
        channel_id: str | None,
        roles: tuple[str, ...],
        permissions: int | None,
        check: bool,
        focused: str | None,
    ) -> Interaction:
        guild = self._discord.guild
        member = guild.add_member(user)
        member.roles += [role for role in roles if role not in member.roles]
        channel_id = channel_id or next(one.id for one in guild.channels.values() if one.type == 0 and not one.deleted)
        channel = self._discord.channel(channel_id)
        name, *path = command.split()
        declared = self._discord.commands.find(name)
        bits = guild.permissions(member, channel) if permissions is None else permissions
        if check:
            if declared is None:
                raise LookupError(f"no command {name!r} is registered")
            needed = declared["default_member_permissions"]
            if needed is not None and not bits & ADMINISTRATOR and (needed == "0" or int(needed) & ~bits):
                raise PermissionError(f"{member.name} does not see /{name}")
        leaf, resolved = typed(declared, path, options, guild, check=check, focused=focused)
        data: JsonObject = {"id": declared["id"] if declared else "1", "name": name, "type": 1}
        if leaf:
            data["options"] = leaf
        if resolved:
            data["resolved"] = resolved
        if declared and "guild_id" in declared:
            data["guild_id"] = declared["guild_id"]
        return self._create(kind, command, data, member, channel, bits, {})

    def _create(
        self,
        kind: int,
        command: str,
        data: JsonObject,
        member: Member,
        channel: Channel,
        permissions: int | None,
        more: JsonObject,
    ) -> Interaction:
        discord = self._discord
        guild = discord.guild
        number = discord.api.snowflakes.next()
        bits = guild.permissions(member, channel) if permissions is None else permissions
        token = f"test-token-interaction-{number}"
        payload = {
            "id": number,
            "application_id": discord.application_id,
            "type": kind,
            "token": token,
            "version": 1,
            "data": data,
            "guild_id": guild.id,
            "guild": {"id": guild.id, "locale": "en-US", "features": []},
            "channel_id": channel.id,
            "channel": {**guild.channel_json(channel), "permissions": str(bits)},
            "member": {**guild.member_json(member), "permissions": str(bits)},
            "app_permissions": str(guild.permissions(guild.bot_member, channel)),
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": guild.id},
            "context": 0,
            "attachment_size_limit": 10_485_760,
            **more,
        }
        interaction = Interaction(
            id=number,
            token=token,
            type=kind,
            user=member,
            channel=channel,
            command=command,
            asked_at=trio.current_time(),
            payload=payload,
        )
        if len(self.log) == KEPT:
            self._by_token.pop(self.log[0].token, None)
        self.log.append(interaction)
        self._by_token[token] = interaction
        discord.gateway.dispatch("INTERACTION_CREATE", payload)
        discord.notify()
        return interaction
