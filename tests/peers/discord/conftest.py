"""The Discord libraries of others, once per run."""

from __future__ import annotations

import pytest

from tests.peers.discord import installing


@pytest.fixture(scope="session")
def python_libraries() -> str | None:
    """The interpreter that has discord.py and hikari; None where they are not to be had."""
    return installing.python_with_libraries()


@pytest.fixture(scope="session")
def node_library() -> str | None:
    """Node with discord.js; None where it is not to be had."""
    return installing.node_with_library()
