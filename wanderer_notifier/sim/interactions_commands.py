"""Application commands as Discord checks and keeps them (discord.md 2.3)."""

from __future__ import annotations

import unicodedata
from typing import Any

from wanderer_notifier.sim.discord_form import JsonObject, Path, Problems, Refusal, boolean, list_of

DESCRIPTION = 100
NAME = 32
OPTIONS = 25
CHOICES = 25
CHOICE_TEXT = 100
TOTAL = 8000
COUNTS = {1: 100, 2: 15, 3: 15, 4: 1}
"""Commands per scope: slash, user, message, entry point."""

SUB_COMMAND, SUB_COMMAND_GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, ATTACHMENT = range(
    1, 12
)

TOO_MANY = 30032
TOO_MANY_TODAY = 30034


def check_command(raw: object, at: Path, problems: Problems) -> JsonObject:
    """The command that *raw* describes, with Discord's defaults filled in."""
    if not isinstance(raw, dict):
        problems.add(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return {}
    kind = raw.get("type") or 1
    if type(kind) is not int or kind not in COUNTS:
        problems.add((*at, "type"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4).")
    slash = kind == 1
    _name(raw.get("name"), (*at, "name"), problems, slash=slash)
    if slash:
        _description(raw.get("description"), (*at, "description"), problems)
    elif raw.get("description"):
        problems.add((*at, "description"), "BASE_TYPE_MAX_LENGTH", "Must be 0 or fewer in length.")
    _localizations(raw, at, problems, slash=slash)
    options = _options(raw.get("options"), (*at, "options"), problems, depth=0) if slash else []
    size = _size(raw)
    if size > TOTAL:
        problems.add(at, "APPLICATION_COMMAND_TOO_LARGE", f"Command exceeds maximum size ({TOTAL})")
    permissions = raw.get("default_member_permissions")
    if permissions is not None and not str(permissions).isdecimal():
        problems.add((*at, "default_member_permissions"), "NUMBER_TYPE_COERCE", f'Value "{permissions}" is not int.')
    return {
        "type": kind,
        "name": raw.get("name"),
        "name_localizations": raw.get("name_localizations"),
        "description": raw.get("description") or "",
        "description_localizations": raw.get("description_localizations"),
        "options": options,
        "default_member_permissions": None if permissions is None else str(permissions),
        "dm_permission": True,
        "contexts": raw.get("contexts"),
        "integration_types": raw.get("integration_types") or [0],
        "nsfw": boolean(raw.get("nsfw"), (*at, "nsfw"), problems),
    }


def is_name(name: str) -> bool:
    """Whether *name* may name a slash command or an option: letters, digits, `-`, `_`, `'`, in lower case."""
    return 1 <= len(name) <= NAME and name == name.lower() and all(_may_stand_in_name(one) for one in name)


def _may_stand_in_name(one: str) -> bool:
    script = "\u0900" <= one <= "\u097f" or "\u0e00" <= one <= "\u0e7f"  # Devanagari and Thai
    return unicodedata.category(one)[0] in "LN" or one in "-_'" or script


def count_refusal(commands: list[JsonObject]) -> Refusal | None:
    """The answer when a scope would hold too many commands of a type."""
    for kind, most in COUNTS.items():
        if sum(one["type"] == kind for one in commands) > most:
            return Refusal(
                status=400, code=TOO_MANY, message=f"Maximum number of application commands reached ({most})."
            )
    return None


def _name(value: object, at: Path, problems: Problems, *, slash: bool) -> None:
    if not isinstance(value, str) or not value:
        problems.add(at, "BASE_TYPE_REQUIRED", "This field is required")
    elif not 1 <= len(value) <= NAME:
        problems.add(at, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {NAME} in length.")
    elif slash and not is_name(value):
        problems.add(at, "APPLICATION_COMMAND_INVALID_NAME", "Command name is invalid")


def _description(value: object, at: Path, problems: Problems) -> None:
    if not isinstance(value, str) or not value:
        problems.add(at, "BASE_TYPE_REQUIRED", "This field is required")
    elif len(value) > DESCRIPTION:
        problems.add(at, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {DESCRIPTION} in length.")


def _localizations(raw: JsonObject, at: Path, problems: Problems, *, slash: bool) -> None:
    for key in ("name_localizations", "description_localizations"):
        if not isinstance(raw.get(key) or {}, dict):
            problems.add((*at, key), "DICT_TYPE_CONVERT", "Only dictionaries may be used in a DictType")
    for locale, name in _by_locale(raw, "name").items():
        _name(name, (*at, "name_localizations", locale), problems, slash=slash)
    for locale, text in _by_locale(raw, "description").items():
        _description(text, (*at, "description_localizations", locale), problems)


def _by_locale(raw: JsonObject, key: str) -> JsonObject:
    texts = raw.get(f"{key}_localizations")
    return texts if isinstance(texts, dict) else {}


def _options(value: object, at: Path, problems: Problems, *, depth: int) -> list[JsonObject]:
    raws = list_of(value, at, problems)
    if len(raws) > OPTIONS:
        problems.add(at, "BASE_TYPE_MAX_LENGTH", f"Must be {OPTIONS} or fewer in length.")
    names: list[object] = []
    optional_before = False
    for index, raw in enumerate(raws):
        here = (*at, index)
        if not isinstance(raw, dict):
            problems.add(here, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
            continue
        _option(raw, here, problems, depth=depth)
        if raw.get("name") in names:
            problems.add(at, "APPLICATION_COMMAND_OPTIONS_NAME_NOT_UNIQUE", "Option name is not unique")
        names.append(raw.get("name"))
        if raw.get("required") and optional_before:
            text = "Required options must be placed before non-required options"
            problems.add((*here,), "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
        optional_before = optional_before or not raw.get("required")
    groups = [one for one in raws if isinstance(one, dict) and one.get("type") in (SUB_COMMAND, SUB_COMMAND_GROUP)]
    if groups and len(groups) != len(raws):
        text = "Sub-command and sub-command group option types are mutually exclusive to all other types"
        problems.add(at, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", text)
    return raws


def _option(raw: JsonObject, at: Path, problems: Problems, *, depth: int) -> None:
    kind = raw.get("type")
    _name(raw.get("name"), (*at, "name"), problems, slash=True)
    _description(raw.get("description"), (*at, "description"), problems)
    _localizations(raw, at, problems, slash=True)
    if not isinstance(kind, int) or not SUB_COMMAND <= kind <= ATTACHMENT:
        problems.add((*at, "type"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11).")
        return
    if kind in (SUB_COMMAND, SUB_COMMAND_GROUP):
        deepest = 0 if kind == SUB_COMMAND_GROUP else 1
        if depth > deepest:
            text = "This option type is not allowed here"
            problems.add((*at, "type"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", text)
        _options(raw.get("options"), (*at, "options"), problems, depth=depth + 1)
        return
    choices = list_of(raw.get("choices"), (*at, "choices"), problems)
    if len(choices) > CHOICES:
        problems.add((*at, "choices"), "BASE_TYPE_MAX_LENGTH", f"Must be {CHOICES} or fewer in length.")
    if choices and raw.get("autocomplete"):
        text = "Autocomplete cannot be set with choices"
        problems.add((*at, "autocomplete"), "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES", text)
    for index, choice in enumerate(choices):
        check_choice(choice, (*at, "choices", index), problems, text=kind == STRING)
    for name, least in (("min_length", 0), ("max_length", 1)):
        bound = raw.get(name)
        if bound is not None and not (isinstance(bound, int) and least <= bound <= 6000):
            problems.add((*at, name), "NUMBER_TYPE_MAX", "int value should be less than or equal to 6000.")


def check_choice(raw: Any, at: Path, problems: Problems, *, text: bool) -> None:
    """Check one choice of an option or of an autocomplete answer."""
    choice = raw if isinstance(raw, dict) else {}
    name, value = choice.get("name"), choice.get("value")
    if not isinstance(name, str) or not 1 <= len(name) <= CHOICE_TEXT:
        problems.add((*at, "name"), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {CHOICE_TEXT} in length.")
    if value is None or isinstance(value, bool) or (text and not isinstance(value, str)):
        problems.add((*at, "value"), "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
    elif isinstance(value, str) and not 1 <= len(value) <= CHOICE_TEXT:
        problems.add((*at, "value"), "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {CHOICE_TEXT} in length.")


def _size(raw: JsonObject) -> int:
    """Characters of names, descriptions and values; of a localised text the longest counts."""
    size = 0
    for key in ("name", "description"):
        texts = [raw.get(key), *_by_locale(raw, key).values()]
        size += max((len(one) for one in texts if isinstance(one, str)), default=0)
    if "value" in raw:
        size += len(str(raw["value"]))
    for key in ("options", "choices"):
        inner = raw.get(key)
        size += sum(_size(one) for one in inner if isinstance(one, dict)) if isinstance(inner, list) else 0
    return size
