"""Recognising our own message in a channel's history."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from wanderer_notifier.discord.sameness import same, written_at

ME = "42"


def shown(author: str = ME, **more: Any) -> dict[str, Any]:
    return {"author": {"id": author}, "content": "", "embeds": [], **more}


KILL = {"title": "Rifter destroyed", "url": "https://zkillboard.com/kill/7/", "description": "long"}
CARD = {"title": "J123456", "description": "A C3 with statics", "footer": {"text": "home"}}


@pytest.mark.parametrize(
    ("body", "message", "expected"),
    [
        ({"embeds": [KILL]}, shown(embeds=[{**KILL, "type": "rich", "title": "changed"}]), True),
        ({"embeds": [KILL]}, shown(embeds=[{**KILL, "url": "https://zkillboard.com/kill/8/"}]), False),
        ({"embeds": [KILL]}, shown("43", embeds=[KILL]), False),
        ({"embeds": [KILL]}, shown(embeds=[{"title": KILL["title"]}]), False),
        ({"embeds": [CARD]}, shown(embeds=[CARD]), True),
        ({"embeds": [{**CARD, "title": " J123456 "}]}, shown(embeds=[CARD]), True),
        ({"embeds": [CARD]}, shown(embeds=[{**CARD, "footer": {"text": "other map"}}]), False),
        ({"embeds": [CARD]}, shown(embeds=[{**CARD, "description": "A C5"}]), False),
        ({"embeds": [CARD]}, shown(embeds=[KILL]), False),
        ({"content": " hello "}, shown(content="hello"), True),
        ({"content": "hello"}, shown(content="hello!"), False),
        ({"content": ""}, shown(content=""), False),
        ({"content": "hello"}, shown(content="hello", embeds=[{"type": "link"}]), True),
        ({"content": "@here", "embeds": [KILL]}, shown(content="@here"), True),
        ({"embeds": [KILL], "nonce": "n"}, shown(nonce="n"), True),
        ({"embeds": [KILL]}, "not a message", False),
        ({"embeds": [KILL]}, {"author": None, "embeds": [KILL]}, False),
    ],
)
def test_the_same_message(body: dict[str, Any], message: Any, expected: bool) -> None:
    assert same(message, body, ME) == expected


@pytest.mark.parametrize(
    ("message", "at"),
    [
        ({"timestamp": "2026-11-25T18:00:00.5+00:00"}, datetime(2026, 11, 25, 18, 0, 0, 500_000, tzinfo=UTC)),
        ({"timestamp": "2026-11-25T18:00:00"}, datetime(2026, 11, 25, 18, tzinfo=UTC)),
        (
            {"timestamp": "yesterday", "id": "175928847299117063"},
            datetime(2016, 4, 30, 11, 18, 25, 796_000, tzinfo=UTC),
        ),
        ({"id": "x"}, None),
        ({"id": "9" * 400}, None),
        (None, None),
    ],
)
def test_when_a_message_was_written(message: Any, at: datetime | None) -> None:
    assert written_at(message) == at
