"""The figures of the status page: what was sent, what is tracked, and how the process is."""

from __future__ import annotations

from html import escape

from wanderer_notifier.web.activity import Stored, ago
from wanderer_notifier.web.details import cache_stats
from wanderer_notifier.web.page_parts import card, pill
from wanderer_notifier.web.views import Snapshot, memory

_KINDS = (("kill", "Kills"), ("system", "Systems"), ("character", "Characters"), ("rally", "Rallies"),
          ("status", "About itself"))  # fmt: skip


def figure_cards(view: Snapshot, stored: Stored) -> str:
    """All of them, in the order of what one looks for first."""
    return "".join(
        (
            _sent(view),
            _processing(view, stored),
            _tracking(view),
            _memory(view, stored),
            _cache(view),
            _processes(view),
        )
    )


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
    return card(
        "Tracking Stats",
        [
            ("Tracked Systems", str(view.tracked_systems)),
            ("Tracked Characters", str(view.tracked_characters)),
            ("Priority Systems", str(view.activity.priority_systems)),
        ],
    )


def _processing(view: Snapshot, stored: Stored) -> str:
    counted = view.activity.counted
    reasons = [one for one in view.activity.skipped.items() if one[0] != "duplicate"]
    skipped = sorted(reasons, key=lambda one: -one[1])[:3]
    most = "".join(f"<small>{escape(name.replace('_', ' '))}: {count}</small>" for name, count in skipped)
    rows = [
        ("Kills Received", f"{counted.received}<small>{counted.duplicate} of them copies</small>"),
        ("Kills told", str(counted.queued)),
        ("Kills not told", f"{counted.skipped}{most}"),
        ("Notifications Sent", str(counted.sent_in_all)),
        ("Last Kill Received", ago(stored.last_received_at, view.now)),
        ("Last Notification", ago(stored.last_sent_at, view.now)),
    ]
    if stored.parked:
        rows.append(("Not understood, kept", str(stored.parked)))
    return card("Processing Stats", rows)


def _memory(view: Snapshot, stored: Stored) -> str:
    held = memory(view)
    return card(
        "Memory Usage",
        [
            ("Total", f"{held['total_kb']} KB"),
            ("Processes", f"{held['processes_kb']} KB ({held['processes_percent']:g}%)"),
            ("Database file", f"{stored.database_bytes // 1024} KB"),
        ],
    )


def _cache(view: Snapshot) -> str:
    cache = cache_stats(view)
    return card("Cache Stats", [("Size", f"{cache['size']} entries"), ("Hit Rate", f"{cache['hit_rate']:g}%")])


def _processes(view: Snapshot) -> str:
    rows = [(name.capitalize(), pill("good", "running")) for name in view.activity.tasks]
    rows.append(("Event loop", f"{view.loop_lag_s * 1000:.0f} ms late"))
    rows.append(("Runs that ended badly", str(view.restarts)))
    return card("Key Processes", rows)
