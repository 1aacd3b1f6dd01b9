from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.limits import body_problems, embed_length, fit, problems, split
from wanderer_notifier.core.message import Mention, Message


def field(name: str = "n", value: str = "v") -> dict[str, Any]:
    return {"name": name, "value": value, "inline": True}


def one(**embed: Any) -> Message:
    return Message(embeds=(embed,))


@pytest.mark.parametrize(
    "message",
    [
        Message(content="x" * 2000),
        one(title="🚀" * 256),
        one(title="  " + "x" * 256 + "  "),
        one(description="x" * 4096),
        one(title="t", fields=[field()] * 25),
        one(title="t", fields=[field("n" * 256, "v" * 1024)]),
        one(footer={"text": "x" * 2048}),
        one(author={"name": "x" * 256, "url": "https://a/b", "icon_url": "http://a"}),
        one(image={"url": "https://a/b.png"}),
        one(title="t", color=0xFFFFFF, timestamp="2026-03-20T18:05:09.000000Z", url="https://zkillboard.com/kill/1/"),
        Message(embeds=({"description": "x" * 3000},) * 2),
        Message(embeds=({"description": "x"},) * 10),
    ],
)
def test_what_discord_accepts(message: Message) -> None:
    assert problems(message) == []
    assert fit(message) == fit(fit(message))


@pytest.mark.parametrize(
    ("message", "part"),
    [
        (Message(), "empty"),
        (Message(content=" "), "empty"),
        (Message(content="x" * 2001), "content"),
        (Message(content="\ud800"), "content"),
        (one(title="🚀" * 257), "title"),  # P73: code points, not UTF-16
        (one(description="x" * 4097), "description"),
        (one(title="t", fields=[field()] * 26), "fields"),
        (one(title="t", fields=[field("n" * 257)]), "fields[0].name"),
        (one(title="t", fields=[field(" ")]), "fields[0].name"),
        (one(title="t", fields=[field("n", "v" * 1025)]), "fields[0].value"),
        (one(title="t", fields=[field("n", "")]), "fields[0].value"),
        (one(title="t", fields=[{"name": "n"}]), "fields[0].value"),
        (one(footer={"text": "x" * 2049}), "footer"),
        (one(author={"name": "x" * 257}), "author"),
        (one(author={"url": "https://a"}), "author"),
        (one(title="t", url="javascript:alert(1)"), "url"),
        (one(title="t", url="https://"), "url"),
        (one(title="t", url="https://a b"), "url"),
        (one(title="t", url="https://a/" + "x" * 2048), "url"),
        (one(title="t", thumbnail={"url": ""}), "thumbnail"),
        (one(title="t", color=0x1000000), "color"),
        (one(title="t", color=-1), "color"),
        (one(title="t", color=True), "color"),
        (one(title="t", timestamp="yesterday"), "timestamp"),
        (one(), "nothing"),
        (Message(embeds=({"title": "t"},) * 11), "embeds: 11"),
        (Message(embeds=({"description": "x" * 3001},) * 2), "6000"),
        (Message(content="x", mention=Mention(users=tuple(map(str, range(101))))), "users"),
        (Message(content="x", mention=Mention(roles=("1", "1"))), "roles"),
    ],
)
def test_what_discord_refuses_is_found_and_can_be_fitted(message: Message, part: str) -> None:
    found = problems(message)
    assert found
    assert part in " ".join(found)
    assert problems(fit(message)) == []


def test_other_parts_of_a_body() -> None:
    assert body_problems({"content": "x", "nonce": "n" * 26}) != []
    assert body_problems({"content": "x", "nonce": ""}) != []
    assert body_problems({"content": "x", "allowed_mentions": {"parse": ["roles"], "roles": ["1"]}}) != []
    assert body_problems({"content": "x"}) == []


def test_cutting_keeps_the_start_and_says_that_something_is_missing() -> None:
    fitted = fit(one(title="x" * 300, description="y" * 5000, footer={"text": "the id"}))
    (embed,) = fitted.embeds
    assert embed["title"] == "x" * 255 + "…"
    assert embed["description"] == "y" * 4095 + "…"
    assert embed["footer"] == {"text": "the id"}


def test_d14_two_embeds_of_3500_become_two_messages() -> None:
    message = Message(
        content="look", embeds=({"description": "a" * 3500}, {"description": "b" * 3500}), mention=Mention(here=True)
    )
    first, second = split(message)
    assert (first.content, first.mention.here, second.content, second.mention.here) == ("look", True, None, False)
    assert [embed_length(part.embeds[0]) for part in (first, second)] == [3500, 3500]
    assert problems(first) == problems(second) == []
    (fitted,) = [fit(message)]
    assert [embed_length(embed) for embed in fitted.embeds] == [3500, 2500]


def test_a_message_that_fits_is_not_split() -> None:
    message = Message(content="x", embeds=({"title": "t", "fields": []},))
    assert split(message) == (message,)
    assert fit(message) == message


texts = st.text(max_size=40) | st.sampled_from(["", " ", "x" * 3000, "🚀" * 1500, "\\" * 600, "\ud800"])
urls = st.sampled_from(["https://a/b", "http://", "ftp://a", "https://a/" + "x" * 3000, "", None])
embeds = st.fixed_dictionaries(
    {},
    optional={
        "title": texts,
        "description": texts,
        "url": urls,
        "color": st.integers(-5, 0x2000000) | st.none(),
        "author": st.none() | st.fixed_dictionaries({"name": texts}, optional={"url": urls, "icon_url": urls}),
        "footer": st.none() | st.fixed_dictionaries({"text": texts}),
        "thumbnail": st.none() | st.fixed_dictionaries({"url": urls}),
        "fields": st.lists(st.fixed_dictionaries({"name": texts, "value": texts}), max_size=30),
        "timestamp": st.sampled_from(["2026-03-20T18:05:09Z", "soon", None]),
    },
)
mentions = st.builds(
    Mention,
    users=st.lists(st.integers(1, 2**63).map(str), max_size=120).map(tuple),
    roles=st.lists(st.sampled_from(["1", "2", "x"])).map(tuple),
    here=st.booleans(),
)
messages = st.builds(
    Message, content=texts | st.none(), embeds=st.lists(embeds, max_size=12).map(tuple), mention=mentions
)


@given(messages)
def test_fitting_always_gives_what_discord_accepts_and_changes_nothing_that_fits(message: Message) -> None:
    fitted = fit(message)
    assert problems(fitted) == []
    assert fit(fitted) == fitted
    for part in split(message):
        assert problems(part) == []
