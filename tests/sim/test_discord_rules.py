"""Every limit on a message, each from both sides, and the words of the refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.sim.discord_form import Refusal
from wanderer_notifier.sim.discord_rules import check_create, check_edit


def embed(**parts: Any) -> dict[str, Any]:
    return {"embeds": [{"title": "t", **parts}]}


def field(**parts: Any) -> dict[str, Any]:
    return embed(fields=[{"name": "n", "value": "v", **parts}])


def refused(body: object) -> Refusal:
    answer = check_create(body)
    assert isinstance(answer, Refusal), answer
    return answer


def leaf(tree: dict[str, Any], path: str) -> dict[str, Any]:
    node = tree
    for step in path.split(".") if path else []:
        node = node[step]
    found: dict[str, Any] = node["_errors"][0]
    return found


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000},
        embed(title="🛰" * 256),
        embed(description="d" * 4096),
        embed(footer={"text": "f" * 2048}),
        embed(author={"name": "a" * 256}),
        embed(fields=[{"name": "n", "value": "v"}] * 25),
        field(name="n" * 256),
        field(value="v" * 1024),
        field(inline=True),
        {"embeds": [{"title": "t"}] * 10},
        {"embeds": [{"description": "d" * 3000}] * 2},
        embed(color=0xFFFFFF),
        embed(url="https://zkillboard.com/kill/1/"),
        embed(timestamp="2026-03-20T18:05:09.000000Z"),
        embed(thumbnail={"url": "attachment://a.png"}),
        {"content": "x", "nonce": "n" * 25, "enforce_nonce": True},
        {"content": "x", "nonce": 12345},
        {"content": "x", "allowed_mentions": {"parse": [], "users": ["1"], "roles": ["2"]}},
        {"content": "x", "allowed_mentions": {"parse": ["users"], "users": [], "roles": ["2"]}},
        {"content": "x", "allowed_mentions": {"roles": [str(one) for one in range(100)]}},
        {"content": "x", "embeds": None, "tts": None, "flags": 4096},
        {"flags": 32768, "components": [{"type": 10, "content": "x"}]},
    ],
)
def test_what_is_just_allowed_is_accepted(body: dict[str, Any]) -> None:
    assert not isinstance(check_create(body), Refusal)


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"content": "x" * 2001}, "content", "BASE_TYPE_MAX_LENGTH"),
        ({"content": {}}, "content", "STRING_TYPE_CONVERT"),
        (embed(title="🛰" * 257), "embeds.0.title", "BASE_TYPE_MAX_LENGTH"),
        (embed(description="d" * 4097), "embeds.0.description", "BASE_TYPE_MAX_LENGTH"),
        (embed(footer={"text": "f" * 2049}), "embeds.0.footer.text", "BASE_TYPE_MAX_LENGTH"),
        (embed(author={"name": "a" * 257}), "embeds.0.author.name", "BASE_TYPE_MAX_LENGTH"),
        (embed(author={"url": "https://a.invalid/"}), "embeds.0.author.name", "BASE_TYPE_REQUIRED"),
        (embed(fields=[{"name": "n", "value": "v"}] * 26), "embeds.0.fields", "BASE_TYPE_MAX_LENGTH"),
        (field(name="n" * 257), "embeds.0.fields.0.name", "BASE_TYPE_MAX_LENGTH"),
        (field(value="v" * 1025), "embeds.0.fields.0.value", "BASE_TYPE_MAX_LENGTH"),
        (field(value=" \n "), "embeds.0.fields.0.value", "BASE_TYPE_REQUIRED"),
        (field(name=None), "embeds.0.fields.0.name", "BASE_TYPE_REQUIRED"),
        (field(inline="yes"), "embeds.0.fields.0.inline", "BOOLEAN_TYPE_CONVERT"),
        (embed(fields=["x"]), "embeds.0.fields.0", "MODEL_TYPE_CONVERT"),
        (embed(fields={}), "embeds.0.fields", "LIST_TYPE_CONVERT"),
        ({"embeds": [{"title": "t"}] * 11}, "embeds", "BASE_TYPE_MAX_LENGTH"),
        ({"embeds": [{"description": "d" * 3001}] * 2}, "embeds.1", "MAX_EMBED_SIZE_EXCEEDED"),
        ({"embeds": [{"color": 1}]}, "embeds.0.description", "BASE_TYPE_REQUIRED"),
        ({"embeds": ["x"]}, "embeds.0", "MODEL_TYPE_CONVERT"),
        ({"embeds": "x"}, "embeds", "LIST_TYPE_CONVERT"),
        (embed(color=0x1000000), "embeds.0.color", "NUMBER_TYPE_MAX"),
        (embed(color=-1), "embeds.0.color", "NUMBER_TYPE_MIN"),
        (embed(color="red"), "embeds.0.color", "NUMBER_TYPE_COERCE"),
        (embed(url="ftp://a.invalid/"), "embeds.0.url", "URL_TYPE_INVALID_SCHEME"),
        (embed(url="zkillboard.com/kill/1/"), "embeds.0.url", "URL_TYPE_INVALID_URL"),
        (embed(url="https://[broken"), "embeds.0.url", "URL_TYPE_INVALID_URL"),
        (embed(url="https://a.invalid/x y"), "embeds.0.url", "URL_TYPE_INVALID_URL"),
        (embed(thumbnail={"url": ""}), "embeds.0.thumbnail.url", "BASE_TYPE_REQUIRED"),
        (embed(thumbnail="x"), "embeds.0.thumbnail", "MODEL_TYPE_CONVERT"),
        (embed(timestamp="soon"), "embeds.0.timestamp", "DATE_TIME_TYPE_PARSE"),
        ({"content": "x", "nonce": "n" * 26}, "nonce", "BASE_TYPE_MAX_LENGTH"),
        ({"content": "x", "nonce": 1.5}, "nonce", "NONCE_TYPE_CONVERT"),
        (
            {"content": "x", "allowed_mentions": {"parse": ["roles"], "roles": ["1"]}},
            "allowed_mentions",
            "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
        ),
        (
            {"content": "x", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            "allowed_mentions",
            "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE",
        ),
        ({"content": "x", "allowed_mentions": {"parse": ["here"]}}, "allowed_mentions.parse.0", "BASE_TYPE_CHOICES"),
        ({"content": "x", "allowed_mentions": {"parse": 1}}, "allowed_mentions.parse", "LIST_TYPE_CONVERT"),
        ({"content": "x", "allowed_mentions": {"users": ["x"]}}, "allowed_mentions.users.0", "NUMBER_TYPE_COERCE"),
        (
            {"content": "x", "allowed_mentions": {"users": [str(one) for one in range(101)]}},
            "allowed_mentions.users",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            {"content": "x", "flags": 32768},
            "content",
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
        ),
        ([], "", "MODEL_TYPE_CONVERT"),
    ],
)
def test_what_is_just_too_much_is_refused_with_its_path(body: object, path: str, code: str) -> None:
    answer = refused(body)
    assert (answer.status, answer.code, answer.message) == (400, 50035, "Invalid Form Body")
    assert answer.errors is not None
    assert leaf(answer.errors, path)["code"] == code


def test_the_refusal_reads_as_discord_words_it() -> None:
    assert refused(embed(title="x" * 257)).body() == {
        "message": "Invalid Form Body",
        "code": 50035,
        "errors": {
            "embeds": {
                "0": {
                    "title": {
                        "_errors": [{"code": "BASE_TYPE_MAX_LENGTH", "message": "Must be 256 or fewer in length."}]
                    }
                }
            }
        },
    }


@pytest.mark.parametrize("body", [{}, {"content": ""}, {"content": " \n"}, {"embeds": []}, {"content": None}])
def test_a_message_without_anything_is_refused(body: dict[str, Any]) -> None:
    assert refused(body).body() == {"message": "Cannot send an empty message", "code": 50006}


def test_blanks_around_texts_are_trimmed_before_they_are_counted() -> None:
    checked = check_create({"content": " " * 50 + "x" * 2000, "embeds": [{"title": "  t  "}]})
    assert not isinstance(checked, Refusal)
    assert checked["content"] == "x" * 2000
    assert checked["embeds"][0]["title"] == "t"


def test_an_edit_holds_only_what_was_sent() -> None:
    assert check_edit({"content": "x"}) == {"content": "x"}
    assert isinstance(check_edit({"content": "x" * 2001}), Refusal)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
parts = ["content", "embeds", "allowed_mentions", "nonce", "flags", "components", "tts", "enforce_nonce"]
inner_parts = ["title", "description", "url", "color", "fields", "author", "footer", "thumbnail", "timestamp", "parse"]
inner_parts += ["type", "components", "style", "custom_id", "accessory", "items", "media", "label", "options"]


@given(
    st.dictionaries(
        st.sampled_from(parts),
        json_values | st.lists(st.dictionaries(st.sampled_from(inner_parts), json_values), max_size=2),
    )
)
def test_any_json_is_either_accepted_or_refused(body: dict[str, Any]) -> None:
    answer = check_create(body)
    assert isinstance(answer, dict) or answer.status == 400
