"""Who gave which command, kept for operators (operations.md OPS-33, OPS-65)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import structlog

from wanderer_notifier.app.helm import Helm
from wanderer_notifier.core.commands import Asked
from wanderer_notifier.discord.commands import Result
from wanderer_notifier.state.priorities import LogEntry
from wanderer_notifier.state.store import StoreError

log = structlog.get_logger("commands")

PARAM = 100
"""Characters of the parameter that are kept."""


class CommandLog:
    """The command log of one installation, which *helm* keeps."""

    def __init__(self, helm: Helm, now: Callable[[], datetime]) -> None:
        self._helm, self._now = helm, now

    async def note(self, asked: Asked, result: Result) -> None:
        """Keep it; where that fails nothing was changed, so that the answer holds."""
        try:
            await self._helm.note(self.entry(asked, result))
        except StoreError as error:
            log.warning("command_not_noted", reason=str(error))

    def entry(self, asked: Asked, result: Result) -> LogEntry:
        """What is kept of it."""
        caller = asked.caller
        return LogEntry(
            type=asked.subcommand,
            param=(asked.parameter or asked.subcommand)[:PARAM],
            user_id=_number(caller.user_id) or 0,
            username=caller.user_name,
            at=self._now(),
            guild_id=_number(caller.guild_id),
            channel_id=_number(caller.channel_id),
            outcome=result.outcome,
        )


def _number(text: str | None) -> int | None:
    """A Discord id as the log keeps it."""
    number = int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 20 else None
    return number if number is not None and number < 2**63 else None
