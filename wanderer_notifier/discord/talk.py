"""The answers to one command: at once, or first that it takes a while and then the answer in its place."""

from __future__ import annotations

from collections.abc import Callable

import trio

from wanderer_notifier.core.commands import Asked
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.limits import CONTENT
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.wording import cut
from wanderer_notifier.discord.interaction_rest import InteractionRest, Reply

MESSAGE, DEFERRED = 4, 5
"""Types of answers."""
EPHEMERAL = 64
RETRY_S = 5.0


class Talk:
    """What one asker has been told so far: nothing, that it takes a while, or the answer."""

    def __init__(self, rest: InteractionRest, asked: Asked, application: Callable[[], str | None]) -> None:
        self._rest, self._asked, self._application = rest, asked, application
        self.deferred = False
        self.ours = False
        """Whether the first answer was ours, or got lost on its way: no other process gave one."""
        self._opened = False

    async def defer(self) -> None:
        """Say that it takes a while; whatever becomes of that, the answer follows."""
        self.deferred = True
        body: JsonObject = {"type": DEFERRED, "data": {"flags": EPHEMERAL}}
        reply = await self._rest.callback(self._asked.interaction_id, self._asked.token, body)
        self._opened, self.ours = reply.kind in ("ok", "twice"), reply.kind in ("ok", "failed")

    async def say(self, text: str, *, until: float) -> Reply:
        """The answer; a deferred one is tried until *until* (Trio's clock), since repeating an edit is harmless."""
        asked, body = self._asked, said(text)
        if not self._opened:
            reply = await self._rest.callback(asked.interaction_id, asked.token, {"type": MESSAGE, "data": body})
            self.ours |= reply.kind == "failed"
            if reply.kind != "twice":
                return reply
        application = asked.application_id or self._application()
        if application is None:
            return Reply(kind="failed", reason="the application's id is not known")
        edit = {name: value for name, value in body.items() if name != "flags"}  # decided by the first answer
        while True:
            reply = await self._rest.edit_original(application, asked.token, edit)
            if reply.kind != "failed" or trio.current_time() + RETRY_S >= until:
                return reply
            await trio.sleep(RETRY_S)


def said(text: str) -> JsonObject:
    """*text* as a message that only the asker sees, and that pings nobody."""
    return {"content": cut(text, CONTENT), "flags": EPHEMERAL, "allowed_mentions": Mention().allowed()}
