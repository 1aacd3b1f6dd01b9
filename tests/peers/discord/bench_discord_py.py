# mypy: ignore-errors
# Runs in an environment of its own, with the library, which ours does not have.
"""discord.py under load: the voice states of a guild, as a bot that cares about nothing else."""

from __future__ import annotations

import asyncio
import sys

import discord
import yarl
from bench_usage import tell

BASE, GATEWAY, TOKEN = sys.argv[1:4]


class Client(discord.Client):
    heard = 0

    async def on_ready(self) -> None:
        tell("ready")

    async def on_voice_state_update(self, member, before, after) -> None:
        self.heard += 1

    async def on_interaction(self, interaction) -> None:
        tell("done")


async def main() -> None:
    discord.http.Route.BASE = f"{BASE}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(GATEWAY)
    tell("begin")
    async with Client(intents=discord.Intents(guilds=True, voice_states=True)) as client:
        await client.start(TOKEN)


asyncio.run(main())
