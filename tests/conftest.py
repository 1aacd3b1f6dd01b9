"""Shared by all tests: where the shared references lie, and how many crashes to try."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import hypothesis
import pytest
import structlog

# A loaded machine makes no property wrong; and what CI tries must not depend on the day.
hypothesis.settings.register_profile(
    "suite",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    derandomize=os.environ.get("CI") == "true",
)
hypothesis.settings.load_profile("suite")

REPO = Path(__file__).resolve().parent.parent
CAPTURES = REPO.parent / "shared" / "captures"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--crashes", type=int, default=10, help="how often tests/service/test_crash.py kills the service")
    parser.addoption("--chaos-seeds", type=int, default=12, help="how many two-hour storms test_chaos.py plays")
    parser.addoption("--gateway-seeds", type=int, default=20, help="how many days test_gateway_chaos.py plays")
    parser.addoption("--seeds", type=int, default=200, help="how many seeds the in-process simulation plays")


def pytest_configure() -> None:
    # A failing test shows what went wrong, not every step of a thousand simulated days.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@pytest.fixture(scope="session")
def captures() -> Path:
    """The folder of recorded real traffic; tests that need it skip where it is not laid beside the checkout."""
    if not CAPTURES.is_dir():
        pytest.skip("the recorded traffic (../shared/captures) is not beside this checkout")
    return CAPTURES
