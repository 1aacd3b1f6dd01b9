"""The recordings of the kill service that are about time, ends, size and outages, played again on the fake."""

from __future__ import annotations

import json
import random
import re
from datetime import datetime, timedelta
from typing import Any

import pytest
import trio
import trio.testing
from attrs import evolve

from tests.captures.stage import Stage, began, received
from tests.service.test_real_input import large_frames
from tests.sim.captures import CAPTURES, records
from tests.sim.phoenix import connect
from tests.sim.raw import ask
from tests.sim.recorded import NAMES, Record, esi_form, normal
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.mapdata import Names, Pilot

Clock = trio.testing.MockClock

FLEET = {2147400000 + number: Pilot(f"Fleet Member {number:05}", 98999001) for number in range(300)}
EVERYBODY: Names = evolve(NAMES, characters={**NAMES.characters, **FLEET})
FITTED = [{"flag": 27, "item_type_id": 2410, "quantity_destroyed": 1, "singleton": 0}]
"""The cargo of the large kills; only their stored form shows it."""


def fake(name: str) -> KillFeed:
    """The service at the moment at which a recording begins."""
    start = began(name)

    def now() -> datetime:
        return start + timedelta(seconds=trio.current_time())

    return KillFeed(now=now, rng=random.Random(1), names=EVERYBODY)


def frames(texts: list[str]) -> list[Any]:
    return [normal(json.loads(text)) for text in texts]


def ends(name: str) -> dict[str, tuple[int, float]]:
    """The close code and the second at which each recorded connection was ended by the service."""
    found = {}
    for record in records("wanderer-kills", name):
        if record["dir"] == "closed" and record["initiated_by"] != "client":
            found[record["conn"]] = (record["code"], record["t"])
        elif record["dir"] == "error" and "conn" in record:
            found[record["conn"]] = (1006, record["t"])
    return found


def remember_preloads(feed: KillFeed, name: str) -> None:
    """Let the fake hold what the service preloaded in a recording."""
    kept: dict[int, Record] = {}
    for texts in received(name).values():
        for text in texts:
            if '"preload":true' in text:
                frame = json.loads(text)
                payload = frame[4] if isinstance(frame, list) else frame["payload"]
                kept |= {kill["killmail_id"]: kill for kill in payload["killmails"]}
    newest_first = sorted(kept.values(), key=lambda one: str(one["kill_time"]), reverse=True)
    for kill in reversed(newest_first):
        feed.keep(esi_form(kill))


async def test_silence_and_what_breaks_it_end_as_recorded(autojump_clock: Clock) -> None:
    feed = fake("ws-06-idle-timeout")
    stage = Stage("ws-06-idle-timeout", feed, push=lambda kill: feed.push(esi_form(kill)))
    await stage.play()
    recorded = received("ws-06-idle-timeout")
    for name, (code, second) in ends("ws-06-idle-timeout").items():
        heard = stage.heard[name]
        assert frames(heard.frames) == frames(recorded.get(name, [])), name
        assert heard.closed is not None
        assert heard.closed[0] == code == 1000, name
        assert heard.closed[1] == pytest.approx(second, abs=6.5), name  # 60 to 66 s in the real one, 60 here


@pytest.mark.parametrize("name", ["ws-09-shutdown", "ws-10-killed"])
async def test_a_stopped_or_killed_service_says_goodbye_as_recorded(name: str, autojump_clock: Clock) -> None:
    feed = fake(name)
    remember_preloads(feed, name)

    def end(note: str) -> None:
        if "SIGTERM" in note:
            feed.restart(down=True)
        elif "SIGKILL" in note:
            feed.kill(down=True)

    stage = Stage(name, feed, notes=end)
    await stage.play()
    recorded = received(name)
    expected = ends(name)
    assert len(expected) == 4
    for conn, (code, second) in expected.items():
        heard = stage.heard[conn]
        assert heard.closed is not None, conn
        assert heard.closed[0] == code, conn
        assert heard.closed[1] == pytest.approx(second, abs=0.5), conn
        if conn != "SSE stream":
            assert frames(heard.frames) == frames(recorded.get(conn, [])), conn
    assert stage.heard["SSE stream"].chunks == recorded["SSE stream"]
    assert stage.probes
    assert not any(stage.probes)
    assert not feed.connections
    assert feed.streams == 0


@pytest.fixture
def large_kills() -> list[Record]:
    """The kills with 300 attackers as ESI had them, rebuilt from the recording's abridged frames."""
    records("wanderer-kills", "ws-11-large")
    found: dict[int, Record] = {}
    for text in large_frames(CAPTURES / "wanderer-kills" / "ws-11-large.jsonl"):
        kill = json.loads(text)[4]["killmails"][0]
        found[kill["killmail_id"]] = kill
    result = [esi_form(kill) for kill in found.values()]
    for kill in result:
        kill["victim"]["items"] = FITTED
    return result


async def test_large_kills_are_as_long_as_recorded(autojump_clock: Clock, large_kills: list[Record]) -> None:
    feed = fake("ws-11-large")
    live = [one for one in records("wanderer-kills", "ws-11-large") if one["dir"] == "recv" and "text_abridged" in one]
    async with connect(feed) as client:
        await client.join(systems=[30002659])
        for kill in large_kills:
            assert feed.push(kill) == 4
        lengths = [len(await client.ws.get_message()) for _ in range(8)]
    assert lengths == [one["text_length"] for one in live[:8]]
    async with connect(feed, max_message=2**25) as client:
        await client.join(systems=[30002659])
        preload = str(await client.ws.get_message())
        assert await client.quiet()
    start, end = live[8]["text_abridged"].split(" … ")
    same = normal(json.loads(preload))
    assert [kill["killmail_id"] for kill in same[4]["killmails"]] == [131000071, 131000070]
    assert len(preload) == live[8]["text_length"]
    stamp = r'"timestamp":"[^"]*"'
    assert re.sub(stamp, "", preload).startswith(re.sub(stamp, "", start))
    assert preload.endswith(end)


async def test_an_outage_of_the_upstreams_shows_as_recorded(autojump_clock: Clock, large_kills: list[Record]) -> None:
    start = datetime.fromisoformat("2026-11-24T23:57:47Z")
    feed = KillFeed(now=lambda: start + timedelta(seconds=trio.current_time()), rng=random.Random(1), names=EVERYBODY)
    for kill in large_kills:
        feed.keep(kill)
    compared = 0
    for record in records("wanderer-kills", "http-02-upstream-down"):
        await trio.sleep_until(record["t"])
        if record["dir"] == "note":
            feed.upstream_lost_at = feed.now()
            continue
        response, step = record["response"], record["step"]
        got = await ask(feed.handle, record["request"]["method"], record["request"]["path"])
        assert got.status == response["status"], step
        assert got.names == [name for name, _ in response["headers"]], step
        compared += 1
        if response["body"] is None:
            assert len(got.body.decode()) == response["body_length"], step
            continue
        ours, theirs = json.loads(got.body), json.loads(response["body"])
        if step.startswith(("health", "before")):
            assert shape(ours) == shape(theirs), step
            breaker = ("consecutive_errors", "circuit_state")
            assert [ours["circuit_breaker"][key] for key in breaker] == [
                theirs["circuit_breaker"][key] for key in breaker
            ], step
            assert (ours["healthy"], ours["status"]) == (theirs["healthy"], theirs["status"]), step
        elif step == "websocket status":
            assert ours.keys() == theirs.keys()
        else:
            address = r"http://[^/]+/(zkb/)?"
            expected = re.sub(address, "http://<host>/", json.dumps(normal(theirs))).replace("/systemID/30000142/", "")
            mine = re.sub(address, "http://<host>/", json.dumps(normal(ours))).replace("/systemID/30000142/", "")
            assert mine == expected, step
    assert compared == 17


def shape(value: Any) -> Any:
    """The keys of nested objects; the reasons of failures are counted by name and may be none."""
    if isinstance(value, dict):
        return {key: shape(item) if key != "failure_reasons" else None for key, item in value.items()}
    return None


async def test_the_event_streams_come_as_recorded(autojump_clock: Clock) -> None:
    feed = KillFeed(
        now=lambda: datetime.fromisoformat("2026-11-24T23:55:26Z") + timedelta(seconds=trio.current_time()),
        rng=random.Random(1),
        names=NAMES,
    )
    name = "sse-01-stream"
    stage = Stage(name, feed)
    recorded = received(name)

    async def offer() -> None:
        """Kills reach the streams when the recording shows them first."""
        for record in stage.records:
            if record["dir"] == "upstream":
                shown = next(
                    one
                    for one in stage.records
                    if one["dir"] == "chunk" and f'"killmail_id":{record["killmail"]["killmail_id"]}' in one["text"]
                )
                await stage.at(shown)
                feed.push({**record["killmail"], "zkb": record["zkb"]})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(offer)
        await stage.play()
    compared = 0
    for record in stage.records:
        if record["dir"] not in ("response", "body"):
            continue
        heard, conn = stage.heard[record["conn"]], record["conn"]
        if record["dir"] == "body":
            assert "".join(heard.chunks) == record["text"], conn
            continue
        assert heard.status == record["status"], conn
        assert [key for key, _ in heard.headers if key != "transfer-encoding"] == [
            key for key, _ in record["headers"] if key != "transfer-encoding"
        ], conn
        assert dict(heard.headers)["content-type"] == dict(record["headers"])["content-type"], conn
        if heard.status == 200:
            assert in_time(heard.chunks, recorded.get(conn, [])), conn
        compared += 1
    assert compared == 19


def in_time(ours: list[str], theirs: list[str]) -> bool:
    """Equal, where the client's own leaving may have cut off the last of them; numbers may be written otherwise."""
    shorter = min(len(ours), len(theirs))
    return [*map(meaning, ours[:shorter])] == [*map(meaning, theirs[:shorter])] and abs(len(ours) - len(theirs)) <= 1


def meaning(chunk: str) -> Any:
    return json.loads(chunk.removeprefix("data: ")) if chunk.startswith("data: ") else chunk
