"""The cards of the status page: feeds, Discord, what was sent, what is tracked, the process."""

from __future__ import annotations

from html import escape

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.web.activity import Stored, ago
from wanderer_notifier.web.details import cache_stats
from wanderer_notifier.web.page_parts import Colour, card, label, pill, state
from wanderer_notifier.web.status import parts_of
from wanderer_notifier.web.views import Snapshot

_MB = 1024 * 1024
_KINDS = (("kill", "Kills"), ("system", "Systems"), ("character", "Characters"), ("rally", "Rallies"),
          ("status", "About itself"))  # fmt: skip


def all_cards(view: Snapshot, stored: Stored) -> str:
    """All of them, in the order of what one looks for first."""
    return "".join(
        (
            _feeds(view),
            _discord(view, stored),
            _sent(view),
            _tracking(view),
            _processing(view, stored),
            _process(view, stored),
        )
    )


def _feeds(view: Snapshot) -> str:
    links = {link.id: f"{link.quality}, {link.uptime_percent:g} % up" for link in view.activity.links}

    def line(part: ComponentView) -> str:
        heard = f"<small>heard {ago(part.seen_at, view.now)}</small>" if part.seen_at else ""
        quality = f"<small>{escape(links[part.name])}</small>" if part.name in links else ""
        return state(part) + heard + quality

    rows = [(label(part.name), line(part)) for part in parts_of(view, "killmail_stream")]
    fallback = [part for part in parts_of(view, "killmail_fallback") if part.state not in ("disabled", "starting")]
    rows += [(label(part.name), state(part)) for part in fallback]
    streams = parts_of(view, "map_stream")
    lists = {part.name.partition(":")[2]: part for part in parts_of(view, "map_data")}
    if len(streams) > 1:
        up = sum(part.state == "ok" for part in streams)
        colour: Colour = "good" if up == len(streams) else "fair" if up else "bad"
        rows.append(("Maps", pill(colour, f"{up}/{len(streams)} connected")))
    for part in streams:
        slug = part.name.partition(":")[2]
        rows.append((f"Map {slug}", line(part)))
        if slug in lists and lists[slug].state != "ok":
            rows.append((f"Map {slug}: lists", state(lists[slug])))
    return card("Feeds", rows)


def _discord(view: Snapshot, stored: Stored) -> str:
    queue = stored.queue or view.queue
    waiting = queue.get("queued", 0) + queue.get("sending", 0)
    oldest = (
        f"<small>oldest {ago(stored.oldest_waiting, view.now)}</small>" if waiting and stored.oldest_waiting else ""
    )
    gateway = (*parts_of(view, "discord_gateway"), None)[0]
    rest = (*parts_of(view, "discord_rest"), None)[0]
    seen = view.activity.deliveries
    rows = [("Messages", state(rest)), ("Gateway", state(gateway))]
    rows.append(("In the queue", f"{waiting}{oldest}"))
    rows.append(("Last message", ago(stored.last_sent_at, view.now)))
    rows.append(("Asked to wait (429)", str(seen.limited)))
    rows.append(("Failed attempts", str(seen.failures)))
    standing = view.licence.state(view.now)
    colour: Colour = {"valid": "good", "invalid": "fair", "unknown": "off"}[standing]  # type: ignore[assignment]
    rows.append(("Licence", f"{pill(colour, standing)}<small>{escape(view.licence.words(view.now))}</small>"))
    return card("Discord", rows)


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
        "Tracking stats",
        [
            ("Tracked systems", str(view.tracked_systems)),
            ("Tracked characters", str(view.tracked_characters)),
            ("Priority systems", str(view.activity.priority_systems)),
            ("Maps", escape(", ".join(view.maps)) or "none"),
        ],
    )


def _processing(view: Snapshot, stored: Stored) -> str:
    counted = view.activity.counted
    reasons = [one for one in view.activity.skipped.items() if one[0] != "duplicate"]
    skipped = sorted(reasons, key=lambda one: -one[1])[:3]
    most = "".join(f"<small>{escape(name.replace('_', ' '))}: {count}</small>" for name, count in skipped)
    rows = [
        ("Kills received", f"{counted.received}<small>{counted.duplicate} of them copies</small>"),
        ("Kills told", str(counted.queued)),
        ("Kills not told", f"{counted.skipped}{most}"),
        ("Last kill received", ago(stored.last_received_at, view.now)),
        ("Last notification", ago(stored.last_sent_at, view.now)),
    ]
    if stored.parked:
        rows.append(("Not understood, kept", str(stored.parked)))
    return card("Processing stats", rows)


def _process(view: Snapshot, stored: Stored) -> str:
    cache = cache_stats(view)
    return card(
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
