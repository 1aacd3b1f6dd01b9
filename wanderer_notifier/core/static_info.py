"""The map's static information about a system -> `SystemStatic` (notifications.md 2.1.1, wanderer-map.md 5)."""

from __future__ import annotations

from wanderer_notifier.core.events import JsonObject, SystemStatic
from wanderer_notifier.core.reading import as_name, as_number, is_object

STATICS = 12
"""More than any system has."""


def parse_static(body: object) -> SystemStatic | None:
    """What *body*, the answer of `/api/common/system-static-info`, says; None when it is no such answer.

    Every field may be absent, empty or of the wrong type (notifications.md W24, W44, 10.2).
    """
    data = body.get("data") if is_object(body) else None
    if not is_object(data):
        return None
    return SystemStatic(
        name=as_name(data.get("solar_system_name")),
        class_title=as_name(data.get("class_title"), 40),
        type_description=as_name(data.get("type_description"), 100),
        security=_security(data.get("security")),
        region=as_name(data.get("region_name"), 100),
        effect=as_name(data.get("effect_name"), 100),
        shattered=data.get("is_shattered") is True,
        statics=_statics(data),
    )


def _security(value: object) -> float | None:
    security = as_number(value)
    return security if security is not None and -1.0 <= security <= 1.0 else None


def _statics(data: JsonObject) -> tuple[str, ...]:
    """Each static with where it leads, in the order of the plain list, which may know more than the details."""
    leads = {name: where for name, where in map(_detail, _list(data.get("static_details"))) if name}
    names = [name for one in _list(data.get("statics")) if (name := as_name(one, 20))]
    shown = [f"{name} → {leads[name]}" if leads.get(name) else name for name in names or list(leads)]
    return tuple(shown[:STATICS])


def _detail(row: object) -> tuple[str | None, str | None]:
    if not is_object(row):
        return None, None
    where = row.get("destination")
    short = as_name(where.get("short_name"), 20) if is_object(where) else None
    return as_name(row.get("name"), 20), None if short == "?" else short


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
