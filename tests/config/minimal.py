"""The least that a working configuration needs."""

from __future__ import annotations

from pathlib import Path

from wanderer_notifier.config.load import ConfigError, load
from wanderer_notifier.config.problems import Problem
from wanderer_notifier.config.settings import Settings

NOWHERE = Path(__file__).parent / "no-such-folder"
"""A working directory without files."""

MINIMAL = {
    "DISCORD_BOT_TOKEN": "test-token-discord",
    "DISCORD_CHANNEL_ID": "111111111111111111",
    "MAP_URL": "http://127.0.0.1:8001",
    "MAP_NAME": "home",
    "MAP_API_KEY": "test-key-map",
}


def settings(without: str = "", /, **variables: str) -> Settings:
    """The settings of the minimal environment changed by *variables*, less the one called *without*."""
    return load({name: text for name, text in (MINIMAL | variables).items() if name != without}, cwd=NOWHERE)


def problems(without: str = "", /, **variables: str) -> tuple[Problem, ...]:
    """The problems of that environment; none if it loads."""
    try:
        settings(without, **variables)
    except ConfigError as error:
        return error.problems
    return ()
