"""The last kills of a system as a field of its message (notifications.md 3.3.1)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from wanderer_notifier.core.events import Kill
from wanderer_notifier.core.wording import escape, isk, link, one_line

SHOWN = 3
_NAME, _TICKER, _SHIP = 64, 16, 48
"""Three lines with everything at its longest stay below the 1,024 characters of a field."""


def recent_kills(kills: Sequence[Kill], now: datetime) -> str | None:
    """One line for each of the first three of *kills*; None when there are none."""
    return "\n".join(_line(kill, now) for kill in kills[:SHOWN]) or None


def _line(kill: Kill, now: datetime) -> str:
    page, victim = f"https://zkillboard.com/kill/{kill.killmail_id}/", kill.victim
    value, when = isk(kill.total_value or 0.0, 1), age(kill.time, now)
    if victim.character_id is None and victim.corporation_id is None and victim.ship_type_id is None:
        where = f" in {kill.location_id}" if kill.location_id else ""
        points = f" ({kill.points} pts)" if kill.points else ""
        return f"{link(f'{value} {_kind(kill)}', page)}{where}{points}{when.lstrip() if points else when}"
    name = one_line(victim.character_name or "", _NAME) or one_line(victim.corporation_name or "", _NAME) or "Unknown"
    ship = one_line(victim.ship_name or "", _SHIP)
    return f"{link(name, page)} ({_ticker(kill)}) - {escape(ship) if ship else 'Unknown Ship'} - {value}{when}"


def _ticker(kill: Kill) -> str:
    corporation = kill.victim.corporation_id
    ticker = one_line(kill.victim.corporation_ticker or "", _TICKER) or "UNKN"
    return link(ticker, f"https://zkillboard.com/corporation/{corporation}/") if corporation else escape(ticker)


def _kind(kill: Kill) -> str:
    return "NPC Kill" if kill.npc else "Solo Kill" if kill.solo else "Awox Kill" if kill.awox else "Kill"


def age(moment: datetime | None, now: datetime) -> str:
    """` (2h ago)`, or nothing when the time is unknown; what lies ahead is `(just now)`."""
    if moment is None:
        return ""
    seconds = int((now - moment).total_seconds())
    if seconds < 60:
        return " (just now)"
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f" ({seconds // size}{unit} ago)"
    raise AssertionError("a minute or more is covered above")
