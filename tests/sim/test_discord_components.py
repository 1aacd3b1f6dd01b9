"""Buttons, rows and the second version's components as the fake Discord checks them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sim.test_discord_rules import leaf
from wanderer_notifier.sim.discord_form import Refusal
from wanderer_notifier.sim.discord_rules import IS_COMPONENTS_V2, check_create, check_edit


def button(**parts: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "x", "custom_id": "a", **parts}


def link(**parts: Any) -> dict[str, Any]:
    return {"type": 2, "style": 5, "label": "x", "url": "https://zkillboard.com/kill/1/", **parts}


def row(*inner: Any) -> dict[str, Any]:
    return {"type": 1, "components": list(inner)}


def first(*components: Any) -> dict[str, Any]:
    return {"content": "x", "components": list(components)}


def second(*components: Any, **more: Any) -> dict[str, Any]:
    return {"flags": IS_COMPONENTS_V2, "components": list(components), **more}


def text(content: str = "t") -> dict[str, Any]:
    return {"type": 10, "content": content}


PICTURE = {"url": "https://images.evetech.net/types/587/icon"}


@pytest.mark.parametrize(
    "body",
    [
        first(row(link())),
        first(*[row(*[button(custom_id=f"{at}.{one}") for one in range(5)]) for at in range(5)]),
        first(row(button(custom_id="c" * 100, label="l" * 80))),
        first(row({"type": 3, "custom_id": "s", "options": [{"label": "x", "value": "x"}]})),
        first(row(link(url="https://a.example/" + "x" * 494))),
        second(*[text()] * 40),
        second({"type": 9, "components": [text()] * 3, "accessory": {"type": 11, "media": PICTURE}}),
        second({"type": 12, "items": [{"media": PICTURE}] * 10}),
        second({"type": 17, "accent_color": 0xFFFFFF, "components": [text(), {"type": 14}, row(link())]}),
        second({"type": 13, "file": {"url": "attachment://kills.csv"}}),
        {"sticker_ids": ["1", "2", "3"]},
        {"poll": {"question": {"text": "Rage?"}, "answers": []}},
        {"components": [row(link())]},
    ],
)
def test_what_is_just_allowed_is_accepted(body: dict[str, Any]) -> None:
    assert not isinstance(check_create(body), Refusal)


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        (first(*[row(link())] * 6), "components", "BASE_TYPE_MAX_LENGTH"),
        (first(row(*[link()] * 6)), "components.0.components", "BASE_TYPE_BAD_LENGTH"),
        (first(row()), "components.0.components", "BASE_TYPE_BAD_LENGTH"),
        (first(button()), "components.0.type", "UNION_TYPE_CHOICES"),
        (first(text()), "components.0.type", "UNION_TYPE_CHOICES"),
        (first(row(text())), "components.0.components.0.type", "UNION_TYPE_CHOICES"),
        (first(row(button(style=7))), "components.0.components.0.style", "BASE_TYPE_CHOICES"),
        (first(row(button(label="l" * 81))), "components.0.components.0.label", "BASE_TYPE_MAX_LENGTH"),
        (
            first(row(button(custom_id=""))),
            "components.0.components.0.custom_id",
            "BUTTON_COMPONENT_CUSTOM_ID_REQUIRED",
        ),
        (first(row(button(custom_id="c" * 101))), "components.0.components.0.custom_id", "BASE_TYPE_MAX_LENGTH"),
        (first(row(button()), row(button())), "components.1.components.0.custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED"),
        (first(row(link(url=None))), "components.0.components.0.url", "BUTTON_COMPONENT_URL_REQUIRED"),
        (first(row(link(url="ftp://x/"))), "components.0.components.0.url", "URL_TYPE_INVALID_SCHEME"),
        (
            first(row(link(url="https://a.example/" + "x" * 495))),
            "components.0.components.0.url",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            first(row(link(custom_id="a"))),
            "components.0.components.0.custom_id",
            "BUTTON_COMPONENT_CUSTOM_ID_URL_MUTUALLY_EXCLUSIVE",
        ),
        (
            first(row({"type": 5, "custom_id": "s"}, button())),
            "components.0.components",
            "COMPONENT_LAYOUT_WIDTH_EXCEEDED",
        ),
        (second(*[text()] * 41), "components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"),
        (second({"type": 17, "components": [text()] * 40}), "components", "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED"),
        (second(text(" ")), "components.0.content", "BASE_TYPE_REQUIRED"),
        (
            second({"type": 9, "components": [text()] * 4, "accessory": link()}),
            "components.0.components",
            "BASE_TYPE_BAD_LENGTH",
        ),
        (second({"type": 9, "components": [text()]}), "components.0.accessory", "MODEL_TYPE_CONVERT"),
        (second({"type": 12, "items": [{"media": PICTURE}] * 11}), "components.0.items", "BASE_TYPE_BAD_LENGTH"),
        (second({"type": 12, "items": [{}]}), "components.0.items.0.media.url", "BASE_TYPE_REQUIRED"),
        (
            second({"type": 17, "accent_color": 0x1000000, "components": [text()]}),
            "components.0.accent_color",
            "NUMBER_TYPE_MAX",
        ),
        (
            second({"type": 17, "components": [{"type": 17, "components": [text()]}]}),
            "components.0.components.0.type",
            "UNION_TYPE_CHOICES",
        ),
        *[
            (second(text(), **{name: value}), name, "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2")
            for name, value in {
                "content": "x",
                "embeds": [{"title": "t"}],
                "sticker_ids": ["1"],
                "poll": {"question": {}},
            }.items()
        ],
        ({"content": "x", "components": {}}, "components", "LIST_TYPE_CONVERT"),
        (first("row"), "components.0", "MODEL_TYPE_CONVERT"),
        ({"sticker_ids": ["1"] * 4}, "sticker_ids", "BASE_TYPE_MAX_LENGTH"),
        ({"sticker_ids": ["x"]}, "sticker_ids.0", "NUMBER_TYPE_COERCE"),
        (
            {"content": "x", "allowed_mentions": {"replied_user": "no"}},
            "allowed_mentions.replied_user",
            "BOOLEAN_TYPE_CONVERT",
        ),
    ],
)
def test_what_is_just_too_much_is_refused_with_its_path(body: dict[str, Any], path: str, code: str) -> None:
    answer = check_create(body)
    assert isinstance(answer, Refusal)
    assert (answer.code, leaf(answer.errors or {}, path)["code"]) == (50035, code)


def test_an_edit_that_says_nothing_about_the_version_may_have_either() -> None:
    assert not isinstance(check_edit({"components": [text()]}), Refusal)
    assert isinstance(check_edit({"components": [text()], "flags": 0}), Refusal)


def test_the_flag_without_components_is_an_empty_message() -> None:
    answer = check_create(second())
    assert isinstance(answer, Refusal)
    assert answer.code == 50006
