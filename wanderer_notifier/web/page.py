"""The status page: what a tired person needs at three in the morning, in HTML without a script (operations.md 5.5)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from html import escape

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.web.activity import Fate, KillSeen, Stored, ago, span
from wanderer_notifier.web.page_cards import all_cards
from wanderer_notifier.web.page_parts import STATES, Colour, label, pill, table
from wanderer_notifier.web.page_style import CSS
from wanderer_notifier.web.views import Snapshot, not_alive

REFRESH_S = 30
PROBLEMS = 10
_STYLE_HASH = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_CHECKS: dict[str, Colour] = {"failed": "bad", "starting": "fair", "degraded": "fair", "disabled": "off"}
_ZKILLBOARD = "https://zkillboard.com/kill/"
_FATES: dict[Fate, Colour] = {"sent": "good", "waiting": "fair", "given up": "bad", "not sent": "off"}


def render(view: Snapshot, stored: Stored, *, partial: bool = False) -> str:
    """The whole page; loads nothing from anywhere, and every text that is not ours is escaped."""
    note = "<p>The database does not answer in time: older figures are shown.</p>" if partial else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_S}">'
        f"<title>{_mark(view)} WandererNotifier Dashboard</title><style>{CSS}</style></head>"
        f'<body><div class="wrap">{_head(view)}<main>{_verdict(view, note)}'
        f'<div class="grid">{all_cards(view, stored)}</div>'
        f"{_kills(stored.kills, view.now)}{_problems(view)}{_checks(view)}</main>"
        f"<footer>Data of {view.now:%Y-%m-%d %H:%M:%S} UTC, refreshed every {REFRESH_S} s. "
        f'WandererNotifier {escape(view.version)}. EVE Online Killmail Monitoring. <a href="/api/status">JSON</a> '
        '<a href="/metrics">metrics</a></footer></div></body></html>'
    )


# --- the verdict ------------------------------------------------------------------------------------------------------


def verdict(view: Snapshot) -> tuple[Colour, str]:
    """Everything in one line: its colour and its words."""
    broken = not_alive(view)
    if broken == "stopping":
        return "fair", "Stopping"
    if broken is not None:
        return "bad", f"Broken: {broken}"
    if view.readiness.ready:
        return ("fair", "Working, with some trouble") if _troubled(view) else ("good", "All is well")
    return ("fair", "Starting") if view.readiness.settling else ("bad", "Not ready")


def _mark(view: Snapshot) -> str:
    return {"good": "✓", "fair": "!", "bad": "✗", "off": ""}[verdict(view)[0]]


def _verdict(view: Snapshot, note: str) -> str:
    colour, words = verdict(view)
    parts = _troubled(view)
    if parts:
        lines = "<ul>" + "".join(f"<li>{_trouble(part)}</li>" for part in parts) + "</ul>"
    elif colour == "good":
        lines = "<p>Kills and map changes are heard, and messages go out.</p>"
    else:
        waiting = [label(part.name) for part in view.components if part.state == "starting"]
        lines = f"<p>Waiting for: {escape(', '.join(waiting))}</p>" if waiting else ""
    return f'<div class="verdict {colour}"><h2>{escape(words)}</h2>{lines}{note}</div>'


def _troubled(view: Snapshot) -> list[ComponentView]:
    """The parts in trouble; a licence that is not valid changes looks only, and stands in its card."""
    return [part for part in view.components if part.state in ("degraded", "failed") and part.name != "license"]


def _trouble(part: ComponentView) -> str:
    why = part.reason or part.last_error or STATES[part.state][1]
    return f"<b>{escape(label(part.name))}</b>: {escape(why)} (for {span(part.for_s)})"


def _head(view: Snapshot) -> str:
    return (
        "<header><h1>WandererNotifier</h1>"
        f"<p>Status <b>{escape(view.state)}</b> · Version <b>{escape(view.version)}</b> · "
        f"Uptime <b>{span(view.uptime_s)}</b></p></header>"
    )


# --- lists ------------------------------------------------------------------------------------------------------------


def _kills(kills: Sequence[KillSeen], now: datetime) -> str:
    return table(
        "Last kills",
        [
            (
                ("when", ago(kill.at, now)),
                ("pills", pill(_FATES[kill.fate], kill.fate)),
                ("long", f'<a href="{_ZKILLBOARD}{kill.killmail_id}/" rel="noreferrer">{escape(kill.what)}</a>'),
                ("long", escape(kill.why)),
            )
            for kill in kills
        ],
        head=("When", "Fate", "What", "Why"),
        empty="None came yet.",
    )


def _problems(view: Snapshot) -> str:
    recent = [
        (("when", ago(one.at, view.now)), ("pills", pill(one.level, label(one.subject))), ("long", escape(one.text)))
        for one in view.activity.recent[:PROBLEMS]
    ]
    notes = [(("long", escape(text)),) for text in view.warnings]
    return table("Recent activity", recent, empty="Nothing since the start.") + (
        table("Notes on the configuration", notes) if notes else ""
    )


def _checks(view: Snapshot) -> str:
    rows = []
    for name, words in view.readiness.checks.items():
        head, _, rest = words.partition(": ")
        colour = _CHECKS.get(head, "good")
        rows.append((("pills", pill(colour, head)), ("pills", escape(name.replace("_", " "))), ("long", escape(rest))))
    return table("Readiness", rows)
