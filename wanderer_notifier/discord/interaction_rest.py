"""Answers to interactions: on connections of their own, so that they never queue behind messages (discord.md P68).

The token in the path is the credential: no bot token is sent, no limit of other routes applies, and a 401 here says
nothing about the bot (P31). Nothing Discord does is an exception.
"""

from __future__ import annotations

from typing import Literal

import trio
from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.discord.answers import Read, read
from wanderer_notifier.discord.rest import sendable
from wanderer_notifier.net.client import NetError, NotReached, Upstream

TWICE, GONE = frozenset({40060}), frozenset({10062, 10015, 50027})
"""Discord's codes for an interaction that has an answer, and for one that takes none any more (discord.md 2.2)."""
FIRST_S, CALL_S = 1.2, 2.0
"""For the first answer and its repetition: three seconds after it came the interaction is dead anyway."""
EDIT_S = 15.0
LONGEST_WAIT_S = 10.0

ReplyKind = Literal["ok", "gone", "twice", "rejected", "failed"]


@frozen(kw_only=True)
class Reply:
    """What became of an answer: taken, too late, already there, refused for its content, or not known to be taken."""

    kind: ReplyKind
    reason: str = ""
    message_id: str | None = None


class InteractionRest:
    """Calls on an *upstream* that belongs to interactions alone and carries no Authorization."""

    def __init__(self, upstream: Upstream) -> None:
        self._upstream = upstream

    async def callback(self, interaction_id: str, token: str, body: JsonObject) -> Reply:
        """The first answer. Where it may have been lost it is tried once more; that it was there already is success."""
        path = f"/interactions/{interaction_id}/{token}/callback"
        first = await self._call("POST", path, body, FIRST_S)
        if first.kind != "failed":
            return first
        again = await self._call("POST", path, body, CALL_S)
        return Reply(kind="ok") if again.kind == "twice" else again

    async def follow_up(self, application_id: str, token: str, body: JsonObject) -> Reply:
        """One more message; never repeated, since nothing would recognise the second one as the same."""
        return await self._call("POST", f"/webhooks/{application_id}/{token}", body, EDIT_S)

    async def edit_original(self, application_id: str, token: str, body: JsonObject) -> Reply:
        """Make the first answer read like *body*; one attempt, and repeating it is harmless."""
        return await self._call("PATCH", f"/webhooks/{application_id}/{token}/messages/@original", body, EDIT_S)

    async def _call(self, method: str, path: str, body: JsonObject, total_s: float) -> Reply:
        try:
            sent = sendable(body)
        except ValueError as error:
            return Reply(kind="rejected", reason=f"cannot be written as JSON: {error}")
        deadline = trio.current_time() + total_s
        while True:
            try:
                raw = await self._upstream.request(
                    method, path, json=sent, total_s=max(0.1, deadline - trio.current_time())
                )
            except NotReached as error:
                return Reply(kind="failed", reason=f"not sent: {error}")
            except NetError as error:
                return Reply(kind="failed", reason=str(error))
            answer = read(raw.status, raw.headers, raw.body)
            if answer.status != 429:
                return _meaning(answer)
            wait_s = answer.retry_after if answer.retry_after is not None else 1.0
            if wait_s > LONGEST_WAIT_S or trio.current_time() + wait_s >= deadline:
                return Reply(kind="failed", reason=answer.words)
            await trio.sleep(wait_s)


def _meaning(answer: Read) -> Reply:
    if 200 <= answer.status < 300:
        identity = answer.value.get("id") if isinstance(answer.value, dict) else None
        return Reply(kind="ok", message_id=identity if isinstance(identity, str) else None)
    if answer.code in TWICE:
        return Reply(kind="twice", reason=answer.words)
    if answer.code in GONE or answer.status in (401, 404):
        return Reply(kind="gone", reason=answer.words)
    if answer.status >= 500 or answer.blocked:
        return Reply(kind="failed", reason=answer.words)
    return Reply(kind="rejected", reason=answer.words)
