"""How many virtual days of gateway chaos are played."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def gateway_seeds(request: pytest.FixtureRequest) -> int:
    """20 in the suite; 200 by `just chaos-gateway`, where the long tests take their full length as well."""
    return int(request.config.getoption("--gateway-seeds"))
