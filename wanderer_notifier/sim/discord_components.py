"""What Discord accepts as the components of a message: rows of buttons, and the second version (discord.md 3.6)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from wanderer_notifier.sim.discord_form import JsonObject, Path, Problems, integer, text, url

ROWS = 5
IN_ROW = 5
CUSTOM_ID = 100
LABEL = 80
BUTTON_URL = 512
TOTAL_V2 = 40
SECTION_TEXTS = 3
GALLERY = 10

ROW, BUTTON, STRING_SELECT = 1, 2, 3
SELECTS = (3, 5, 6, 7, 8)
SECTION, TEXT, THUMBNAIL, GALLERY_OF_MEDIA, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
LINK, PREMIUM = 5, 6

IN_CONTAINER = (ROW, SECTION, TEXT, GALLERY_OF_MEDIA, FILE, SEPARATOR)
OUTERMOST = (*IN_CONTAINER, CONTAINER)
"""What may stand on the outermost level with the second version's flag; without it only rows may."""

_AT = ("components",)


def check_components(value: object, problems: Problems, *, second: bool) -> list[Any]:
    """The components of a message as they are kept.

    Args:
        value: as the body has them.
        problems: collects what is wrong.
        second: whether the message has the flag of the second version.
    """
    if value is None:
        return []
    if not isinstance(value, list):
        problems.add(_AT, "LIST_TYPE_CONVERT", "Only iterables may be used in a ListType")
        return []
    if not second and len(value) > ROWS:
        problems.add(_AT, "BASE_TYPE_MAX_LENGTH", f"Must be {ROWS} or fewer in length.")
    if second and sum(1 for _ in _all(value)) > TOTAL_V2:
        problems.add(_AT, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"The maximum is {TOTAL_V2} components.")
    _each(value, OUTERMOST if second else (ROW,), _AT, problems)
    seen: set[str] = set()
    for at, one in _placed(value, _AT):
        custom_id = one.get("custom_id")
        if isinstance(custom_id, str) and custom_id in seen:
            twice = "Component custom id cannot be duplicated"
            problems.add((*at, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", twice)
        if isinstance(custom_id, str):
            seen.add(custom_id)
    return value


def texts(components: tuple[JsonObject, ...] | list[Any]) -> list[str]:
    """What the text displays among *components* say; mentions in them ping as those in the content do."""
    return [str(one.get("content", "")) for one in _all(components) if one.get("type") == TEXT]


def _each(value: object, kinds: tuple[int, ...], at: Path, problems: Problems) -> None:
    for index, one in enumerate(value if isinstance(value, list) else []):
        _one(one, kinds, (*at, index), problems)


def _one(raw: object, kinds: tuple[int, ...], at: Path, problems: Problems) -> None:
    if not isinstance(raw, dict):
        problems.add(at, "MODEL_TYPE_CONVERT", "Only dictionaries may be used in a ModelType")
        return
    kind = raw.get("type")
    if isinstance(kind, bool) or kind not in kinds:
        choices = ", ".join(str(one) for one in kinds)
        problems.add((*at, "type"), "UNION_TYPE_CHOICES", f'Value of field "type" must be one of ({choices},).')
        return
    if kind == ROW:
        _row(raw, at, problems)
    elif kind == BUTTON:
        _button(raw, at, problems)
    elif kind in SELECTS:
        _custom_id(raw, at, problems)
        if kind == STRING_SELECT:
            _count(raw.get("options"), 25, (*at, "options"), problems)
    elif kind == SECTION:
        _count(raw.get("components"), SECTION_TEXTS, (*at, "components"), problems)
        _each(raw.get("components"), (TEXT,), (*at, "components"), problems)
        _one(raw.get("accessory"), (BUTTON, THUMBNAIL), (*at, "accessory"), problems)
    elif kind == TEXT:
        _required_text(raw, "content", 4000, at, problems)
    elif kind == THUMBNAIL:
        _media(raw.get("media"), (*at, "media"), problems)
    elif kind == GALLERY_OF_MEDIA:
        items = raw.get("items")
        _count(items, GALLERY, (*at, "items"), problems)
        for index, item in enumerate(items if isinstance(items, list) else []):
            media = item.get("media") if isinstance(item, dict) else None
            _media(media, (*at, "items", index, "media"), problems)
    elif kind == FILE:
        _media(raw.get("file"), (*at, "file"), problems)
    elif kind == CONTAINER:
        integer(raw.get("accent_color"), 0xFFFFFF, (*at, "accent_color"), problems)
        _count(raw.get("components"), TOTAL_V2, (*at, "components"), problems)
        _each(raw.get("components"), IN_CONTAINER, (*at, "components"), problems)


def _row(raw: Mapping[str, Any], at: Path, problems: Problems) -> None:
    inner, here = raw.get("components"), (*at, "components")
    _count(inner, IN_ROW, here, problems)
    _each(inner, (BUTTON, *SELECTS), here, problems)
    kinds = [one.get("type") for one in inner if isinstance(one, dict)] if isinstance(inner, list) else []
    if len(kinds) > 1 and any(kind in SELECTS for kind in kinds):
        problems.add(here, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "The specified component exceeds the maximum width")


def _button(raw: Mapping[str, Any], at: Path, problems: Problems) -> None:
    style = raw.get("style")
    if isinstance(style, bool) or style not in (1, 2, 3, 4, LINK, PREMIUM):
        problems.add((*at, "style"), "BASE_TYPE_CHOICES", "Value must be one of (1, 2, 3, 4, 5, 6).")
        return
    text(raw.get("label"), LABEL, (*at, "label"), problems)
    if style == LINK:
        if not raw.get("url"):
            problems.add((*at, "url"), "BUTTON_COMPONENT_URL_REQUIRED", "A url is required")
        else:
            url(raw["url"], (*at, "url"), problems)
            text(raw["url"], BUTTON_URL, (*at, "url"), problems)
        if raw.get("custom_id"):
            both = "A custom id and url cannot both be specified"
            problems.add((*at, "custom_id"), "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE", both)
    elif style == PREMIUM:
        if not raw.get("sku_id"):
            problems.add((*at, "sku_id"), "BASE_TYPE_REQUIRED", "This field is required")
    else:
        _custom_id(raw, at, problems)


def _custom_id(raw: Mapping[str, Any], at: Path, problems: Problems) -> None:
    if not raw.get("custom_id"):
        problems.add((*at, "custom_id"), "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED", "A custom id is required")
    else:
        text(raw["custom_id"], CUSTOM_ID, (*at, "custom_id"), problems)


def _required_text(raw: Mapping[str, Any], key: str, limit: int, at: Path, problems: Problems) -> None:
    if text(raw.get(key), limit, (*at, key), problems) is None:
        problems.add((*at, key), "BASE_TYPE_REQUIRED", "This field is required")


def _media(value: object, at: Path, problems: Problems) -> None:
    address = url(value.get("url"), (*at, "url"), problems) if isinstance(value, dict) else None
    if address is None:
        problems.add((*at, "url"), "BASE_TYPE_REQUIRED", "This field is required")


def _count(value: object, most: int, at: Path, problems: Problems) -> None:
    if not isinstance(value, list) or not 1 <= len(value) <= most:
        problems.add(at, "BASE_TYPE_BAD_LENGTH", f"Must be between 1 and {most} in length.")


def _placed(value: object, at: Path) -> Iterator[tuple[Path, JsonObject]]:
    for index, one in enumerate(value if isinstance(value, list | tuple) else ()):
        if isinstance(one, dict):
            yield (*at, index), one
            yield from _placed(one.get("components"), (*at, index, "components"))
            if isinstance(one.get("accessory"), dict):
                yield (*at, index, "accessory"), one["accessory"]


def _all(value: object) -> Iterator[JsonObject]:
    return (one for _, one in _placed(value, ()))
