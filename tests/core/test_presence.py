"""What members see the bot doing."""

from __future__ import annotations

import pytest

from wanderer_notifier.core.presence import presence


@pytest.mark.parametrize(
    ("systems", "degraded", "status", "name"),
    [
        (0, False, "online", "0 systems"),
        (1, False, "online", "1 system"),
        (12, False, "online", "12 systems"),
        (12, True, "idle", "12 systems, feeds degraded"),
    ],
)
def test_it_watches_so_many_systems_and_is_idle_while_a_feed_is_down(
    systems: int, degraded: bool, status: str, name: str
) -> None:  # OPS-44: Discord writes "Watching" before the name of an activity of type 3
    assert presence(systems, degraded=degraded) == {
        "since": None,
        "activities": [{"name": name, "type": 3}],
        "status": status,
        "afk": False,
    }
