"""A small HTTP client for the tests of the fake Discord, and a Discord to ask."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import h11
import trio
from attrs import frozen

from wanderer_notifier.sim.discord import Discord
from wanderer_notifier.sim.discord_guild import Guild, Role
from wanderer_notifier.sim.discord_messages import Channel
from wanderer_notifier.sim.http import serve_stream
from wanderer_notifier.sim.network import stream_pair

GUILD, BOT, OWNER = "700000000000000001", "700000000000000002", "700000000000000004"
MAIN, OTHER, UNKNOWN = "700000000000000011", "700000000000000012", "700000000000000999"
OPEN_ROLE, CLOSED_ROLE = "700000000000000021", "700000000000000022"
TOKEN = "test-token-discord"
POST = "POST /channels/{c}/messages"
START = datetime(2026, 3, 20, 18, 0, tzinfo=UTC)


@frozen
class Told:
    """An answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Lost(Exception):
    """The connection ended before the answer was complete."""


class Connection:
    """Asks over one connection, one request after the other."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._connection = h11.Connection(h11.CLIENT)

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Told:
        """Ask; a header of None is left out. Raises `Lost` when no complete answer comes."""
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        sent: dict[str, str | None] = {
            "Host": "discord.sim",
            "User-Agent": "DiscordBot (https://test.invalid, 1.0)",
            "Authorization": f"Bot {TOKEN}",
            "Content-Length": str(len(content)),
            "Content-Type": "application/json" if content else None,
            **(headers or {}),
        }
        connection = self._connection
        if connection.our_state is h11.DONE:
            connection.start_next_cycle()
        head = h11.Request(method=method, target=path, headers=[(k, v) for k, v in sent.items() if v is not None])
        out = connection.send(head) or b""
        out += connection.send(h11.Data(data=content)) or b""
        out += connection.send(h11.EndOfMessage()) or b""
        try:
            await self._stream.send_all(out)
            return await _read(connection, self._stream.receive_some)
        except (trio.BrokenResourceError, h11.RemoteProtocolError) as error:
            raise Lost from error


class Asking:
    """Asks one fake Discord; each request has a connection of its own, in memory."""

    def __init__(self, discord: Discord, nursery: trio.Nursery) -> None:
        self.discord = discord
        self._nursery = nursery

    async def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        raw: bytes | None = None,
        headers: Mapping[str, str | None] | None = None,
    ) -> Told:
        """Ask; a header of None is left out. Raises `Lost` when no complete answer comes."""
        async with self.connection() as connection:
            return await connection(method, path, body, raw=raw, headers=headers)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """One connection that is kept."""
        ours, theirs = stream_pair()
        self._nursery.start_soon(serve_stream, theirs, self.discord.handle)
        async with ours:
            yield Connection(ours)

    async def post(self, body: object, channel: str = MAIN) -> Told:
        return await self("POST", f"/api/v10/channels/{channel}/messages", body)


async def _read(connection: h11.Connection, receive: Callable[[], Any]) -> Told:
    response: h11.Response | None = None
    body = b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await receive())
        elif isinstance(event, h11.Response):
            response = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and response is not None:
            headers = {name.decode(): value.decode() for name, value in response.headers}
            return Told(response.status_code, headers, body)
        else:
            raise Lost


def make_discord() -> Discord:
    """A guild with two channels and two roles; its wall clock follows Trio's."""
    started = trio.current_time()

    def now() -> datetime:
        return START + timedelta(seconds=trio.current_time() - started)

    bot = {"id": BOT, "username": "Notifier", "discriminator": "0", "avatar": None, "bot": True, "flags": 0}
    roles = [Role(id=OPEN_ROLE, name="Scouts", mentionable=True), Role(id=CLOSED_ROLE, name="Directors")]
    channels = [Channel(id=MAIN, name="main"), Channel(id=OTHER, name="other")]
    guild = Guild(
        id=GUILD,
        name="Quiet Hour",
        owner_id=OWNER,
        bot=bot,
        roles={role.id: role for role in roles},
        channels={channel.id: channel for channel in channels},
    )
    return Discord(now=now, rng=Random(1), guild=guild, token=TOKEN, application_id="700000000000000003")
