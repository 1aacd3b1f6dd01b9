# mypy: ignore-errors
# Runs in an environment of its own, with the library, which ours does not have.
"""hikari, unmodified, against the fake Discord; tells on standard output what it noticed, one JSON a line."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import hikari

BASE, _, TOKEN = sys.argv[1:4]


def tell(event: str, **what: Any) -> None:
    print(json.dumps({"event": event, **what}), flush=True)


async def main() -> None:
    bot = hikari.GatewayBot(
        TOKEN,
        rest_url=f"{BASE}/api/v10",
        intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_VOICE_STATES,
        banner=None,
        logs=None,
    )

    @bot.listen()
    async def on_ready(event: hikari.ShardReadyEvent) -> None:
        tell("session", guilds=len(event.unavailable_guilds))

    @bot.listen()
    async def on_resumed(event: hikari.ShardResumedEvent) -> None:
        tell("resumed")

    @bot.listen()
    async def on_guild(event: hikari.GuildAvailableEvent) -> None:
        me = event.guild.get_my_member()
        tell("ready", guild=event.guild.name, channels=len(event.channels), me=me.username if me else None)

    @bot.listen()
    async def on_voice(event: hikari.VoiceStateUpdateEvent) -> None:
        channel = event.state.channel_id and bot.cache.get_guild_channel(event.state.channel_id)
        tell("voice", user=str(event.state.user_id), channel=channel.name if channel else None)

    @bot.listen()
    async def on_started(event: hikari.StartedEvent) -> None:
        application = await bot.rest.fetch_application()
        commands = [
            bot.rest.slash_command_builder("hello", "Says hello").add_option(
                hikari.CommandOption(type=hikari.OptionType.STRING, name="name", description="who", is_required=True)
            ),
            bot.rest.slash_command_builder("say", "Posts into the channel").add_option(
                hikari.CommandOption(
                    type=hikari.OptionType.INTEGER, name="times", description="how often", is_required=True
                )
            ),
        ]
        registered = await bot.rest.set_application_commands(application.id, commands)
        tell("synced", commands=sorted(one.name for one in registered))

    @bot.listen()
    async def on_interaction(event: hikari.InteractionCreateEvent) -> None:
        interaction = event.interaction
        assert isinstance(interaction, hikari.CommandInteraction)
        value = interaction.options[0].value if interaction.options else None
        if interaction.command_name == "hello":
            await interaction.create_initial_response(
                hikari.ResponseType.MESSAGE_CREATE, f"Hello {value}", flags=hikari.MessageFlag.EPHEMERAL
            )
            await interaction.execute("and welcome", flags=hikari.MessageFlag.EPHEMERAL)
            return
        await interaction.create_initial_response(
            hikari.ResponseType.DEFERRED_MESSAGE_CREATE, flags=hikari.MessageFlag.EPHEMERAL
        )
        for number in range(int(value)):
            await bot.rest.create_message(interaction.channel_id, f"line {number}")
        await interaction.edit_initial_response(f"said {value}")

    try:
        await bot.start(check_for_updates=False)
        await bot.join()
    except hikari.GatewayServerClosedConnectionError as closed:
        tell("stopped", code=int(closed.code or 0))
    except hikari.UnauthorizedError:
        tell("stopped", code=4004)


asyncio.run(main())
