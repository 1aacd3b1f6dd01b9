"""The pieces of the status page: coloured words, cards, tables; whatever is not ours is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Literal

from wanderer_notifier.runtime.health import ComponentView

Colour = Literal["good", "fair", "bad", "off"]
STATES: dict[str, tuple[Colour, str]] = {
    "ok": ("good", "working"),
    "starting": ("fair", "connecting"),
    "degraded": ("fair", "in trouble"),
    "failed": ("bad", "down"),
    "disabled": ("off", "off"),
}
NAMES = {
    "killmail_stream": "Kill feed",
    "killmail_fallback": "Kill feed, by asking",
    "map_stream": "Map stream",
    "map_data": "Map data",
    "discord_rest": "Sending to Discord",
    "discord_gateway": "Discord gateway",
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


def card(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """*rows* are a text and finished HTML."""
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f"<section><h3>{escape(title)}</h3><dl>{body}</dl></section>"


def pill(colour: Colour, words: str) -> str:
    """A word in its colour: one can do without the other."""
    return f'<span class="pill {colour}">{escape(words)}</span>'


def state(part: ComponentView | None) -> str:
    """How a component is, as a coloured word."""
    if part is None:
        return pill("off", "off")
    colour, words = STATES[part.state]
    return pill(colour, "replaced" if part.state == "degraded" and part.covered else words)


def table(title: str, rows: Sequence[Sequence[tuple[str, str]]], *, head: Sequence[str] = (), empty: str = "") -> str:
    """A section of its own; each cell is its class and finished HTML. Without *rows* it says *empty*."""
    heads = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join("<tr>" + "".join(f'<td class="{kind}">{html}</td>' for kind, html in row) + "</tr>" for row in rows)
    full = f'<table class="rows">{f"<thead><tr>{heads}</tr></thead>" if heads else ""}<tbody>{body}</tbody></table>'
    none = f'<p class="none">{escape(empty)}</p>'
    return f'<section class="wide"><h3>{escape(title)}</h3>{full if rows else none}</section>'
