"""The samples of `/notifier test`."""

from __future__ import annotations

from datetime import UTC, datetime

from wanderer_notifier.core.samples import samples

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)


def test_there_is_one_of_each_kind_marked_as_a_sample_and_pinging_nobody() -> None:
    shown = samples(NOW, "11")
    assert [kind for kind, _ in shown] == ["kill", "system", "character", "rally"]
    for _, message in shown:
        assert message.content is not None
        assert message.content.startswith("🧪 Sample:")
        assert message.embeds
        assert message.mention.allowed() == {"parse": [], "users": [], "roles": []}
        assert "@" not in message.content
