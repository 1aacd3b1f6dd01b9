"""The forms of Discord's REST API: single values checked as it does, problems collected in its tree of errors."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from attrs import frozen

JsonObject: TypeAlias = dict[str, Any]
Path: TypeAlias = tuple[str | int, ...]

INVALID_FORM = 50035
URL = 2048

FILES = "files[n]"
"""Where the number of files stands that came with a form; no JSON of a client has this name."""

_SNOWFLAKE = re.compile(r"[0-9]{1,20}")


@frozen(kw_only=True)
class Refusal:
    """An error answer of Discord."""

    status: int
    code: int
    message: str
    errors: JsonObject | None = None

    def body(self) -> JsonObject:
        """The JSON body as Discord words it."""
        body: JsonObject = {"message": self.message, "code": self.code}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


class Problems:
    """Collects what is wrong in a form, as the tree that Discord answers."""

    def __init__(self) -> None:
        self.tree: JsonObject = {}

    def add(self, path: Path, code: str, message: str) -> None:
        """Note one problem at *path*, such as `("embeds", 0, "title")`."""
        node = self.tree
        for step in path:
            node = node.setdefault(str(step), {})
        node.setdefault("_errors", []).append({"code": code, "message": message})

    def refusal(self) -> Refusal | None:
        """The answer, if anything was wrong."""
        return invalid_form(self.tree) if self.tree else None


def invalid_form(tree: JsonObject) -> Refusal:
    """The answer 50035 with its tree of errors."""
    return Refusal(status=400, code=INVALID_FORM, message="Invalid Form Body", errors=tree)


def is_snowflake(value: object) -> bool:
    """Whether *value* can be an id: 1 to 20 digits, as text or number."""
    return not isinstance(value, bool) and isinstance(value, str | int) and bool(_SNOWFLAKE.fullmatch(str(value)))


def text(value: object, limit: int, at: Path, problems: Problems) -> str | None:
    """Trimmed text; None for nothing. Lengths count code points (discord.md 3.6, counting)."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        problems.add(at, "STRING_TYPE_CONVERT", f'Could not interpret "{value}" as string.')
        return None
    trimmed = str(value).strip()
    if len(trimmed) > limit:
        problems.add(at, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")
    return trimmed or None


def list_of(value: object, at: Path, problems: Problems) -> list[Any]:
    """A list; nothing is an empty one."""
    if value is None or isinstance(value, list):
        return value or []
    problems.add(at, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
    return []


def integer(value: object, largest: int, at: Path, problems: Problems) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        problems.add(at, "NUMBER_TYPE_COERCE", f'Value "{value}" is not int.')
        return None
    if value > largest:
        problems.add(at, "NUMBER_TYPE_MAX", f"int value should be less than or equal to {largest}.")
    if value < 0:
        problems.add(at, "NUMBER_TYPE_MIN", "int value should be greater than or equal to 0.")
    return value


def boolean(value: object, at: Path, problems: Problems) -> bool:
    if value is None or isinstance(value, bool):
        return bool(value)
    problems.add(at, "BOOLEAN_TYPE_CONVERT", "Must be either true or false.")
    return False


def url(value: object, at: Path, problems: Problems) -> str | None:
    address = text(value, URL, at, problems)
    if address is None:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme == "attachment" and parts.netloc:
        return address
    if parts.scheme and parts.scheme not in ("http", "https"):
        problems.add(at, "URL_TYPE_INVALID_SCHEME", f"Scheme \"{parts.scheme}\" must be one of ('http', 'https').")
    elif not parts.netloc or any(character.isspace() for character in address):
        problems.add(at, "URL_TYPE_INVALID_URL", "Not a well formed URL.")
    return address


def timestamp(value: object, at: Path, problems: Problems) -> str | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(str(value)).isoformat()
    except ValueError:
        problems.add(at, "DATE_TIME_TYPE_PARSE", f"Could not parse {value}. Should be ISO8601.")
        return None


def keep(target: JsonObject, key: str, value: object) -> None:
    if value is not None:
        target[key] = value
