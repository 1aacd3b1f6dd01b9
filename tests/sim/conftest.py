"""What the tests of the fakes share: wall clocks that move with the virtual one, and fresh fakes."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import trio

from wanderer_notifier.sim.killfeed import KillFeed

START = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


@pytest.fixture
def now() -> Callable[[], datetime]:
    """A wall clock that starts at `START` and moves with Trio's clock (virtual time starts at 0)."""

    def read() -> datetime:
        try:
            return START + timedelta(seconds=trio.current_time() % 1e6)
        except RuntimeError:
            return START  # outside of a run

    return read


@pytest.fixture
def feed(now: Callable[[], datetime]) -> KillFeed:
    return KillFeed(now=now, rng=random.Random(1))
