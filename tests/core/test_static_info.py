"""The map's static information, whatever it really holds (notifications.md 2.1.1, wanderer-map.md 5)."""

from __future__ import annotations

from typing import Any

import pytest

from wanderer_notifier.core.events import SystemStatic
from wanderer_notifier.core.static_info import parse_static


def detail(name: object, short: object) -> dict[str, Any]:
    return {"name": name, "destination": {"id": "c3", "name": "Class 3", "short_name": short}}


def test_a_wormhole_system() -> None:
    data = {
        "solar_system_id": 31001503, "region_name": "D-R00018", "system_class": 4, "class_title": "C4",
        "type_description": "Class 4", "security": "-1.0", "is_shattered": True, "effect_name": "Pulsar",
        "statics": ["C247", "P060"], "static_details": [detail("C247", "C3"), detail("P060", "C1")],
    }  # fmt: skip
    assert parse_static({"data": data}) == SystemStatic(
        class_title="C4",
        type_description="Class 4",
        security=-1.0,
        region="D-R00018",
        effect="Pulsar",
        shattered=True,
        statics=("C247 → C3", "P060 → C1"),
    )


@pytest.mark.parametrize(
    ("statics", "details", "shown"),
    [
        (["C247"], None, ("C247",)),
        ([], None, ()),
        (None, None, ()),
        (None, [detail("C247", "C3")], ("C247 → C3",)),
        (["C247", "X9"], [detail("C247", "?"), detail("X9", None)], ("C247", "X9")),
        (["C247", "", None, 7], [None, {}, {"name": "C247", "destination": None}], ("C247",)),
        (["H"] * 50, None, ("H",) * 12),
    ],
)
def test_statics_with_and_without_destinations(statics: object, details: object, shown: tuple[str, ...]) -> None:
    static = parse_static({"data": {"statics": statics, "static_details": details}})
    assert static == SystemStatic(statics=shown)


@pytest.mark.parametrize(
    ("security", "read"),
    [(1, 1.0), ("0.9", 0.9), ("", None), (None, None), ("-1.0", -1.0), (1e308, None), ("-1.1", None)],
)
def test_w24_security_as_text_or_number(security: object, read: float | None) -> None:
    assert parse_static({"data": {"security": security}}) == SystemStatic(security=read)


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": []}, {"error": "System not found"}, "x"])
def test_s08_what_is_no_answer_is_no_static_data(body: object) -> None:
    assert parse_static(body) is None
