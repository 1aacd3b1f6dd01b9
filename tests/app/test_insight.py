"""The real service on a real port tells the truth about itself: pages, figures that last, the kill's one line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import trio

from tests.service.inprocess import service_in_process
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.sim.world import World
from wanderer_notifier.state import priorities
from wanderer_notifier.state.priorities import LogEntry
from wanderer_notifier.state.store import Store

HOME = 31002001
TOKEN = "test-token-web"


async def test_what_happened_stands_on_every_page_and_outlives_a_restart(tmp_path: Path) -> None:
    world = World(5, lambda: datetime.now(UTC))
    world.map.add_system(HOME, name="J102001", quiet=True)
    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        environment = {**world.environment(), "WEB_AUTH_TOKEN": TOKEN}
        kill = world.inventor.kill(datetime.now(UTC), system_id=HOME, victim=2147481007, attackers=[2147481008])
        number = kill["killmail_id"]
        async with service_in_process(environment, tmp_path, Seams(signals=False)) as service:
            await world.killfeed.until(lambda feed: any(one.systems for one in feed.joined))
            world.killfeed.push(kill, times=4)
            with trio.fail_after(20):
                await world.discord.until(lambda: len(world.discord.messages(world.channel("system_kill"))) == 1)
            await trio.sleep(0.3)  # until the answer is noted
            first = await pages(service.port)
        async with service_in_process(environment, tmp_path, Seams(signals=False)) as service:
            second = await pages(service.port)
        nursery.cancel_scope.cancel()

    status = json.loads(first["/api/status"])
    assert status["killmail_activity"]["last_notified_id"] == str(number)
    assert status["notifications"]["kills"] == 1
    assert [(one["killmail_id"], one["outcome"]) for one in status["recent_kills"]] == [(str(number), "sent")]
    assert f"https://zkillboard.com/kill/{number}/" in first["/"]
    assert "in J102001" in first["/"]
    assert "notifier_ready" in first["/metrics"]
    assert 'notifier_lifetime{what="sent_kill"} 1.0' in first["/metrics"]
    again = json.loads(second["/api/status"])
    assert (again["notifications"]["kills"], again["lifetime"]["notifications"]["kills"]) == (0, 1)
    assert again["killmail_activity"]["last_notified_id"] == str(number)
    for text in (*first.values(), *second.values()):
        for secret in (environment["DISCORD_BOT_TOKEN"], environment["MAP_API_KEY"], environment["LICENSE_KEY"], TOKEN):
            assert secret not in text


async def pages(port: int) -> dict[str, str]:
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", trust_env=False, headers={"authorization": f"Bearer {TOKEN}"}
    ) as client:
        found = {}
        for path in ("/", "/api/status", "/health/details", "/api/system/info", "/metrics", "/api/commands"):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            found[path] = answer.text
        return found


async def test_the_command_log_is_shown_without_those_who_gave_the_commands(tmp_path: Path) -> None:
    store = Store.open(tmp_path / "notifier.db")
    entry = LogEntry(type="system", param="J102001", user_id=7777, username="somebody", at=datetime.now(UTC))
    await store.write(lambda conn: priorities.note(conn, entry))
    store.close()
    world = World(5, lambda: datetime.now(UTC))
    async with trio.open_nursery() as nursery:
        await nursery.start(world.serve)
        environment = {**world.environment(), "WEB_AUTH_TOKEN": TOKEN}
        async with service_in_process(environment, tmp_path, Seams(signals=False)) as service:
            text = (await pages(service.port))["/api/commands"]
        nursery.cancel_scope.cancel()
    (command,) = json.loads(text)["commands"]
    assert (command["type"], command["param"]) == ("system", "J102001")
    assert "somebody" not in text
    assert "7777" not in text
