"""Which events say that a channel may take messages again."""

from __future__ import annotations

from typing import Any

import pytest

from tests.discord.peer import BOT, GUILD, MAIN
from wanderer_notifier.discord.news import reopened

NOTHING: frozenset[str] = frozenset()


@pytest.mark.parametrize(
    ("kind", "data", "channels"),
    [
        ("CHANNEL_UPDATE", {"id": MAIN, "guild_id": GUILD}, frozenset({MAIN})),
        ("CHANNEL_CREATE", {"id": MAIN}, frozenset({MAIN})),
        ("THREAD_UPDATE", {"id": MAIN}, frozenset({MAIN})),
        ("CHANNEL_UPDATE", {"id": 7}, NOTHING),
        ("CHANNEL_DELETE", {"id": MAIN}, NOTHING),
        ("GUILD_CREATE", {"id": GUILD}, None),
        ("GUILD_CREATE", {"id": GUILD, "unavailable": True}, NOTHING),
        ("GUILD_DELETE", {"id": GUILD}, NOTHING),
        ("GUILD_ROLE_UPDATE", {"guild_id": GUILD, "role": {}}, None),
        ("GUILD_ROLE_DELETE", {"guild_id": GUILD, "role_id": "1"}, None),
        ("GUILD_MEMBER_UPDATE", {"guild_id": GUILD, "user": {"id": BOT}}, None),
        ("GUILD_MEMBER_UPDATE", {"guild_id": GUILD, "user": {"id": "700000000000000009"}}, NOTHING),
        ("GUILD_MEMBER_UPDATE", {"user": None}, NOTHING),
        ("VOICE_STATE_UPDATE", {"channel_id": MAIN}, NOTHING),
        ("INTERACTION_CREATE", {"id": MAIN, "channel_id": MAIN}, NOTHING),
    ],
)
def test_what_may_have_opened_a_channel(kind: str, data: dict[str, Any], channels: frozenset[str] | None) -> None:
    assert reopened(kind, data, BOT) == channels


def test_before_we_know_who_we_are_a_member_is_a_stranger() -> None:
    assert reopened("GUILD_MEMBER_UPDATE", {"user": {"id": None}}, None) == NOTHING
