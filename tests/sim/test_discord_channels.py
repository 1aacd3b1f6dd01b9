"""The rarer calls of channels at the fake Discord: threads, forums, crossposts, typing, flags, files, hidden limits."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.sim.discord_asking import BOT, GUILD, MAIN, OPEN_ROLE, OTHER, POST, Asking, make_discord
from wanderer_notifier.sim.discord_messages import EMBED_LINKS, READ_MESSAGE_HISTORY, SEND_MESSAGES, VIEW_CHANNEL
from wanderer_notifier.sim.discord_permissions import ADMINISTRATOR, SEND_MESSAGES_IN_THREADS, Overwrite
from wanderer_notifier.sim.ratelimits import Limit

API = "/api/v10"
V2 = 1 << 15


@pytest.fixture
def ask(nursery: trio.Nursery) -> Asking:
    return Asking(make_discord(), nursery)


async def code(ask: Asking, method: str, path: str, body: object = None) -> int:
    told = await ask(method, API + path, body)
    return int(told.json()["code"]) if told.status >= 400 else told.status


# --- threads --------------------------------------------------------------------------------------------------------


async def test_a_thread_is_written_to_like_a_channel_until_it_is_locked(ask: Asking) -> None:
    told = await ask("POST", f"{API}/channels/{MAIN}/threads", {"name": "Kills of today", "type": 11})
    thread = told.json()
    assert (told.status, thread["parent_id"], thread["type"]) == (201, MAIN, 11)
    assert (await ask.post({"content": "x"}, thread["id"])).status == 200
    ask.discord.channel(thread["id"]).locked = True
    told = await ask.post({"content": "x"}, thread["id"])
    assert (told.status, told.json()) == (400, {"message": "Thread is locked", "code": 160005})


async def test_in_a_thread_another_permission_counts_and_the_parents_hold(ask: Asking) -> None:
    thread = (await ask("POST", f"{API}/channels/{MAIN}/threads", {"name": "t", "type": 11})).json()["id"]
    ask.discord.deny(MAIN, SEND_MESSAGES)
    assert (await ask.post({"content": "x"}, thread)).status == 200
    ask.discord.deny(MAIN, SEND_MESSAGES_IN_THREADS)
    assert (await ask.post({"content": "x"}, thread)).json()["code"] == 50013
    ask.discord.deny(MAIN, VIEW_CHANNEL)
    assert (await ask.post({"content": "x"}, thread)).json()["code"] == 50001


async def test_a_forum_takes_posts_and_no_messages(ask: Asking) -> None:
    ask.discord.channel(MAIN).type = 15
    assert await code(ask, "POST", f"/channels/{MAIN}/messages", {"content": "x"}) == 40058
    assert await code(ask, "POST", f"/channels/{MAIN}/threads", {"name": "x"}) == 50035
    told = await ask("POST", f"{API}/channels/{MAIN}/threads", {"name": "x", "message": {"content": "first"}})
    assert (told.status, told.json()["message"]["content"]) == (201, "first")
    assert (
        await code(ask, "POST", f"/channels/{MAIN}/threads", {"name": "n" * 101, "message": {"content": "x"}}) == 50035
    )


# --- crossposts, typing ---------------------------------------------------------------------------------------------


async def test_a_message_is_crossposted_once_and_only_from_an_announcement_channel(ask: Asking) -> None:
    message = (await ask.post({"content": "x"})).json()["id"]
    path = f"/channels/{MAIN}/messages/{message}/crosspost"
    assert await code(ask, "POST", path) == 50024
    ask.discord.channel(MAIN).type = 5
    told = await ask("POST", API + path)
    assert (told.status, told.json()["flags"] & 1) == (200, 1)
    assert await code(ask, "POST", path) == 40033
    others = ask.discord.post_as(MAIN, "700000000000000555", "theirs").id
    assert await code(ask, "POST", f"/channels/{MAIN}/messages/{others}/crosspost") == 50013


async def test_typing_needs_the_right_to_write(ask: Asking) -> None:
    assert await code(ask, "POST", f"/channels/{MAIN}/typing") == 204
    ask.discord.deny(MAIN, SEND_MESSAGES)
    assert await code(ask, "POST", f"/channels/{MAIN}/typing") == 50013


# --- flags, versions, files -----------------------------------------------------------------------------------------


async def test_a_message_in_a_channel_can_never_be_for_one_reader_only(ask: Asking) -> None:
    told = (await ask.post({"content": "x", "flags": 64 | 4096})).json()
    assert told["flags"] == 4096
    assert [one.id for one in ask.discord.messages(MAIN)] == [told["id"]]


async def test_an_edit_changes_no_flag_but_two(ask: Asking) -> None:
    message = (await ask.post({"content": "x", "flags": 4096})).json()["id"]
    path = f"{API}/channels/{MAIN}/messages/{message}"
    assert (await ask("PATCH", path, {"flags": 4})).json()["flags"] == 4096 | 4
    assert (await ask("PATCH", path, {"flags": 0})).json()["flags"] == 4096
    text = [{"type": 10, "content": "new"}]
    told = await ask("PATCH", path, {"flags": V2, "components": text})
    assert list(told.json()["errors"]) == ["content"]
    told = await ask("PATCH", path, {"flags": V2, "components": text, "content": None})
    assert told.json()["flags"] == V2 | 4096
    assert (await ask("PATCH", path, {"flags": 0})).json()["flags"] == V2 | 4096
    assert list((await ask("PATCH", path, {"content": "back"})).json()["errors"]) == ["content"]


@pytest.mark.parametrize(
    ("allowed", "who"),
    [
        (None, (f"role:{OPEN_ROLE}",)),
        ({"parse": []}, ()),
        ({"parse": [], "roles": [OPEN_ROLE]}, (f"role:{OPEN_ROLE}",)),
    ],
)
async def test_text_displays_ping_as_the_content_does(ask: Asking, allowed: Any, who: tuple[str, ...]) -> None:
    inner = {"type": 17, "components": [{"type": 10, "content": f"<@&{OPEN_ROLE}> form up"}]}
    body = {"flags": V2, "components": [inner]} | ({"allowed_mentions": allowed} if allowed else {})
    assert (await ask.post(body)).status == 200
    assert ask.discord.messages(MAIN)[-1].pinged == who


async def test_of_embeds_with_one_address_only_the_first_shows(ask: Asking) -> None:
    url = "https://zkillboard.com/kill/1/"
    await ask.post({"embeds": [{"title": "a", "url": url}, {"title": "b", "url": url}, {"title": "c"}]})
    assert [one["title"] for one in ask.discord.messages(MAIN)[0].shown_embeds] == ["a", "c"]


async def test_files_come_as_a_form_of_parts_and_keep_the_nonce(ask: Asking) -> None:
    def form(body: object) -> bytes:
        head = b'--b\r\nContent-Disposition: form-data; name="payload_json"\r\nContent-Type: application/json\r\n\r\n'
        file = b'\r\n--b\r\nContent-Disposition: form-data; name="files[0]"; filename="a.txt"\r\n\r\nkills\r\n--b--\r\n'
        return head + json.dumps(body).encode() + file

    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    path = f"{API}/channels/{MAIN}/messages"
    told = [await ask("POST", path, raw=form({"nonce": "n", "enforce_nonce": True}), headers=kind) for _ in range(2)]
    assert [one.status for one in told] == [200, 200]
    assert len({one.json()["id"] for one in told}) == len(ask.discord.messages(MAIN)) == 1
    assert (await ask("POST", path, raw=form({"content": "x" * 2001}), headers=kind)).json()["code"] == 50035
    assert (await ask("POST", path, raw=b"nothing", headers=kind)).json()["code"] == 50109


# --- permissions, as they add up ------------------------------------------------------------------------------------


async def test_permissions_add_up_as_discord_computes_them(ask: Asking) -> None:
    channel = ask.discord.channel(MAIN)
    bot_role = ask.discord.guild.bot_role.id
    steps: list[tuple[dict[str, Overwrite], int]] = [
        ({GUILD: Overwrite(id=GUILD, deny=SEND_MESSAGES)}, 50013),
        ({bot_role: Overwrite(id=bot_role, allow=SEND_MESSAGES)}, 200),
        ({BOT: Overwrite(id=BOT, member=True, deny=SEND_MESSAGES)}, 50013),
        ({BOT: Overwrite(id=BOT, member=True, allow=SEND_MESSAGES, deny=VIEW_CHANNEL)}, 50001),
    ]
    for overwrites, expected in steps:
        channel.overwrites |= overwrites
        assert await code(ask, "POST", f"/channels/{MAIN}/messages", {"content": "x"}) == expected
    guild = ask.discord.guild
    owner = guild.add_member(guild.owner_id)
    assert guild.permissions(owner, channel) & ADMINISTRATOR


async def test_without_history_a_single_message_cannot_be_read_back(ask: Asking) -> None:
    message = (await ask.post({"content": "x"})).json()["id"]
    path = f"/channels/{MAIN}/messages/{message}"
    assert await code(ask, "GET", path) == 200
    ask.discord.deny(MAIN, READ_MESSAGE_HISTORY, EMBED_LINKS)
    assert await code(ask, "GET", path) == 50013


# --- limits that no header tells ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "scope", "counted"), [("hidden", "user", True), ("shared", "shared", False)])
async def test_a_limit_nobody_told_refuses_that_route_of_that_channel(
    autojump_clock: MockClock, ask: Asking, kind: str, scope: str, counted: bool
) -> None:
    limits = ask.discord.api.limits
    getattr(limits, kind)[POST] = Limit(1, 600.0)
    limits.invalid = Limit(1, 60.0)
    assert (await ask.post({"content": "x"})).status == 200
    told = await ask.post({"content": "x"})
    assert (told.status, told.headers["x-ratelimit-scope"], told.headers["x-ratelimit-remaining"]) == (429, scope, "3")
    assert told.json()["retry_after"] == 600.0
    # Of scope shared it is not held against the address (discord.md 3.2).
    assert limits.banned(trio.current_time()) is counted
    await trio.sleep(60)
    assert (await ask.post({"content": "x"}, OTHER)).status == 200
    await trio.sleep(540)
    assert (await ask.post({"content": "x"})).status == 200
