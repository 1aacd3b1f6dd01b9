"""The control interface over real HTTP, as a test in another process would use it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import httpx
import pytest
import trio

from tests.sim.phoenix import connect
from tests.sim.test_world import headers
from wanderer_notifier.sim.discord_messages import SEND_MESSAGES
from wanderer_notifier.sim.world import MAP_KEY, World

Now = Callable[[], datetime]


class Remote:
    """A caller of the control interface."""

    def __init__(self, world: World, client: httpx.AsyncClient) -> None:
        self.world = world
        self.client = client

    async def __call__(self, name: str, **arguments: Any) -> Any:
        answer = await self.client.post(self.world.url("control", path=f"/{name}"), json=arguments)
        return answer.json() if answer.status_code == 200 else answer.status_code

    async def post(self, content: str, kind: str = "primary") -> int:
        """Post as the bot; gives the status, or 0 for a connection that was cut."""
        env = self.world.environment()
        url = f"{env['DISCORD_API_URL']}/channels/{self.world.channel(kind)}/messages"
        try:
            return (await self.client.post(url, headers=headers(env), json={"content": content})).status_code
        except httpx.TransportError:
            return 0


@pytest.fixture
async def remote(now: Now, nursery: trio.Nursery) -> AsyncIterator[Remote]:
    world = World(1, now)
    await nursery.start(world.serve)
    async with httpx.AsyncClient(trust_env=False) as client:
        yield Remote(world, client)


async def test_tells_its_calls_and_the_environment(remote: Remote) -> None:
    calls = (await remote.client.get(remote.world.url("control", path="/"))).json()["calls"]
    assert {"kill", "fault", "messages", "wait"} <= set(calls)
    assert await remote("environment") == remote.world.environment()


async def test_pushes_kills_to_whoever_joined(remote: Remote) -> None:
    assert (await remote("kill", system_id=31001503))["frames"] == 0
    async with connect(remote.world.killfeed) as client:
        await client.join(systems=[31001503], preload={"enabled": False})
        assert await remote("wait", joined=1) == {"happened": True}
        pushed = await remote("kill", system_id=31001503, npc=True)
        assert pushed["frames"] == 4
        assert (await remote("push", kill=remote.world.inventor.kill(remote.world.now(), system_id=31001503)))[
            "frames"
        ] == 4


async def test_changes_the_map(remote: Remote) -> None:
    await remote("system", system_id=31001503, custom_name="Home")
    await remote("character", eve_id=2147481001)
    assert (await remote("rally", system_id=31001503, eve_id=2147481001, message="Form up"))["rally_id"]
    bearer = {"Authorization": f"Bearer {MAP_KEY}"}
    url = remote.world.url("map", path="/api/maps/home-chain/systems")
    (row,) = (await remote.client.get(url, headers=bearer)).json()["data"]["systems"]
    assert row["custom_name"] == "Home"
    await remote("remove-system", system_id=31001503)
    assert (await remote.client.get(url, headers=bearer)).json()["data"]["systems"] == []


async def test_shows_what_was_posted_and_to_whom(remote: Remote) -> None:
    assert await remote.post("@here first") == 200
    channel = remote.world.channel("primary")
    (message,) = (await remote("messages", channel=channel))[channel]
    assert (message["content"], message["pinged"]) == ("@here first", ["here"])
    assert set(await remote("messages")) == set(remote.world.discord.guild.channels)
    counts = await remote("counts")
    assert (counts["messages"][channel], counts["duplicates"], counts["discord_statuses"]) == (1, 0, {"200": 1})
    assert await remote("wait", count=1, channel=channel) == {"happened": True}
    assert await remote("wait", count=9, timeout_s=0.01) == {"happened": False}


async def test_orders_misfortunes(remote: Remote) -> None:
    await remote("fault", kind="status", arguments={"code": 500}, times=2)
    await remote("fault", kind="cut", arguments={"effect": True})
    await remote("fault", kind="limited", arguments={"retry_after": 0.5, "scope": "shared"})
    assert [await remote.post("x") for _ in range(5)] == [500, 500, 0, 429, 200]
    assert len(remote.world.discord.messages(remote.world.channel("primary"))) == 2
    await remote("fault", kind="revoked")
    assert [await remote.post("x") for _ in range(2)] == [401, 401]
    await remote("revive")
    await remote("fault", kind="status", arguments={"code": 503}, times=None)
    await remote("calm")
    assert await remote.post("x") == 200


async def test_changes_limits_and_permissions(remote: Remote) -> None:
    await remote("limit", requests=1, per_s=60)
    assert [await remote.post("x") for _ in range(2)] == [200, 429]
    await remote("limit", requests=1000, per_s=1)
    channel = remote.world.channel("primary")
    await remote("permission", channel=channel, bits=SEND_MESSAGES)
    assert await remote.post("x") == 403
    await remote("permission", channel=channel, bits=SEND_MESSAGES, allow=True)
    assert await remote.post("x") == 200


async def test_cuts_and_shuts_doors(remote: Remote) -> None:
    assert await remote.post("x") == 200
    assert (await remote("counts"))["connections"]["discord"] == 1
    assert await remote("shut", upstream="discord") == {"connections": 1}
    assert await remote.post("x") == 0
    assert await remote("shut", upstream="discord", on=False) == {"connections": 0}
    assert await remote.post("x") == 200
    assert await remote("cut", upstream="discord") == {"connections": 1}


async def test_troubles_the_feeds(remote: Remote) -> None:
    await remote("upstream", upstream="maps", method="fail_rest", arguments={"count": 1, "status": 502})
    bearer = {"Authorization": f"Bearer {MAP_KEY}"}
    url = remote.world.url("map", path="/api/maps/home-chain/systems")
    assert [(await remote.client.get(url, headers=bearer)).status_code for _ in range(2)] == [502, 200]
    assert await remote("upstream", upstream="killfeed", method="cut_all") == {"result": 0}


@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [
        ("nothing", {}, 404),
        ("cut", {"upstream": "nobody"}, 400),
        ("cut", {}, 400),
        ("fault", {"kind": "status"}, 400),
        ("kill", {"colour": "red"}, 400),
        ("upstream", {"upstream": "killfeed", "method": "push"}, 400),
        ("messages", {"channel": "x"}, 400),
    ],
)
async def test_refuses_what_makes_no_sense(remote: Remote, name: str, arguments: dict[str, Any], status: int) -> None:
    assert await remote(name, **arguments) == status
    assert (await remote.client.post(remote.world.url("control", path="/kill"), content=b"{")).status_code == 400
    assert (await remote.client.post(remote.world.url("control", path="/kill"), content=b"[]")).status_code == 400


async def test_users_type_commands_and_their_answers_are_told(remote: Remote) -> None:
    discord = remote.world.discord
    assert await remote("invoke", command="notifier status", user="1180000000000000041") == 400  # not registered
    asked = await remote("invoke", command="notifier status", user="1180000000000000041", check=False)
    interaction = discord.interactions.log[-1]
    path = f"/api/v10/interactions/{interaction.id}/{interaction.token}/callback"
    body = {"type": 4, "data": {"content": "fine", "flags": 64}}
    assert (await remote.client.post(remote.world.url("discord", path=path), json=body)).status_code == 204
    (told,) = await remote("answers", id=asked["id"])
    assert (told["command"], told["loading"], told["shown"][0]["content"]) == ("notifier status", False, "fine")


async def test_the_gateway_can_be_troubled(remote: Remote) -> None:
    assert await remote("upstream", upstream="gateway", method="outage", arguments={"on": True}) == {"result": None}
    assert remote.world.discord.guild.unavailable
    assert await remote("upstream", upstream="gateway", method="dispatch") == 400
