"""The fake kill service: what the captures do not show, and the faults it can be told to have."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import trio
import trio.testing
import trio_websocket

from tests.sim.phoenix import LOBBY, connect
from tests.sim.raw import ask
from wanderer_notifier.sim.http import serve_tcp
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killfeed_channel import Dialect
from wanderer_notifier.sim.killmails import Inventor

Now = Callable[[], datetime]
Clock = trio.testing.MockClock

HOME = 31001361
PILOT = 2147481001
HUNTER = 2147481005


@pytest.fixture
def invent(now: Now) -> Callable[..., dict[str, Any]]:
    inventor = Inventor(random.Random(7))

    def kill(*, ago_s: float = 60, **asked: Any) -> dict[str, Any]:
        asked = {"system_id": HOME, "victim": PILOT, "attackers": [HUNTER], **asked}
        return inventor.kill(now() - timedelta(seconds=ago_s), **asked)

    return kill


Invent = Callable[..., dict[str, Any]]


@pytest.mark.parametrize(
    ("dialect", "joins", "copies"),
    [
        ("W1", {"systems": [HOME]}, 4),
        ("W2", {"systems": [HOME]}, 2),
        ("single", {"systems": [HOME]}, 1),
        ("W1", {"character_ids": [PILOT]}, 2),
        ("W2", {"character_ids": [HUNTER]}, 1),
        ("single", {"character_ids": [HUNTER]}, 1),
        ("W1", {"systems": [31002318], "character_ids": [PILOT]}, 0),
    ],
)
async def test_copies_of_a_kill(
    autojump_clock: Clock, now: Now, invent: Invent, dialect: Dialect, joins: dict[str, list[int]], copies: int
) -> None:
    feed = KillFeed(now=now, rng=random.Random(1), dialect=dialect)
    async with connect(feed) as client:
        await client.join(**joins)
        assert feed.push(invent()) == copies
        frames = [await client.receive() for _ in range(copies)]
        assert await client.quiet()
    assert len({frame[4]["timestamp"] for frame in frames}) == (2 if dialect == "W1" and copies else min(copies, 1))


async def test_a_repeated_kill_is_sent_again(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        kill = invent()
        assert feed.push(kill, times=3) == 12
        assert feed.push(kill) == 4


async def test_a_kill_older_than_an_hour_is_not_taken_in(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        assert feed.push(invent(ago_s=3601)) == 0
        assert feed.push(invent(ago_s=3600)) == 4


async def test_preload_is_the_newest_five_of_a_day(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    kills = [invent(ago_s=ago) for ago in (50, 10, 40, 20, 30, 60, 86_000)]
    for kill in [*kills, invent(ago_s=86_401), invent(system_id=31002318)]:
        feed.keep(kill)
    async with connect(feed) as client:
        await client.send("phx_join", {"systems": [HOME, 31000005], "preload": {"limit_per_system": 1}})
        assert (await client.receive())[3] == "phx_reply"
        frame = await client.receive()
        assert frame[:4] == ["1", None, LOBBY, "killmail_update"]
        assert (frame[4]["preload"], frame[4]["system_id"]) == (True, HOME)
        expected = [kills[number]["killmail_id"] for number in (1, 3, 4, 2, 0)]
        assert [kill["killmail_id"] for kill in frame[4]["killmails"]] == expected
        assert await client.quiet()
        await client.send("subscribe_systems", {"systems": [31002318, HOME]})
        assert (await client.receive())[3] == "phx_reply"
        assert (await client.receive())[4]["system_id"] == 31002318
        assert await client.quiet()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"systems": list(range(1, 10_002))}, "[validation:too_many_systems] Too many systems (max: 10000)"),
        ({"systems": [True]}, "[validation:non_integer_system_ids] System IDs must be integers"),
        ({"systems": [50_000_001, "x"]}, "[validation:non_integer_system_ids] System IDs must be integers"),
        ({"systems": [0], "character_ids": ["x"]}, "[validation:invalid_system_ids] Invalid system IDs"),
        ({"systems": [1], "character_ids": {}}, "join crashed"),
    ],
)
async def test_joins_that_are_refused(
    autojump_clock: Clock, feed: KillFeed, payload: dict[str, Any], reason: str
) -> None:
    async with connect(feed) as client:
        answer = await client.join(**payload)
        assert answer == {"status": "error", "response": {"reason": reason}}
        assert feed.joined == ()


async def test_ids_at_the_limits_are_taken(autojump_clock: Clock, feed: KillFeed) -> None:
    async with connect(feed) as client:
        answer = await client.join(systems=[1, 50_000_000], character_ids=[90_000_000, 3_000_000_000])
        assert answer["status"] == "ok"
        assert (feed.connections[0].systems, feed.connections[0].characters) == (
            (1, 50_000_000),
            (90_000_000, 3_000_000_000),
        )


async def test_long_lists_come_back_as_a_set(autojump_clock: Clock, feed: KillFeed) -> None:
    systems = list(range(31_000_001, 31_010_001))
    async with connect(feed) as client:
        assert (await client.join(systems=systems))["response"]["subscribed_systems"] == systems
        answer = await client.ask("subscribe_systems", {"systems": [30000142]})
        listed = answer["response"]["subscribed_systems"]
        assert set(listed) == {*systems, 30000142}
        assert listed != sorted(listed)


@pytest.mark.parametrize(("count", "fits"), [(11_000, True), (12_500, False)])
async def test_frames_have_a_limit(autojump_clock: Clock, feed: KillFeed, count: int, fits: bool) -> None:
    async with connect(feed) as client:
        await client.send("phx_join", {"character_ids": list(range(2_147_000_000, 2_147_000_000 + count))})
        if fits:
            assert (await client.receive())[4]["status"] == "ok"
        else:
            assert await client.close_code() == 1009


async def test_leaving_needs_the_right_join_ref(autojump_clock: Clock, feed: KillFeed) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        await client.ws.send_message(json.dumps(["other", "8", LOBBY, "phx_leave", {}]))
        assert await client.quiet()
        await client.ws.send_message(json.dumps(["1", "9", LOBBY, "phx_leave", {}]))
        assert await client.receive() == ["1", "9", LOBBY, "phx_reply", {"status": "ok", "response": {}}]
        assert await client.receive() == ["1", "1", LOBBY, "phx_close", {}]


async def test_a_join_without_join_ref(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    async with connect(feed) as client:
        await client.ws.send_message(json.dumps([None, "5", LOBBY, "phx_join", {"systems": [HOME]}]))
        assert (await client.receive())[:2] == [None, "5"]
        feed.push(invent())
        assert (await client.receive())[:2] == ["5", None]


async def test_a_silent_client_is_closed_whatever_is_sent_to_it(
    autojump_clock: Clock, feed: KillFeed, invent: Invent
) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        await trio.sleep(50)
        feed.push(invent())
        assert await client.close_code() == 1000
        assert trio.current_time() == pytest.approx(60.0)


async def test_pings_count_as_life(autojump_clock: Clock, feed: KillFeed) -> None:
    async with connect(feed) as client:
        await trio.sleep(40)
        await client.ws.ping()
        assert await client.close_code() == 1000
        assert trio.current_time() == pytest.approx(100.0)


# --- faults ----------------------------------------------------------------------------------------------------------


async def test_a_crashed_channel_leaves_the_socket(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        assert feed.crash_channels() == 1
        assert await client.receive() == ["1", "1", LOBBY, "phx_error", {}]
        assert feed.push(invent()) == 0
        assert (await client.ask("heartbeat", {}, "phoenix"))["status"] == "ok"
        assert (await client.join(systems=[31002318]))["status"] == "ok"


async def test_a_restart_empties_the_memory_and_says_1012(
    autojump_clock: Clock, feed: KillFeed, invent: Invent
) -> None:
    feed.keep(invent())
    async with connect(feed) as client, connect(feed) as idler:
        await client.join(character_ids=[PILOT])
        feed.restart()
        stopped = trio.current_time()
        assert await client.close_code() == 1012
        assert trio.current_time() - stopped < 1
        with pytest.raises(trio_websocket.ConnectionClosed):
            await idler.ws.get_message()
        assert trio.current_time() - stopped == pytest.approx(10, abs=0.5)  # as recorded (ws-09)
    await feed.until(lambda feed: not feed.connections)
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        assert await client.quiet()


async def test_what_was_queued_arrives_before_the_close(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        feed.push(invent())
        feed.close_all(1001)
        assert [(await client.receive())[3] for _ in range(4)] == ["killmail_update"] * 4
        assert await client.close_code() == 1001


async def test_a_cut_is_no_goodbye(autojump_clock: Clock, feed: KillFeed) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        assert feed.cut_all() == 1
        with pytest.raises(trio_websocket.ConnectionClosed) as closed:
            await client.ws.get_message()
        assert closed.value.reason is not None
        assert closed.value.reason.code == 1006


async def test_a_stall_holds_everything_back(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        feed.stall()
        await client.send("heartbeat", {}, "phoenix")
        assert await client.quiet()
        feed.push(invent())
        assert await client.quiet()
        feed.stall(False)
        assert [(await client.receive())[3] for _ in range(5)] == ["phx_reply"] + ["killmail_update"] * 4
        assert len(feed.journal) == 2


async def test_heartbeats_alone_can_stall(autojump_clock: Clock, feed: KillFeed, invent: Invent) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        feed.stall_heartbeats()
        await client.send("heartbeat", {}, "phoenix")
        assert await client.quiet()
        feed.push(invent())
        assert (await client.receive())[3] == "killmail_update"


async def test_late_and_missing_replies(autojump_clock: Clock, feed: KillFeed) -> None:
    async with connect(feed) as client:
        feed.delay_join(20)
        await client.send("phx_join", {"systems": [HOME]})
        assert (await client.ask("heartbeat", {}, "phoenix"))["status"] == "ok"
        await client.receive()
        assert trio.current_time() == pytest.approx(20.0)
        feed.drop_replies()
        await client.send("subscribe_systems", {"systems": [31002318]})
        assert (await client.ask("get_status", {}))["response"]["subscribed_systems"] == [HOME, 31002318]


async def test_anything_can_be_sent(autojump_clock: Clock, feed: KillFeed) -> None:
    async with connect(feed) as client:
        await client.join(systems=[HOME])
        assert feed.push_raw({"systems": 3}, event="preload_complete") == 1
        assert await client.receive() == ["1", None, LOBBY, "preload_complete", {"systems": 3}]
        assert feed.push_text("{oops") == 1
        assert await client.ws.get_message() == "{oops"
        feed.push_raw({"killmails": ["x" * 5_000_000], "preload": True, "system_id": HOME})
        assert len((await client.receive())[4]["killmails"][0]) == 5_000_000


async def test_upgrades_can_be_refused(autojump_clock: Clock, feed: KillFeed) -> None:
    headers = [("connection", "Upgrade"), ("upgrade", "websocket"), ("sec-websocket-version", "13")]
    headers.append(("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="))
    feed.refuse_upgrades(503)
    assert (await ask(feed.handle, "GET", "/socket/websocket?vsn=2.0.0", headers)).status == 503
    feed.refuse_upgrades(None)
    async with connect(feed) as client:
        assert (await client.join())["status"] == "ok"


@pytest.mark.parametrize(
    ("method", "headers", "body"),
    [
        ("GET", [("connection", "keep-alive")], "'connection' header must contain 'upgrade', got [\"keep-alive\"]"),
        ("GET", [("connection", "Upgrade"), ("upgrade", "websocket")], "'sec-websocket-key' header is absent"),
        ("POST", [], ""),
    ],
)
async def test_requests_that_are_no_handshake(
    autojump_clock: Clock, feed: KillFeed, method: str, headers: list[tuple[str, str]], body: str
) -> None:
    got = await ask(feed.handle, method, "/socket/websocket?vsn=2.0.0", headers)
    assert (got.status, got.body.decode()) == (400, body)


async def test_a_service_that_is_down_cuts(autojump_clock: Clock, feed: KillFeed) -> None:
    feed.down = True
    with pytest.RaisesGroup(trio.BrokenResourceError):
        await ask(feed.handle, "GET", "/ping")


@pytest.mark.parametrize(
    ("query", "user"),
    [("client_identifier=my%20bot%2F1", "my_bot_1_"), ("client_id=" + "x" * 40, "x" * 32 + "_"), ("other=1", "1795")],
)
async def test_the_client_names_itself(autojump_clock: Clock, feed: KillFeed, query: str, user: str) -> None:
    async with connect(feed, f"/socket/websocket?vsn=2.0.0&{query}") as client:
        await client.join()
        assert (await client.ask("get_status", {}))["response"]["user_id"].startswith(user)


async def test_the_same_seed_gives_the_same_ids(autojump_clock: Clock, now: Now) -> None:
    answers = []
    for _ in range(2):
        async with connect(KillFeed(now=now, rng=random.Random(5))) as client:
            answers.append(await client.join(systems=[HOME]))
    assert answers[0] == answers[1]


async def test_socket_and_http_over_one_real_port(feed: KillFeed, invent: Invent, nursery: trio.Nursery) -> None:
    port = await nursery.start(serve_tcp, feed.handle)
    kill = invent()
    url = f"ws://127.0.0.1:{port}/socket/websocket?vsn=2.0.0"
    async with trio_websocket.open_websocket_url(url) as ws:
        await ws.send_message(json.dumps(["1", "1", LOBBY, "phx_join", {"systems": [HOME]}]))
        await ws.get_message()
        await feed.until(lambda feed: len(feed.joined) == 1)
        feed.push(kill)
        frame = json.loads(await ws.get_message())
        assert frame[4]["killmails"][0]["killmail_id"] == kill["killmail_id"]
        assert frame[4]["killmails"][0]["victim"]["character_name"] == "Orsa Velden"
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
        cached = (await client.get(f"/api/v1/kills/cached/{HOME}")).json()["data"]["kills"]
        assert cached[0]["victim"]["corporation"]["ticker"] == "HMRD"
        assert (await client.get("/health")).status_code == 200
        feed.unhealthy = True
        assert (await client.get("/health")).status_code == 503
    await feed.until(lambda feed: not feed.connections)
