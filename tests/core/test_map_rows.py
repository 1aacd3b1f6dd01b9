"""Rows S01-S14 and C01-C06 of notifications.md 2, Target column: from what the map sends to what is told.

The claims stand in for the outbox: what is claimed is not told again, and a removal releases its claim.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.core.base import FIRST_START, NOW
from wanderer_notifier.core.claims import character_claim, system_claim
from wanderer_notifier.core.events import (
    Change,
    CharacterRecord,
    CharacterRemoved,
    CharactersLoaded,
    MapLoaded,
    SystemAdded,
    SystemRecord,
    SystemRemoved,
    SystemStatic,
)
from wanderer_notifier.core.mapevents import BadMapEvent, CharactersChanged, Ignored, parse_character, parse_event
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.names import Known, named
from wanderer_notifier.core.render import render, render_system
from wanderer_notifier.core.rules import Channels, MapRules, Priority, Rules, Send, decide_change
from wanderer_notifier.core.static_info import parse_static
from wanderer_notifier.core.tracking import Tracking, apply

HOME, PILOT = 31000123, 95000001
MAPS = ("m1", "m2")
RULES = Rules(
    maps=tuple(MapRules(slug=slug, channels=Channels(primary=f"{slug}-p", system=f"{slug}-s")) for slug in MAPS)
)


class Maps:
    """Two maps, loaded and empty but for what a test says, and who was told of what."""

    def __init__(self, *systems: int, rules: Rules = RULES) -> None:
        self.rules = rules
        self.state = Tracking()
        self.claims = set[tuple[str, str]]()
        self.told: list[tuple[str, str, Mention]] = []
        """Channel, title and pings of each message."""
        rows = tuple(SystemRecord(system_id=one, name=f"J{one}") for one in systems)
        for slug in MAPS:
            for ago in (timedelta(hours=1), timedelta(0)):  # read long since, and compared just now
                loaded = MapLoaded(slug=slug, systems=rows, characters=(), gap_s=0.0, received_at=NOW - ago)
                self.state, changes = apply(self.state, loaded)
                self._tell(changes)

    def send(self, kind: str, payload: dict[str, Any], slug: str = "m1") -> None:
        event = parse_event(slug, kind, json.dumps({"id": "01", "type": kind, "payload": payload}))
        if not isinstance(event, Ignored):
            self.state, changes = apply(self.state, event)
            self._tell(changes)

    def pilots(self, *rows: dict[str, Any], slug: str = "m1") -> None:
        """What the list of tracked pilots says after a hint of the stream."""
        parsed = tuple(one for one in map(parse_character, rows) if isinstance(one, CharacterRecord))
        self.state, changes = apply(self.state, CharactersLoaded(slug=slug, characters=parsed, received_at=NOW))
        self._tell(changes)

    def tracked(self, slug: str = "m1") -> set[int]:
        return set(self.state.maps[slug].systems)

    def _tell(self, changes: tuple[Change, ...]) -> None:
        for change in changes:
            for verdict in decide_change(change, self.rules, now=NOW, first_start=FIRST_START):
                if isinstance(verdict, Send) and (verdict.claim, verdict.channel) not in self.claims:
                    self.claims.add((verdict.claim, verdict.channel))
                    title = render(change, verdict).embeds[0]["title"]
                    self.told.append((verdict.channel, title, verdict.mention))
            gone = None
            if isinstance(change, SystemRemoved):
                gone = system_claim(change.slug, change.system.system_id)
            elif isinstance(change, CharacterRemoved):
                gone = character_claim(change.slug, change.character.character_id)
            self.claims = {one for one in self.claims if one[0] != gone}

    @property
    def titles(self) -> list[str]:
        return [title for _, title, _ in self.told]


ADD = {"solar_system_id": HOME, "name": "J123456"}


def test_s01_an_added_system_is_told() -> None:
    maps = Maps()
    maps.send("add_system", ADD)
    assert maps.told == [("m1-s", "New System Tracked: J123456", Mention())]


def test_s02_the_same_event_again_is_silent() -> None:
    maps = Maps()
    maps.send("add_system", ADD)
    maps.send("add_system", ADD)
    assert len(maps.told) == 1


def test_s03_the_second_map_is_told_too() -> None:
    maps = Maps()
    for slug in MAPS:
        maps.send("add_system", ADD, slug)
    assert [channel for channel, _, _ in maps.told] == ["m1-s", "m2-s"]


def test_s04_removed_and_added_again_is_told_again() -> None:
    maps = Maps()
    maps.send("add_system", ADD)
    maps.send("deleted_system", {"solar_system_id": HOME})
    maps.send("add_system", ADD)
    assert len(maps.told) == 2


def test_s05_a_name_that_the_event_lacks_is_looked_up() -> None:
    maps = Maps()
    event = parse_event("m1", "add_system", json.dumps({"type": "add_system", "payload": {"solar_system_id": HOME}}))
    assert not isinstance(event, Ignored)
    _, (change,) = apply(maps.state, event)
    (send,) = decide_change(change, RULES, now=NOW, first_start=FIRST_START)
    assert isinstance(send, Send)
    with_name = named(change, {("system", HOME): Known(name="J123456")})
    assert render(with_name, send).embeds[0]["title"] == "New System Tracked: J123456"


@pytest.mark.parametrize(
    ("name", "custom", "title"),
    [
        (None, None, "J123456"),
        (None, "Home", "Home (J123456)"),
        ("J100001", None, "J100001"),
    ],
)
def test_s05_the_static_information_names_what_the_event_does_not(
    name: str | None, custom: str | None, title: str
) -> None:
    record = SystemRecord(system_id=HOME, name=name, custom_name=custom)
    change = SystemAdded(slug="m1", system=record, by="event")
    (send,) = decide_change(change, RULES, now=NOW, first_start=FIRST_START)
    assert isinstance(send, Send)
    static = parse_static({"data": {"solar_system_name": "J123456"}})
    (embed,) = render_system(change, send, static).embeds
    assert embed["title"] == f"New System Tracked: {title}"
    assert embed["fields"][0]["value"].endswith(f"(https://evemaps.dotlan.net/system/{name or 'J123456'})")


def test_s06_without_any_answer_the_id_has_to_do() -> None:
    maps = Maps()
    maps.send("add_system", {"solar_system_id": 31000998})
    assert maps.titles == ["New System Tracked: System 31000998"]


@pytest.mark.parametrize("payload", [{"id": "0c9d2f0a-6f5d-4a57-8a0a-0d1c2b3a4f5e"}, {}, {"solar_system_id": None}])
def test_s07_a_row_of_the_map_is_no_system(payload: dict[str, Any]) -> None:
    maps = Maps()
    with pytest.raises(BadMapEvent, match="no solar system id"):
        maps.send("add_system", payload)
    assert (maps.told, maps.tracked()) == ([], set())


def test_s08_static_data_that_is_missing_is_left_out() -> None:
    (change,) = apply(Maps().state, parse(ADD))[1]
    (send,) = decide_change(change, RULES, now=NOW, first_start=FIRST_START)
    assert isinstance(send, Send)
    assert isinstance(change, SystemAdded)
    assert render_system(change, send, SystemStatic()) == render_system(change, send, None)


def parse(payload: dict[str, Any]) -> Any:
    return parse_event("m1", "add_system", json.dumps({"type": "add_system", "payload": payload}))


@pytest.mark.parametrize("name", ["j123456", "J123456", "home"])
def test_s09_a_priority_system_is_told_although_systems_are_off(name: str) -> None:
    rules = evolve(RULES, system_notifications_enabled=False, priority=Priority(names=frozenset({name.lower()})))
    maps = Maps(rules=rules)
    maps.send("add_system", ADD | {"custom_name": "Home"})
    assert [mention for _, _, mention in maps.told] == [Mention(here=True)]
    maps.send("add_system", {"solar_system_id": 31000999, "name": "J999999"})
    assert len(maps.told) == 1


def test_s10_what_was_muted_is_not_spoilt() -> None:
    maps = Maps(rules=evolve(RULES, notifications_enabled=False))
    maps.send("add_system", ADD)
    maps.rules = RULES
    maps.send("deleted_system", {"solar_system_id": HOME})
    maps.send("add_system", ADD)
    assert len(maps.told) == 1


def test_s11_there_is_no_silence_after_the_start_for_live_events() -> None:
    change = apply(Maps().state, parse(ADD))[1][0]
    assert isinstance(decide_change(change, RULES, now=NOW, first_start=NOW)[0], Send)


def test_s12_each_map_has_its_own_channels() -> None:
    maps = Maps()
    maps.send("add_system", ADD, "m2")
    assert [channel for channel, _, _ in maps.told] == ["m2-s"]


def test_s13_a_change_of_an_unknown_system_makes_us_watch_it() -> None:
    maps = Maps()
    maps.send("system_metadata_changed", {"solar_system_id": HOME, "name": "J123456"})
    assert (maps.tracked(), maps.told) == ({HOME}, [])


def test_s14_a_known_system_is_no_news_until_it_leaves() -> None:
    maps = Maps(HOME)
    maps.send("add_system", ADD)
    assert maps.told == []
    maps.send("deleted_system", {"solar_system_id": str(HOME)})
    maps.send("add_system", ADD)
    assert len(maps.told) == 1


ROW = {
    "character_id": "5e0b6a7c-1d2e-4f3a-9b8c-7d6e5f4a3b2c",
    "tracked": True,
    "character": {"eve_id": str(PILOT), "name": "Vela Ostrander", "corporation_id": 98000101,
                  "corporation_ticker": "DRNK", "alliance_id": None},
}  # fmt: skip


def test_c01_the_event_is_a_hint_and_the_list_tells() -> None:
    hint = parse_event("m1", "character_added", json.dumps({"payload": {"id": "5e0b", "name": "Vela"}}))
    assert hint == CharactersChanged(slug="m1")
    maps = Maps()
    maps.send("character_added", {"id": "5e0b", "name": "Vela"})
    assert maps.told == []
    maps.pilots(ROW)
    assert maps.titles == ["New Character Tracked: Vela Ostrander"]


def test_c02_the_ticker_of_the_list_is_shown() -> None:
    parsed = parse_character(ROW)
    assert isinstance(parsed, CharacterRecord)
    assert (parsed.corporation_ticker, parsed.alliance_ticker) == ("DRNK", None)


def test_c03_the_second_map_is_told_too() -> None:
    maps = Maps()
    maps.pilots(ROW)
    maps.pilots(ROW, slug="m2")
    assert [channel for channel, _, _ in maps.told] == ["m1-p", "m2-p"]


def test_c04_an_update_of_an_unknown_pilot_is_a_hint_as_well() -> None:
    maps = Maps()
    maps.send("character_updated", {"id": "5e0b", "name": "Vela"})
    maps.pilots(ROW)
    assert len(maps.told) == 1
    assert PILOT in maps.state.character_ids()


def test_c05_a_uuid_is_no_pilot() -> None:
    maps = Maps()
    maps.pilots({"character_id": "5e0b6a7c-1d2e", "tracked": True, "character": {"name": "Vela"}})
    assert (maps.told, maps.state.character_ids()) == ([], frozenset())


def test_c06_who_is_in_the_list_is_no_news() -> None:
    maps = Maps()
    maps.pilots(ROW)
    maps.pilots(ROW)
    maps.pilots(ROW | {"character": ROW["character"] | {"name": "Renamed"}})  # type: ignore[operator]
    assert len(maps.told) == 1
