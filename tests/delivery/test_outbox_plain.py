"""What is left of a refused message, and the delivery's own notes."""

from __future__ import annotations

from typing import Any

import pytest

from wanderer_notifier.delivery import plain

NOBODY: dict[str, list[str]] = {"parse": []}


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (
            {"content": "<@&1>", "embeds": [{"title": "T", "url": "https://u", "description": "D"}]},
            "<@&1>\nT\nD\nhttps://u",
        ),
        ({"embeds": [{"author": {"name": "A"}, "title": " T "}, {"title": "second"}]}, "A\nT\nsecond"),
        ({"content": "x", "components": [{"type": 1}]}, "x"),
        ({"content": "y" * 3000}, "y" * 2000),
    ],
)
def test_a_refused_message_is_reduced_to_text(body: dict[str, Any], content: str) -> None:
    assert plain.reduced({**body, "allowed_mentions": NOBODY}) == {"content": content, "allowed_mentions": NOBODY}


@pytest.mark.parametrize(
    "body",
    [
        {"content": "only text", "allowed_mentions": NOBODY},
        {"embeds": [{"image": {"url": "https://u"}}], "allowed_mentions": NOBODY},
        {"embeds": ["odd"], "allowed_mentions": NOBODY},
        {},
    ],
)
def test_where_nothing_can_be_taken_away_nothing_is_left(body: dict[str, Any]) -> None:
    assert plain.reduced(body) is None


def test_who_may_be_pinged_does_not_change() -> None:
    body = {"content": "@here", "embeds": [{"title": "T"}], "allowed_mentions": {"parse": ["everyone"]}}
    reduced = plain.reduced(body)
    assert reduced is not None
    assert reduced["allowed_mentions"] == {"parse": ["everyone"]}
    assert plain.reduced({"embeds": [{"title": "@everyone"}]}) == {
        "content": "@everyone",
        "allowed_mentions": {"parse": []},
    }


def test_notes_fit_and_ping_nobody() -> None:
    note = plain.closed_note("1", "x" * 5000)
    assert len(note["content"]) == 2000
    assert note["allowed_mentions"] == NOBODY
    assert plain.losses_note(1, 0)["content"].startswith("One message for")
    assert plain.losses_note(2, 3)["content"].splitlines() == [
        "2 messages for this channel could not be kept: more than 1,000 were waiting to be sent.",
        "3 messages for this channel could not be sent in time and would be old news now.",
    ]
