"""Messages that went out incomplete are completed, once, and those of what is over say so; none is repeated."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Literal, TypeAlias

import structlog
import trio
from attrs import define

from wanderer_notifier.core.backoff import Backoff
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import Accepted, ChannelClosed, Limited, Outcome, Rejected
from wanderer_notifier.delivery.bench import Bench, Compose
from wanderer_notifier.delivery.sources import ended_at
from wanderer_notifier.state import outbox
from wanderer_notifier.state.outbox import Edit
from wanderer_notifier.state.rows import Look, Row

log = structlog.get_logger("delivery")

EditMessage: TypeAlias = Callable[[str, str, JsonObject], Awaitable[Outcome]]
"""`DiscordRest.edit`: channel, message, body."""
Edited: TypeAlias = Literal["edited", "nothing new", "given up", "refused", "again"]

WORTH_S = 600.0
"""Nobody looks at a message any more that is older; what is known by then is shown, what is not never will be."""
OVER_S = 3600.0
"""A message of that age is left alone."""
LOOK_S = 6.0
"""How long one attempt waits for what is missing (notifications.md 5.3)."""
AT_ONCE = 8
SWEEP_S = 60.0
AGAIN = Backoff(first_s=5.0, cap_s=60.0)


@define
class _Later:
    """When a row is worth another attempt, and how many there were."""

    at: float
    failures: int


class Editor:
    """Works through the messages of *bench* that are due for an edit; `wake` when there are new ones."""

    def __init__(
        self,
        bench: Bench,
        *,
        compose: Compose,
        edit: EditMessage,
        observe: Callable[[Row, Edited], None] = lambda row, became: None,
    ) -> None:
        self._bench, self._compose, self._edit, self._observe = bench, compose, edit, observe
        self._later: dict[int, _Later] = {}
        self._woken = trio.Event()

    def wake(self) -> None:
        """A message went out incomplete; call after that is committed."""
        self._woken.set()

    async def run(self) -> None:
        """Edit until cancelled; what is due then is due at the next start."""
        while True:
            self._woken = trio.Event()
            due = await self._bench.read(partial(outbox.edits_due, limit=500))
            self._later = {row.id: self._later[row.id] for row in due if row.id in self._later}
            now = trio.current_time()
            ready = [row for row in due if row.id not in self._later or self._later[row.id].at <= now][:AT_ONCE]
            if ready:
                async with trio.open_nursery() as nursery:
                    for row in ready:
                        nursery.start_soon(self._complete, row)
                continue
            wakes = [later.at for later in self._later.values()]
            with trio.move_on_at(min([now + SWEEP_S, *wakes])):
                await self._woken.wait()

    async def _complete(self, row: Row) -> None:
        """One attempt to show what was missing."""
        since = max(filter(None, (row.done_at, ended_at(row.source))), default=row.received_at)
        age_s = (self._bench.now() - since).total_seconds()
        if not -OVER_S < age_s < OVER_S:
            await self._settle(row, "given up")
            return
        late = not -WORTH_S < age_s < WORTH_S  # a clock that stepped back counts as late, too
        try:
            look = await self._compose(row, until=trio.current_time() + (0.0 if late else LOOK_S))
        except Exception:  # a bug of ours must not take down the deliveries
            log.exception("compose_failed", row=row.id)
            await self._settle(row, "given up")
            return
        if look.body == row.body:
            if look.complete or late:
                await self._settle(row, "nothing new" if look.complete else "given up")
            else:
                self._again(row, AGAIN)
            return
        if not look.complete and not late:
            self._again(row, AGAIN)  # there is one edit only: it waits for everything
            return
        await self._post(row, look, late=late)

    async def _post(self, row: Row, look: Look, *, late: bool) -> None:
        if not row.message_id or self._bench.token.barred:
            await self._settle(row, "given up")
            return
        try:
            became = await self._edit(row.channel, row.message_id, look.body)
        except Exception:
            log.exception("edit_failed", row=row.id)
            await self._settle(row, "given up")
            return
        match became:
            case Accepted():
                await self._settle(row, "edited", look.body)
            case Rejected(reason) | ChannelClosed(reason):
                log.info("edit_refused", channel=row.channel, row=row.id, reason=reason)
                await self._settle(row, "refused")
            case Limited(wait_s, _) if not late:
                self._again(row, Backoff(first_s=wait_s, cap_s=max(wait_s, 1.0), jitter=0.0))
            case _ if not late:
                self._again(row, AGAIN)
            case _:
                await self._settle(row, "given up")

    def _again(self, row: Row, backoff: Backoff) -> None:
        failures = self._later[row.id].failures + 1 if row.id in self._later else 1
        self._later[row.id] = _Later(trio.current_time() + backoff.pause(failures, self._bench.roll()), failures)
        self._observe(row, "again")

    async def _settle(self, row: Row, became: Edited, body: JsonObject | None = None) -> None:
        kept: Edit = "done" if became in ("edited", "nothing new") else "given up"
        await self._bench.record(partial(outbox.edited, row=row, became=kept, body=body))
        self._later.pop(row.id, None)
        self._observe(row, became)
        log.info("message_edit", channel_id=row.channel, claim=row.claim, result=became)
