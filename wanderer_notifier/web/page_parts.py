"""The pieces of the status page: coloured words, cards, tables; whatever is not ours is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

from wanderer_notifier.runtime.health import ComponentView

Colour = Literal["good", "fair", "bad", "off"]
_CONNECTIONS: dict[str, tuple[Colour, str]] = {
    "ok": ("good", "connected"),
    "starting": ("fair", "connecting"),
    "degraded": ("fair", "reconnecting"),
    "failed": ("bad", "disconnected"),
}
"""Component state -> the words that readers of the old page know."""
NAMES = {
    "killmail_stream": "Kill feed",
    "killmail_fallback": "Kill feed, polled",
    "map_stream": "Map stream",
    "map_data": "Map data",
    "discord_rest": "Sending to Discord",
    "discord_gateway": "Discord gateway",
    "plugin_config": "List of maps",
    "slash_commands": "Command registration",
    "data_dir": "Database",
    "license": "Licence",
    "esi": "ESI (names)",
    "janice": "Janice (prices)",
    "configuration": "Configuration",
}


def label(component: str) -> str:
    """What readers call a component."""
    kind, _, which = component.partition(":")
    name = NAMES.get(kind, kind.replace("_", " ").capitalize())
    return f"{name} {which}" if which else name


def card(title: str, rows: Iterable[tuple[str, str]], *, aside: str = "") -> str:
    """*rows* are a text and finished HTML; *aside* is another name for the same."""
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in rows)
    beside = f" <i>{escape(aside)}</i>" if aside else ""
    return f"<section><h3>{escape(title)}{beside}</h3><dl>{body}</dl></section>"


def pill(colour: Colour, words: str) -> str:
    """A word in its colour: one can do without the other."""
    return f'<span class="pill {colour}">{escape(words)}</span>'


def connection(parts: Sequence[ComponentView], bad: bool) -> str:
    """How a connection of one or several *parts* is, as a coloured word; *bad*: it is away for too long."""
    states = [part.state for part in parts if part.state != "disabled"]
    if not states:
        return pill("off", "off")
    worst = next(state for state in ("failed", "degraded", "starting", "ok") if state in states)
    colour, words = _CONNECTIONS[worst]
    if worst == "degraded" and all(part.covered for part in parts if part.state == "degraded"):
        return pill("fair", "replaced")
    return pill("bad" if bad and worst != "ok" else colour, words)


def table(title: str, rows: Sequence[Sequence[tuple[str, str]]], *, head: Sequence[str] = (), empty: str = "") -> str:
    """A section of its own; each cell is its class and finished HTML. Without *rows* it says *empty*."""
    heads = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join("<tr>" + "".join(f'<td class="{kind}">{html}</td>' for kind, html in row) + "</tr>" for row in rows)
    full = f'<table class="rows">{f"<thead><tr>{heads}</tr></thead>" if heads else ""}<tbody>{body}</tbody></table>'
    none = f'<p class="none">{escape(empty)}</p>'
    return f'<section class="wide"><h3>{escape(title)}</h3>{full if rows else none}</section>'
