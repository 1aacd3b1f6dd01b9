"""How special systems read, and rows E09-E12, W16, W31, W44 of notifications.md; cases M of `cases.md`."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.core.base import FIRST_START, HOME, NOW, sends
from wanderer_notifier.core.events import RallyCreated, SystemAdded, SystemRecord, SystemStatic
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.mapevents import Ignored, RallyEnded, parse_event
from wanderer_notifier.core.render import render, render_rally, render_system
from wanderer_notifier.core.rules import Channels, MapRules, Rules, Send, decide_change
from wanderer_notifier.core.tracking import MapState, Tracking, apply

SEND = Send(kind="system", slug="m1", channel="400", route="system", claim="system:m1:31000123", expires_at=NOW)
WORMHOLE, KNOWN = 31000123, 30000142
PURPLE, GREEN, YELLOW, RED, BLUE = 0x9D4EDD, 0x00FF00, 0xFFFF00, 0xFF0000, 0x3498DB


def shown(system_id: int, name: str | None = None, **static: Any) -> dict[str, Any]:
    record = SystemRecord(system_id=system_id, name=name)
    message = render_system(
        SystemAdded(slug="m1", system=record, by="event"), SEND, SystemStatic(**static) if static else None
    )
    assert problems(message) == []
    (embed,) = message.embeds
    return embed


def fields(embed: dict[str, Any]) -> dict[str, str]:
    return {field["name"]: field["value"] for field in embed["fields"]}


@pytest.mark.parametrize(
    ("system_id", "static", "description", "field", "color"),
    [
        (31000005, {"class_title": "T", "type_description": "Class 12 (Thera)", "security": -1.0},
         "wormhole system (Thera)", ("Class", "Thera"), PURPLE),
        (31000005, {}, "wormhole system (Thera)", ("Class", "Thera"), PURPLE),
        (31000001, {"class_title": "D", "type_description": "Class 14 (Sentinel Drifter)"},
         "wormhole system (Sentinel Drifter)", ("Class", "Sentinel Drifter"), PURPLE),
        (31000006, {"class_title": "D"}, "wormhole system (Redoubt)", ("Class", "Redoubt"), PURPLE),
        (31002999, {"class_title": "D"}, "wormhole system (D)", ("Class", "D"), PURPLE),
        (31000999, {"class_title": "C13", "type_description": "Class 13 (Shattered Frigate)"},
         "wormhole system (C13)", ("Class", "C13"), PURPLE),
        (31000999, {"type_description": "Odd"}, "Odd wormhole system", ("System", None), PURPLE),
        (30000021, {"class_title": "P", "type_description": "Triglavian space (Pochven)", "security": -1.0},
         "Triglavian space (Pochven) system", ("Type", "Pochven"), 0xB03A2E),
        (30000021, {"region": "Pochven", "security": -1.0}, "Pochven system", ("Type", "Pochven"), 0xB03A2E),
        (30100000, {"class_title": "N", "type_description": "Pirate space", "security": -0.4},
         "Pirate space system", ("Type", "Zarzakh"), 0xB03A2E),
        (30002086, {"class_title": "0.4", "type_description": "Low-sec", "security": 0.4},
         "Low-sec system", ("Security", "0.4 (Low-sec)"), YELLOW),
    ],
)  # fmt: skip
def test_k46_k47_every_kind_of_space_has_its_label(
    system_id: int, static: dict[str, Any], description: str, field: tuple[str, str | None], color: int
) -> None:
    embed = shown(system_id, **static)
    assert embed["description"] == f"A new {description} has been added to tracking."
    assert embed["color"] == color
    name, value = field
    assert value is None or fields(embed)[name] == value
    assert "Security" not in fields(embed) or name == "Security"


@pytest.mark.parametrize(
    ("system_id", "name"),
    [(31000005, "Thera"), (30002086, "Turnur"), (30100000, "Zarzakh"), (31000998, "System 31000998")],
)
def test_k46_places_are_named_even_when_nobody_says_how(system_id: int, name: str) -> None:
    assert shown(system_id)["title"] == f"New System Tracked: {name}"


@pytest.mark.parametrize(
    ("static", "security", "color", "icon"),
    [
        ({"security": 0.5}, "0.5 (High-sec)", GREEN, 45038),
        ({"security": 0.45}, "0.5 (High-sec)", GREEN, 45038),
        ({"security": 0.4499}, "0.4 (Low-sec)", YELLOW, 45039),
        ({"security": 0.049}, "0.1 (Low-sec)", YELLOW, 45039),
        ({"security": 0.05}, "0.1 (Low-sec)", YELLOW, 45039),
        ({"security": 0.0}, "0.0 (Null-sec)", RED, 45040),
        ({"security": -0.4}, "-0.4 (Null-sec)", RED, 45040),
        ({"security": -1.0}, "-1.0 (Null-sec)", RED, 45040),
        ({"security": 0.9, "type_description": "Null-sec"}, "0.9 (High-sec)", GREEN, 45038),
        ({}, None, BLUE, 45041),
        ({"type_description": "High-sec"}, None, BLUE, 45038),
        ({"type_description": "Low-sec"}, None, BLUE, 45039),
        ({"type_description": "Null-sec"}, None, BLUE, 45040),
        ({"type_description": "Abyssal"}, None, BLUE, 45041),
    ],
)
def test_w44_label_colour_and_icon_agree(static: dict[str, Any], security: str | None, color: int, icon: int) -> None:
    embed = shown(KNOWN, "Jita", **static)
    assert fields(embed).get("Security") == security
    assert (embed["color"], embed["thumbnail"]["url"]) == (
        color,
        f"https://images.evetech.net/types/{icon}/icon?size=64",
    )


def test_e09_and_e12_a_wormhole_has_its_fields_in_order() -> None:
    static = {"class_title": "C4", "shattered": True, "statics": ("C247 → C3",), "region": "D-R00018"}
    assert list(fields(shown(WORMHOLE, "J123456", effect="Pulsar", security=-1.0, **static))) == [
        "System", "Class", "Shattered", "Static Wormholes", "Region", "Effect",
    ]  # fmt: skip


def test_e10_known_space_has_none_of_them() -> None:
    static = {"class_title": "0.9", "type_description": "High-sec", "security": 0.9, "region": "The Forge"}
    embed = shown(KNOWN, "Jita", effect="Pulsar", shattered=True, statics=("C247",), **static)
    assert list(fields(embed)) == ["System", "Security", "Region"]
    assert "High-sec system" in embed["description"]
    assert "wormhole" not in embed["description"]


@pytest.mark.parametrize("statics", [(), ("",), ("\u200b",)])
def test_e11_no_statics_no_field(statics: tuple[str, ...]) -> None:
    assert "Static Wormholes" not in fields(shown(WORMHOLE, class_title="C4", statics=statics))


def test_a_type_stands_in_for_an_unknown_security() -> None:
    assert fields(shown(KNOWN, "Jita", type_description="High-sec"))["Type"] == "High-sec"
    assert list(fields(shown(KNOWN, "Jita"))) == ["System"]


def test_w9_empty_static_words_are_no_fields() -> None:
    static = {"class_title": "", "type_description": "", "region": " ", "effect": ""}
    assert list(fields(shown(WORMHOLE, "J123456", **static))) == ["System"]


def test_w31_an_added_system_is_said_to_be_added() -> None:
    embed = shown(WORMHOLE, "J123456")
    assert embed["title"] == "New System Tracked: J123456"
    assert embed["description"].endswith("has been added to tracking.")


def test_region_pages_differ_by_space() -> None:
    assert fields(shown(WORMHOLE, region="D-R 18"))["Region"] == "[D-R 18](https://evemaps.dotlan.net/region/D-R_18)"
    assert fields(shown(KNOWN, region="The Forge"))["Region"] == "[The Forge](https://evemaps.dotlan.net/map/The_Forge)"


def test_an_address_that_would_be_too_long_falls_back_to_the_id() -> None:
    assert fields(shown(WORMHOLE, "é" * 100))["System"].endswith(f"https://evemaps.dotlan.net/system/{WORMHOLE})")
    assert fields(shown(WORMHOLE, "é" * 83 + "ee"))["System"].endswith("ee)")  # 500 characters encoded
    assert fields(shown(WORMHOLE, "é" * 83 + "eee"))["System"].endswith(f"/{WORMHOLE})")
    assert fields(shown(WORMHOLE, "e"))["System"] == "[e](https://evemaps.dotlan.net/system/e)"
    assert fields(shown(WORMHOLE, "e" * 250))["System"].endswith(f"/{'e' * 250})")


# --- cases M -------------------------------------------------------------------------------------------------------

RULES = Rules(maps=(MapRules(slug="m1", channels=Channels(primary="100", rally="600")),))
RALLY = RallyCreated(slug="m1", rally_id="r1", system_id=HOME, system_name="J123456", character_name="Vela")


def envelope(kind: str, payload: object) -> str:
    return json.dumps({"id": "01", "type": kind, "payload": payload})


@pytest.mark.parametrize(
    "kind",
    ["connection_added", "connection_updated", "connection_removed", "signature_added", "signatures_updated"],
)
def test_m02_to_m05_links_and_signatures_are_no_news(kind: str) -> None:
    """Nothing is said of holes, so none of the mistakes about them can be made."""
    assert isinstance(parse_event("m1", kind, envelope(kind, {"solar_system_source_id": 31000001})), Ignored)


def test_m06_nobody_needs_to_watch_a_map() -> None:
    event = parse_event("m1", "add_system", envelope("add_system", {"solar_system_id": HOME, "name": "J123456"}))
    assert not isinstance(event, Ignored)
    state = Tracking(maps={"m1": MapState(slug="m1", loaded_at=NOW)})
    _, changes = apply(state, event)
    assert [len(sends(decide_change(one, RULES, now=NOW, first_start=FIRST_START))) for one in changes] == [1]


@pytest.mark.parametrize("setting", [{"system_exclude_ids": frozenset({KNOWN})}, {"track_kspace": False}])
def test_m07_a_hub_is_hidden_by_one_setting(setting: dict[str, Any]) -> None:
    one = evolve(RULES.maps[0], **setting)
    added = SystemAdded(slug="m1", system=SystemRecord(system_id=KNOWN, name="Jita"), by="event")
    assert not sends(decide_change(added, evolve(RULES, maps=(one,)), now=NOW, first_start=FIRST_START))


def test_m08_the_players_name_and_the_official_one() -> None:
    record = SystemRecord(system_id=HOME, name="J123456", temporary_name="1-A")
    (embed,) = render(SystemAdded(slug="m1", system=record, by="event"), SEND).embeds
    assert embed["title"] == "New System Tracked: 1-A (J123456)"


def test_m09_a_rally_ends_by_its_id_without_a_system() -> None:
    payload = {"id": "r1", "solar_system_id": None, "system_id": None, "system_name": None}
    event = parse_event("m1", "rally_point_removed", envelope("rally_point_removed", payload))
    assert event == RallyEnded(slug="m1", rally_id="r1")
    assert not isinstance(event, Ignored)
    assert apply(Tracking(), event)[1] == ()


def test_rallies_have_the_players_name_of_their_system() -> None:
    record = SystemRecord(system_id=HOME, name="J123456", custom_name="Home")
    state = Tracking(maps={"m1": MapState(slug="m1", systems={HOME: record}, loaded_at=NOW)})
    _, (rally,) = apply(state, RALLY)
    (send,) = sends(decide_change(rally, RULES, now=NOW, first_start=FIRST_START))
    assert isinstance(rally, RallyCreated)
    (embed,) = render_rally(rally, send).embeds
    assert embed["fields"][0]["value"] == "Home (J123456)"


@pytest.mark.parametrize(("minutes", "told"), [(0, True), (10, True), (11, False)])
def test_a_rally_is_over_after_ten_minutes(minutes: int, told: bool) -> None:
    rally = evolve(RALLY, created_at=NOW - timedelta(minutes=minutes))
    assert bool(sends(decide_change(rally, RULES, now=NOW, first_start=NOW))) is told


def test_e13_a_rally_has_exactly_two_fields() -> None:
    (send,) = sends(decide_change(RALLY, RULES, now=NOW, first_start=FIRST_START))
    (embed,) = render_rally(RALLY, send).embeds
    assert [field["name"] for field in embed["fields"]] == ["System", "Created By"]


def test_the_same_rally_has_one_claim_per_map() -> None:
    both = evolve(RULES, maps=(RULES.maps[0], evolve(RULES.maps[0], slug="m2")))
    claims = [
        sends(decide_change(evolve(RALLY, slug=slug), both, now=NOW, first_start=FIRST_START))[0].claim
        for slug in ("m1", "m1", "m2")
    ]
    assert claims == ["rally:m1:r1", "rally:m1:r1", "rally:m2:r1"]
