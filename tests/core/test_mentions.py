"""Who may be pinged, at the borders of what Discord takes (discord.md 3.6, 3.7)."""

from __future__ import annotations

import pytest

from wanderer_notifier.core.mentions import rally_mention, system_mention
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.policy import MapRules

VOICE = MapRules(slug="m1", voice_mentions=True)
LONGEST = "9" * 20


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (("7",), ("7",)),
        ((LONGEST,), (LONGEST,)),
        (("9" * 21,), ()),
        (("٧", "²", "", " 7", "-7", "@everyone", "7a"), ()),
        (("20", "3", "20"), ("3", "20")),
    ],
)
def test_only_ids_are_named_once_each(given: tuple[str, ...], kept: tuple[str, ...]) -> None:
    assert system_mention(VOICE, given, urgent=False) == Mention(users=kept)


def test_a_hundred_of_a_kind_and_two_thousand_characters() -> None:
    assert len(system_mention(VOICE, tuple(map(str, range(100, 300))), urgent=False).users) == 100


def crowd_of(long: int, short: int) -> tuple[str, ...]:
    """Ids of twenty figures and of nineteen, in ascending order."""
    return tuple(f"1{number:018}" for number in range(short)) + tuple(f"1{number:019}" for number in range(long))


@pytest.mark.parametrize(("long", "short", "kept", "length"), [(69, 15, 84, 2000), (70, 14, 83, 1977)])
def test_content_may_be_full_to_the_last_character(long: int, short: int, kept: int, length: int) -> None:
    mention = system_mention(VOICE, crowd_of(long, short), urgent=False)
    assert (len(mention.users), len(mention.text())) == (kept, length)


def test_roles_keep_their_order_and_their_number() -> None:
    roles = ("9", "1", "9", "x")
    assert rally_mention(MapRules(slug="m1", rally_role_ids=roles)) == Mention(roles=("9", "1"))
    crowd = tuple(map(str, range(100, 250)))
    assert rally_mention(MapRules(slug="m1", rally_role_ids=crowd)).roles == crowd[:100]
