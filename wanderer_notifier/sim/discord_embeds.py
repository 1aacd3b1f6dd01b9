"""What Discord accepts as the embeds of a message (discord.md 3.6); lengths count code points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wanderer_notifier.sim.discord_form import (
    JsonObject,
    Path,
    Problems,
    boolean,
    integer,
    keep,
    list_of,
    text,
    timestamp,
    url,
)

EMBEDS = 10
EMBED_TOTAL = 6000
TITLE = 256
DESCRIPTION = 4096
FIELDS = 25
FIELD_NAME = 256
FIELD_VALUE = 1024
FOOTER = 2048
AUTHOR = 256


def check_embeds(value: object, problems: Problems) -> list[JsonObject]:
    """The embeds of a message as they are kept."""
    embeds = list_of(value, ("embeds",), problems)
    if len(embeds) > EMBEDS:
        problems.add(("embeds",), "BASE_TYPE_MAX_LENGTH", f"Must be {EMBEDS} or fewer in length.")
    checked: list[JsonObject] = []
    total = 0
    for index, raw in enumerate(embeds):
        if not isinstance(raw, dict):
            problems.add(("embeds", index), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            continue
        embed, size = _embed(raw, ("embeds", index), problems)
        total += size
        if total > EMBED_TOTAL:
            problems.add(
                ("embeds", index),
                "MAX_EMBED_SIZE_EXCEEDED",
                f"Embed size exceeds maximum size of {EMBED_TOTAL}",
            )
        checked.append(embed)
    return checked


def _embed(raw: Mapping[str, Any], at: Path, problems: Problems) -> tuple[JsonObject, int]:
    """The embed as it will be stored, and the number of characters that count for the total."""
    embed: JsonObject = {"type": "rich"}
    keep(embed, "title", text(raw.get("title"), TITLE, (*at, "title"), problems))
    keep(embed, "description", text(raw.get("description"), DESCRIPTION, (*at, "description"), problems))
    keep(embed, "url", url(raw.get("url"), (*at, "url"), problems))
    keep(embed, "color", integer(raw.get("color"), 0xFFFFFF, (*at, "color"), problems))
    keep(embed, "timestamp", timestamp(raw.get("timestamp"), (*at, "timestamp"), problems))
    keep(embed, "author", _part(raw.get("author"), "name", AUTHOR, ("url", "icon_url"), (*at, "author"), problems))
    keep(embed, "footer", _part(raw.get("footer"), "text", FOOTER, ("icon_url",), (*at, "footer"), problems))
    for name in ("image", "thumbnail"):
        keep(embed, name, _picture(raw.get(name), (*at, name), problems))
    keep(embed, "fields", _fields(raw.get("fields"), (*at, "fields"), problems))
    if not embed.keys() & {"title", "description", "author", "footer", "image", "thumbnail", "fields"}:
        problems.add((*at, "description"), "BASE_TYPE_REQUIRED", "This field is required")
    texts = [embed.get("title"), embed.get("description")]
    texts += [embed.get("author", {}).get("name"), embed.get("footer", {}).get("text")]
    texts += [field[part] for field in embed.get("fields", []) for part in ("name", "value")]
    return embed, sum(len(text) for text in texts if text)


def _fields(value: object, at: Path, problems: Problems) -> list[JsonObject] | None:
    raws = list_of(value, at, problems)
    if len(raws) > FIELDS:
        problems.add(at, "BASE_TYPE_MAX_LENGTH", f"Must be {FIELDS} or fewer in length.")
    fields: list[JsonObject] = []
    for index, raw in enumerate(raws):
        if not isinstance(raw, dict):
            problems.add((*at, index), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            continue
        field: JsonObject = {"inline": boolean(raw.get("inline"), (*at, index, "inline"), problems)}
        for part, limit in (("name", FIELD_NAME), ("value", FIELD_VALUE)):
            field[part] = text(raw.get(part), limit, (*at, index, part), problems) or ""
            if not field[part]:
                problems.add((*at, index, part), "BASE_TYPE_REQUIRED", "This field is required")
        fields.append(field)
    return fields or None


def _part(
    value: object, text_key: str, limit: int, urls: tuple[str, ...], at: Path, problems: Problems
) -> JsonObject | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.add(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return None
    part: JsonObject = {}
    keep(part, text_key, text(value.get(text_key), limit, (*at, text_key), problems))
    for key in urls:
        keep(part, key, url(value.get(key), (*at, key), problems))
    if text_key == "name" and text_key not in part:
        problems.add((*at, text_key), "BASE_TYPE_REQUIRED", "This field is required")
    return part or None


def _picture(value: object, at: Path, problems: Problems) -> JsonObject | None:
    if value is None:
        return None
    if not isinstance(value, dict):
        problems.add(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return None
    address = url(value.get("url"), (*at, "url"), problems)
    if address is None:
        problems.add((*at, "url"), "BASE_TYPE_REQUIRED", "This field is required")
    return {"url": address}
