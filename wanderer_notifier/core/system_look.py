"""How a new system on the map reads (notifications.md 3.3)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import datetime

from attrs import evolve

from wanderer_notifier.core.events import JsonObject, Kill, SystemRecord, SystemStatic
from wanderer_notifier.core.places import PLACES, POCHVEN, POCHVEN_CLASS, ZARZAKH
from wanderer_notifier.core.recent import recent_kills
from wanderer_notifier.core.space import is_jspace
from wanderer_notifier.core.wording import escape, link, one_line, path_part

WORMHOLE_COLOR, HIGH_COLOR, LOW_COLOR, NULL_COLOR = 0x9D4EDD, 0x00FF00, 0xFFFF00, 0xFF0000
UNKNOWN_COLOR, OWN_COLOR = 0x3498DB, 0xB03A2E
"""The second is for places that are neither null-sec nor wormhole space: Pochven and Zarzakh (cases.md K47)."""
WORMHOLE_ICON, HIGH_ICON, LOW_ICON, NULL_ICON = 45041, 45038, 45039, 45040

_PATH_LIMIT = 500
"""An address longer than this would not fit into a field with its text."""

_ICONS = {"High-sec": HIGH_ICON, "Low-sec": LOW_ICON, "Null-sec": NULL_ICON}
"""For a system of which only this word is known."""

_PLAIN_CLASS = re.compile(r"C\d{1,2}")
_WORDS_OF_CLASS = re.compile(r"Class \d+ \((.+)\)")


def system_name(system: SystemRecord) -> str:
    """What a reader knows the system by, `System <id>` when nobody has a name for it."""
    return one_line(system.full_name or "") or PLACES.get(system.system_id) or f"System {system.system_id}"


def shown_security(security: float) -> float:
    """Security as the game's client shows it: one decimal, and never 0.0 for what is still low-sec (cases.md K48)."""
    if 0.0 < security < 0.05:
        return 0.1
    return math.floor(security * 10 + 0.5) / 10


def system_embed(
    system: SystemRecord,
    static: SystemStatic | None = None,
    recent: Sequence[Kill] = (),
    now: datetime | None = None,
) -> JsonObject:
    """The embed of *system*; what *static* does not say is left out.

    *recent* are the last kills there, newest first; they are shown when *now* tells how long ago they were.
    """
    known = static or SystemStatic()
    system = evolve(system, name=system.name or known.name)  # the map may leave its name out (S05)
    name, wormhole, kind = system_name(system), is_jspace(system.system_id), _class_of(system.system_id, known)
    fields = [("System", link(name, _dotlan(system)))]
    fields += _wormhole_fields(known, kind) if wormhole else _security_fields(known, kind)
    if region := one_line(known.region or ""):
        page = "region" if wormhole else "map"
        fields.append(("Region", link(region, f"https://evemaps.dotlan.net/{page}/{path_part(region)}")))
    if wormhole and (effect := one_line(known.effect or "")):
        fields.append(("Effect", escape(effect)))
    color, icon = (OWN_COLOR, NULL_ICON) if kind and not wormhole else _mark(wormhole, known)
    shown = [{"name": title, "value": value, "inline": True} for title, value in fields]
    if now is not None and (kills := recent_kills(recent, now)):
        shown.append({"name": "Recent Kills", "value": kills, "inline": False})
    return {
        "title": f"New System Tracked: {escape(name)}",
        "description": f"A new {_kind(wormhole, known, kind)} has been added to tracking.",
        "color": color,
        "thumbnail": {"url": f"https://images.evetech.net/types/{icon}/icon?size=64"},
        "fields": shown,
        "footer": {"text": f"System ID: {system.system_id}"},
    }


def _dotlan(system: SystemRecord) -> str:
    part = path_part(one_line(system.name or "") or "")
    return f"https://evemaps.dotlan.net/system/{part if 0 < len(part) <= _PATH_LIMIT else system.system_id}"


def _class_of(system_id: int, known: SystemStatic) -> str | None:
    """The class as players say it: `C4`, `Thera`, `Sentinel Drifter`, `Pochven`; None for ordinary known space."""
    title, words = one_line(known.class_title or "", 40), one_line(known.type_description or "", 100) or ""
    if is_jspace(system_id):
        if title and _PLAIN_CLASS.fullmatch(title):
            return title
        match = _WORDS_OF_CLASS.fullmatch(words)
        return (match[1] if match else None) or PLACES.get(system_id) or title
    if system_id == ZARZAKH:
        return PLACES[system_id]
    return POCHVEN if title == POCHVEN_CLASS or known.region == POCHVEN else None


def _kind(wormhole: bool, known: SystemStatic, kind: str | None) -> str:
    description = one_line(known.type_description or "")
    if not wormhole:
        return f"{escape(description or kind or '')} system".lstrip()
    if kind:
        return f"wormhole system ({escape(kind)})"
    return f"{escape(description)} wormhole system" if description else "wormhole system"


def _mark(wormhole: bool, known: SystemStatic) -> tuple[int, int]:
    if wormhole:
        return WORMHOLE_COLOR, WORMHOLE_ICON
    if known.security is None:
        return UNKNOWN_COLOR, _ICONS.get(known.type_description or "", WORMHOLE_ICON)
    shown = shown_security(known.security)
    if shown >= 0.5:
        return HIGH_COLOR, HIGH_ICON
    return (LOW_COLOR, LOW_ICON) if shown > 0 else (NULL_COLOR, NULL_ICON)


def _wormhole_fields(known: SystemStatic, kind: str | None) -> list[tuple[str, str]]:
    fields = []
    if kind:
        fields.append(("Class", escape(kind)))
    if known.shattered:
        fields.append(("Shattered", "Yes"))
    if statics := ", ".join(escape(one) for one in map(one_line, known.statics) if one):
        fields.append(("Static Wormholes", statics))
    return fields


def _security_fields(known: SystemStatic, kind: str | None) -> list[tuple[str, str]]:
    if kind:  # negative security, yet no null-sec
        return [("Type", escape(kind))]
    if known.security is None:
        description = one_line(known.type_description or "")
        return [("Type", escape(description))] if description else []
    shown = shown_security(known.security)
    label = "High-sec" if shown >= 0.5 else "Low-sec" if shown > 0 else "Null-sec"
    return [("Security", f"{shown:.1f} ({label})")]
