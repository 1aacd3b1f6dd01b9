"""What each `/notifier` command does (operations.md 2.3 and OPS-26 to 33)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import assert_never

from wanderer_notifier.app.command_log import CommandLog
from wanderer_notifier.app.desk_facts import Facts
from wanderer_notifier.app.desk_systems import Systems
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.app.insisting import Post, insist
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core import replies
from wanderer_notifier.core.commands import Asked, may_change
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.limits import CONTENT
from wanderer_notifier.core.list_reply import steered
from wanderer_notifier.core.message import Mention, Message
from wanderer_notifier.core.samples import samples
from wanderer_notifier.core.steering import Place
from wanderer_notifier.core.system_names import suggestions
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.core.wording import cut
from wanderer_notifier.discord.commands import Result
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state.store import Store


class Desk:
    """Carries out commands, and writes them to the log.

    *post* sends one message to a channel, *search* finds a system that no map has, *licence* tells its state,
    *uptime_s* for how long the service runs.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        helm: Helm,
        known: Watch[Tracking],
        *,
        health: Health,
        licence: Callable[[], LicenceState],
        post: Post,
        search: Callable[[str], Awaitable[Place | None]],
        uptime_s: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._helm, self._known = settings, helm, known
        self._post, self._now = post, now
        self._notes = CommandLog(helm, now)
        self._systems = Systems(helm, known, self._notes, search=search, allowed=self._allowed, now=now)
        self._facts = Facts(settings, store, helm, self._notes, health=health, licence=licence, uptime_s=uptime_s)

    async def act(self, asked: Asked) -> Result:
        """Carry out one command; whatever it raises is our own fault."""
        match asked.subcommand:
            case "system":
                return await self._systems.act(asked)  # these two note the command themselves
            case "status":
                return await self._facts.status(asked)
            case "list":
                result = Result(text=steered(self._helm.steering.value))
            case "why":
                result = await self._facts.why(asked)
            case "test":
                result = await self._test(asked)
            case "help":
                result = Result(text=replies.HELP)
            case _:
                assert_never(asked.subcommand)
        await self._notes.note(asked, result)
        return result

    def suggest(self, typed: str) -> Sequence[JsonObject]:
        """Systems that somebody may mean by what they *typed* so far."""
        return suggestions(typed, self._known.value, self._helm.steering.value)

    async def tell_in_channel(self, asked: Asked, text: str) -> str | None:
        """Answer in the channel where it was asked, to the asker by name; why that could not be done, if so."""
        caller = asked.caller
        if caller.channel_id is None:
            return "the command came from no channel"
        asker = Mention(users=(caller.user_id,))
        content = cut(f"{asker.text()} `/notifier {asked.subcommand}`: {text}", CONTENT)
        body = Message(content=content, mention=asker).body(nonce=f"a{asked.interaction_id[-20:]}")
        return await insist(self._post, caller.channel_id, body)

    def _allowed(self, asked: Asked) -> bool:
        discord = self._settings.discord
        return may_change(asked.caller, roles=discord.admin_role_ids, users=discord.admin_user_ids)

    async def _test(self, asked: Asked) -> Result:
        channel = asked.caller.channel_id
        if not self._allowed(asked) or channel is None:
            return Result(text=replies.NOT_ALLOWED, outcome="refused")
        results = [
            (
                kind,
                await insist(self._post, channel, message.body(nonce=f"t{asked.interaction_id[-14:]}{kind[:9]}")),
            )
            for kind, message in samples(self._now(), channel)
        ]
        good = all(problem is None for _, problem in results)
        return Result(text=replies.tested(results, channel), outcome="ok" if good else "failed")
