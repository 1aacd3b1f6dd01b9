"""A session that a test plays by hand."""

from __future__ import annotations

import pytest

from tests.wire.played import Played


@pytest.fixture
def played() -> Played:
    return Played()
