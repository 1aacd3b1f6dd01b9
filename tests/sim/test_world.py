"""The universe as a whole: where it is reached, what its environment says, and its doors."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

import httpx
import pytest
import trio
from trio.testing import MockClock

from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import CHANNELS, World

Now = Callable[[], datetime]


def headers(environment: dict[str, str]) -> dict[str, str]:
    return {
        "Authorization": f"Bot {environment['DISCORD_BOT_TOKEN']}",
        "User-Agent": "DiscordBot (https://test.invalid, 1.0)",
    }


async def test_everything_answers_on_real_ports_where_the_environment_says(now: Now, nursery: trio.Nursery) -> None:
    world = World(1, now)
    addresses = await nursery.start(world.serve)
    assert len({port for _, port in addresses.values()}) == len(addresses) == 7
    env = world.environment()
    async with httpx.AsyncClient(trust_env=False) as client:
        me = await client.get(f"{env['DISCORD_API_URL']}/users/@me", headers=headers(env))
        assert me.json()["id"] == env["DISCORD_APPLICATION_ID"]
        for kind in CHANNELS:
            channel = await client.get(f"{env['DISCORD_API_URL']}/channels/{world.channel(kind)}", headers=headers(env))
            assert channel.json()["guild_id"] == env["DISCORD_GUILD_ID"]
        bearer = {"Authorization": f"Bearer {env['MAP_API_KEY']}"}
        systems = await client.get(f"{env['MAP_URL']}/api/maps/{env['MAP_NAME']}/systems", headers=bearer)
        assert systems.json() == {"data": {"systems": [], "connections": []}}
        assert (await client.get(f"{env['WANDERER_KILLS_URL']}/health")).status_code == 200
        assert (await client.get(f"{env['ESI_URL']}/universe/types/587/")).json()["name"] == "Rifter"
        licence = await client.post(
            f"{env['LICENSE_MANAGER_URL']}/validate_bot",
            headers={"Authorization": f"Bearer {env['NOTIFIER_API_TOKEN']}"},
            json={"license_key": env["LICENSE_KEY"]},
        )
        assert licence.json()["license_valid"] is True
    assert env["WEBSOCKET_URL"] == env["WANDERER_KILLS_URL"].replace("http", "ws")


async def test_the_same_universe_stands_on_a_network_in_memory(
    autojump_clock: MockClock, now: Now, nursery: trio.Nursery
) -> None:
    world = World(1, now)
    network = MemoryNetwork(nursery)
    world.attach(network)
    env = world.environment()
    assert (env["WEBSOCKET_URL"], env["MAP_URL"]) == ("ws://kills.sim:4004", "http://map.sim:80")
    stream = await network.dial("esi.sim", 80)
    await stream.send_all(b"GET /universe/types/587/ HTTP/1.1\r\nhost: esi.sim\r\n\r\n")
    assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")


def test_the_environment_is_not_known_before_the_ports_are(now: Now) -> None:
    with pytest.raises(KeyError):
        World(1, now).environment()


async def test_a_door_throws_out_and_stays_shut(autojump_clock: MockClock, now: Now, nursery: trio.Nursery) -> None:
    world = World(1, now)
    network = MemoryNetwork(nursery)
    world.attach(network)
    door = world.doors["esi"]
    stream = await network.dial("esi.sim", 80)
    await door.until(1)
    door.shut = True
    assert (door.cut(), door.open) == (1, 1)
    for broken in (stream, await network.dial("esi.sim", 80)):
        with pytest.raises(trio.BrokenResourceError):
            await broken.receive_some()
    await trio.testing.wait_all_tasks_blocked()
    assert door.open == 0
    door.shut = False
    stream = await network.dial("esi.sim", 80)
    await stream.send_all(b"GET /universe/types/587/ HTTP/1.1\r\nhost: esi.sim\r\n\r\n")
    assert (await stream.receive_some()).startswith(b"HTTP/1.1 200")


async def test_a_door_cuts_real_connections(now: Now, nursery: trio.Nursery) -> None:
    world = World(1, now)
    addresses = await nursery.start(world.serve)
    stream = await trio.open_tcp_stream(*addresses["kills"])
    await world.doors["kills"].until(1)
    assert world.doors["kills"].cut() == 1
    with pytest.raises(trio.BrokenResourceError):
        await stream.receive_some()
    await stream.aclose()


def test_two_worlds_of_one_seed_invent_the_same_kills(now: Now) -> None:
    one, two, other = (World(seed, now).inventor.kill(now()) for seed in (1, 1, 2))
    assert one == two != other
