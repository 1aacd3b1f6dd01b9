"""The whole universe of a notifier: every upstream it talks to, with one seed and one clock, and its environment."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime
from functools import partial
from random import Random

import trio
from attrs import evolve

from wanderer_notifier.sim.control import Control
from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_guild import Guild, Member, Role
from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.discord_permissions import MANAGE_GUILD
from wanderer_notifier.sim.door import Door
from wanderer_notifier.sim.janice import WARES, Janice
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.killmails import Inventor
from wanderer_notifier.sim.mapdata import INVENTED
from wanderer_notifier.sim.mapserver import MapServer
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.stubs import Esi, LicenceManager

MAP = "home-chain"
MAP_KEY = "test-map-key-home-chain"
LICENCE_KEY = "BOT-TESTLICENCE01"
LICENCE_TOKEN = "test-token-licence-manager"  # noqa: S105
JANICE_TOKEN = "test-token-janice"  # noqa: S105

NAMES = evolve(INVENTED, ships={**INVENTED.ships, **{number: ware.name for number, ware in WARES.items()}})
"""What exists: the invented part of New Eden, and what may drop from its wrecks."""

GUILD = "1180000000000000001"
BOT = "1180000000000000002"
APPLICATION = BOT  # a bot made today has the id of its application
OWNER = "1180000000000000004"
RALLY_ROLE = "1180000000000000021"

TOKEN = f"{base64.b64encode(BOT.encode()).decode().rstrip('=')}.test-token.invented-by-the-simulator"
"""Of the form that clients check (an id in base64, then two parts), and plainly nobody's."""

CHANNELS = {
    "primary": ("1180000000000000010", "home-chain"),
    "system_kill": ("1180000000000000011", "kills-in-chain"),
    "character_kill": ("1180000000000000012", "our-kills-and-losses"),
    "system": ("1180000000000000013", "new-systems"),
    "character": ("1180000000000000014", "new-pilots"),
    "rally": ("1180000000000000015", "rally-points"),
}
"""Id and name of each channel, by the kind of news it is for."""

VOICE_CHANNEL = "1180000000000000031"
AFK_CHANNEL = "1180000000000000032"
VOICE_CHANNELS = {VOICE_CHANNEL: "Fleet", AFK_CHANNEL: "Away"}
DIRECTOR_ROLE = "1180000000000000022"
MEMBERS = {OWNER: "Vessa Quill", "1180000000000000041": "Tomas Arkane", "1180000000000000042": "Ilse Norn"}
"""Who is in the guild besides the bot; the first is its owner."""

PORTS = {"kills": 4004, "map": 80, "discord": 80, "esi": 80, "janice": 80, "licence": 80, "control": 80}
"""Where the upstreams are on a network in memory: `kills.sim:4004` and so on."""


class World:
    """All upstreams of one service.

    Args:
        seed: the same seed gives the same ids, kills and misfortunes.
        now: the wall clock, aware and UTC.
    """

    def __init__(self, seed: int, now: Callable[[], datetime]) -> None:
        self.seed = seed
        self.now = now
        self.killfeed = KillFeed(now=now, rng=Random(f"{seed} kill feed"))
        self.maps = MapServer(now=now, rng=Random(f"{seed} maps"))
        self.map = self.maps.add_map(MAP, MAP_KEY)
        self.discord = Discord(
            now=now, rng=Random(f"{seed} discord"), guild=_guild(), token=TOKEN, application_id=APPLICATION
        )
        self.esi = Esi(now=now, names=NAMES, kill=self.killfeed.store.known)
        self.janice = Janice(token=JANICE_TOKEN)
        self.licence = LicenceManager(key=LICENCE_KEY, token=LICENCE_TOKEN)
        self.inventor = Inventor(Random(f"{seed} kills"))
        self.control = Control(self)
        self.doors = {
            "kills": Door("kills", self.killfeed.handle),
            "map": Door("map", self.maps.handle),
            "discord": Door("discord", self.discord.handle),
            "esi": Door("esi", self.esi.handle),
            "janice": Door("janice", self.janice.handle),
            "licence": Door("licence", self.licence.handle),
            "control": Door("control", self.control.handle),
        }
        self.addresses: dict[str, tuple[str, int]] = {}
        """Host and port of each upstream, once it is served or attached."""

    def channel(self, kind: str) -> str:
        """The id of the channel for a kind of news: primary, system_kill, character_kill, system, character, rally."""
        return CHANNELS[kind][0]

    async def serve(
        self,
        *,
        host: str = "127.0.0.1",
        task_status: trio.TaskStatus[dict[str, tuple[str, int]]] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Listen for every upstream and for the control interface, each on a free port, until cancelled.

        `started()` gives the addresses by name.
        """
        async with trio.open_nursery() as nursery:
            for name, door in self.doors.items():
                listeners = await trio.open_tcp_listeners(0, host=host)
                await nursery.start(partial(trio.serve_listeners, door.serve, listeners), name=f"sim: {name}")
                self.addresses[name] = (host, int(listeners[0].socket.getsockname()[1]))
            task_status.started(dict(self.addresses))

    def attach(self, network: MemoryNetwork) -> None:
        """Put every upstream on a network in memory, under `<name>.sim` and its usual port."""
        for name, door in self.doors.items():
            self.addresses[name] = (f"{name}.sim", PORTS[name])
            network.attach(*self.addresses[name], door.serve)

    def url(self, name: str, *, scheme: str = "http", path: str = "") -> str:
        """The address of an upstream; raises `KeyError` before it is served or attached."""
        host, port = self.addresses[name]
        return f"{scheme}://{host}:{port}{path}"

    def environment(self) -> dict[str, str]:
        """The variables with which the service finds this universe; raises `KeyError` as `url` does."""
        return {
            "DISCORD_BOT_TOKEN": TOKEN,
            "DISCORD_APPLICATION_ID": APPLICATION,
            "DISCORD_GUILD_ID": GUILD,
            "DISCORD_CHANNEL_ID": self.channel("primary"),
            "DISCORD_SYSTEM_KILL_CHANNEL_ID": self.channel("system_kill"),
            "DISCORD_CHARACTER_KILL_CHANNEL_ID": self.channel("character_kill"),
            "DISCORD_SYSTEM_CHANNEL_ID": self.channel("system"),
            "DISCORD_CHARACTER_CHANNEL_ID": self.channel("character"),
            "DISCORD_RALLY_CHANNEL_ID": self.channel("rally"),
            "DISCORD_RALLY_GROUP_IDS": RALLY_ROLE,
            "DISCORD_API_URL": self.url("discord", path="/api/v10"),
            "MAP_URL": self.url("map"),
            "MAP_NAME": MAP,
            "MAP_API_KEY": MAP_KEY,
            "WEBSOCKET_URL": self.url("kills", scheme="ws"),
            "WANDERER_KILLS_URL": self.url("kills"),
            "ESI_URL": self.url("esi"),
            "JANICE_API_URL": self.url("janice"),
            "JANICE_API_TOKEN": JANICE_TOKEN,
            "LICENSE_MANAGER_URL": self.url("licence", path="/api"),
            "LICENSE_KEY": LICENCE_KEY,
            "NOTIFIER_API_TOKEN": LICENCE_TOKEN,
        }

    def names(self) -> dict[str, str]:
        """The names of channels and roles by id, for showing mentions."""
        roles = {role.id: role.name for role in self.discord.guild.roles.values()}
        members = {member.id: member.name for member in self.discord.guild.members.values()}
        return {channel.id: channel.name for channel in self.discord.guild.channels.values()} | roles | members


def _guild() -> Guild:
    bot = {
        "id": BOT,
        "username": "Wanderer Notifier",
        "discriminator": "0",
        "global_name": None,
        "avatar": None,
        "bot": True,
        "flags": 0,
        "public_flags": 0,
    }
    role = Role(id=RALLY_ROLE, name="Fleet", mentionable=True, color=0x2ECC71)
    director = Role(id=DIRECTOR_ROLE, name="Directors", permissions=MANAGE_GUILD)
    return Guild(
        id=GUILD,
        name="Hollow Meridian",
        owner_id=OWNER,
        bot=bot,
        roles={role.id: role, director.id: director},
        channels={
            **{number: Channel(id=number, name=name) for number, name in CHANNELS.values()},
            **{number: Channel(id=number, name=name, type=2) for number, name in VOICE_CHANNELS.items()},
        },
        members={number: Member(id=number, name=name) for number, name in MEMBERS.items()},
        afk_channel_id=AFK_CHANNEL,
    )
