"""`list-commands` and `unregister-commands`: what Discord has registered of this bot's slash commands (OPS-24)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TypeVar

import trio
from attrs import frozen

from wanderer_notifier import ABOUT, __version__
from wanderer_notifier.cli.doctor import EX_INTERRUPTED
from wanderer_notifier.cli.terminal import as_json, safe, table
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.commands import COMMAND, NAME, same_commands
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.discord.rest import DiscordError, DiscordRest, identify
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial, tcp_dial
from wanderer_notifier.runtime.logs import Redactor

T = TypeVar("T")
TRIES, LONGEST_WAIT_S = 3, 30.0
"""How often Discord is asked, and how long it may want us to wait in between."""


@frozen(kw_only=True)
class Scope:
    """Where commands are registered, and which."""

    guild: str | None
    commands: list[JsonObject]

    @property
    def words(self) -> str:
        return f"guild {self.guild}" if self.guild else "global"


def main(arguments: argparse.Namespace, settings: Settings) -> int:
    """Carry out one of the two; 0, or 1 with the reason on standard error."""
    dial = tcp_dial(ipv4_only=settings.ipv4_only)
    act = partial(unregister, settings, dial=dial)
    if arguments.command == "list-commands":
        act = partial(listing, settings, dial=dial, json=arguments.json)
    try:
        print(Redactor(settings.secrets())(trio.run(act)))
    except KeyboardInterrupt:
        return EX_INTERRUPTED
    except DiscordError as error:
        print(Redactor(settings.secrets())(f"Discord does not answer as it should: {safe(error)}"), file=sys.stderr)
        return 1
    return 0


async def listing(settings: Settings, *, dial: Dial, json: bool = False) -> str:
    """What is registered, for reading or as JSON. Raises `DiscordError`."""
    async with _Asking(settings, dial) as asking:
        scopes = await asking.scopes()
    if json:
        return as_json([_described(scope, command) for scope in scopes for command in scope.commands])
    rows = [
        (
            scope.words,
            command.get("id"),
            f"/{command.get('name')}",
            ", ".join(_sub_commands(command)) or None,
            command.get("description"),
        )
        for scope in scopes
        for command in scope.commands
    ]
    if not rows:
        return "no commands are registered"
    shown = table(("SCOPE", "ID", "COMMAND", "SUB-COMMANDS", "DESCRIPTION"), rows)
    return f"{shown}\n/{NAME} {_standing(scopes)}"


async def unregister(settings: Settings, *, dial: Dial) -> str:
    """Remove `/notifier` wherever it is registered; commands of other programs stay. Raises `DiscordError`."""
    removed = []
    async with _Asking(settings, dial) as asking:
        for scope in await asking.scopes():
            left = [command for command in scope.commands if command.get("name") != NAME]
            if len(left) < len(scope.commands):
                await asking.overwrite(scope.guild, left)
                removed.append(f"removed /{NAME} ({scope.words})")
    if not removed:
        return f"/{NAME} is not registered"
    return "\n".join([*removed, "the service registers it when it starts, unless DISCORD_COMMAND_SCOPE is none"])


class _Asking:
    """Discord's registry, for the length of one command."""

    def __init__(self, settings: Settings, dial: Dial) -> None:
        discord = settings.discord
        self._upstream = Upstream(
            "discord", discord.api_url, dial=dial, headers=identify(discord.token.reveal(), __version__, ABOUT)
        )
        self._rest = DiscordRest(self._upstream)
        self._application, self._guild = discord.application_id or "", discord.guild_id

    async def __aenter__(self) -> _Asking:
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True):
            await self._upstream.aclose()

    async def scopes(self) -> list[Scope]:
        """The global commands, and those of the configured guild."""
        while not self._application:
            self._application = await self._patiently(self._rest.application)
        found = []
        for guild in (None, self._guild) if self._guild else (None,):
            answer = await self._patiently(partial(self._rest.commands, self._application, guild))
            commands = [one for one in answer if isinstance(one, dict)] if isinstance(answer, list) else []
            found.append(Scope(guild=guild, commands=commands))
        return found

    async def overwrite(self, guild: str | None, commands: list[JsonObject]) -> None:
        """Make *commands* all there are."""
        await self._patiently(partial(self._rest.register, self._application, guild, commands))

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        """What Discord answers; if it asks us to wait we do, a few times."""
        for _ in range(TRIES - 1):
            try:
                return await ask()
            except DiscordError as error:
                if error.wait_s is None or error.wait_s > LONGEST_WAIT_S:
                    raise
                await trio.sleep(error.wait_s)
        return await ask()


def _described(scope: Scope, command: JsonObject) -> JsonObject:
    kept = {name: command.get(name) for name in ("id", "name", "description", "options")}
    return {"scope": "guild" if scope.guild else "global", "guild_id": scope.guild, **kept}


def _sub_commands(command: JsonObject) -> Iterator[str]:
    options = command.get("options")
    for option in options if isinstance(options, list) else ():
        if isinstance(option, dict) and option.get("type") in (1, 2):
            yield str(option.get("name"))


def _standing(scopes: list[Scope]) -> str:
    ours = [[one] for scope in scopes for one in scope.commands if one.get("name") == NAME]
    if not ours:
        return "is not registered; the service does that when it starts"
    if len(ours) > 1:
        return "is registered twice, so that members see it twice; the next start of the service removes one"
    if same_commands([COMMAND], ours[0]):
        return "is registered as this version has it"
    return "is of another version; the next start of the service overwrites it"
