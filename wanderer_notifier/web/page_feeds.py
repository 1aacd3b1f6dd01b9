"""The cards of what is listened to, the kill feed and the maps, and of Discord: the first thing one looks at."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from wanderer_notifier.runtime.health import ComponentView
from wanderer_notifier.web.activity import Stored, ago, span
from wanderer_notifier.web.page_parts import Colour, card, connection, pill
from wanderer_notifier.web.status import parts_of
from wanderer_notifier.web.views import Snapshot

MAPS_SHOWN = 12
"""Of more maps only those are listed that are in trouble, and no more than this."""


def feed_cards(view: Snapshot, stored: Stored) -> str:
    """Kills, maps, Discord."""
    return f"{_kills(view)}{_maps(view)}{_discord(view, stored)}"


def _kills(view: Snapshot) -> str:
    parts = parts_of(view, "killmail_stream")
    rows = [("Connection", connection(parts, _bad(view, "killmail_stream")))]
    if up := _uptime(parts):
        rows.append(("Uptime", up))
    rows += [(part.name.partition(":")[2].capitalize() or "Kills", _line(view, part)) for part in parts]
    for part in parts_of(view, "killmail_fallback"):
        if part.state not in ("disabled", "starting"):
            rows.append(("Polled instead", connection([part], part.state == "failed")))
    return card("Kill feed", rows, aside="WebSocket Status")


def _maps(view: Snapshot) -> str:
    streams = parts_of(view, "map_stream")
    lists = {part.name.partition(":")[2]: part for part in parts_of(view, "map_data")}
    if len(streams) <= 1:
        rows = [("Connection", connection(streams, _bad(view, "map_stream")))]
        rows.append(("Map name", escape(", ".join(view.maps)) or "none"))
        if up := _uptime(streams):
            rows.append(("Uptime", up))
        rows += [("Stream", _line(view, part)) for part in streams]
    else:
        up_now = sum(part.state == "ok" for part in streams)
        colour: Colour = "good" if up_now == len(streams) else "fair" if up_now else "bad"
        words = f"{up_now}/{len(streams)} connected"
        rows = [("Connection", pill(colour, words)), ("Mode", "Multi-Map")]
        rows.append(("Maps", f"{words} ({len(streams)} clients)"))
        shown = [part for part in streams if len(streams) <= MAPS_SHOWN or part.state != "ok"][:MAPS_SHOWN]
        rows += [(part.name.partition(":")[2], connection([part], part.state == "failed")) for part in shown]
    read = [part for part in lists.values() if part.state == "ok"]
    rows.append(("Lists read", pill("good", "yes") if len(read) == len(lists) else f"{len(read)} of {len(lists)}"))
    return card("Map", rows, aside="SSE Map Status")


def _discord(view: Snapshot, stored: Stored) -> str:
    queue = stored.queue or view.queue
    waiting = queue.get("queued", 0) + queue.get("sending", 0)
    oldest = (
        f"<small>oldest {ago(stored.oldest_waiting, view.now)}</small>" if waiting and stored.oldest_waiting else ""
    )
    seen = view.activity.deliveries
    return card(
        "Discord",
        [
            ("Messages (REST)", connection(parts_of(view, "discord_rest"), _bad(view, "discord_rest"))),
            ("Commands (gateway)", connection(parts_of(view, "discord_gateway"), _bad(view, "discord_gateway"))),
            ("Waiting to be sent", f"{waiting}{oldest}"),
            ("Last message sent", ago(stored.last_sent_at, view.now)),
            ("Failed attempts", str(seen.failures)),
            ("Asked to wait (429)", str(seen.limited)),
            ("Licence", _licence(view)),
        ],
    )


def _licence(view: Snapshot) -> str:
    standing = view.licence.state(view.now)
    words = escape(view.licence.words(view.now))
    if not view.licence.has_key:
        return f"{pill('off', 'free tier')}<small>{words}</small>"
    colours: dict[str, tuple[Colour, str]] = {"valid": ("good", "valid"), "invalid": ("fair", "not valid")}
    return f"{pill(*colours.get(standing, ('off', 'not known')))}<small>{words}</small>"


def _line(view: Snapshot, part: ComponentView) -> str:
    """When it was last heard, and how good it is."""
    quality = [f"{link.quality}, {link.uptime_percent:g} % up" for link in view.activity.links if link.id == part.name]
    said = [f"heard {ago(part.seen_at, view.now)}"] if part.seen_at else []
    return "".join(f"<small>{escape(text)}</small>" for text in [*said, *quality]) or "–"


def _uptime(parts: Sequence[ComponentView]) -> str:
    return span(min(part.for_s for part in parts)) if parts and all(part.state == "ok" for part in parts) else ""


def _bad(view: Snapshot, check: str) -> bool:
    return view.readiness.checks.get(check, "").startswith("failed")
