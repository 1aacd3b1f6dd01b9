"""The rows N1-N9 of notifications.md 5.3 in their Target form, and the items they are made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from wanderer_notifier.core.notable import Rule, dropped, is_abyssal, lines

B = "Shield Booster"


def item(type_id: int, quantity: int = 1, *inside: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"item_type_id": type_id, "quantity_dropped": quantity, "flag": 5, "singleton": 0, **more} | (
        {"items": list(inside)} if inside else {}
    )


def shown(items: list[dict[str, Any]], types: Mapping[int, tuple[str | None, float]], **rule: Any) -> tuple[str, ...]:
    found = dropped({"victim": {"items": items}})
    assert found is not None
    names = {number: name for number, (name, _) in types.items() if name}
    return lines(found, names, {number: price for number, (_, price) in types.items() if price}, Rule(**rule))


ROWS: list[tuple[str, list[dict[str, Any]], dict[int, tuple[str | None, float]], list[str]]] = [
    ("N1", [item(1)], {1: (B, 50_000_000)}, ["• Shield Booster (~50.00M ISK)"]),
    ("N1-below", [item(1)], {1: (B, 49_999_999)}, []),
    ("N2", [item(1)], {1: (B, 50_000_001)}, ["• Shield Booster (~50.00M ISK)"]),
    ("N3", [item(1)], {1: ("Abyssal Heat Sink", 0)}, ["• Abyssal Heat Sink"]),
    ("N4", [item(1)], {1: ("50MN Abyssal Microwarpdrive", 75_000_000)}, ["• 50MN Abyssal Microwarpdrive"]),
    (
        "N5",
        [item(1, 300), item(1, 300)],
        {1: ("Nanite Repair Paste", 100_000)},
        ["• Nanite Repair Paste x600 (~60.00M ISK)"],
    ),
    ("N6", [item(9, 1, item(2, 9))], {2: ("B", 10_000_000), 9: ("Box", 0)}, ["• B x9 (~90.00M ISK)"]),
    (
        "N7",
        [item(number) for number in range(1, 8)],
        {number: (f"Item {number}", number * 60_000_000) for number in range(1, 8)},
        [f"• Item {number} (~{number * 60}.00M ISK)" for number in (7, 6, 5, 4, 3)],
    ),
    ("N8", [item(1), item(2)], {1: (B, 60_000_000), 2: ("Not priced", 0)}, ["• Shield Booster (~60.00M ISK)"]),
    ("N9", [item(99)], {99: (None, 80_000_000)}, []),
    ("destroyed", [{"item_type_id": 1, "quantity_destroyed": 5}], {1: (B, 80_000_000)}, []),
    ("markup", [item(1)], {1: ("*A* [b](x)", 60_000_000)}, ["• \\*A\\* \\[b\\]\\(x\\) (~60.00M ISK)"]),
]


@pytest.mark.parametrize(("items", "types", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_rows(items: list[dict[str, Any]], types: dict[int, tuple[str | None, float]], expected: list[str]) -> None:
    assert list(shown(items, types)) == expected


def test_the_section_of_example_k1() -> None:
    """notifications.md 3.2.6: priced ones first, by value; then those of the abyss."""
    types = {
        1: ("50MN Abyssal Microwarpdrive", 75_000_000.0),
        2: ("Pithum C-Type Medium Shield Booster", 180_000_000.0),
        3: ("Abyssal Warp Disruptor", 0.0),
        4: ("Nanite Repair Paste", 25_000.0),
        5: ("Abyssal Heat Sink", 0.0),
    }
    assert shown([item(1), item(2), item(3), item(4, 2500), item(5)], types) == (
        "• Pithum C-Type Medium Shield Booster (~180.00M ISK)",
        "• Nanite Repair Paste x2500 (~62.50M ISK)",
        "• 50MN Abyssal Microwarpdrive",
        "• Abyssal Warp Disruptor",
        "• Abyssal Heat Sink",
    )


def test_the_operator_sets_threshold_and_limit() -> None:
    types = {1: (B, 60_000_000.0), 2: ("Other", 70_000_000.0)}
    assert shown([item(1), item(2)], types, threshold_isk=65_000_000) == ("• Other (~70.00M ISK)",)
    assert shown([item(1), item(2)], types, limit=1) == ("• Other (~70.00M ISK)",)


def test_what_is_worth_nothing_is_never_notable() -> None:
    assert shown([item(1)], {1: (B, 0)}, threshold_isk=0) == ()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ({"victim": {"items": [item(1)]}}, {1: 1}),
        ({"items": [item(1)]}, {1: 1}),
        ({"killmail": {"victim": {"items": [item(1)]}}}, {1: 1}),
        ({"package": {"killmail": {"victim": {"items": [item(1, 2), item(1, 3)]}}}}, {1: 5}),
        ({"victim": {"items": []}}, {}),
        ({"victim": {}}, None),
        ({"victim": {"items": {}}}, None),
        ([], None),
        (None, None),
        ({"victim": {"items": [None, 5, {}, {"item_type_id": "x", "quantity_dropped": 1}, item(1, -4)]}}, {}),
    ],
)
def test_items_are_found_wherever_the_feed_puts_them(raw: object, expected: dict[int, int] | None) -> None:
    assert dropped(raw) == expected


def test_containers_are_opened_only_so_deep() -> None:
    deep = item(1)
    for _ in range(2000):
        deep = item(2, 0, deep)
    assert dropped({"items": [deep]}) == {}


@pytest.mark.parametrize(
    ("name", "is_one"), [("Abyssal Heat Sink", True), ("1MN abyssal Afterburner", True), ("Abyss", False)]
)
def test_what_counts_as_abyssal(name: str, is_one: bool) -> None:
    assert is_abyssal(name) is is_one
