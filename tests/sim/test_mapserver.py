"""The fake map server: its maps, what the captures do not show, and the faults it can be told to have."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
import trio
import trio.testing

from tests.sim.eventstream import Follower, follow
from tests.sim.raw import Got, ask
from wanderer_notifier.sim.http import serve_tcp
from wanderer_notifier.sim.mapdata import static_info
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.mapserver_map import Map

Now = Callable[[], datetime]
Clock = trio.testing.MockClock

KEY = "test-token-map"
STREAM = "/api/maps/home/events/stream"
J1 = 31001503
J2 = 31002318
PILOT = 2147481010


@pytest.fixture
def server(now: Now) -> MapServer:
    return MapServer(now=now, rng=random.Random(1))


@pytest.fixture
def home(server: MapServer) -> Map:
    return server.add_map("home", KEY)


async def rest(server: MapServer, path: str, *, key: str | None = KEY, accept: str | None = None) -> Got:
    headers = [("authorization", f"Bearer {key}")] if key else []
    if accept is not None:
        headers.append(("accept", accept))
    return await ask(server.handle, "GET", path, headers)


async def data(server: MapServer, path: str) -> Any:
    got = await rest(server, path)
    assert got.status == 200
    return json.loads(got.body)["data"]


# --- maps and REST ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("identifier", ["slug", "uuid"])
async def test_systems_by_slug_and_by_id(autojump_clock: Clock, server: MapServer, home: Map, identifier: str) -> None:
    home.add_system(J1, temporary_name="C4a")
    home.add_system(30000142)
    home.remove_system(30000142)
    where = "home" if identifier == "slug" else home.id
    found = await data(server, f"/api/maps/{where}/systems")
    assert found["connections"] == []
    [row] = found["systems"]
    assert (row["solar_system_id"], row["name"], row["original_name"]) == (J1, "C4a", "J155416")
    assert (row["map_id"], row["visible"], row["custom_name"]) == (home.id, True, None)
    hidden = await data(server, f"/api/maps/{where}/systems/30000142")
    assert hidden["visible"] is False


async def test_the_names_of_a_system_are_computed(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    home.add_system(J1, custom_name="Kitchen")
    path = f"/api/maps/home/systems/{J1}"
    assert (await data(server, path))["name"] == "Kitchen"
    home.rename(J1, "Cellar")
    assert (await data(server, path))["custom_name"] == "Cellar"
    home.set_temporary_name(J1, "Attic")
    row = await data(server, path)
    assert (row["name"], row["custom_name"], row["original_name"]) == ("Attic", "Cellar", "J155416")
    home.remove_system(J1)
    home.add_system(J1)
    assert (await data(server, path))["temporary_name"] is None


async def test_tracked_characters(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    home.add_character(PILOT)
    home.add_character(2147481005)
    home.add_character(None)
    home.remove_character(2147481005)
    first, second = await data(server, "/api/maps/home/tracked-characters")
    assert first["character"] == {
        "eve_id": str(PILOT),
        "name": "Vexa Tarnow",
        "corporation_id": 98999104,
        "corporation_ticker": "UMBRA",
        "alliance_id": 99999104,
        "alliance_ticker": "QBS",
    }
    assert second["character"] is None


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (
            f"/api/maps/home/systems/{J2}",
            404,
            {"error": "Not found", "details": "The requested resource could not be found"},
        ),
        (
            "/api/maps/home/systems/abc",
            404,
            {"error": "Not found", "details": "The requested resource could not be found"},
        ),
        ("/api/maps/nowhere/systems", 404, {"error": "Map not found for identifier: nowhere"}),
        ("/api/maps/home/nothing", 404, {"errors": {"detail": "Not Found"}}),
        ("/api/plugins/notifier/config", 404, {"errors": {"detail": "Not Found"}}),
        ("/api/common/system-static-info", 400, {"error": "Missing required param: id"}),
        ("/api/common/system-static-info?id=", 400, {"error": "Param id cannot be empty"}),
        ("/api/common/system-static-info?id=abc", 400, {"error": "Invalid integer format: abc"}),
        ("/api/common/system-static-info?id=1", 404, {"error": "System not found"}),
    ],
)
async def test_rest_refusals(
    autojump_clock: Clock, server: MapServer, home: Map, path: str, status: int, body: dict[str, Any]
) -> None:
    got = await rest(server, path)
    assert (got.status, json.loads(got.body)) == (status, body)


async def test_formats_and_keys_are_checked_before_the_map(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    path = "/api/maps/home/systems"
    assert (await rest(server, path, key=None, accept="text/html")).status == 406
    assert (await rest(server, path, key=None, accept="application/vnd.api+json")).status == 401
    home.subscribed = False
    got = await rest(server, path)
    assert (got.status, got.body, got.header("content-type")) == (
        401,
        b"Unauthorized (map subscription not active)",
        None,
    )


async def test_static_info_needs_no_key(autojump_clock: Clock, server: MapServer) -> None:
    got = await rest(server, f"/api/common/system-static-info?id={J1}", key=None)
    found = json.loads(got.body)["data"]
    assert found == static_info(J1)
    assert (found["class_title"], found["statics"], found["security"]) == ("C4", ["C247", "P060"], "-1.0")


# --- streams ---------------------------------------------------------------------------------------------------------


async def connected(follower: Follower) -> str:
    frame = await follower.frame()
    assert frame is not None
    assert frame.startswith("event: connected\nid: ")
    return frame


async def test_changes_are_announced(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        home.add_system(J1)
        home.add_system(J1)
        home.add_system(30002187, by_hand=True)
        home.rename(J1, "Cellar")
        home.remove_system(J1)
        home.remove_system(J1)
        home.add_system(J1)
        home.add_system(J2, quiet=True)
        seen = [await follower.event() for _ in range(5)]
        assert await follower.silent()
    assert [(one["type"], one["payload"].get("name")) for one in seen] == [
        ("add_system", "J155416"),
        ("add_system", None),
        ("system_metadata_changed", "Cellar"),
        ("deleted_system", None),
        ("add_system", "Cellar"),
    ]
    assert "name" not in seen[1]["payload"]
    assert "custom_name" not in seen[2]["payload"]


async def test_characters_and_rallies_are_announced(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    home.add_system(J1, quiet=True)
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        character = home.add_character(PILOT)
        home.open_browser(character)
        home.remove_character(PILOT, purged=False)
        home.add_character(PILOT, quiet=True)
        home.remove_character(PILOT)
        rally = home.rally(J1, PILOT, "form up")
        home.end_rally(rally, J1, PILOT)
        seen = [await follower.event() for _ in range(5)]
    assert [one["type"] for one in seen] == [
        "character_added",
        "character_added",
        "character_removed",
        "rally_point_added",
        "rally_point_removed",
    ]
    assert seen[0]["payload"] == {"id": character.character_id, "name": "Vexa Tarnow"}
    added, removed = seen[3]["payload"], seen[4]["payload"]
    assert (added["rally_point_id"], added["solar_system_id"], added["message"]) == (rally, J1, "form up")
    assert (removed["id"], removed["solar_system_id"], "message" in removed) == (rally, J1, False)


async def test_maps_do_not_hear_each_other(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    other = server.add_map("other", "test-token-other")
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        other.add_system(J1)
        assert await follower.silent()


@pytest.mark.parametrize(
    ("events", "seen"),
    [
        ("", ["add_system", "deleted_system"]),
        ("*", ["add_system", "deleted_system"]),
        ("deleted_system, nonsense ,deleted_system", ["deleted_system"]),
        ("*,add_system", ["add_system"]),
        ("nonsense", []),
    ],
)
async def test_the_filter(autojump_clock: Clock, server: MapServer, home: Map, events: str, seen: list[str]) -> None:
    target = f"{STREAM}?events={events.replace(' ', '%20')}"
    async with follow(server, target, key=KEY) as follower:
        await connected(follower)
        home.add_system(J1)
        home.emit("characters_updated", {"characters": []})
        home.remove_system(J1)
        assert [(await follower.event())["type"] for _ in seen] == seen
        assert await follower.silent()


async def test_the_buffer_keeps_ten_minutes(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    before = home.emit("add_system", {"solar_system_id": 1})
    await trio.sleep(1)
    home.emit("add_system", {"solar_system_id": 2})
    await trio.sleep(599)
    home.emit("add_system", {"solar_system_id": 3})
    async with follow(server, f"{STREAM}?last_event_id={before}", key=KEY) as follower:
        await connected(follower)
        assert [(await follower.event())["payload"]["solar_system_id"] for _ in range(2)] == [2, 3]
    await trio.sleep(2)
    async with follow(server, f"{STREAM}?last_event_id={before}", key=KEY) as follower:
        await connected(follower)
        assert (await follower.event())["payload"]["solar_system_id"] == 3
        assert await follower.silent()
    server.restart()
    async with follow(server, f"{STREAM}?last_event_id={before}", key=KEY) as follower:
        await connected(follower)
        assert await follower.silent()


async def test_a_thousand_events_are_replayed_before_the_filter(
    autojump_clock: Clock, server: MapServer, home: Map
) -> None:
    first = home.emit("add_system", {"solar_system_id": 1})
    await trio.sleep(1)
    for _ in range(999):
        home.emit("characters_updated", {})
    await trio.sleep(1)
    home.emit("add_system", {"solar_system_id": 2})
    await trio.sleep(1)
    home.emit("add_system", {"solar_system_id": 3})
    async with follow(server, f"{STREAM}?last_event_id={first}", key=KEY) as follower:
        await connected(follower)
        assert (await follower.event())["payload"]["solar_system_id"] == 2
        assert await follower.silent()


async def test_ids_begin_with_their_time(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    ids = []
    for _ in range(3):
        ids.append(home.emit("add_system", {}))
        await trio.sleep(0.001)
    assert ids == sorted(ids)
    # Computed apart from the code: 2026-11-25T12:00:00Z is 1,795,608,000,000 ms.
    number = 0
    for digit in ids[0][:10]:
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(digit)
    assert number == 1_795_608_000_000


async def test_the_json_api_format_has_data_lines_only(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    async with follow(server, f"{STREAM}?format=jsonapi", key=KEY) as follower:
        greeting = await follower.frame()
        assert greeting is not None
        assert greeting.startswith("data: ")
        assert json.loads(greeting.removeprefix("data: "))["meta"]["map_id"] is None
        event_id = home.emit("signatures_updated", {"solar_system_id": J1})
        value = await follower.event()
        assert value["data"]["attributes"] == {"solar_system_id": J1}
        assert (value["meta"]["event_id"], value["meta"]["event_action"]) == (event_id, "bulk_updated")


@pytest.mark.parametrize("size", [1, 7])
async def test_frames_can_come_in_pieces(autojump_clock: Clock, server: MapServer, home: Map, size: int) -> None:
    server.split_at = size
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        home.add_system(J1, "Ünïcode")
        assert (await follower.event())["payload"]["name"] == "Ünïcode"
        assert max(len(chunk) for chunk in follower.chunks) == size


async def test_a_frame_can_break_off_in_the_middle(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        server.cut_in_next_frame = True
        event_id = home.emit("add_system", {"solar_system_id": J1})
        assert await follower.frame() is None
        assert follower.complete is False
        assert follower.chunks[-1].startswith(f"event: add_system\nid: {event_id[:5]}".encode())
    assert not server.streams


async def test_streams_can_be_cut_and_ended(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    for end in ("cut", "end"):
        async with follow(server, STREAM, key=KEY) as follower:
            await connected(follower)
            assert (server.cut_streams() if end == "cut" else await server.end_streams()) == 1
            assert await follower.frame() is None
            assert follower.complete is False
        assert not server.streams


async def test_a_stall_stops_even_keepalives(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        server.stall()
        home.add_system(J1)
        with pytest.raises(trio.TooSlowError):
            await follower.frame(within=600)
        server.stall(False)
        assert (await follower.event())["type"] == "add_system"


async def test_a_silent_map_only_keeps_alive(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        home.silent = True
        home.add_system(J1)
        assert await follower.frame() == ": keepalive"


async def test_a_replayed_event_can_come_twice(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    first = home.emit("add_system", {"solar_system_id": 1})
    await trio.sleep(1)
    home.emit("add_system", {"solar_system_id": 2})
    server.duplicate_backfill = True
    async with follow(server, f"{STREAM}?last_event_id={first}", key=KEY) as follower:
        await connected(follower)
        assert await follower.event() == await follower.event()


async def test_a_place_is_held_for_three_writes(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    server.max_streams_per_key = 1
    async with follow(server, STREAM, key=KEY) as follower:
        await connected(follower)
        await follower.stream.aclose()
        await server.until(lambda server: server.streams[0].gone)
        async with follow(server, STREAM, key=KEY) as second:
            assert await second.frame() is None
            assert (second.status, second.chunks, second.complete) == (200, [], False)
        await trio.sleep(89)
        assert len(server.streams) == 1
        await trio.sleep(2)
        assert not server.streams


async def test_rest_can_fail_and_hide_its_failures(autojump_clock: Clock, server: MapServer, home: Map) -> None:
    home.add_system(J1)
    server.fail_rest(2)
    for _ in range(2):
        got = await rest(server, "/api/maps/home/systems")
        assert (got.status, json.loads(got.body)) == (500, {"errors": {"detail": "Internal Server Error"}})
    server.empty_lists()
    assert (await data(server, "/api/maps/home/systems"))["systems"] == []
    assert len((await data(server, "/api/maps/home/systems"))["systems"]) == 1
    assert [request.path for request in server.journal] == ["/api/maps/home/systems"] * 4


async def test_a_server_that_is_down_cuts(autojump_clock: Clock, server: MapServer) -> None:
    server.down = True
    with pytest.RaisesGroup(trio.BrokenResourceError):
        await rest(server, "/api/maps/home/systems")


async def test_streams_and_rest_over_one_real_port(server: MapServer, home: Map, nursery: trio.Nursery) -> None:
    port = await nursery.start(serve_tcp, server.handle)
    headers = {"authorization": f"Bearer {KEY}"}
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, headers=headers) as client:
        async with client.stream("GET", STREAM) as answer:
            assert answer.headers["content-type"] == "text/event-stream; charset=utf-8"
            await server.until(lambda server: len(server.streams) == 1)
            home.add_system(J1)
            text = ""
            chunks = answer.aiter_raw()
            while "add_system" not in text:
                text += (await anext(chunks)).decode()
            await chunks.aclose()  # type: ignore[attr-defined]
        assert len((await client.get("/api/maps/home/systems")).json()["data"]["systems"]) == 1
    await server.until(lambda server: server.streams[0].gone)
    server.cut_streams()
