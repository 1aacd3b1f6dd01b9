"""The Discord libraries of others, once per run."""

from __future__ import annotations

import pytest

from tests.peers.discord.installing import Unavailable, node_with_library, python_with_libraries


@pytest.fixture(scope="session")
def interpreters() -> dict[str, str | Unavailable]:
    """What runs each library's script, or why it is not to be had."""
    found: dict[str, str | Unavailable] = {}
    for get, libraries in ((python_with_libraries, ("discord_py", "hikari")), (node_with_library, ("discord_js",))):
        try:
            got: str | Unavailable = get()
        except Unavailable as missing:
            got = missing
        found |= dict.fromkeys(libraries, got)
    return found
