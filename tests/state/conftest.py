"""A fresh database in memory, without threads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from wanderer_notifier.state.migrations import migrate


@pytest.fixture
def conn() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection)
    yield connection
    connection.close()
