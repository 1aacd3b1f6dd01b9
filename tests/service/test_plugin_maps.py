"""Several maps from the server's list, through the whole service in virtual time: they come, go and change while it
runs, and outlive a restart without that list (operations.md 1.8)."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest
import trio
from trio.testing import MockClock

from tests.service.simulation import BEGIN, inline
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.feeds.plugin_maps import EVERY_S
from wanderer_notifier.runtime.logs import Redactor
from wanderer_notifier.sim.mapserver_map import Map
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import CHANNELS, GUILD, JANICE_TOKEN, MAP, MAP_KEY, MEMBERS, VOICE_CHANNEL, World

KEY = "test-token-plugin"
OWN_TOKEN = "test-token-of-the-map-itself"
HOME, AWAY, KSPACE = 31001503, 31002001, 30000142
HERE, THERE = CHANNELS["primary"][0], CHANNELS["system"][0]
NEEDED = frozenset(
    {
        "DISCORD_BOT_TOKEN",
        "DISCORD_API_URL",
        "DISCORD_GUILD_ID",
        "MAP_URL",
        "MAP_API_KEY",
        "WEBSOCKET_URL",
        "WANDERER_KILLS_URL",
        "ESI_URL",
        "LICENSE_MANAGER_URL",
        "JANICE_API_URL",
    }
)


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


class Server:
    """A universe of several maps, and services that live one after the other."""

    def __init__(self, nursery: trio.Nursery, folder: Path) -> None:
        self.folder = folder
        self.world = World(7, now)
        self.home, self.away = self.world.map, self.world.maps.add_map("away", MAP_KEY)
        self.network = MemoryNetwork(nursery)
        self.world.attach(self.network)
        self.plugin = self.world.maps.plugin
        self.plugin.installed, self.plugin.key = True, KEY
        self.redact = Redactor()

    @asynccontextmanager
    async def service(self, **more: str) -> AsyncIterator[None]:
        """One life, from a minute after its start to its ordered end."""
        environment = {name: value for name, value in self.world.environment().items() if name in NEEDED}
        variables = {**environment, "PLUGIN_NOTIFIER_API_KEY": KEY, "DATA_DIR": str(self.folder), **more}
        settings = load(variables, cwd=self.folder)
        seams = Seams(now=now, dice=Random(7), dial=self.network.dial, store_run=inline, signals=False, web=False)
        stop, ended = trio.Event(), trio.Event()

        async def run() -> None:
            await service.run(settings, seams=seams, stop=stop, redact=self.redact)
            ended.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            await trio.sleep(60)
            yield
            stop.set()
            await ended.wait()

    async def shows(self, one: Map, system_id: int) -> None:
        """A system appears on a map; time enough passes for its notice."""
        one.add_system(system_id, name=f"J{system_id}")
        await trio.sleep(30)

    def told(self, channel: str) -> int:
        """How many notices of systems and kills stand there."""
        return sum(bool(message.embeds) or bool(message.content) for message in self.world.discord.messages(channel))

    async def kill(self, system_id: int, *items: dict[str, int]) -> None:
        kill = self.world.inventor.kill(now(), system_id=system_id, victim=2147481007, attackers=[2147481008])
        kill["victim"]["items"] = list(items)
        self.world.killfeed.push(kill)
        await trio.sleep(30)

    def remembered(self, slug: str) -> int:
        """In how many rows the database knows of a map."""
        conn = sqlite3.connect(self.folder / "notifier.db")
        tables = ("map_state", "map_system", "map_character", "seen_event")
        rows = sum(
            conn.execute(f"SELECT count(*) FROM {table} WHERE slug = ?", (slug,)).fetchone()[0] for table in tables
        )
        rows += conn.execute("SELECT count(*) FROM cursor WHERE name LIKE '%:' || ?", (slug,)).fetchone()[0]
        rows += conn.execute("SELECT count(*) FROM claim WHERE claim LIKE ?", (f"system:{slug}:%",)).fetchone()[0]
        conn.close()
        return int(rows)

    def streams(self) -> dict[str, int]:
        """How often the stream of each map was asked for."""
        asked = [request.path for request in self.world.maps.journal if request.path.endswith("/events/stream")]
        return {slug: sum(f"/{slug}/" in path for path in asked) for slug in self.world.maps.maps}


@pytest.fixture
def server(nursery: trio.Nursery, tmp_path: Path) -> Server:
    return Server(nursery, tmp_path)


async def test_maps_are_added_changed_and_removed_without_the_others_noticing(
    autojump_clock: MockClock, server: Server
) -> None:
    server.plugin.offer(MAP, HERE)
    async with server.service():
        await server.shows(server.home, HOME)
        assert (server.told(HERE), server.told(THERE)) == (1, 0)

        server.plugin.offer("away", THERE)  # added
        await trio.sleep(EVERY_S)
        await server.shows(server.away, AWAY)
        await server.kill(AWAY)
        assert (server.told(HERE), server.told(THERE)) == (1, 2)

        server.plugin.offer("away", THERE, features={"track_kspace": False}, count=False)  # changed
        await trio.sleep(EVERY_S)
        await server.shows(server.away, KSPACE)
        assert server.told(THERE) == 2
        assert server.streams() == {MAP: 1, "away": 1}

        server.plugin.withdraw("away")  # removed
        await trio.sleep(EVERY_S)
        server.away.add_system(31002002)
        await server.kill(AWAY)
        await server.shows(server.home, 31001504)
        assert (server.told(HERE), server.told(THERE)) == (2, 2)
        assert server.streams() == {MAP: 1, "away": 1}
        assert server.remembered("away") == 0

        server.plugin.offer("away", THERE)  # back again: its lists are silent, a young kill there is not
        await trio.sleep(EVERY_S)
        assert server.told(THERE) == 3
        assert "killmail" in str(server.world.discord.messages(THERE)[-1].embeds).lower()
        server.away.remove_system(AWAY)
        await trio.sleep(5)
        await server.shows(server.away, AWAY)
        assert server.told(THERE) == 4
        assert server.streams() == {MAP: 1, "away": 2}


async def test_a_restart_without_the_list_goes_on_with_the_last_good_one(
    autojump_clock: MockClock, server: Server
) -> None:
    server.plugin.offer(MAP, HERE, discord={"bot_token": OWN_TOKEN})
    server.plugin.offer("away", THERE)
    async with server.service():
        await server.shows(server.away, AWAY)
        assert server.told(THERE) == 1
        assert server.redact(f"token {OWN_TOKEN}") == "token ***"
    database = b"".join(path.read_bytes() for path in server.folder.iterdir() if path.is_file())
    assert OWN_TOKEN.encode() not in database
    server.plugin.installed = False
    async with server.service(MAP_NAME=MAP, DISCORD_CHANNEL_ID=HERE):
        await server.shows(server.away, 31002002)
        await server.shows(server.home, HOME)
        assert (server.told(HERE), server.told(THERE)) == (1, 2)


async def test_the_map_of_the_environment_serves_until_there_is_a_list(
    autojump_clock: MockClock, server: Server
) -> None:
    server.plugin.enabled = False
    server.plugin.offer("away", THERE)
    async with server.service(MAP_NAME=MAP, DISCORD_CHANNEL_ID=HERE):
        await server.shows(server.home, HOME)
        assert server.told(HERE) == 1
        server.plugin.enabled = True
        await trio.sleep(EVERY_S)
        await server.shows(server.home, 31001504)
        await server.shows(server.away, AWAY)
        assert (server.told(HERE), server.told(THERE)) == (1, 1)


async def test_switches_are_anded_with_those_of_the_environment(autojump_clock: MockClock, server: Server) -> None:
    server.plugin.offer(MAP, HERE, features={"system_notifications_enabled": False})
    server.plugin.offer("away", THERE)
    server.home.add_system(HOME, quiet=True)
    server.away.add_system(AWAY, quiet=True)
    async with server.service(KILL_NOTIFICATIONS_ENABLED="false"):
        await server.kill(HOME)
        await server.kill(AWAY)
        await server.shows(server.home, 31001504)
        await server.shows(server.away, 31002002)
        assert (server.told(HERE), server.told(THERE)) == (0, 1)


async def test_a_changed_configuration_is_an_alert(autojump_clock: MockClock, server: Server) -> None:
    operators = CHANNELS["rally"][0]
    server.plugin.offer(MAP, HERE)
    async with server.service(ALERT_CHANNEL_ID=operators):
        before = server.told(operators)
        server.plugin.offer("away", THERE)
        await trio.sleep(EVERY_S + 60)
        (alert,) = server.world.discord.messages(operators)[before:]
        assert "configuration changed by plugin API, added: away" in str(alert.embeds or alert.content)


async def test_a_map_may_want_status_messages_in_its_own_channel(autojump_clock: MockClock, server: Server) -> None:
    server.plugin.offer(MAP, HERE, features={"status_messages_enabled": True})
    server.plugin.offer("away", THERE)
    async with server.service():
        await trio.sleep(60)
        assert (server.told(HERE), server.told(THERE)) == (1, 0)


async def test_notable_items_and_voice_mentions_are_each_maps_own(autojump_clock: MockClock, server: Server) -> None:
    wants = {"notable_items_enabled": True, "voice_participant_notifications_enabled": True}
    server.plugin.offer(MAP, HERE, features=wants, discord={"guild_id": GUILD})
    server.plugin.offer("away", THERE)
    server.home.add_system(HOME, quiet=True)
    server.away.add_system(AWAY, quiet=True)
    user = min(MEMBERS, key=int)
    async with server.service(JANICE_API_TOKEN=JANICE_TOKEN, DISCORD_GUILD_ID="999999999999999999"):
        server.world.discord.gateway.voice_join(user, VOICE_CHANNEL)
        await trio.sleep(5)
        for system in (HOME, AWAY):
            await server.kill(system, {"item_type_id": 19207, "quantity_dropped": 1})
        (here,), (there,) = (server.world.discord.messages(channel) for channel in (HERE, THERE))
        assert "Notable Items" in str(here.embeds)
        assert "Notable Items" not in str(there.embeds)
        assert (here.content.strip(), there.content.strip()) == (f"<@{user}>", "")


async def test_a_maps_exclusions_space_and_priority_switches_have_an_effect(
    autojump_clock: MockClock, server: Server
) -> None:
    features = {"track_kspace": False, "priority_systems_only": False, "wormhole_only_kill_notifications": True}
    server.plugin.offer(MAP, HERE, features=features, settings={"system_exclude_list": [HOME]})
    server.plugin.offer("away", THERE, features={"priority_systems_only": True})
    async with server.service():
        for system in (HOME, KSPACE, 31001504):
            await server.shows(server.home, system)
        await server.shows(server.away, AWAY)
        assert (server.told(HERE), server.told(THERE)) == (1, 0)
