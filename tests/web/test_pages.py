"""The status page, the full status and the details: real figures, escaped, whole even when something is broken."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
import trio
from attrs import evolve

from tests.web.stage import BAD_FEED, GOOD, T0, judge, part, site
from wanderer_notifier.core.licence_answer import Standing, Verdict
from wanderer_notifier.web.activity import (
    Activity,
    Counted,
    Deliveries,
    FailedKill,
    Happened,
    KillSeen,
    Link,
    Stored,
    ago,
    span,
)
from wanderer_notifier.web.views import Snapshot

EVIL = '<script>alert("1")</script>&\'"'
KILL = KillSeen(
    killmail_id=124000001, at=T0 - timedelta(seconds=42), what="Loki of Nael in J1", fate="sent", why="ours"
)
BUSY = evolve(
    GOOD,
    components=(
        part("killmail_stream:systems", "ok"),
        part("map_stream:home-chain", "ok"),
        part("discord_rest", "ok"),
        part("discord_gateway", "ok"),
    ),
    shared_bytes=13_000_000,
    data_dir="/app/priv",
    activity=Activity(
        counted=Counted(received=88, queued=20, duplicate=60, skipped=8, sent={"kill": 19, "system": 2}, given_up=1),
        lifetime=Counted(received=1000, sent={"kill": 190}),
        deliveries=Deliveries(
            successes=21,
            failures=2,
            last_success_at=T0,
            failed_kills=(FailedKill(killmail_id=124000002, reason="expired", at=T0 - timedelta(minutes=14)),),
        ),
        links=(
            Link(id="killmail_stream:systems", kind="websocket", state="ok", uptime_percent=99.5, ping_s=0.05,
                 quality="excellent"),
        ),
        recent=(Happened(at=T0 - timedelta(minutes=1), subject="discord_rest", text="working again", level="good"),),
        tasks=("delivery", "pipeline"),
        lookups={"hit": 812, "miss": 96, "entries": 209},
        skipped={"not_tracked": 8},
    ),
)  # fmt: skip
FOUND = Stored(
    kills=(KILL,),
    last_received_id=124000001,
    last_received_at=T0 - timedelta(seconds=42),
    last_notified_id=124000001,
    last_notified_at=T0 - timedelta(seconds=41),
    last_sent_at=T0 - timedelta(seconds=41),
    queue={"queued": 3, "sending": 1, "sent": 21, "dead": 1},
    oldest_waiting=T0 - timedelta(seconds=9),
)


async def found() -> Stored:
    return FOUND


YOUNG = part("map_data:x", "starting")


class Text(HTMLParser):
    """What a text browser shows, and every tag."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.tags: list[str] = []
        self._style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._style = False

    def handle_data(self, data: str) -> None:
        if not self._style:
            self.words.append(data)


def read(html: str) -> Text:
    reader = Text()
    reader.feed(html)
    return reader


async def page(view: Snapshot, stored: Stored = FOUND) -> httpx.Response:
    async def answer() -> Stored:
        return stored

    async with site(view, stored=answer) as client:
        return await client.get("/")


async def test_the_page_tells_at_a_glance_that_all_is_well_and_what_became_of_the_last_kills() -> None:
    async with site(BUSY, stored=found) as client:
        home, dashboard = await client.get("/"), await client.get("/dashboard")
    words = " ".join(read(home.text).words)
    assert home.text == dashboard.text
    for expected in ("All is well", "Loki of Nael in J1", "sent", "ours", "42s ago", "Uptime  1h 10m", "57", "112"):
        assert re.sub(r" +", " ", expected) in re.sub(r" +", " ", words), expected


async def test_the_page_has_no_script_and_a_policy_that_would_not_let_it_run_one() -> None:
    answer = await page(BUSY)
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert {"script", "img", "link", "form", "iframe"}.isdisjoint(read(answer.text).tags)
    assert " style=" not in answer.text, "the policy would ignore it"
    assert '<meta http-equiv="refresh" content="30">' in answer.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, "All is well"),
        ({"components": (part("esi", "degraded", "HTTP 502"),)}, "Working, with some trouble"),
        ({"components": (part("killmail_stream:x", "failed"),), "readiness": BAD_FEED}, "Kills are not heard"),
        ({"components": (YOUNG,), "readiness": judge(YOUNG, uptime_s=5)}, "Starting"),
        ({"state": "stopping"}, "Stopping"),
        ({"broken_task": "pipeline"}, "Broken: pipeline task stopped"),
    ],
)  # fmt: skip
async def test_the_verdict(change: dict[str, Any], words: str) -> None:
    answer = await page(evolve(BUSY, **change))
    assert f"<h2>{words}</h2>" in answer.text


async def test_the_cards_have_the_names_that_readers_know() -> None:
    words = read((await page(BUSY)).text).words
    for name in (
        "WebSocket Status", "SSE Map Status", "Memory Usage", "Cache Stats", "Processing Stats", "Tracking Stats",
        "Key Processes", "Discord", "Licence", "Readiness", "Recent Activity", "Connection", "connected", "Map name",
        "Kills Received", "Notifications Sent", "Last Kill Received", "Last Notification", "Tracked Systems",
        "Tracked Characters", "Priority Systems", "Hit Rate",
    ):  # fmt: skip
        assert name in words, name


async def test_several_maps_are_counted_and_those_in_trouble_named() -> None:
    streams = [part(f"map_stream:m{number}", "ok" if number % 5 else "failed", "cut") for number in range(40)]
    words = " ".join(read((await page(evolve(BUSY, components=tuple(streams), maps=("m0",) * 40))).text).words)
    assert "Multi-Map" in words
    assert "32/40 connected (40 clients)" in words
    assert "Map stream (m0, m5, m10, m15, m20, m25, m30, m35)" in words, "one line for the same trouble"
    assert "m1 " not in words


async def test_an_outage_says_what_it_means_what_waits_and_what_to_do() -> None:
    feed, again_at = part("killmail_stream", "failed", "refused"), T0 + timedelta(seconds=31)
    names = ("killmail_stream:systems", "killmail_stream:characters")
    sockets = [evolve(feed, name=name, next_attempt_at=again_at) for name in names]
    down = (*sockets, part("discord_rest", "failed", "HTTP 502"))
    view = evolve(BUSY, components=down, readiness=judge(*down))
    words = " ".join(read((await page(view, evolve(FOUND, queue={"queued": 214, "sending": 1}))).text).words)
    assert "Kills are not heard; messages do not reach Discord" in words
    assert "Kill feed (systems, characters) : refused (for 3m 4s, next try in 31s)" in words
    assert "215 messages wait and go out when Discord is back" in words
    assert "wanderer-notifier doctor" in words


async def test_the_same_trouble_two_hundred_times_is_one_line() -> None:
    recent = tuple(
        Happened(at=T0 - timedelta(seconds=40 * number), subject="esi", text="degraded: HTTP 502", level="fair")
        for number in range(200)
    ) + tuple(Happened(at=T0, subject=f"map_stream:{number}", text="cut", level="fair") for number in range(30))
    answer = await page(evolve(BUSY, activity=evolve(BUSY.activity, recent=recent)))
    words = " ".join(read(answer.text).words)
    assert "degraded: HTTP 502 200 times" in re.sub(r" +", " ", words)
    assert "and 21 more, see the log" in words


@pytest.mark.parametrize(
    ("standing", "words"),
    [
        (Standing(has_key=False), "free tier"),
        (Standing(has_key=True), "not known"),
        (Standing(has_key=True, verdict=Verdict(valid=False, message="expired"), answered_at=T0), "not valid"),
        (Standing(has_key=True, verdict=Verdict(valid=True), answered_at=T0), "valid"),
    ],
)
async def test_the_licence_in_one_word(standing: Standing, words: str) -> None:
    assert words in read((await page(evolve(BUSY, licence=standing))).text).words


async def test_whatever_others_wrote_is_escaped() -> None:
    view = evolve(
        BUSY,
        version=EVIL,
        maps=(EVIL,),
        warnings=(EVIL,),
        state=EVIL,
        components=(part(f"map_stream:{EVIL}", "degraded", EVIL), part("discord_rest", "failed", EVIL)),
        readiness=judge(part(f"map_stream:{EVIL}", "failed", EVIL)),
        activity=evolve(
            BUSY.activity,
            recent=(Happened(at=T0, subject=EVIL, text=EVIL, level="bad"),),
            tasks=(EVIL,),
            skipped={EVIL: 1},
        ),
        licence=Standing(has_key=True, trouble=EVIL),
    )
    evil = evolve(KILL, what=EVIL + "\ud800", why=EVIL)
    answer = await page(view, evolve(FOUND, kills=(evil,)))
    assert answer.status_code == 200
    assert "script" not in read(answer.text).tags
    assert "<script" not in answer.text


async def test_the_full_status_keeps_every_name_that_readers_know() -> None:
    async with site(BUSY, stored=found) as client:
        body = (await client.get("/api/status")).json()
    assert list(body)[:20] == [
        "status", "timestamp", "server_version", "web_server", "system", "tracking", "notifications", "processing",
        "performance", "websocket", "sse", "connections", "recent_activity", "memory_detailed", "processes",
        "cache_stats", "gc_stats", "killmail_activity", "discord_health", "state",
    ]  # fmt: skip
    assert body["tracking"] == {"systems_count": 57, "characters_count": 112, "killmails_received": 88}
    assert body["notifications"] | {} == {
        "total": 21, "kills": 19, "systems": 2, "characters": 0, "rallies": 0, "status": 0
    }  # fmt: skip
    assert body["processing"]["kills_processed"] == 88
    assert body["performance"]["success_rate"] == 95.5
    assert body["performance"]["last_activity"] == "41s ago"
    assert body["websocket"]["connection_status"] == "connected"
    assert body["sse"] == {
        "mode": "env_var", "client_alive": True, "connection_status": "connected", "map_name": "home-chain"
    }  # fmt: skip
    assert body["killmail_activity"]["last_received_id"] == "124000001"
    assert body["discord_health"]["healthy"] is True
    assert body["discord_health"]["failed_kills"][0]["failed_ago"] == "14m ago"
    assert body["discord_health"]["ratelimiter"]["queues"] == {"outstanding": 3, "running": 1, "inflight": 1}
    assert body["lifetime"]["killmails_received"] == 1000
    assert body["cache_stats"]["hit_rate"] == 89.4
    assert "partial" not in body
    assert {"license", "maps", "queue", "readiness", "components", "persistence"} <= body.keys()


async def test_with_several_maps_the_status_counts_their_streams_and_never_fails() -> None:
    view = evolve(BUSY, maps=("a", "b", "c"), components=(part("map_stream:a", "ok"), part("map_stream:b", "failed")))
    async with site(view, stored=found) as client:
        sse = (await client.get("/api/status")).json()["sse"]
    assert (sse["mode"], sse["map_count"], sse["connected"], sse["disconnected"]) == ("multi_map", 3, 1, 1)
    assert {one["map_slug"]: one["status"] for one in sse["maps"]} == {
        "a": "connected", "b": "disconnected", "c": "not_running"
    }  # fmt: skip


async def test_healthy_details_say_nothing_that_sounds_like_trouble() -> None:
    async with site(BUSY, stored=found) as client:
        body = (await client.get("/health/details")).json()
        assert (await client.get("/api/health/details")).json() == body

    def texts(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for each in value.values() for text in texts(each)]
        if isinstance(value, list):
            return [text for each in value for text in texts(each)]
        return [value] if isinstance(value, str) else []

    assert not [text for text in texts(body) if re.search("error|failed", text, re.IGNORECASE)]
    assert body["external_connectivity"]["killmail_service"] == "ok"
    assert body["recent_errors"] == {"enabled": True, "count": 0, "items": []}


async def test_details_name_the_problems_of_the_last_hour() -> None:
    recent = (
        Happened(at=T0 - timedelta(minutes=5), subject="esi", text="degraded: HTTP 502", level="fair"),
        Happened(at=T0 - timedelta(hours=5), subject="esi", text="degraded: old", level="fair"),
    )
    async with site(evolve(BUSY, activity=evolve(BUSY.activity, recent=recent)), stored=found) as client:
        body = (await client.get("/health/details")).json()
    assert [one["message"] for one in body["recent_errors"]["items"]] == ["degraded: HTTP 502"]


async def test_a_database_that_fails_or_hangs_leaves_partial_answers(autojump_clock: trio.testing.MockClock) -> None:
    autojump_clock.autojump_threshold = 0.05
    how = ["well", "fails", "hangs"]

    async def stored() -> Stored:
        match how.pop(0):
            case "fails":
                raise OSError("disk")
            case "hangs":
                await trio.sleep_forever()
        return FOUND

    async with site(BUSY, stored=stored) as client:
        bodies = [(await client.get("/api/status", timeout=30)).json() for _ in range(3)]
    assert ["partial" in body for body in bodies] == [False, True, True]
    assert {body["killmail_activity"]["last_received_id"] for body in bodies} == {"124000001"}, "what was known last"


async def test_json_never_fails_to_encode() -> None:
    odd = evolve(BUSY, features={"x": {1, 2}, "y": float("nan"), 3: T0}, queue={"queued": float("inf")})  # type: ignore[dict-item]
    async with site(odd) as client:
        body = json.loads((await client.get("/api/system/info")).text, parse_constant=lambda name: pytest.fail(name))
    assert body["features"] == {"x": [1, 2], "y": None, "3": "2026-11-25 03:04:05.678901+00:00"}


@pytest.mark.parametrize(
    ("seconds", "words"), [(12, "12s"), (184, "3m 4s"), (7800, "2h 10m"), (266400, "3d 2h"), (0, "0s"), (-5, "0s")]
)
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_ages() -> None:
    assert [ago(None, T0), ago(T0 - timedelta(seconds=300), T0)] == ["never", "5m ago"]
