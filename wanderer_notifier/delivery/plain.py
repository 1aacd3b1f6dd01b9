"""Messages of last resort: a refused one reduced to text, and the notes the delivery writes itself; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from wanderer_notifier.core.events import JsonObject

CONTENT_CHARACTERS = 2_000  # code points, discord.md 3.6


def reduced(body: JsonObject) -> JsonObject | None:
    """What is left of a refused message when it may only be text; None when nothing can be taken away."""
    lines = [_text(body.get("content"))]
    for embed in body.get("embeds") or ():
        if isinstance(embed, dict):
            lines.extend(_lines(embed))
    content = "\n".join(line for line in lines if line)[:CONTENT_CHARACTERS].strip()
    smaller: JsonObject = {"content": content, "allowed_mentions": body.get("allowed_mentions") or {"parse": []}}
    if not content or smaller == {name: body.get(name) for name in body if name not in ("nonce", "enforce_nonce")}:
        return None
    return smaller


def closed_note(channel: str, reason: str) -> JsonObject:
    """For the primary channel: that another one is refused, and what happens to its messages."""
    return _note(
        f"Messages for <#{channel}> are held back: {reason}. "
        "They are tried again every few minutes and given up only when they are too old to matter."
    )


def losses_note(overflow: int, expired: int) -> JsonObject:
    """For a channel that lost messages: because too many were waiting, or because they grew too old meanwhile."""
    lines = []
    if overflow:
        lines.append(
            f"{_messages(overflow)} for this channel could not be kept: more than 1,000 were waiting to be sent."
        )
    if expired:
        lines.append(f"{_messages(expired)} for this channel could not be sent in time and would be old news now.")
    return _note("\n".join(lines))


def _messages(number: int) -> str:
    return "One message" if number == 1 else f"{number} messages"


def _note(content: str) -> JsonObject:
    return {"content": content[:CONTENT_CHARACTERS], "allowed_mentions": {"parse": []}}


def _lines(embed: dict[str, Any]) -> Iterator[str]:
    author = embed.get("author")
    yield _text(author.get("name")) if isinstance(author, dict) else ""
    yield _text(embed.get("title"))
    yield _text(embed.get("description"))
    yield _text(embed.get("url"))


def _text(value: object) -> str:
    return str(value).strip() if value is not None else ""
