"""The fake kill service against the recorded real one: the same frames in, the same frames out."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
import trio.testing

from tests.sim.captures import records
from tests.sim.phoenix import connect
from tests.sim.raw import ask
from tests.sim.recorded import NAMES, Record, esi_form, normal, sockets
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killmails import live_form, stored_form


def whole(conversation: list[Record]) -> bool:
    """Whether every frame was recorded in full."""
    return not any("text_abridged" in record for record in conversation)


async def replay(feed: KillFeed, conversation: list[Record]) -> None:
    """Say what the client said and compare every answer."""
    target = conversation[0]["url"].removeprefix("ws://127.0.0.1:4004")
    async with connect(feed, target) as client:
        for record in conversation[1:]:
            match record["dir"]:
                case "send" if record.get("control") == "ping":
                    await client.ws.ping(record["data"].encode())
                case "send":
                    await client.ws.send_message(
                        bytes.fromhex(record["binary"]) if "binary" in record else record["text"]
                    )
                case "recv" if "text" in record:
                    assert normal(await client.receive()) == normal(json.loads(record["text"])), record["step"]
                case "closed" if record["initiated_by"] == "server":
                    assert await client.close_code() == record["code"]
                case "closed":
                    assert await client.quiet()


@pytest.mark.parametrize("name", ["ws-01-connect", "ws-02-join", "ws-03-subscriptions", "ws-04-malformed"])
async def test_the_conversations_of_the_real_service_go_the_same_way(
    name: str, now: Callable[[], datetime], autojump_clock: trio.testing.MockClock
) -> None:
    conversations = [one for one in sockets(name) if whole(one) and one[1]["dir"] == "opened"]
    assert conversations
    for conversation in conversations:
        await replay(KillFeed(now=now, rng=random.Random(1)), conversation)


async def test_handshakes_are_refused_in_the_same_way(
    now: Callable[[], datetime], autojump_clock: trio.testing.MockClock
) -> None:
    refusals = [one for one in sockets("ws-01-connect") if one[1]["dir"] == "refused"]
    assert refusals
    handshake = [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    for opened, refused in refusals:
        feed = KillFeed(now=now, rng=random.Random(1))
        got = await ask(feed.handle, "GET", opened["url"].removeprefix("ws://127.0.0.1:4004"), handshake)
        assert (got.status, got.body.decode()) == (refused["status"], refused["body"])
        assert got.names == [name for name, _ in refused["headers"]]


def upstream(name: str) -> list[Record]:
    """The kills that the recording offered, with `zkb` inside."""
    offered = [record for record in records("wanderer-kills", name) if record["dir"] == "upstream"]
    return [{**record["killmail"], "zkb": record["zkb"]} for record in offered if "killmail" in record]


def pushes(name: str, *, preload: bool) -> list[list[Any]]:
    """The `killmail_update` frames of a file in the 2.0.0 form."""
    frames = [
        json.loads(record["text"])
        for record in records("wanderer-kills", name)
        if record["dir"] == "recv" and record.get("text", "").startswith("[")
    ]
    return [frame for frame in frames if frame[3] == "killmail_update" and frame[4]["preload"] is preload]


def test_every_live_kill_has_the_recorded_shape() -> None:
    real = {
        (kill["killmail_id"], kill["kill_time"]): kill
        for frame in pushes("ws-05-killmail-push", preload=False)
        for kill in frame[4]["killmails"]
    }
    compared = 0
    for kill in upstream("ws-05-killmail-push"):
        expected = real.get((kill["killmail_id"], kill["killmail_time"]))
        if expected is not None:
            made = live_form(kill, NAMES)
            assert made == expected
            assert list(made) == list(expected)
            compared += 1
    assert compared >= 9


def test_every_stored_kill_has_the_recorded_shape() -> None:
    real = [kill for frame in pushes("ws-07-preload", preload=True) for kill in frame[4]["killmails"]]
    for record in records("wanderer-kills", "http-01-endpoints"):
        if record.get("step") in ("cached", "killmail by id, stored (NPC attackers)"):
            data = json.loads(record["response"]["body"])["data"]
            real += data.get("kills", [data])
    offered = {kill["killmail_id"]: kill for kill in upstream("ws-05-killmail-push")}
    compared = set()
    for expected in real:
        kill = offered.get(expected["killmail_id"])
        if kill is not None:
            # The recording offered some kills again at another time.
            made = stored_form({**kill, "killmail_time": expected["kill_time"]}, NAMES)
            assert made == expected
            compared.add(expected["killmail_id"])
    assert len(compared) >= 8


async def test_live_frames_come_as_recorded(autojump_clock: trio.testing.MockClock) -> None:
    moment = datetime.fromisoformat("2026-11-24T23:54:00Z")
    wanted: dict[int, list[Any]] = {}
    for frame in pushes("ws-05-killmail-push", preload=False):
        if len(frame[4]["killmails"]) == 1:
            wanted.setdefault(frame[4]["killmails"][0]["killmail_id"], []).append(frame)
    feed = KillFeed(now=lambda: moment, rng=random.Random(1), names=NAMES)
    async with connect(feed) as client:
        await client.join(systems=[30000142])
        for kill in upstream("ws-05-killmail-push"):
            sent = feed.push(kill)
            if kill["solar_system_id"] != 30000142 or kill["killmail_time"] < "2026-11-24T22:54:00Z":
                assert sent == 0
                continue
            frames = [await client.receive() for _ in range(4)]
            recorded = [
                one
                for one in wanted[kill["killmail_id"]]
                if one[4]["killmails"][0]["kill_time"] == kill["killmail_time"]
            ]
            assert [normal(one) for one in frames] == [normal(one) for one in recorded[:4]]
            assert Counter(Counter(one[4]["timestamp"] for one in frames).values()) == {2: 2}
        assert await client.quiet()


async def test_who_gets_how_many_frames(now: Callable[[], datetime], autojump_clock: trio.testing.MockClock) -> None:
    conversation: dict[str, list[Record]] = {}
    kill: Record | None = None
    counts: dict[str, int] = {}
    for record in records("wanderer-kills", "ws-08-routing"):
        if record["dir"] == "upstream":
            kill = {**record["killmail"], "zkb": record["zkb"]}
        elif record["dir"] == "note" and "counts" in record:
            counts = record["counts"]
        elif "conn" in record:
            conversation.setdefault(record["conn"], []).append(record)
    assert kill is not None
    assert len(counts) == 19
    moment = datetime.fromisoformat(kill["killmail_time"])
    for name, spoken in conversation.items():
        feed = KillFeed(now=lambda: moment, rng=random.Random(1), names=NAMES)
        async with connect(feed) as client:
            for record in spoken:
                if record["dir"] == "send":
                    await client.ws.send_message(record["text"])
                elif record["dir"] == "recv" and "killmail_update" not in record["text"]:
                    assert normal(await client.receive()) == normal(json.loads(record["text"])), name
            assert feed.push(kill) == counts[name], name
            recorded = [json.loads(one["text"]) for one in spoken if "killmail_update" in one.get("text", "")]
            frames = [await client.receive() for _ in range(counts[name])]
            assert [normal(one) for one in frames] == [normal(one) for one in recorded], name
            stamps = Counter(Counter(one[4]["timestamp"] for one in frames).values())
            assert stamps == Counter(Counter(one[4]["timestamp"] for one in recorded).values()), name
            assert await client.quiet()


async def test_preloads_come_as_recorded(autojump_clock: trio.testing.MockClock) -> None:
    moment = datetime.fromisoformat("2026-11-24T23:54:30Z")
    stored = {
        kill["killmail_id"]: kill for frame in pushes("ws-07-preload", preload=True) for kill in frame[4]["killmails"]
    }
    for conversation in sockets("ws-07-preload"):
        feed = KillFeed(now=lambda: moment, rng=random.Random(1), names=NAMES)
        for kill in upstream("ws-05-killmail-push"):
            if kill["killmail_time"] > "2026-11-24T23:00:00Z":
                feed.keep(kill)
        for kill_id in (131000100, 131000101, 131000102):
            feed.keep(esi_form(stored[kill_id]))
        await replay(feed, conversation)


async def test_the_http_interface_answers_as_recorded(autojump_clock: trio.testing.MockClock) -> None:
    moment = datetime.fromisoformat("2026-11-24T23:55:26Z")
    feed = KillFeed(now=lambda: moment, rng=random.Random(1), names=NAMES)
    feed.failing_lists.add(30009999)
    exchanges = [one for one in records("wanderer-kills", "http-01-endpoints") if one["dir"] == "exchange"]
    for exchange in exchanges:  # what the recording served for a kill by id is what its feed had offered
        if exchange["step"] == "cached":
            kept = json.loads(exchange["response"]["body"])["data"]["kills"]
            for stored in reversed(kept):
                feed.keep(esi_form(stored))
    for kill in upstream("ws-05-killmail-push"):
        if kill["killmail_id"] == 131000020:
            feed.know(kill)
            for kill_id in (131000050, 131000051):
                feed.know({**kill, "killmail_id": kill_id, "solar_system_id": 30002510})
    compared = []
    for exchange in exchanges:
        request, response = exchange["request"], exchange["response"]
        if re.match(r"/($|metrics|api/openapi|api/v1/subscriptions|api/v1/kills/stream)", request["path"]):
            continue  # nobody of ours asks for these
        got = await ask(
            feed.handle, request["method"], request["path"], request["headers"], (request["body"] or "").encode()
        )
        step = exchange["step"]
        assert got.status == response["status"], step
        assert got.names == [name for name, _ in response["headers"]], step
        assert got.header("content-type") == dict(response["headers"]).get("content-type"), step
        if request["path"] in ("/health", "/status", "/websocket/status"):
            assert keys(json.loads(got.body)) == keys(json.loads(response["body"]))
        elif "not stored" in step:
            assert json.loads(got.body)["data"].keys() == json.loads(response["body"])["data"].keys()
        elif "upstream answers 500" in step and got.status == 500:
            assert json.loads(got.body).keys() == json.loads(response["body"]).keys()
        elif (got.header("content-type") or "").startswith("application/json"):
            assert normal(json.loads(got.body)) == normal(json.loads(response["body"])), step
        else:
            assert got.body.decode() == response["body"], step
        compared.append(step)
    assert len(compared) > 40


def keys(value: Any) -> Any:
    """The names in nested objects."""
    return {key: keys(item) for key, item in value.items()} if isinstance(value, dict) else None
