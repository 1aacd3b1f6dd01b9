"""The page: what it shows of a message, that it loads nothing, and that it needs no script."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.page import ChannelView, PageState, content_security_policy, render_page, serve_page
from wanderer_notifier.sim.page_pictures import avatar, drawing
from wanderer_notifier.sim.world import World

NOW = datetime(2026, 3, 20, 18, 5, 9, tzinfo=UTC)
BOT = {"id": "2", "username": "Wanderer Notifier", "bot": True}
KILL: dict[str, Any] = {
    "type": "rich",
    "title": "Ship destroyed in Home (Red Giant)",
    "url": "https://zkillboard.com/kill/128000001/",
    "color": 16776960,
    "author": {
        "name": "Kill",
        "icon_url": "https://images.evetech.net/corporations/98000202/logo?size=64",
        "url": "https://zkillboard.com/kill/128000001/",
    },
    "thumbnail": {"url": "https://images.evetech.net/types/29984/render?size=512"},
    "description": "**[Vela](https://zkillboard.com/character/1/)** lost their **Tengu**\n\n1.2B • <t:1774029909:R>",
    "footer": {"text": "Killmail ID: 128000001"},
}


def message(number: int = 1, *, channel: str = "10", at: datetime = NOW, **more: Any) -> Posted:
    return Posted(id=str(number), channel_id=channel, author=more.pop("author", BOT), at=at, **more)


def page(*messages: Posted, **more: Any) -> str:
    channels = [ChannelView(id="10", name="kills", messages=messages), ChannelView(id="11", name="systems")]
    return render_page(PageState(guild="Quiet Hour", channels=channels, now=NOW, **more))


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html.partition("<body>")[2]))


LOADING = ("src", "srcset", "data", "poster", "xlink:href")


class Inventory(HTMLParser):
    """Collects tags and every attribute that could load something or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.loads: list[str] = []
        self.handlers: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.loads += [
            f"{tag} {name}" for name, _ in attrs if name in ("src", "srcset", "data", "poster", "xlink:href")
        ]
        self.loads += [f"{tag} href" for name, _ in attrs if name == "href" and tag != "a"]
        self.handlers += [name for name, _ in attrs if name.startswith("on") or name == "style"]


def inventory(html: str) -> Inventory:
    seen = Inventory()
    seen.feed(html)
    return seen


def test_a_kill_shows_all_its_parts() -> None:
    html = page(message(embeds=(KILL,)))
    shown = text_of(html)
    for part in ("Wanderer Notifier APP 18:05", "Kill", "Ship destroyed in Home (Red Giant)", "Vela lost their Tengu"):
        assert part in shown
    assert "Killmail ID: 128000001" in shown
    assert ".cffff00{border-left-color:#ffff00}" in html
    assert '<div class="embed cffff00">' in html
    assert 'class="title"><a href="https://zkillboard.com/kill/128000001/"' in html
    assert html.count("<svg") == 3  # avatar, author, thumbnail


def test_nothing_is_loaded_and_nothing_runs() -> None:
    image = {"title": "t", "image": {"url": "https://images.evetech.net/alliances/1/logo"}}
    html = page(message(content="https://a.invalid/x.png", embeds=(KILL, image)), log=["line"], facts=[("sent", "1")])
    seen = inventory(html)
    assert not {"script", "img", "iframe", "object", "link", "form", "video", "audio", "base"} & set(seen.tags)
    assert (seen.loads, seen.handlers) == ([], [])
    assert "images.evetech.net" not in html
    assert "url(" not in html
    assert "@import" not in html


def test_it_refreshes_by_itself_unless_paused() -> None:
    assert '<meta http-equiv="refresh" content="2">' in page()
    assert "refresh" not in page(refresh_s=None).partition("<body>")[0].replace("refresh_s", "")


def test_fields_stand_in_rows_of_three() -> None:
    inline = [{"name": f"n{number}", "value": "v", "inline": True} for number in range(5)]
    wide = {"name": "wide", "value": "v", "inline": False}
    html = page(message(embeds=({"title": "t", "fields": [*inline, wide, inline[0]]},)))
    kinds = re.findall(r'class="field( of\d)?"', html)
    assert kinds == [" of3"] * 3 + [" of2"] * 2 + ["", " of3"]


def test_embeds_with_the_same_address_show_once() -> None:
    html = page(message(embeds=(KILL, {**KILL, "title": "second"})))
    assert html.count('<div class="embed') == 1


def test_who_was_pinged_is_marked_and_mentions_have_names() -> None:
    html = page(message(content="<@&7> go", pinged=("role:7",)), names={"7": "Fleet"})
    assert re.search(r'<article id="m1" class="pinged">', html)
    assert '<span class="pill role">@Fleet</span> go' in html
    assert "pinged" not in page(message(content="quiet")).partition("<body>")[2]


def test_edited_and_silent_messages_say_so() -> None:
    assert "(edited, silent)" in page(message(content="x", edited=NOW, flags=4096))


def test_messages_that_follow_share_a_head() -> None:
    later = NOW + timedelta(minutes=6)
    html = page(
        message(1, content="a"),
        message(2, content="b", at=later),
        message(3, content="c", at=later + timedelta(minutes=2)),
    )
    assert html.count('class="who"') == 2
    assert html.count('class="more"') == 1


def test_days_are_divided() -> None:
    html = page(message(1, content="a", at=NOW - timedelta(days=1)), message(2, content="b"))
    assert re.findall(r'<div class="day">([^<]+)<', html) == ["19 March 2026", "20 March 2026"]


def test_one_channel_can_be_chosen_and_the_rest_stays_in_the_list() -> None:
    views = [
        ChannelView(id="10", name="kills", messages=[message(1, content="here")]),
        ChannelView(id="11", name="systems", messages=[message(2, channel="11", content="there")]),
    ]
    html = render_page(PageState(guild="G", channels=views, now=NOW, selected="11"))
    assert ">there<" in html
    assert ">here<" not in html
    assert '<a href="/?channel=11" class="here" aria-current="page">' in html
    assert '<a href="/?channel=10">' in html
    both = render_page(PageState(guild="G", channels=views, now=NOW))
    assert text_of(both).index("here") < text_of(both).index("there")
    assert ">#systems</a>" in both


def test_only_the_latest_are_shown_and_the_rest_counted() -> None:
    html = page(*(message(number, content=f"line-{number}-") for number in range(100)))
    assert "40 earlier messages" in html
    assert "line-39-" not in html
    assert "line-40-" in html


def test_an_empty_page_says_so() -> None:
    assert "Nothing has happened yet." in page()


def test_the_log_and_the_numbers_are_shown() -> None:
    html = page(log=["INFO fine", "WARNING hm", "ERROR <bad>"], facts=[("sent", "12")])
    assert '<li>INFO fine</li><li class="bad">WARNING hm</li><li class="worse">ERROR &lt;bad&gt;</li>' in html
    assert "<dt>sent</dt><dd>12</dd>" in html


nasty = st.text(max_size=30) | st.sampled_from(
    ["<script>x</script>", '"><img src=x onerror=1>', "</style>", "\ud800", "&lt;"]
)


@given(nasty)
def test_no_text_from_outside_becomes_markup(text: str) -> None:
    embed = {
        "title": text,
        "description": text,
        "color": 1,
        "url": f"https://a.invalid/{text}",
        "author": {"name": text, "url": text, "icon_url": text},
        "thumbnail": {"url": text},
        "fields": [{"name": text, "value": text, "inline": True}],
        "footer": {"text": text},
    }
    author = {"id": "5", "username": text}
    views = [ChannelView(id="10", name=text, messages=[message(content=text, embeds=(embed,), author=author)])]
    html = render_page(PageState(guild=text, channels=views, now=NOW, log=[text], facts=[(text, text)], selected="10"))
    seen = inventory(html)
    assert not {"script", "img"} & set(seen.tags)
    assert (seen.loads, seen.handlers) == ([], [])
    assert html.count("</style>") == 1
    html.encode()


def test_the_policy_allows_the_pages_own_style_only() -> None:
    plain, coloured = page(), page(message(embeds=(KILL,)))
    policy = content_security_policy(coloured)
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert policy != content_security_policy(plain)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://images.evetech.net/types/587/render", "https://images.evetech.net/types/670/render"),
        ("https://images.evetech.net/types/45041/icon", "https://images.evetech.net/types/45038/icon"),
        ("https://images.evetech.net/characters/1/portrait", "https://images.evetech.net/corporations/1/logo"),
        ("https://a.invalid/x.png", "not an address"),
    ],
)
def test_pictures_differ_by_what_they_stand_for(one: str, other: str) -> None:
    assert drawing(one) == drawing(one) != drawing(other)
    assert "http" not in drawing(one)


def test_people_have_initials() -> None:
    assert ">VO<" in avatar("Vela Ostrander", bot=False)
    assert ">?<" in avatar("", bot=False)


async def test_the_page_is_served_with_its_policy(now: Callable[[], datetime], nursery: trio.Nursery) -> None:
    world = World(1, now)
    world.discord.post_as(world.channel("rally"), "1180000000000000088", "o7")
    log = ["first"]
    url = await nursery.start(partial(serve_page, world, log, facts=lambda: [("sent", "3")]))
    async with httpx.AsyncClient(trust_env=False, base_url=url) as client:
        answer = await client.get("/")
        assert answer.headers["content-security-policy"] == content_security_policy(answer.text)
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "o7" in answer.text
        log.append("second")
        paused = (await client.get(f"/?channel={world.channel('system')}&pause=1")).text
        assert ("o7" in text_of(paused), "second" in paused, 'http-equiv="refresh"' in paused) == (False, True, False)
        assert (await client.get("/favicon.ico")).status_code == 404
        assert (await client.post("/")).status_code == 404
