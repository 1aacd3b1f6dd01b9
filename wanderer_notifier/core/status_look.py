"""How the service's own messages read: the report of its state, and a feed that is gone or back (3.7, 2.6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Literal

from attrs import Factory, frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.limits import fit
from wanderer_notifier.core.message import Message
from wanderer_notifier.core.wording import duration, escape, one_line

STATUS_COLOR, DOWN_COLOR, BACK_COLOR = 0x3498DB, 0xD9534F, 0x5CB85C
LOGO = "https://images.evetech.net/corporations/1000001/logo?size=128"

FeedState = Literal["receiving", "silent", "down", "unknown"]
LAMPS: dict[FeedState, str] = {"receiving": "🟢", "silent": "🟡", "down": "🔴", "unknown": "❓"}
LICENCES: dict[LicenceState, str] = {"valid": "✅", "invalid": "❌", "unknown": "❓"}
REASONS = 300


@frozen(kw_only=True)
class StatusView:
    """What the report is made of."""

    now: datetime
    version: str
    uptime_s: float
    starting: bool
    """The report after the start, as against the hourly one."""
    troubles: tuple[str, ...] = ()
    """What keeps the service from being ready, in words; empty when it is."""
    licence: LicenceState = "unknown"
    feeds: tuple[tuple[str, FeedState], ...] = ()
    """Name and state, in the order to show them."""
    systems: int = 0
    characters: int = 0
    killmails: int = 0
    sent: Mapping[str, int] = Factory(dict)
    """Notifications by kind."""
    features: tuple[tuple[str, bool], ...] = ()
    page: str | None = None
    """Where the status page is, if people can reach it."""


def render_status(view: StatusView) -> Message:
    """The report; its first line says whether all is well."""
    troubles = one_line("; ".join(view.troubles), REASONS)
    first = f"⚠️ Degraded: {escape(troubles)}" if troubles else "✅ System is operational"
    fields = [("Uptime", "🚀 Just started" if view.starting else f"⏱️ {duration(view.uptime_s)}", True)]
    fields.append(("License", LICENCES[view.licence], True))
    fields += [(escape(one_line(name, 60) or "Feed"), LAMPS[state], True) for name, state in view.feeds]
    fields.append(("Systems", f"🗺️ {view.systems}", True))
    fields.append(("Characters", f"👤 {view.characters}", True))
    fields.append(("Killmails", f"🗄️ {view.killmails}", True))
    fields.append(("📊 Notifications", _counts(view.sent), False))
    if view.features:
        lines = "\n".join(f"{'✅' if on else '❌'} {name}" for name, on in view.features)
        fields.append(("⚙️ Primary Features", lines, False))
    kind = "Report after the start." if view.starting else "Automated periodic status report."
    return _message(
        {
            "title": f"WandererNotifier Service {'Started' if view.starting else 'Status'}",
            **({"url": view.page} if view.page else {}),
            "description": f"{first}\n\n{kind}\n\n**System Status Overview:**",
            "color": STATUS_COLOR,
            "timestamp": view.now.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "thumbnail": {"url": LOGO},
            "footer": {"text": f"Wanderer Notifier v{view.version}"},
            "fields": [{"name": name, "value": value, "inline": inline} for name, value, inline in fields],
        }
    )


def render_feed_down(feed: str, reason: str, down_s: float) -> Message:
    """That *feed* has been gone for *down_s* seconds."""
    why = one_line(reason, REASONS)
    text = f"The {escape(one_line(feed, 100) or 'feed')} has been down for {duration(down_s)}"
    return _message({"description": f"🔴 {text}{f': {escape(why)}' if why else '.'}", "color": DOWN_COLOR})


def render_feed_back(feed: str, down_s: float) -> Message:
    """That *feed* is back after *down_s* seconds."""
    text = f"The {escape(one_line(feed, 100) or 'feed')} is back after {duration(down_s)}."
    return _message({"description": f"🟢 {text}", "color": BACK_COLOR})


def _counts(sent: Mapping[str, int]) -> str:
    named: Sequence[tuple[str, str]] = (
        ("kill", "Kills"), ("system", "Systems"), ("character", "Characters"), ("rally", "Rallies"),
    )  # fmt: skip
    parts = [f"{name}: **{sent.get(kind, 0)}**" for kind, name in named if sent.get(kind) or kind != "rally"]
    total = sum(sent.get(kind, 0) for kind, _ in named)
    return f"Total: **{total}** ({', '.join(parts)})" if total else "No notifications sent yet"


def _message(embed: JsonObject) -> Message:
    return fit(Message(embeds=(embed,)))
