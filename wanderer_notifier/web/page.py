"""The status page: what a tired person needs at three in the morning, in HTML without a script (operations.md 5.5)."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from html import escape
from typing import Literal

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.web.activity import Fate, KillSeen, Stored, ago, span
from wanderer_notifier.web.details import cache_stats
from wanderer_notifier.web.page_style import CSS
from wanderer_notifier.web.status import parts_of
from wanderer_notifier.web.views import Snapshot, not_alive

REFRESH_S = 30
PROBLEMS = 10
_MB = 1024 * 1024
_STYLE_HASH = base64.b64encode(hashlib.sha256(CSS.encode()).digest()).decode()
CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

Colour = Literal["good", "fair", "bad", "off"]
_STATES: dict[str, tuple[Colour, str]] = {
    "ok": ("good", "working"),
    "starting": ("fair", "connecting"),
    "degraded": ("fair", "in trouble"),
    "failed": ("bad", "down"),
    "disabled": ("off", "off"),
}
_FATES: dict[Fate, Colour] = {"sent": "good", "waiting": "fair", "given up": "bad", "not sent": "off"}
_NAMES = {
    "killmail_stream": "Kill feed",
    "killmail_fallback": "Kill feed, by asking",
    "map_stream": "Map stream",
    "map_data": "Map data",
    "discord_rest": "Discord messages",
    "discord_gateway": "Discord gateway",
    "data_dir": "Database",
    "license": "Licence",
    "esi": "ESI (names)",
    "janice": "Janice (prices)",
    "configuration": "Configuration",
}
_KINDS = (("kill", "Kills"), ("system", "Systems"), ("character", "Characters"), ("rally", "Rallies"),
          ("status", "About itself"))  # fmt: skip


def render(view: Snapshot, stored: Stored, *, partial: bool = False) -> str:
    """The whole page; loads nothing from anywhere, and every text that is not ours is escaped."""
    cards = "".join(
        (
            _feeds(view),
            _discord(view, stored),
            _sent(view),
            _tracking(view),
            _processing(view, stored),
            _process(view, stored),
        )
    )
    note = "<p>The database does not answer in time: older figures are shown.</p>" if partial else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="refresh" content="{REFRESH_S}">'
        f"<title>{_mark(view)} WandererNotifier Dashboard</title><style>{CSS}</style></head>"
        f'<body><div class="wrap">{_head(view)}<main>{_verdict(view, note)}<div class="grid">{cards}</div>'
        f"{_kills(stored.kills, view.now)}{_problems(view)}{_checks(view)}</main>"
        f"<footer>Data of {view.now:%Y-%m-%d %H:%M:%S} UTC, refreshed every {REFRESH_S} s. "
        f'WandererNotifier {escape(view.version)}. EVE Online Killmail Monitoring. <a href="/api/status">JSON</a> '
        '<a href="/metrics">metrics</a></footer></div></body></html>'
    )


def label(component: str) -> str:
    """What readers call a component."""
    kind, _, which = component.partition(":")
    name = _NAMES.get(kind, kind.replace("_", " ").capitalize())
    return f"{name} {which}" if which else name


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
    return [part for part in view.components if part.state in ("degraded", "failed")]


def _trouble(part: ComponentView) -> str:
    why = part.reason or part.last_error or _STATES[part.state][1]
    return f"<b>{escape(label(part.name))}</b>: {escape(why)} (for {span(part.for_s)})"


def _head(view: Snapshot) -> str:
    return (
        "<header><h1>WandererNotifier</h1>"
        f"<p>Status <b>{escape(view.state)}</b> · Version <b>{escape(view.version)}</b> · "
        f"Uptime <b>{span(view.uptime_s)}</b></p></header>"
    )


# --- cards ------------------------------------------------------------------------------------------------------------


def _card(title: str, rows: Iterable[tuple[str, str]]) -> str:
    """*rows* are a text and finished HTML."""
    body = "".join(f"<div><dt>{escape(name)}</dt><dd>{value}</dd></div>" for name, value in rows)
    return f"<section><h3>{escape(title)}</h3><dl>{body}</dl></section>"


def _pill(colour: Colour, words: str) -> str:
    return f'<span class="pill {colour}">{escape(words)}</span>'


def _state(part: ComponentView | None, now: datetime, *, heard: bool = False) -> str:
    if part is None:
        return _pill("off", "off")
    colour, words = _STATES[part.state]
    if part.state == "degraded" and part.covered:
        words = "replaced"
    detail = f"heard {ago(part.seen_at, now)}" if heard and part.seen_at else ""
    return _pill(colour, words) + (f"<small>{escape(detail)}</small>" if detail else "")


def _feeds(view: Snapshot) -> str:
    rows = [(label(part.name), _state(part, view.now, heard=True)) for part in parts_of(view, "killmail_stream")]
    streams, data = (
        parts_of(view, "map_stream"),
        {part.name.partition(":")[2]: part for part in parts_of(view, "map_data")},
    )
    if len(streams) > 1:
        up = sum(part.state == "ok" for part in streams)
        rows.append(
            ("Maps", _pill("good" if up == len(streams) else "fair" if up else "bad", f"{up}/{len(streams)} connected"))
        )
    for part in streams:
        slug = part.name.partition(":")[2]
        rows.append((f"Map {slug}", _state(part, view.now, heard=True)))
        if slug in data and data[slug].state != "ok":
            rows.append((f"Map {slug}: lists", _state(data[slug], view.now)))
    fallback = [part for part in parts_of(view, "killmail_fallback") if part.state not in ("disabled", "starting")]
    rows += [(label(part.name), _state(part, view.now)) for part in fallback]
    return _card("Feeds", rows)


def _discord(view: Snapshot, stored: Stored) -> str:
    queue = stored.queue or view.queue
    waiting = queue.get("queued", 0) + queue.get("sending", 0)
    oldest = (
        f"<small>oldest {ago(stored.oldest_waiting, view.now)}</small>" if waiting and stored.oldest_waiting else ""
    )
    gateway = (*parts_of(view, "discord_gateway"), None)[0]
    rest = (*parts_of(view, "discord_rest"), None)[0]
    seen = view.activity.deliveries
    rows = [("Messages", _state(rest, view.now)), ("Gateway (commands)", _state(gateway, view.now))]
    rows.append(("In the queue", f"{waiting}{oldest}"))
    rows.append(("Last message", ago(stored.last_sent_at, view.now)))
    rows.append(("Asked to wait (429)", str(seen.limited)))
    rows.append(("Failed attempts", str(seen.failures)))
    state = view.licence.state(view.now)
    colour: Colour = {"valid": "good", "invalid": "fair", "unknown": "off"}[state]  # type: ignore[assignment]
    rows.append(("Licence", f"{_pill(colour, state)}<small>{escape(view.licence.words(view.now))}</small>"))
    return _card("Discord", rows)


def _sent(view: Snapshot) -> str:
    now, ever = view.activity.counted, view.activity.lifetime
    rows = [(name, now.sent.get(kind, 0), ever.sent.get(kind, 0)) for kind, name in _KINDS]
    rows.append(("Given up", now.given_up, ever.given_up))
    body = "".join(
        f'<tr><td>{escape(name)}</td><td class="number">{run}</td><td class="number">{all_}</td></tr>'
        for name, run, all_ in rows
    )
    return (
        '<section><h3>Notifications sent</h3><table><thead><tr><th></th><th class="number">this run</th>'
        f'<th class="number">ever</th></tr></thead><tbody>{body}</tbody></table></section>'
    )


def _tracking(view: Snapshot) -> str:
    return _card(
        "Tracking stats",
        [
            ("Tracked systems", str(view.tracked_systems)),
            ("Tracked characters", str(view.tracked_characters)),
            ("Priority systems", str(view.activity.priority_systems)),
            ("Maps", escape(", ".join(view.maps)) or "none"),
            ("Connection quality", _qualities(view) or "–"),
        ],
    )


def _qualities(view: Snapshot) -> str:
    return "".join(
        f"<small>{escape(label(link.id))}: {link.quality}, {link.uptime_percent:g} % up</small>"
        for link in view.activity.links
    )


def _processing(view: Snapshot, stored: Stored) -> str:
    counted = view.activity.counted
    skipped = sorted(view.activity.skipped.items(), key=lambda one: -one[1])[:3]
    most = "".join(f"<small>{escape(name.replace('_', ' '))}: {count}</small>" for name, count in skipped)
    rows = [
        ("Kills received", f"{counted.received}<small>copies included</small>"),
        ("Kills told", str(counted.queued)),
        ("Kills not told", f"{counted.skipped}{most}"),
        ("Last kill received", ago(stored.last_received_at, view.now)),
        ("Last notification", ago(stored.last_sent_at, view.now)),
    ]
    if stored.parked:
        rows.append(("Not understood, kept", str(stored.parked)))
    return _card("Processing stats", rows)


def _process(view: Snapshot, stored: Stored) -> str:
    cache = cache_stats(view)
    return _card(
        "Memory, cache, process",
        [
            ("Memory", f"{view.memory_bytes / _MB:.0f} MB"),
            ("Database", f"{stored.database_bytes / _MB:.1f} MB"),
            ("Cache", f"{cache['size']} entries<small>{cache['hit_rate']:g} % hits</small>"),
            (
                "Key processes",
                "".join(f"<small>{escape(name)}: running</small>" for name in view.activity.tasks) or "–",
            ),
            ("Event loop", f"{view.loop_lag_s * 1000:.0f} ms late"),
            ("Ended badly", f"{view.restarts} times" if view.restarts else "never"),
        ],
    )


# --- lists ------------------------------------------------------------------------------------------------------------


def _kills(kills: Sequence[KillSeen], now: datetime) -> str:
    if not kills:
        return '<section class="wide"><h3>Last kills</h3><p class="none">None came yet.</p></section>'
    rows = "".join(
        f'<tr><td class="when">{ago(kill.at, now)}</td><td>{_pill(_FATES[kill.fate], kill.fate)}</td>'
        f'<td class="long"><a href="https://zkillboard.com/kill/{kill.killmail_id}/" rel="noreferrer">'
        f'{escape(kill.what)}</a></td><td class="long">{escape(kill.why)}</td></tr>'
        for kill in kills
    )
    return (
        '<section class="wide"><h3>Last kills</h3><table class="rows"><thead><tr><th>When</th><th>Fate</th><th>What</th>'
        f"<th>Why</th></tr></thead><tbody>{rows}</tbody></table></section>"
    )


def _problems(view: Snapshot) -> str:
    recent = view.activity.recent[:PROBLEMS]
    rows = "".join(
        f'<tr><td class="when">{ago(one.at, view.now)}</td><td>{_pill(one.level, label(one.subject))}</td>'
        f'<td class="long">{escape(one.text)}</td></tr>'
        for one in recent
    )
    body = (
        f'<table class="rows"><tbody>{rows}</tbody></table>' if rows else '<p class="none">Nothing since the start.</p>'
    )
    warnings = "".join(f'<tr><td class="long">{escape(text)}</td></tr>' for text in view.warnings)
    notes = (
        f'<section class="wide"><h3>Notes on the configuration</h3><table><tbody>{warnings}</tbody></table></section>'
        if warnings
        else ""
    )
    return f'<section class="wide"><h3>Recent activity</h3>{body}</section>{notes}'


def _checks(view: Snapshot) -> str:
    def pill(words: str) -> str:
        head = words.partition(":")[0]
        colours: dict[str, Colour] = {"failed": "bad", "starting": "fair", "degraded": "fair", "disabled": "off"}
        return _pill(colours.get(head, "good"), head)

    rows = "".join(
        f"<tr><td>{pill(words)}</td><td>{escape(name.replace('_', ' '))}</td>"
        f'<td class="long">{escape(words.partition(": ")[2])}</td></tr>'
        for name, words in view.readiness.checks.items()
    )
    return f'<section class="wide"><h3>Readiness</h3><table class="rows"><tbody>{rows}</tbody></table></section>'
