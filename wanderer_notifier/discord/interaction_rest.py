"""Answers to interactions: on connections of their own, so that they never queue behind messages (discord.md P68).

The token in the path is the credential: no bot token is sent, no limit of other routes applies, and a 401 here says
nothing about the bot (P31). Nothing Discord does is an exception.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
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

DISMISSED = 10008
WARM_S, COLD_S = 45.0, 5.0
"""How often a connection is used, so that no answer waits for a new one (P68), and how soon it is opened again."""

ReplyKind = Literal["ok", "gone", "twice", "dismissed", "rejected", "failed"]


@frozen(kw_only=True)
class Reply:
    """What became of an answer: taken, too late, there already, sent away by the asker, refused, or not known."""

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
        if again.kind == "twice":
            return Reply(kind="ok")
        if again.kind == "gone":  # the time ran out while we tried
            return Reply(kind="failed", reason=f"{first.reason}; then {again.reason}")
        return again

    async def follow_up(self, application_id: str, token: str, body: JsonObject) -> Reply:
        """One more message; never repeated, since nothing would recognise the second one as the same."""
        return await self._call("POST", f"/webhooks/{application_id}/{token}", body, EDIT_S)

    async def edit_original(self, application_id: str, token: str, body: JsonObject) -> Reply:
        """Make the first answer read like *body*; one attempt, and repeating it is harmless."""
        return await self._call("PATCH", f"/webhooks/{application_id}/{token}/messages/@original", body, EDIT_S)

    async def keep_warm(self, wanted: Callable[[], bool] = lambda: True) -> None:
        """Have a connection ready while it is *wanted*, until cancelled; what is asked is told to anybody."""
        while True:
            pause_s = COLD_S
            if wanted():
                with suppress(NetError):
                    await self._upstream.request("GET", "/gateway", total_s=CALL_S)
                    pause_s = WARM_S
            await trio.sleep(pause_s)

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
    if answer.code == DISMISSED:
        return Reply(kind="dismissed", reason=answer.words)
    if answer.code in GONE or answer.status in (401, 404):
        return Reply(kind="gone", reason=answer.words)
    if answer.status >= 500 or answer.blocked:
        return Reply(kind="failed", reason=answer.words)
    return Reply(kind="rejected", reason=answer.words)
