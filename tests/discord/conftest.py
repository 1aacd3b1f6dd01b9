"""How many virtual days of gateway chaos are played."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from trio.testing import MockClock

from tests.discord.peer import Peer, in_memory


@pytest.fixture(scope="session")
def gateway_seeds(request: pytest.FixtureRequest) -> int:
    """20 in the suite; 200 by `just chaos-gateway`, where the long tests take their full length as well."""
    return int(request.config.getoption("--gateway-seeds"))


@pytest.fixture
async def peer(autojump_clock: MockClock) -> AsyncIterator[Peer]:
    async with in_memory() as peer:
        yield peer
