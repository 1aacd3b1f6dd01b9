"""Keeps `/notifier` registered: compared once per start, written only where different.

(operations.md 2.2, OPS-20 to 23)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import structlog
import trio

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.commands import COMMAND, NAME, same_commands
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.permissions import invite_link
from wanderer_notifier.discord.rest import DiscordError, DiscordRest
from wanderer_notifier.runtime.health import Component

log = structlog.get_logger("commands")

RETRY = Backoff(first_s=1.0, cap_s=300.0)
"""operations.md OPS-22."""
POLITE = 1.1
"""So much longer than Discord asks for we wait at most."""
SERIOUS = 4
"""Failures in a row after which the former program gave up; ours says so in its words and goes on."""

Scope = Literal["global", "guild", "none"]


class Registration:
    """Registers the command of one application, after the gateway said READY; `run` must be running."""

    def __init__(
        self,
        rest: DiscordRest,
        *,
        scope: Scope,
        guild: str | None,
        part: Component,
        roll: Callable[[], float],
        application: str | None = None,
    ) -> None:
        self._rest, self._scope, self._guild = rest, scope, guild
        self._part, self._roll = part, roll
        self.application = application
        """The application's id; None until READY tells it."""
        self._ready = trio.Event()

    def ready(self, application: str | None) -> None:
        """The gateway is live, for the application of this id if it says so; may come any number of times."""
        self.application = self.application or application
        self._ready.set()

    async def run(self) -> None:
        """Register once, however long it takes; what only an operator can change is asked again after the next READY.

        Runs until cancelled.
        """
        if self._scope == "none":
            self._part.to("disabled", "DISCORD_COMMAND_SCOPE is none")
            await trio.sleep_forever()
        if self._scope == "guild" and self._guild is None:
            self._part.to("failed", "DISCORD_COMMAND_SCOPE is guild, but DISCORD_GUILD_ID is not set")
            await trio.sleep_forever()
        failures = 0
        while self._part.state != "ok":
            if not failures:
                await self._ready.wait()
            if self.application is None:
                log.info("DISCORD_APPLICATION_ID is not known: no slash commands, notifications still work")
                self._ready = trio.Event()
                continue
            if not failures:
                log.info("Discord consumer ready, registering slash commands")
            try:
                changed = await self._register(self.application)
            except DiscordError as error:
                failures = await self._failed(error, failures + 1)
            else:
                self._tell(changed)
        await trio.sleep_forever()

    async def _register(self, application: str) -> bool:
        """Whether anything had to be written. Raises `DiscordError`."""
        scope = self._guild if self._scope == "guild" else None
        changed = not same_commands([COMMAND], await self._rest.commands(application, scope))
        if changed:
            await self._rest.register(application, scope, [COMMAND])
        await self._clear(application, None if scope is not None else self._guild, everywhere=scope is not None)
        return changed

    async def _clear(self, application: str, scope: str | None, *, everywhere: bool) -> None:
        """Remove what an earlier setting of the scope left in the other one: members would see the command twice."""
        if scope is None and not everywhere:
            return
        try:
            stale = await self._rest.commands(application, scope)
            if isinstance(stale, list) and any(_is_ours(one) for one in stale):
                await self._rest.register(application, scope, [one for one in stale if not _is_ours(one)])
                log.info("stale_commands_removed", scope="guild" if scope else "global")
        except DiscordError as error:
            log.warning("stale_commands_not_removed", reason=str(error))

    def _tell(self, changed: bool) -> None:
        self._part.to("ok")
        log.info("Successfully registered Discord slash commands", scope=self._scope, changed=changed)
        log.info(f"Registered command: /{NAME}")
        log.info("Slash commands registered successfully")

    async def _failed(self, error: DiscordError, failures: int) -> int:
        """Wait for another try; how many failed in a row, none when the next READY must come first."""
        if error.unauthorized or error.forbidden:
            words = "Invalid Discord bot token for command registration"
            if error.forbidden:
                words = "Bot lacks permissions to register commands"
            log.error(words, reason=str(error), invite=self._invite())
            self._part.to("failed", f"{words}; invite it again: {self._invite()}" if error.forbidden else words)
            self._ready = trio.Event()
            return 0
        pause = RETRY.pause(failures, self._roll())
        if error.wait_s is not None:
            pause = error.wait_s * (1.0 + (POLITE - 1.0) * self._roll())
        self._part.to("degraded", str(error))
        serious = failures == SERIOUS
        level = log.error if serious else log.warning
        level("Failed to register Discord commands", reason=str(error), pause_s=round(pause, 1), failures=failures)
        if serious:
            log.error("Failed to register slash commands", reason=str(error))
        await trio.sleep(pause)
        return failures

    def _invite(self) -> str:
        """Where an operator grants the missing scope (cases.md D26)."""
        return invite_link(self.application or "")


def _is_ours(command: JsonObject | object) -> bool:
    return isinstance(command, dict) and command.get("name") == NAME
