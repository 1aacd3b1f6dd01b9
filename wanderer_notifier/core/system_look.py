"""How a new system on the map reads (notifications.md 3.3)."""

from __future__ import annotations

import math

from wanderer_notifier.core.events import JsonObject, SystemRecord, SystemStatic
from wanderer_notifier.core.space import is_jspace
from wanderer_notifier.core.wording import escape, link, one_line, path_part

WORMHOLE_COLOR, HIGH_COLOR, LOW_COLOR, NULL_COLOR = 0x9D4EDD, 0x00FF00, 0xFFFF00, 0xFF0000
UNKNOWN_COLOR = 0x3498DB
WORMHOLE_ICON, HIGH_ICON, LOW_ICON, NULL_ICON = 45041, 45038, 45039, 45040

_PATH_LIMIT = 500
"""An address longer than this would not fit into a field with its text."""


def system_name(system: SystemRecord) -> str:
    """What a reader knows the system by, `System <id>` when nobody has a name for it."""
    return one_line(system.full_name or "") or f"System {system.system_id}"


def shown_security(security: float) -> float:
    """Security as the game's client shows it: one decimal, and never 0.0 for what is still low-sec (cases.md K48)."""
    if 0.0 < security < 0.05:
        return 0.1
    return math.floor(security * 10 + 0.5) / 10 + 0.0


def system_embed(system: SystemRecord, static: SystemStatic | None = None) -> JsonObject:
    """The embed of *system*; what *static* does not say is left out."""
    known, name = static or SystemStatic(), system_name(system)
    wormhole = is_jspace(system.system_id)
    fields = [("System", link(name, _dotlan(system)))]
    fields += _wormhole_fields(known) if wormhole else _security_fields(known)
    if region := one_line(known.region or ""):
        kind = "region" if wormhole else "map"
        fields.append(("Region", link(region, f"https://evemaps.dotlan.net/{kind}/{path_part(region)}")))
    if wormhole and (effect := one_line(known.effect or "")):
        fields.append(("Effect", escape(effect)))
    color, icon = _mark(wormhole, known.security)
    return {
        "title": f"New System Tracked: {escape(name)}",
        "description": f"A new {_kind(wormhole, known)} has been added to tracking.",
        "color": color,
        "thumbnail": {"url": f"https://images.evetech.net/types/{icon}/icon?size=64"},
        "fields": [{"name": title, "value": value, "inline": True} for title, value in fields],
        "footer": {"text": f"System ID: {system.system_id}"},
    }


def _dotlan(system: SystemRecord) -> str:
    part = path_part(one_line(system.name or "") or "")
    return f"https://evemaps.dotlan.net/system/{part if 0 < len(part) <= _PATH_LIMIT else system.system_id}"


def _kind(wormhole: bool, known: SystemStatic) -> str:
    title, description = one_line(known.class_title or ""), one_line(known.type_description or "")
    if not wormhole:
        return f"{escape(description)} system" if description else "system"
    if title:
        return f"wormhole system ({escape(title)})"
    return f"{escape(description)} wormhole system" if description else "wormhole system"


def _mark(wormhole: bool, security: float | None) -> tuple[int, int]:
    if wormhole:
        return WORMHOLE_COLOR, WORMHOLE_ICON
    if security is None:
        return UNKNOWN_COLOR, WORMHOLE_ICON
    shown = shown_security(security)
    if shown >= 0.5:
        return HIGH_COLOR, HIGH_ICON
    return (LOW_COLOR, LOW_ICON) if shown > 0 else (NULL_COLOR, NULL_ICON)


def _wormhole_fields(known: SystemStatic) -> list[tuple[str, str]]:
    fields = []
    if title := one_line(known.class_title or ""):
        fields.append(("Class", escape(title)))
    if known.shattered:
        fields.append(("Shattered", "Yes"))
    if statics := ", ".join(escape(one) for one in map(one_line, known.statics) if one):
        fields.append(("Static Wormholes", statics))
    return fields


def _security_fields(known: SystemStatic) -> list[tuple[str, str]]:
    if known.security is None:
        description = one_line(known.type_description or "")
        return [("Type", escape(description))] if description else []
    shown = shown_security(known.security)
    label = "High-sec" if shown >= 0.5 else "Low-sec" if shown > 0 else "Null-sec"
    return [("Security", f"{shown:.1f} ({label})")]
