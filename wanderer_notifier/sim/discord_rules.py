"""What Discord accepts as a message (discord.md 3.6 and 3.7)."""

from __future__ import annotations

from wanderer_notifier.sim.discord_components import check_components
from wanderer_notifier.sim.discord_embeds import check_embeds
from wanderer_notifier.sim.discord_form import (
    FILES,
    JsonObject,
    Problems,
    Refusal,
    boolean,
    integer,
    invalid_form,
    is_snowflake,
    list_of,
    text,
)

CONTENT = 2000
NONCE = 25
THREAD_NAME = 100
MENTIONS = 100
STICKERS = 3
EMPTY_MESSAGE = 50006

SUPPRESS_EMBEDS = 1 << 2
EPHEMERAL = 1 << 6
SUPPRESS_NOTIFICATIONS = 1 << 12
IS_VOICE_MESSAGE = 1 << 13
IS_COMPONENTS_V2 = 1 << 15

MAY_SEND = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | IS_VOICE_MESSAGE | IS_COMPONENTS_V2
"""Flags that a new message in a channel may have; others are ignored."""

LEGACY = ("content", "embeds", "sticker_ids", "poll")
"""What a message with the second version's components may not hold."""

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


def legacy_problem(name: str) -> tuple[str, str]:
    """What Discord says to the field *name* beside the second version's components."""
    text = f"The '{name}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
    return "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", text


def _check(body: object, *, partial_update: bool) -> JsonObject | Refusal:
    problems = Problems()
    if not isinstance(body, dict):
        problems.add((), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return invalid_form(problems.tree)
    checked: JsonObject = {}
    if "content" in body:
        checked["content"] = text(body["content"], CONTENT, ("content",), problems) or ""
    if "embeds" in body:
        checked["embeds"] = check_embeds(body["embeds"], problems)
    if body.get("allowed_mentions") is not None:
        checked["allowed_mentions"] = _allowed_mentions(body["allowed_mentions"], problems)
    flags = integer(body.get("flags"), 2**31 - 1, ("flags",), problems)
    if "flags" in body:
        checked["flags"] = flags or 0
    if (flags or 0) & IS_COMPONENTS_V2:
        for name in LEGACY:
            if checked.get(name) or (name not in checked and body.get(name)):
                problems.add((name,), *legacy_problem(name))
    if "components" in body:
        # What an edit leaves out of the flags stays as it was, so both versions may come.
        second = bool((flags or 0) & IS_COMPONENTS_V2) or (partial_update and "flags" not in body)
        checked["components"] = check_components(body["components"], problems, second=second)
    stickers = list_of(body.get("sticker_ids"), ("sticker_ids",), problems)
    if len(stickers) > STICKERS:
        problems.add(("sticker_ids",), "BASE_TYPE_MAX_LENGTH", f"Must be {STICKERS} or fewer in length.")
    for index, one in enumerate(stickers):
        if not is_snowflake(one):
            problems.add(("sticker_ids", index), "NUMBER_TYPE_COERCE", f'Value "{one}" is not snowflake.')
    if body.get("poll") is not None and not isinstance(body["poll"], dict):
        problems.add(("poll",), "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
    if not partial_update:
        checked["nonce"] = _nonce(body.get("nonce"), problems)
        checked["enforce_nonce"] = boolean(body.get("enforce_nonce"), ("enforce_nonce",), problems)
        checked["tts"] = boolean(body.get("tts"), ("tts",), problems)
    refusal = problems.refusal()
    if refusal is not None:
        return refusal
    said = [checked.get(part) for part in ("content", "embeds", "components")]
    if not partial_update and not any([*said, stickers, body.get("poll"), body.get(FILES)]):
        return Refusal(status=400, code=EMPTY_MESSAGE, message="Cannot send an empty message")
    return checked


def _allowed_mentions(value: object, problems: Problems) -> JsonObject:
    at = ("allowed_mentions",)
    if not isinstance(value, dict):
        problems.add(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return {}
    parse = list_of(value.get("parse"), (*at, "parse"), problems)
    for index, word in enumerate(parse):
        if word not in _MENTION_WORDS:
            problems.add(
                (*at, "parse", index), "BASE_TYPE_CHOICES", "Value must be one of ('everyone', 'roles', 'users')."
            )
    checked: JsonObject = {"parse": parse}
    boolean(value.get("replied_user"), (*at, "replied_user"), problems)
    for kind in ("roles", "users"):
        ids = list_of(value.get(kind), (*at, kind), problems)
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


def _nonce(value: object, problems: Problems) -> str | int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int):
        problems.add(("nonce",), "NONCE_TYPE_CONVERT", "Only strings and integers may be used as a nonce")
        return None
    if len(str(value)) > NONCE:
        problems.add(("nonce",), "BASE_TYPE_MAX_LENGTH", f"Must be {NONCE} or fewer in length.")
    return value
