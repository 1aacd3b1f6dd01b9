"""Kill services of other ages: other serializers, other limits, other places of the socket."""

from __future__ import annotations

import json

import pytest
import trio
from trio.testing import MockClock
from trio_websocket import ConnectionClosed

from tests.feeds.killing import HOME, HOST, OTHER, PORT, SYSTEMS, Killing
from wanderer_notifier.feeds.kill_address import Address, socket_url
from wanderer_notifier.sim import killfeed_socket
from wanderer_notifier.sim.http import Exchange


def old_server(killing: Killing) -> list[str]:
    """A server that knows the first serializer only; gives the list of versions it was asked for."""
    asked: list[str] = []

    async def handle(exchange: Exchange) -> None:
        version = exchange.request.query.get("vsn", "")
        asked.append(version)
        if version.startswith("2"):
            await exchange.respond(403, [("content-length", "0")])
        else:
            await killing.feed.handle(exchange)

    killing.world.attach(HOST, PORT, handle)
    return asked


async def test_a_server_that_refuses_the_second_serializer_is_spoken_to_in_the_first(
    autojump_clock: MockClock, killing: Killing
) -> None:
    asked = old_server(killing)
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    assert asked[:2] == ["2.0.0", "1.0.0"]
    assert trio.current_time() < 1.0
    await killing.heard(killing.happen())
    killing.feed.cut_all()
    await killing.world.until_state(SYSTEMS, "degraded")
    await killing.world.until_state(SYSTEMS, "ok")
    assert [version for version in asked if version] == ["2.0.0", "1.0.0", "1.0.0"]


async def test_the_first_serializer_survives_changes_crashes_and_hours(
    autojump_clock: MockClock, killing: Killing
) -> None:
    old_server(killing)
    wanted = killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")
    for system in range(OTHER, OTHER + 3):
        wanted.set(wanted.value | {system})
        await trio.sleep(30)
    assert killing.world.state(SYSTEMS) == ("ok", "")
    assert len(killing.feed.joined[0].systems) == 4
    killing.feed.crash_channels()
    assert "crashed" in await killing.world.until_state(SYSTEMS, "degraded")
    await killing.world.until_state(SYSTEMS, "ok")
    await trio.sleep(3600)
    assert killing.value("notifier_feed_reconnects_total", feed="kills:systems", reason="closed_1000") == 0
    await killing.heard(killing.happen(system_id=OTHER + 2))


async def test_a_socket_without_the_suffix_is_found(autojump_clock: MockClock, killing: Killing) -> None:
    async def handle(exchange: Exchange) -> None:
        if exchange.request.path != "/socket":
            await exchange.respond(404, [("content-length", "0")])
            return
        ws = await (await exchange.upgrade()).accept()
        try:
            while True:
                join_ref, ref, topic, _, payload = json.loads(await ws.get_message())
                reply = {"status": "ok", "response": {"subscribed_systems": payload.get("systems")}}
                await ws.send_message(json.dumps([join_ref, ref, topic, "phx_reply", reply]))
        except ConnectionClosed:
            pass

    killing.world.attach(HOST, PORT, handle)
    killing.follow("systems", HOME)
    await killing.world.until_state(SYSTEMS, "ok")


@pytest.mark.parametrize(
    ("statuses", "tried"),
    [
        ((403, 403), ["2.0.0 /socket/websocket", "1.0.0 /socket/websocket"]),
        ((404, 404), ["2.0.0 /socket/websocket", "2.0.0 /socket"]),
        ((404, 403, 404), ["2.0.0 /socket/websocket", "2.0.0 /socket", "1.0.0 /socket"]),
        ((302,), ["2.0.0 /socket/websocket"]),
    ],
)
def test_every_way_of_asking_is_tried_once(statuses: tuple[int, ...], tried: list[str]) -> None:
    address = Address("ws://h:4004", "n")
    seen: list[str] = []
    for number, status in enumerate(statuses):
        path = "/socket/websocket" if "/socket/websocket?" in address.url else "/socket"
        seen.append(f"{address.serializer} {path}")
        more = address.another(status)
        assert more or number >= len(tried) - 1
    assert seen == tried


def test_the_descriptions_address_is_not_the_sockets() -> None:
    assert socket_url("ws://h/websocket", "n").startswith("ws://h/socket/websocket?")


# --- limits ---


def narrow(killing: Killing, most: int) -> None:
    """A server that takes so many systems a join and no more, as the first builds did."""

    async def handle(exchange: Exchange) -> None:
        ws = await (await exchange.upgrade()).accept()
        try:
            while True:
                join_ref, ref, topic, event, payload = json.loads(await ws.get_message())
                reply: dict[str, object] = {"status": "ok", "response": {}}
                if event == "phx_join" and len(payload["systems"]) > most:
                    reason = f"[validation:too_many_systems] Too many systems (max: {most})"
                    reply = {"status": "error", "response": {"reason": reason}}
                elif event == "phx_join":
                    reply["response"] = {"subscribed_systems": payload["systems"]}
                await ws.send_message(json.dumps([join_ref, ref, topic, "phx_reply", reply]))
        except ConnectionClosed:
            pass

    killing.world.attach(HOST, PORT, handle)


async def test_a_server_with_a_narrow_limit_gets_more_sockets(autojump_clock: MockClock, killing: Killing) -> None:
    narrow(killing, 50)
    killing.follow("systems", *range(31000001, 31000121))
    for name in (SYSTEMS, f"{SYSTEMS}-2", f"{SYSTEMS}-3"):
        await killing.world.until_state(name, "ok")
    assert killing.world.state(f"{SYSTEMS}-3")[0] == "ok"


async def test_a_frame_that_is_too_large_is_halved(
    autojump_clock: MockClock, killing: Killing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy may allow less than the service."""
    monkeypatch.setattr(killfeed_socket, "MAX_FRAME", 40_000)
    killing.follow("systems", *range(30_000_001, 30_008_001))
    await killing.feed.until(lambda feed: sum(len(one.systems) for one in feed.joined) == 8000)
    assert len(killing.feed.joined) == 4
    assert killing.value("notifier_feed_reconnects_total", feed="kills:systems", reason="closed_1009") >= 1
