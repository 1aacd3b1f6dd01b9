# mypy: ignore-errors
# Runs in an environment of its own, with the library, which ours does not have.
"""hikari under load: the voice states of a guild, as a bot that cares about nothing else."""

from __future__ import annotations

import asyncio
import sys

import hikari
from bench_usage import tell

BASE, _, TOKEN = sys.argv[1:4]


async def main() -> None:
    bot = hikari.GatewayBot(
        TOKEN,
        rest_url=f"{BASE}/api/v10",
        intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_VOICE_STATES,
        banner=None,
        logs=None,
    )
    heard = 0

    @bot.listen()
    async def on_guild(event: hikari.GuildAvailableEvent) -> None:
        tell("ready")

    @bot.listen()
    async def on_voice(event: hikari.VoiceStateUpdateEvent) -> None:
        nonlocal heard
        heard += 1

    @bot.listen()
    async def on_interaction(event: hikari.InteractionCreateEvent) -> None:
        tell("done")

    tell("begin")
    await bot.start(check_for_updates=False)
    await bot.join()


asyncio.run(main())
