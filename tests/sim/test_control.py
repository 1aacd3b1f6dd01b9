"""The control interface over real HTTP, as a test in another process would use it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
import trio

from tests.sim.discord_asking import make_discord
from tests.sim.phoenix import connect
from tests.sim.test_world import headers
from wanderer_notifier.sim import faults, gateway_faults
from wanderer_notifier.sim.control_orders import REST, Orders
from wanderer_notifier.sim.discord_messages import SEND_MESSAGES
from wanderer_notifier.sim.faults import Fault
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


async def test_rules_are_listed_by_number_and_taken_back(remote: Remote) -> None:
    route = "POST /channels/{c}/messages"
    channel = remote.world.channel("primary")
    first = await remote("fault", kind="limited", arguments={"scope": "edge_json"}, route=route, nth=2, channel=channel)
    second = await remote("fault", kind="close", arguments={"code": 4009}, event="GUILD_CREATE", probability=0.5)
    assert (first, second) == ({"rule": 1, "rules": 1}, {"rule": 2, "rules": 2})
    assert await remote.post("x") == 200
    rest, gateway = (await remote("faults"))["rules"]
    assert (rest["rule"], rest["route"], rest["channel"], rest["nth"]) == (1, route, channel, 2)
    assert (rest["met"], rest["struck"], rest["fault"]["ending"]["scope"]) == (1, 0, "edge_json")
    assert rest["fault"]["ending"]["kind"] == "too_many"
    assert (gateway["rule"], gateway["point"], gateway["event"]) == (2, "dispatch", "GUILD_CREATE")
    assert gateway["action"] == {"kind": "close", "code": 4009, "keep_tcp": False}
    assert await remote("calm", rule=1) == {"rules": 1}
    assert await remote("calm", rule=1) == 400
    assert [await remote.post("x") for _ in range(2)] == [200, 200]
    assert await remote("calm") == {"rules": 0}
    assert (await remote("faults"))["rules"] == []


def examples() -> list[tuple[str, dict[str, Any], Fault]]:
    return [
        ("slow", {"before_s": 1, "after_s": 0.5}, faults.slow(before_s=1, after_s=0.5)),
        ("status", {"code": 502, "body": "x", "limits": True}, faults.status(502, body=b"x", limits=True)),
        (
            "status",
            {"code": 500, "body": {"base64": "/w=="}, "effect": True},
            faults.status(500, body=b"\xff", effect=True),
        ),
        ("limited", {"retry_after": 3600.5, "scope": "shared"}, faults.limited(3600.5, scope="shared")),
        ("limited", {"remaining": 2, "code": 20028}, faults.limited(remaining=2, code=20028)),
        ("cut", {"effect": True, "late_s": 2}, faults.cut(effect=True, late_s=2)),
        ("stall", {"effect": True}, faults.stall(effect=True)),
        ("truncated", {"complete": True}, faults.truncated(complete=True)),
        ("no_json", {}, faults.no_json()),
        ("mistyped", {"content_type": None}, faults.mistyped(None)),
        ("misread", {"reset": 0, "bucket": "b"}, faults.misread(reset=0.0, bucket="b")),
        ("unlimited", {}, faults.unlimited()),
        ("hung_up", {"after_s": 5}, faults.hung_up(5)),
        ("revoked", {}, faults.revoked()),
        (
            "fault",
            {"ending": {"kind": "status", "status": 503}, "headers": [["Retry-After", "7"]], "hang_up_s": 0},
            Fault(ending=faults.Status(status=503), headers=(("Retry-After", "7"),), hang_up_s=0.0),
        ),
    ]


@pytest.mark.parametrize(("kind", "arguments", "fault"), examples())
async def test_every_misfortune_of_rest_can_be_ordered_as_in_python(
    kind: str, arguments: dict[str, Any], fault: Fault
) -> None:
    discord = make_discord()
    Orders(discord).set({"kind": kind, "arguments": arguments})
    assert [rule.fault for rule in discord.faults.rules] == [fault]
    assert {kind for kind, _, _ in examples()} == set(REST)


@pytest.mark.parametrize(
    ("order", "action"),
    [
        ({"point": "connect", "kind": "http", "arguments": {"status": 520}}, gateway_faults.Http(status=520)),
        ({"point": "hello", "kind": "late", "arguments": {"seconds": 3}}, gateway_faults.Late(3.0)),
        ({"point": "resume", "kind": "partly", "arguments": {"dispatches": 1}}, gateway_faults.Partly(1)),
        ({"point": "beat", "kind": "close", "arguments": {"code": None}}, gateway_faults.Close(None)),
        ({"point": "identify", "kind": "op7", "arguments": {"times": 3}}, gateway_faults.op7(times=3)),
        ({"event": "GUILD_CREATE", "kind": "bad_utf8"}, gateway_faults.bad_utf8()),
        (
            {"event": "READY", "kind": "say", "arguments": {"payloads": [{"op": 99}], "then": True}},
            gateway_faults.Say(payloads=({"op": 99},), then=True),
        ),
    ],
)
async def test_every_misfortune_of_the_gateway_can_be_ordered(order: dict[str, Any], action: object) -> None:
    discord = make_discord()
    Orders(discord).set(order)
    assert [rule.action for rule in discord.gateway.faults.rules] == [action]


async def test_a_misfortune_can_happen_on_every_socket_at_once(remote: Remote) -> None:
    assert (await remote("fault", kind="reset", now=True)) == {"rule": None, "rules": 0}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"kind": "nothing"}, "kind must be one of cut, fault"),
        ({"kind": "status"}, "code is missing"),
        ({"kind": "status", "arguments": {"code": "500"}}, "code cannot be '500': it must be int"),
        ({"kind": "status", "arguments": {"code": 42}}, "must be >= 200"),
        ({"kind": "status", "arguments": {"code": True}}, "code cannot be True"),
        ({"kind": "status", "arguments": []}, "arguments must be an object"),
        ({"kind": "slow", "arguments": {"after": 1}}, "unknown argument 'after'; there are: before_s, after_s"),
        ({"kind": "slow", "arguments": {"after_s": float("nan")}}, "after_s cannot be nan"),
        ({"kind": "limited", "arguments": {"scope": "me"}}, "scope cannot be 'me'"),
        ({"kind": "cut", "arguments": {"effect": True}, "route": "POST /x"}, "no such route: POST /x"),
        ({"kind": "cut", "arguments": {"effect": True}, "nth": 0}, "must be >= 1"),
        ({"kind": "cut", "arguments": {"effect": True}, "probability": 2}, "must be <= 1"),
        ({"kind": "cut", "arguments": {"effect": True}, "weight": 2}, "unknown argument 'weight'"),
        ({"kind": "fault", "arguments": {"ending": {"kind": "x"}}}, "ending.kind must be one of broken"),
        ({"kind": "close", "point": "lunch"}, "point cannot be 'lunch'"),
        ({"kind": "status", "event": "READY"}, "kind must be one of bad_utf8, bare"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_in_clear_words(
    remote: Remote, arguments: dict[str, Any], told: str
) -> None:
    answer = await remote.client.post(remote.world.url("control", path="/fault"), content=json.dumps(arguments))
    assert answer.status_code == 400
    assert told in answer.json()["error"]
    assert (await remote("faults"))["rules"] == []


async def test_the_journal_tells_what_was_asked_and_what_befell_it(remote: Remote) -> None:
    await remote("fault", kind="status", arguments={"code": 500})
    assert [await remote.post("x") for _ in range(2)] == [500, 200]
    told = await remote("journal")
    first, second = told["requests"]
    channel = remote.world.channel("primary")
    assert (first["method"], first["route"], first["channel"]) == ("POST", "POST /channels/{c}/messages", channel)
    assert (first["status"], first["fault"]["ending"]["kind"], second["fault"]) == (500, "status", None)
    assert (await remote("journal", status=200))["requests"] == [second]
    assert (await remote("journal", last=1))["requests"] == [second]
    assert (await remote("journal", after=told["at"]))["requests"] == []
    assert await remote("journal", colour="red") == 400
    assert (await remote("gateway-journal"))["counts"] == {}


async def test_changes_what_is_in_the_guild_and_how_it_answers(remote: Remote) -> None:
    channel = remote.world.channel("primary")
    await remote("limit", kind="hidden", requests=0, per_s=60)
    assert await remote.post("x") == 429
    await remote("limit", kind="hidden", requests=None)
    assert (await remote("rename-bucket"))["bucket"]
    await remote("clock", ahead_s=3600)
    assert await remote.post("x") == 200
    (message,) = (await remote("messages", channel=channel))[channel]
    assert message["timestamp"] > (remote.world.now() + timedelta(minutes=59)).isoformat()
    await remote("outage")
    assert await remote.post("x") == 503
    await remote("outage", on=False)
    await remote("revoke")
    assert await remote.post("x") == 401
    await remote("revive")
    await remote("lock", channel=channel)
    assert await remote.post("x") == 400
    await remote("delete-channel", channel=channel)
    assert await remote.post("x") == 404


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
        ("limit", {"requests": 1, "per_s": 1, "kind": "strange"}, 400),
        ("limit", {"requests": 1, "per_s": 1, "route": "GET /nowhere"}, 400),
        ("outage", {"on": "yes"}, 400),
        ("clock", {"ahead_s": "x"}, 400),
        ("wait", {}, 400),
    ],
)
async def test_refuses_what_makes_no_sense(remote: Remote, name: str, arguments: dict[str, Any], status: int) -> None:
    assert await remote(name, **arguments) == status
    assert (await remote.client.post(remote.world.url("control", path="/kill"), content=b"{")).status_code == 400
    for path in ("/kill", "/wait", "/journal"):
        assert (await remote.client.post(remote.world.url("control", path=path), content=b"[]")).status_code == 400


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
    settings = {"heartbeat_s": 5}
    assert await remote("upstream", upstream="gateway", method="tune", arguments=settings) == {"result": None}
    assert remote.world.discord.gateway.heartbeat_s == 5
    assert await remote("upstream", upstream="gateway", method="tune", arguments={"colour": 5}) == 400
