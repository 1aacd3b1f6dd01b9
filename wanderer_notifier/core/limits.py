"""Discord's limits on a message (discord.md 3.6): finding what breaks them, and making a message that keeps them.

Lengths are counted in code points, after leading and trailing white space is gone, as Discord does.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from attrs import evolve

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.message import Message
from wanderer_notifier.core.wording import cut

CONTENT, TITLE, DESCRIPTION, FIELD_NAME, FIELD_VALUE, FOOTER, AUTHOR = 2000, 256, 4096, 256, 1024, 2048, 256
FIELDS, EMBEDS, EMBED_TEXT, NONCE, URL, IDS = 25, 10, 6000, 25, 2048, 100

_URL = re.compile(r"https?://[^\s/?#]+\S*|attachment://\S+")
_SURROGATE = re.compile("[\ud800-\udfff]")


# --- finding -------------------------------------------------------------------------------------------------------


def problems(message: Message, nonce: str = "n") -> list[str]:
    """Why Discord would refuse *message*; empty when it would not."""
    return body_problems(message.body(nonce))


def body_problems(body: JsonObject) -> list[str]:
    """Why Discord would refuse *body* as `POST /channels/{id}/messages`; one line each, naming the field."""
    found = _text("content", body.get("content"), CONTENT)
    embeds = body.get("embeds") or []
    if not (body.get("content") or "").strip() and not embeds:
        found.append("the message is empty")
    if len(embeds) > EMBEDS:
        found.append(f"embeds: {len(embeds)} of at most {EMBEDS}")
    for number, embed in enumerate(embeds):
        found += [f"embeds[{number}].{problem}" for problem in _embed_problems(embed)]
    if (total := sum(map(embed_length, embeds))) > EMBED_TEXT:
        found.append(f"embeds: {total} characters of at most {EMBED_TEXT}")
    nonce = body.get("nonce")
    if nonce is not None and not 0 < len(str(nonce)) <= NONCE:
        found.append(f"nonce: {len(str(nonce))} characters of at most {NONCE}")
    return found + _mention_problems(body.get("allowed_mentions") or {})


def embed_length(embed: JsonObject) -> int:
    """How many characters *embed* contributes to the 6,000 that all embeds of a message share."""
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for field in embed.get("fields") or []:
        texts += [field.get("name"), field.get("value")]
    return sum(len(text.strip()) for text in texts if text)


def _embed_problems(embed: JsonObject) -> list[str]:
    found = _text("title", embed.get("title"), TITLE) + _text("description", embed.get("description"), DESCRIPTION)
    author, footer = embed.get("author"), embed.get("footer")
    if author is not None:
        found += _text("author.name", author.get("name"), AUTHOR, needed=True)
        found += _url("author.url", author.get("url")) + _url("author.icon_url", author.get("icon_url"))
    if footer is not None:
        found += _text("footer.text", footer.get("text"), FOOTER, needed=True)
        found += _url("footer.icon_url", footer.get("icon_url"))
    for key in ("thumbnail", "image"):
        if embed.get(key) is not None:
            found += _url(f"{key}.url", embed[key].get("url"), needed=True)
    found += _url("url", embed.get("url"))
    fields = embed.get("fields") or []
    if len(fields) > FIELDS:
        found.append(f"fields: {len(fields)} of at most {FIELDS}")
    for number, field in enumerate(fields):
        found += _text(f"fields[{number}].name", field.get("name"), FIELD_NAME, needed=True)
        found += _text(f"fields[{number}].value", field.get("value"), FIELD_VALUE, needed=True)
    color, timestamp = embed.get("color"), embed.get("timestamp")
    if color is not None and (not isinstance(color, int) or isinstance(color, bool) or not 0 <= color <= 0xFFFFFF):
        found.append("color: not between 0 and 16777215")
    if timestamp is not None and not _is_time(timestamp):
        found.append("timestamp: not an ISO 8601 time")
    if not embed_length(embed) and not embed.get("thumbnail") and not embed.get("image"):
        found.append("nothing to show")
    return found


def _text(where: str, text: Any, limit: int, *, needed: bool = False) -> list[str]:
    if text is None:
        return [f"{where}: missing"] if needed else []
    if not isinstance(text, str):
        return [f"{where}: not a text"]
    length = len(text.strip())
    if _SURROGATE.search(text):
        return [f"{where}: half a character"]
    if length > limit:
        return [f"{where}: {length} characters of at most {limit}"]
    return [f"{where}: empty"] if needed and not length else []


def _url(where: str, url: Any, *, needed: bool = False) -> list[str]:
    if url is None:
        return [f"{where}: missing"] if needed else []
    good = isinstance(url, str) and len(url) <= URL and _URL.fullmatch(url)
    return [] if good else [f"{where}: not an address Discord accepts"]


def _mention_problems(allowed: JsonObject) -> list[str]:
    found = []
    for kind in ("users", "roles"):
        ids = allowed.get(kind) or []
        if len(ids) > IDS:
            found.append(f"allowed_mentions.{kind}: {len(ids)} of at most {IDS}")
        if len(set(ids)) != len(ids) or not all(isinstance(one, str) and one.isdigit() for one in ids):
            found.append(f"allowed_mentions.{kind}: not distinct ids")
        if ids and kind in (allowed.get("parse") or []):
            found.append(f"allowed_mentions: both parse {kind!r} and a list of them")
    return found


def _is_time(text: Any) -> bool:
    try:
        datetime.fromisoformat(text)
    except (ValueError, TypeError):
        return False
    return True


# --- fitting -------------------------------------------------------------------------------------------------------


def fit(message: Message) -> Message:
    """*message* with everything cut, dropped or left out that Discord would refuse it for.

    Texts are cut with `…`; what is empty or no valid address is left out; of too much, the end goes.
    """
    content = _fit_text(message.content, CONTENT)
    room, embeds = EMBED_TEXT, []
    for embed in message.embeds[:EMBEDS]:
        fitted = _fit_embed(embed, room)
        if fitted is not None:
            room -= embed_length(fitted)
            embeds.append(fitted)
    mention = evolve(message.mention, users=_ids(message.mention.users), roles=_ids(message.mention.roles))
    return Message(content=content if content or embeds else "…", embeds=tuple(embeds), mention=mention)


def split(message: Message) -> tuple[Message, ...]:
    """*message* as few messages that each keep the limits over all embeds; only the first has the text and pings."""
    parts: list[list[JsonObject]] = [[]]
    for embed in message.embeds:
        full = sum(map(embed_length, parts[-1])) + embed_length(embed) > EMBED_TEXT or len(parts[-1]) == EMBEDS
        if full and parts[-1]:
            parts.append([])
        parts[-1].append(embed)
    first, *rest = (tuple(part) for part in parts)
    return (fit(evolve(message, embeds=first)), *(fit(Message(embeds=part)) for part in rest))


def _fit_embed(embed: JsonObject, room: int) -> JsonObject | None:
    """A valid copy of *embed* with at most *room* characters; None when nothing of it can be kept."""
    out: JsonObject = {}

    def take(text: Any, limit: int) -> str | None:
        nonlocal room
        fitted = _fit_text(text, min(limit, room))
        room -= len(fitted or "")
        return fitted

    if title := take(embed.get("title"), TITLE):
        out["title"] = title
    if _good_url(embed.get("url")):
        out["url"] = embed["url"]
    color = embed.get("color")
    if isinstance(color, int) and not isinstance(color, bool) and 0 <= color <= 0xFFFFFF:
        out["color"] = color
    author, footer = embed.get("author") or {}, embed.get("footer") or {}
    if name := take(author.get("name"), AUTHOR):
        out["author"] = {"name": name} | {key: author[key] for key in ("url", "icon_url") if _good_url(author.get(key))}
    footer_text = take(footer.get("text"), FOOTER)
    for key in ("thumbnail", "image"):
        if _good_url((embed.get(key) or {}).get("url")):
            out[key] = {"url": embed[key]["url"]}
    if description := take(embed.get("description"), DESCRIPTION):
        out["description"] = description
    if "fields" in embed:
        out["fields"] = []
        for field in (embed["fields"] or [])[:FIELDS]:
            name, value = _fit_text(field.get("name"), FIELD_NAME), _fit_text(field.get("value"), FIELD_VALUE)
            if name and value and len(name) + len(value) <= room:
                room -= len(name) + len(value)
                out["fields"].append({"name": name, "value": value, "inline": bool(field.get("inline", False))})
    if footer_text:
        out["footer"] = {"text": footer_text} | (
            {"icon_url": footer["icon_url"]} if _good_url(footer.get("icon_url")) else {}
        )
    if _is_time(embed.get("timestamp")):
        out["timestamp"] = embed["timestamp"]
    return out if embed_length(out) or "thumbnail" in out or "image" in out else None


def _fit_text(text: Any, limit: int) -> str | None:
    if not isinstance(text, str):
        return None
    return cut(_SURROGATE.sub("", text).strip(), limit) or None


def _good_url(url: Any) -> bool:
    return not _url("", url, needed=True)


def _ids(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in ids if one.isdigit()))[:IDS]
