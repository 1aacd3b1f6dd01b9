"""Is that message in the channel the one we were about to post? The search after an attempt of unknown end; pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from wanderer_notifier.core.events import JsonObject

EPOCH_MS = 1_420_070_400_000  # Discord's ids count milliseconds from the start of 2015
DESCRIPTION_CHARACTERS = 200


def same(message: object, body: JsonObject, author: str) -> bool:
    """Whether *message* (of the channel's history) shows what *body* asked for and *author* wrote it.

    An embed is known by its `url`, without one by title, footer and the beginning of its description; plain text by
    the text.
    """
    if not isinstance(message, dict) or _at(message, "author", "id") != author:
        return False
    nonce = body.get("nonce")
    if nonce is not None and str(message.get("nonce")) == str(nonce):
        return True
    wanted, shown = _first(body), _first(message)
    if wanted is None or shown is None:  # text, or the embeds were taken away for lack of Embed Links
        content = _text(body.get("content"))
        return bool(content) and content == _text(message.get("content")) and (wanted is None or shown is None)
    if wanted.get("url") or shown.get("url"):
        return bool(_text(wanted.get("url")) == _text(shown.get("url")))
    return _look(wanted) == _look(shown)


def written_at(message: object) -> datetime | None:
    """When *message* was written by Discord's clock; None when it does not say."""
    if not isinstance(message, dict):
        return None
    try:
        at = datetime.fromisoformat(str(message.get("timestamp")))
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return datetime.fromtimestamp(((int(str(message.get("id"))) >> 22) + EPOCH_MS) / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _look(embed: dict[str, Any]) -> tuple[str, ...]:
    return (
        _text(embed.get("title")),
        _text(_at(embed, "footer", "text")),
        _text(embed.get("description"))[:DESCRIPTION_CHARACTERS].strip(),
    )


def _first(message: dict[str, Any]) -> dict[str, Any] | None:
    embeds = message.get("embeds")
    if isinstance(embeds, list | tuple) and embeds and isinstance(embeds[0], dict):
        return embeds[0]
    return None


def _at(value: object, *path: str) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _text(value: object) -> str:
    return str(value).strip() if value is not None else ""  # Discord trims both ends
