# mypy: ignore-errors
# Runs in an environment of its own, with the library, which ours does not have.
"""discord.py, unmodified, against the fake Discord; tells on standard output what it noticed, one JSON a line."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import discord
import yarl
from discord import app_commands

BASE, GATEWAY, TOKEN = sys.argv[1:4]


def tell(event: str, **what: Any) -> None:
    print(json.dumps({"event": event, **what}), flush=True)


class Client(discord.Client):
    def __init__(self) -> None:
        super().__init__(intents=discord.Intents(guilds=True, voice_states=True))
        self.tree = app_commands.CommandTree(self)

    async def on_ready(self) -> None:
        guild = self.guilds[0]
        me = guild.me
        tell("ready", guild=guild.name, channels=len(guild.channels), me=me.name if me else None)
        if not self.tree.get_commands():
            self.tree.add_command(hello)
            self.tree.add_command(say)
            tell("synced", commands=sorted(one.name for one in await self.tree.sync()))

    async def on_resumed(self) -> None:
        tell("resumed")

    async def on_voice_state_update(
        self, member: discord.Member, before: discord.VoiceState, after: discord.VoiceState
    ) -> None:
        tell("voice", user=str(member.id), channel=after.channel.name if after.channel else None)


@app_commands.command(description="Says hello")
async def hello(interaction: discord.Interaction, name: str) -> None:
    await interaction.response.send_message(f"Hello {name}", ephemeral=True)
    await interaction.followup.send("and welcome", ephemeral=True)


@app_commands.command(description="Posts into the channel")
async def say(interaction: discord.Interaction, times: int) -> None:
    await interaction.response.defer(ephemeral=True)
    assert isinstance(interaction.channel, discord.TextChannel)
    for number in range(times):
        await interaction.channel.send(f"line {number}")
    await interaction.edit_original_response(content=f"said {times}")


async def main() -> None:
    discord.http.Route.BASE = f"{BASE}/api/v10"
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(GATEWAY)
    try:
        async with Client() as client:
            await client.start(TOKEN)
    except discord.ConnectionClosed as closed:
        tell("stopped", code=closed.code)
    except discord.LoginFailure:
        tell("stopped", code=4004)


asyncio.run(main())
