"""The status page: what a tired person needs at three in the morning, in HTML without a script (operations.md 5.5)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime
from html import escape
from itertools import islice

from wanderer_notifier.web.activity import Fate, KillSeen, Level, Stored, ago, span
from wanderer_notifier.web.page_cards import figure_cards
from wanderer_notifier.web.page_feeds import feed_cards
from wanderer_notifier.web.page_parts import Colour, label, pill, table
from wanderer_notifier.web.page_style import CSS
from wanderer_notifier.web.page_verdict import mark, verdict_box
from wanderer_notifier.web.views import Snapshot

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
        f"<title>{mark(view)} WandererNotifier Dashboard</title><style>{CSS}</style></head>"
        f'<body><div class="wrap">{_head(view)}<main>{verdict_box(view, stored, note)}'
        f'<div class="grid">{feed_cards(view, stored)}</div>{_kills(stored.kills, view.now)}{_activity(view)}'
        f'<div class="grid">{figure_cards(view, stored)}</div>{_checks(view)}</main>'
        f"<footer>Data of {view.now:%Y-%m-%d %H:%M:%S} UTC, refreshed every {REFRESH_S} s. "
        f'WandererNotifier {escape(view.version)}. EVE Online Killmail Monitoring. <a href="/api/status">JSON</a> '
        '<a href="/metrics">metrics</a></footer></div></body></html>'
    )


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


def _activity(view: Snapshot) -> str:
    """What happened lately, the same told once; in trouble this may be a lot."""
    same: dict[tuple[str, str, Level], list[datetime]] = {}
    for one in view.activity.recent:
        same.setdefault((one.subject, one.text, one.level), []).append(one.at)
    rows = [
        (
            ("when", ago(times[0], view.now)),
            ("pills", pill(level, label(subject))),
            ("long", escape(text) + (f" <small>{len(times)} times</small>" if len(times) > 1 else "")),
        )
        for (subject, text, level), times in islice(same.items(), PROBLEMS)
    ]
    if len(same) > PROBLEMS:
        rows.append((("when", ""), ("pills", ""), ("long", f"and {len(same) - PROBLEMS} more, see the log")))
    notes = [(("long", escape(text)),) for text in view.warnings]
    return table("Recent Activity", rows, empty="Nothing since the start.") + (
        table("Notes on the configuration", notes) if notes else ""
    )


def _checks(view: Snapshot) -> str:
    rows = []
    for name, words in view.readiness.checks.items():
        head, _, rest = words.partition(": ")
        colour = _CHECKS.get(head, "good")
        rows.append((("pills", pill(colour, head)), ("pills", escape(name.replace("_", " "))), ("long", escape(rest))))
    return table("Readiness", rows)
