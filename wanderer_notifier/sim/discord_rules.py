"""What Discord accepts as a message (discord.md 3.6 and 3.7)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wanderer_notifier.sim.discord_form import (
    JsonObject,
    Path,
    Problems,
    Refusal,
    boolean,
    integer,
    invalid_form,
    is_snowflake,
    keep,
    text,
    timestamp,
    url,
)

CONTENT = 2000
EMBEDS = 10
EMBED_TOTAL = 6000
TITLE = 256
DESCRIPTION = 4096
FIELDS = 25
FIELD_NAME = 256
FIELD_VALUE = 1024
FOOTER = 2048
AUTHOR = 256
NONCE = 25
THREAD_NAME = 100
MENTIONS = 100
EMPTY_MESSAGE = 50006

SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
SUPPRESS_NOTIFICATIONS = 1 << 12
IS_COMPONENTS_V2 = 1 << 15

_MENTION_WORDS = ("everyone", "roles", "users")


def check_create(body: object) -> JsonObject | Refusal:
    """The message that the body of `POST /channels/{id}/messages` describes, trimmed; or the refusal."""
    return _check(body, partial_update=False)


def check_edit(body: object) -> JsonObject | Refusal:
    """The changes that the body of `PATCH .../messages/{id}` describes: only the fields that were sent."""
    return _check(body, partial_update=True)


def check_thread(body: object) -> JsonObject | Refusal:
    """The thread that the body of `POST /channels/{id}/threads` describes: its name."""
    problems = Problems()
    raw = body if isinstance(body, dict) else {}
    name = text(raw.get("name"), THREAD_NAME, ("name",), problems)
    if name is None:
        problems.add(("name",), "BASE_TYPE_REQUIRED", "This field is required")
    return problems.refusal() or {"name": name}


def check_post(body: object) -> JsonObject | Refusal:
    """The post that the same call describes in a forum: name and first message."""
    thread = check_thread(body)
    if isinstance(thread, Refusal) or not isinstance(body, dict):
        return thread
    message = check_create(body.get("message"))
    return message if isinstance(message, Refusal) else {**thread, "message": message}


def _check(body: object, *, partial_update: bool) -> JsonObject | Refusal:
    problems = Problems()
    if not isinstance(body, dict):
        problems.add((), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return invalid_form(problems.tree)
    checked: JsonObject = {}
    if "content" in body:
        checked["content"] = text(body["content"], CONTENT, ("content",), problems) or ""
    if "embeds" in body:
        checked["embeds"] = _embeds(body["embeds"], problems)
    if body.get("allowed_mentions") is not None:
        checked["allowed_mentions"] = _allowed_mentions(body["allowed_mentions"], problems)
    flags = integer(body.get("flags"), 2**31 - 1, ("flags",), problems)
    if "flags" in body:
        checked["flags"] = flags or 0
    if (flags or 0) & IS_COMPONENTS_V2:
        for name in ("content", "embeds"):
            if checked.get(name):
                problems.add(
                    (name,),
                    "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
                    f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
                )
    if isinstance(body.get("components"), list):
        checked["components"] = body["components"]
    if not partial_update:
        checked["nonce"] = _nonce(body.get("nonce"), problems)
        checked["enforce_nonce"] = boolean(body.get("enforce_nonce"), ("enforce_nonce",), problems)
        checked["tts"] = boolean(body.get("tts"), ("tts",), problems)
    refusal = problems.refusal()
    if refusal is not None:
        return refusal
    if not partial_update and not any(checked.get(part) for part in ("content", "embeds", "components")):
        return Refusal(status=400, code=EMPTY_MESSAGE, message="Cannot send an empty message")
    return checked


# --- the parts of a message -------------------------------------------------------------------------------------


def _embeds(value: object, problems: Problems) -> list[JsonObject]:
    embeds = _list(value, ("embeds",), problems)
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
    raws = _list(value, at, problems)
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


def _allowed_mentions(value: object, problems: Problems) -> JsonObject:
    at = ("allowed_mentions",)
    if not isinstance(value, dict):
        problems.add(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return {}
    parse = _list(value.get("parse"), (*at, "parse"), problems)
    for index, word in enumerate(parse):
        if word not in _MENTION_WORDS:
            problems.add(
                (*at, "parse", index), "BASE_TYPE_CHOICES", "Value must be one of ('everyone', 'roles', 'users')."
            )
    checked: JsonObject = {"parse": parse}
    for kind in ("roles", "users"):
        ids = _list(value.get(kind), (*at, kind), problems)
        checked[kind] = [str(one) for one in ids]
        if len(ids) > MENTIONS:
            problems.add((*at, kind), "BASE_TYPE_MAX_LENGTH", f"Must be {MENTIONS} or fewer in length.")
        for index, one in enumerate(ids):
            if not is_snowflake(one):
                problems.add((*at, kind, index), "NUMBER_TYPE_COERCE", f'Value "{one}" is not snowflake.')
        if ids and kind in parse:
            problems.add(
                at,
                "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
                f'parse:["{kind}"] and {kind}: [ids...] are mutually exclusive.',
            )
    return checked


def _list(value: object, at: Path, problems: Problems) -> list[Any]:
    if value is None or isinstance(value, list):
        return value or []
    problems.add(at, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    return []


def _nonce(value: object, problems: Problems) -> str | int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        problems.add(("nonce",), "NONCE_TYPE_CONVERT", "Only strings and integers may be used as a nonce")
        return None
    if len(str(value)) > NONCE:
        problems.add(("nonce",), "BASE_TYPE_MAX_LENGTH", f"Must be {NONCE} or fewer in length.")
    return value
