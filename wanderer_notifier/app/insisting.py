"""Posting something that somebody is waiting for: a few attempts, and in the end either there or a reason."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import Accepted, Limited, NotSent, Outcome, Unknown

Post: TypeAlias = Callable[[str, JsonObject], Awaitable[Outcome]]
"""One attempt to post a body into a channel."""

LIMITED_S, AGAIN_S, TRIES = 10.0, 1.0, 4
"""How long Discord's limits are waited for, how long after other trouble, and how often it is tried."""


async def insist(post: Post, channel: str, body: JsonObject) -> str | None:
    """Post *body*, whose nonce makes a repetition harmless; what went wrong, if anything did."""
    problem = "Discord asks us to wait"
    for _ in range(TRIES):
        outcome = await post(channel, body)
        match outcome:
            case Accepted():
                return None
            case Limited(wait_s, _) if wait_s <= LIMITED_S:
                await trio.sleep(wait_s)
            case Limited():
                return problem
            case NotSent(reason) | Unknown(reason):
                problem = reason
                await trio.sleep(AGAIN_S)
            case _:
                return outcome.reason
    return problem
