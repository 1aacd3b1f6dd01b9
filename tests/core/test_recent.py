"""The last kills of a system in its message (notifications.md 3.3.1)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.core.base import HOME, NOW, mail
from wanderer_notifier.core.events import Kill, SystemAdded, SystemRecord
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.recent import age, recent_kills
from wanderer_notifier.core.render import render_system
from wanderer_notifier.core.rules import Send

VELA = {"character_id": 95000001, "character_name": "Vela Ostrander", "corporation_id": 98000101,
        "corporation_ticker": "DRNK", "ship_type_id": 29984, "ship_name": "Tengu"}  # fmt: skip
SEND = Send(kind="system", slug="m1", channel="400", route="system", claim="system:m1:31000123", expires_at=NOW)
ADDED = SystemAdded(slug="m1", system=SystemRecord(system_id=HOME, name="J123456"), by="event")


def kill(number: int = 1, hours: float = 2, **changes: Any) -> Kill:
    whole = {"killmail_id": number, "victim": VELA, "zkb": {"totalValue": 550e6}}
    raw = mail(**whole | changes)
    return evolve(parse_kill(raw, None), time=NOW - timedelta(hours=hours))


def test_a_known_victim() -> None:
    assert recent_kills([kill()], NOW) == (
        "[Vela Ostrander](https://zkillboard.com/kill/1/) ([DRNK](https://zkillboard.com/corporation/98000101/)) "
        "- Tengu - 550.0M ISK (2h ago)"
    )


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"victim": {"corporation_id": 7}, "zkb": {}},
         "[Unknown](https://zkillboard.com/kill/1/) ([UNKN](https://zkillboard.com/corporation/7/)) - Unknown Ship "
         "- 0 ISK (2h ago)"),
        ({"victim": {"character_id": 7}}, "[Unknown](https://zkillboard.com/kill/1/) (UNKN) - Unknown Ship "
         "- 550.0M ISK (2h ago)"),
        ({"victim": {"ship_type_id": 35832, "corporation_name": "Hollow", "ship_name": "*Astrahus*"}},
         "[Hollow](https://zkillboard.com/kill/1/) (UNKN) - \\*Astrahus\\* - 550.0M ISK (2h ago)"),
        ({"victim": {}, "zkb": {"totalValue": 1e6, "npc": True, "solo": True, "awox": True, "points": 3}},
         "[1.0M ISK NPC Kill](https://zkillboard.com/kill/1/) (3 pts)(2h ago)"),
        ({"victim": {}, "zkb": {"totalValue": 550e6, "points": 10, "locationID": 40086133}},
         "[550.0M ISK Kill](https://zkillboard.com/kill/1/) in 40086133 (10 pts)(2h ago)"),
        ({"victim": {}, "zkb": {"locationID": 40086133}},
         "[0 ISK Kill](https://zkillboard.com/kill/1/) in 40086133 (2h ago)"),
        ({"victim": {}, "zkb": {"solo": True, "awox": True}}, "[0 ISK Solo Kill](https://zkillboard.com/kill/1/) "
         "(2h ago)"),
        ({"victim": {}, "zkb": {"awox": True}}, "[0 ISK Awox Kill](https://zkillboard.com/kill/1/) (2h ago)"),
        ({"victim": {}, "zkb": {}}, "[0 ISK Kill](https://zkillboard.com/kill/1/) (2h ago)"),
    ],
)  # fmt: skip
def test_what_stands_for_what_is_missing(changes: dict[str, Any], line: str) -> None:
    assert recent_kills([kill(**changes)], NOW) == line


def test_a_mere_reference_tells_what_kind_of_kill_it_was() -> None:
    metadata = {"locationID": 40086133, "totalValue": 2.5e6, "points": 1, "solo": True}
    reference = parse_kill({"killmail_id": 1, "zkb": metadata}, HOME)
    assert recent_kills([reference], NOW) == "[2.5M ISK Solo Kill](https://zkillboard.com/kill/1/) in 40086133 (1 pts)"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-500, " (just now)"), (0, " (just now)"), (59, " (just now)"), (60, " (1m ago)"), (3599, " (59m ago)"),
     (3600, " (1h ago)"), (86399, " (23h ago)"), (86400, " (1d ago)"), (864000, " (10d ago)")],
)  # fmt: skip
def test_ages(seconds: int, text: str) -> None:
    assert age(NOW - timedelta(seconds=seconds), NOW) == text


def test_an_unknown_age_is_left_out() -> None:
    assert age(None, NOW) == ""


def test_three_at_most_and_none_at_all() -> None:
    assert (recent_kills([kill(number) for number in range(1, 6)], NOW) or "").count("\n") == 2
    assert recent_kills([], NOW) is None


@pytest.mark.parametrize(("kills", "now"), [((), NOW), ((kill(),), None)])
def test_w43_nothing_to_show_is_no_field(kills: tuple[Kill, ...], now: datetime | None) -> None:
    (embed,) = render_system(ADDED, SEND, recent=kills, now=now).embeds
    assert [field["name"] for field in embed["fields"]] == ["System"]


def test_the_longest_lines_fit_into_the_field() -> None:
    long = kill(victim=VELA | {"character_name": "*" * 300, "corporation_ticker": "*" * 30, "ship_name": "*" * 300})
    named = kill(victim=VELA | {"character_name": "x" * 300, "corporation_ticker": "y" * 30, "ship_name": "*" * 300})
    for one in (long, named):
        message = render_system(ADDED, SEND, recent=(one,) * 4, now=NOW)
        assert problems(message) == []
        field = message.embeds[0]["fields"][-1]
        assert (field["name"], field["inline"], field["value"].count("\n")) == ("Recent Kills", False, 2)
        assert field["value"].endswith(" (2h ago)")
