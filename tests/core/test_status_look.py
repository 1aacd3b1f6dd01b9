"""The report of the service's own state (notifications.md 3.7, operations.md 6.5)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.message import Mention, Message
from wanderer_notifier.core.status_look import StatusView, render_feed_back, render_feed_down, render_status

VIEW = StatusView(
    now=datetime(2026, 3, 20, 18, 5, 9, tzinfo=UTC),
    version="1.0.0",
    uptime_s=93784,
    starting=False,
    licence="valid",
    feeds=(("Kill feed", "receiving"), ("Map", "silent")),
    systems=42,
    characters=17,
    killmails=1203,
    sent={"kill": 9, "system": 2, "character": 1},
    features=(
        ("Kill Notifications", True), ("System Notifications", True), ("Character Notifications", False),
    ),
)  # fmt: skip


def embed(message: Message) -> dict[str, Any]:
    assert problems(message) == []
    assert message.mention == Mention()
    (one,) = message.embeds
    return one


def test_the_hourly_report() -> None:
    assert embed(render_status(VIEW)) == {
        "title": "WandererNotifier Service Status",
        "description": "✅ System is operational\n\nAutomated periodic status report.\n\n**System Status Overview:**",
        "color": 3447003,
        "timestamp": "2026-03-20T18:05:09Z",
        "thumbnail": {"url": "https://images.evetech.net/corporations/1000001/logo?size=128"},
        "footer": {"text": "Wanderer Notifier v1.0.0"},
        "fields": [
            {"name": "Uptime", "value": "⏱️ 1d 2h 3m 4s", "inline": True},
            {"name": "License", "value": "✅", "inline": True},
            {"name": "Kill feed", "value": "🟢", "inline": True},
            {"name": "Map", "value": "🟡", "inline": True},
            {"name": "Systems", "value": "🗺️ 42", "inline": True},
            {"name": "Characters", "value": "👤 17", "inline": True},
            {"name": "Killmails", "value": "🗄️ 1203", "inline": True},
            {"name": "📊 Notifications", "value": "Total: **12** (Kills: **9**, Systems: **2**, Characters: **1**)",
             "inline": False},
            {"name": "⚙️ Primary Features",
             "value": "✅ Kill Notifications\n✅ System Notifications\n❌ Character Notifications", "inline": False},
        ],
    }  # fmt: skip


def test_the_report_after_the_start() -> None:
    shown = embed(render_status(evolve(VIEW, starting=True, sent={}, features=())))
    assert shown["title"] == "WandererNotifier Service Started"
    assert shown["description"].split("\n\n")[1] == "Report after the start."
    assert shown["fields"][0]["value"] == "🚀 Just started"
    assert shown["fields"][-1] == {"name": "📊 Notifications", "value": "No notifications sent yet", "inline": False}


def test_what_is_wrong_stands_in_the_first_line() -> None:
    troubles = ("map_stream failed: *refused*", "x" * 500)
    first = embed(render_status(evolve(VIEW, troubles=troubles)))["description"].split("\n\n")[0]
    assert first.startswith("⚠️ Degraded: map\\_stream failed: \\*refused\\*; xxx")
    assert first.endswith("…")


@pytest.mark.parametrize(("state", "lamp"), [("valid", "✅"), ("invalid", "❌"), ("unknown", "❓")])
def test_licences(state: Any, lamp: str) -> None:
    assert embed(render_status(evolve(VIEW, licence=state)))["fields"][1]["value"] == lamp


@pytest.mark.parametrize(("state", "lamp"), [("receiving", "🟢"), ("silent", "🟡"), ("down", "🔴"), ("unknown", "❓")])
def test_feeds(state: Any, lamp: str) -> None:
    field = embed(render_status(evolve(VIEW, feeds=(("Map x_y", state),))))["fields"][2]
    assert (field["name"], field["value"]) == ("Map x\\_y", lamp)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ({}, "No notifications sent yet"),
        ({"status": 3}, "No notifications sent yet"),
        ({"rally": 2}, "Total: **2** (Kills: **0**, Systems: **0**, Characters: **0**, Rallies: **2**)"),
        ({"kill": 1}, "Total: **1** (Kills: **1**, Systems: **0**, Characters: **0**)"),
    ],
)
def test_counts(sent: dict[str, int], text: str) -> None:
    fields = embed(render_status(evolve(VIEW, sent=sent)))["fields"]
    assert next(field["value"] for field in fields if field["name"] == "📊 Notifications") == text


def test_a_feed_that_is_gone_or_back() -> None:
    assert embed(render_feed_down("Kill feed", "refused @everyone", 305)) == {
        "description": "🔴 The Kill feed has been down for 5m 5s: refused @\u200beveryone",
        "color": 0xD9534F,
    }
    assert embed(render_feed_down("", "", 300))["description"] == "🔴 The feed has been down for 5m 0s."
    assert embed(render_feed_back("Map", 3600)) == {
        "description": "🟢 The Map is back after 1h 0m 0s.",
        "color": 0x5CB85C,
    }
    assert embed(render_feed_back("", 60))["description"] == "🟢 The feed is back after 1m 0s."


def test_the_report_links_to_the_page_where_people_can_reach_it() -> None:
    (embed,) = render_status(evolve(VIEW, page="https://notifier.example")).embeds
    assert embed["url"] == "https://notifier.example"
    assert "url" not in render_status(VIEW).embeds[0]
