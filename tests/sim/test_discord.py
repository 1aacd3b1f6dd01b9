"""The fake Discord over a connection: addresses, permissions, nonces, pings."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.sim.discord_asking import (
    BOT,
    CLOSED_ROLE,
    GUILD,
    MAIN,
    OPEN_ROLE,
    OTHER,
    POST,
    START,
    UNKNOWN,
    Asking,
    make_discord,
)
from wanderer_notifier.sim.discord_messages import (
    EMBED_LINKS,
    EPOCH_MS,
    MENTION_EVERYONE,
    READ_MESSAGE_HISTORY,
    SEND_MESSAGES,
    VIEW_CHANNEL,
)
from wanderer_notifier.sim.ratelimits import Limit

MESSAGES = f"/api/v10/channels/{MAIN}/messages"


@pytest.fixture
def ask(nursery: trio.Nursery) -> Asking:
    return Asking(make_discord(), nursery)


async def test_a_posted_message_stands_in_its_channel(ask: Asking) -> None:
    told = await ask.post({"content": " hello ", "embeds": [{"title": "t"}], "nonce": "n1", "enforce_nonce": True})
    assert (told.status, told.headers["content-type"], told.headers["via"]) == (200, "application/json", "1.1 google")
    body = told.json()
    assert (body["content"], body["nonce"], body["author"]["id"]) == ("hello", "n1", BOT)
    assert body["embeds"] == [{"type": "rich", "title": "t"}]
    (message,) = ask.discord.messages(MAIN)
    assert (message.id, message.content, ask.discord.messages(OTHER)) == (body["id"], "hello", [])


async def test_ids_rise_and_hold_the_time(autojump_clock: MockClock, ask: Asking) -> None:
    ids = [int((await ask.post({"content": "x"})).json()["id"]) for _ in range(3)]
    assert ids == sorted(set(ids))
    assert (ids[0] >> 22) + EPOCH_MS == START.timestamp() * 1000
    assert 17 <= len(str(ids[0])) <= 19


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ("/api/v10/gateway", "url", "ws://discord.sim/gateway"),
        ("/api/v10/gateway/bot", "url", "ws://discord.sim/gateway"),
        ("/api/v10/users/@me", "id", BOT),
        ("/api/v10/users/@me/", "bot", True),
        ("/api/v10/applications/@me", "bot_public", False),
        ("/api/v10/oauth2/applications/@me", "interactions_endpoint_url", None),
        (f"/api/v10/channels/{MAIN}", "guild_id", GUILD),
        (f"/api/v10/guilds/{GUILD}", "name", "Quiet Hour"),
        (f"/api/v10/guilds/{GUILD}?with_counts=true", "id", GUILD),
    ],
)
async def test_answers_what_clients_ask_at_login(ask: Asking, path: str, key: str, value: object) -> None:
    told = await ask("GET", path)
    assert told.status == 200
    assert told.json()[key] == value


async def test_the_guild_has_everyone_the_bots_role_and_its_own(ask: Asking) -> None:
    roles = (await ask("GET", f"/api/v10/guilds/{GUILD}")).json()["roles"]
    assert [role["name"] for role in roles] == ["@everyone", "Notifier", "Scouts", "Directors"]
    assert roles[0]["id"] == GUILD


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/api/v10/nothing", 404, {"message": "404: Not Found", "code": 0}),
        ("GET", "/other", 404, {"message": "404: Not Found", "code": 0}),
        ("PUT", MESSAGES, 405, {"message": "405: Method Not Allowed", "code": 0}),
        ("GET", "/api/v9/users/@me", 400, {"message": "Invalid API version", "code": 50041}),
        ("GET", f"/api/v10/channels/{UNKNOWN}", 404, {"message": "Unknown Channel", "code": 10003}),
        ("GET", f"/api/v10/guilds/{UNKNOWN}", 404, {"message": "Unknown Guild", "code": 10004}),
        ("GET", f"{MESSAGES}/{UNKNOWN}", 404, {"message": "Unknown Message", "code": 10008}),
    ],
)
async def test_refuses_in_discords_words(
    ask: Asking, method: str, path: str, status: int, body: dict[str, Any]
) -> None:
    told = await ask(method, path)
    assert (told.status, told.json()) == (status, body)


async def test_an_id_that_is_none_is_a_bad_form(ask: Asking) -> None:
    told = await ask("GET", "/api/v10/channels/main")
    assert (told.status, told.json()["code"]) == (400, 50035)
    assert told.json()["errors"]["channel_id"]["_errors"][0]["message"] == 'Value "main" is not snowflake.'


@pytest.mark.parametrize("value", [None, "Bot wrong", "Bearer test-token-discord", "test-token-discord"])
async def test_a_wrong_token_is_unauthorized(ask: Asking, value: str | None) -> None:
    told = await ask("GET", "/api/v10/users/@me", headers={"Authorization": value})
    assert (told.status, told.json()) == (401, {"message": "401: Unauthorized", "code": 0})
    assert "x-ratelimit-limit" not in told.headers


@pytest.mark.parametrize("agent", [None, "python-httpx/0.28.1", "DiscordBot", "DiscordBot ()"])
async def test_a_strange_agent_meets_the_edge(ask: Asking, agent: str | None) -> None:
    told = await ask("GET", "/api/v10/users/@me", headers={"User-Agent": agent})
    assert (told.status, told.headers["content-type"]) == (403, "text/html; charset=UTF-8")
    assert "via" not in told.headers


@pytest.mark.parametrize(
    ("raw", "kind", "code"),
    [
        (b"{", "application/json", 50109),
        (b"\xff", "application/json", 50109),
        (b"[" * 200_000, "application/json", 50109),
        (b"", "application/json", 50109),
        (b"[]", "application/json", 50035),
        (b'{"content":"x"}', "text/plain", 50035),
        (b'{"content":"x"}', None, 50035),
    ],
)
async def test_a_body_that_is_no_json_object_is_refused(ask: Asking, raw: bytes, kind: str | None, code: int) -> None:
    told = await ask("POST", MESSAGES, raw=raw, headers={"Content-Type": kind})
    assert (told.status, told.json()["code"]) == (400, code)
    assert ask.discord.messages(MAIN) == []


# --- nonces -----------------------------------------------------------------------------------------------------


async def test_a_nonce_is_remembered_for_two_minutes(autojump_clock: MockClock, ask: Asking) -> None:
    body = {"content": "x", "nonce": "n", "enforce_nonce": True}
    first = (await ask.post(body)).json()["id"]
    await trio.sleep(119)
    assert (await ask.post({**body, "content": "something else"})).json()["id"] == first
    await trio.sleep(2)
    assert (await ask.post(body)).json()["id"] != first
    assert [message.content for message in ask.discord.messages(MAIN)] == ["x", "x"]
    assert len(ask.discord.duplicates()) == 1


async def test_a_nonce_counts_for_the_author_in_all_channels(ask: Asking) -> None:
    first = await ask.post({"content": "x", "nonce": "n", "enforce_nonce": True})
    second = await ask.post({"content": "x", "nonce": "n", "enforce_nonce": True}, OTHER)
    assert second.json() == first.json()
    assert ask.discord.messages(OTHER) == []


async def test_without_enforcing_it_a_nonce_is_only_told_back(ask: Asking) -> None:
    ids = {(await ask.post({"content": "x", "nonce": "n"})).json()["id"] for _ in range(2)}
    assert len(ids) == 2


async def test_the_nonce_of_a_deleted_message_still_makes_no_double(ask: Asking) -> None:
    body = {"content": "x", "nonce": "n", "enforce_nonce": True}
    first = (await ask.post(body)).json()["id"]
    assert (await ask("DELETE", f"{MESSAGES}/{first}")).status == 204
    told = await ask.post(body)
    assert (told.status, told.json()["code"], ask.discord.messages(MAIN)) == (404, 10008, [])


# --- reading, editing -------------------------------------------------------------------------------------------


async def test_messages_are_listed_newest_first_and_in_pages(ask: Asking) -> None:
    ids = [(await ask.post({"content": str(number), "nonce": str(number)})).json()["id"] for number in range(5)]
    listed = (await ask("GET", MESSAGES)).json()
    assert [one["content"] for one in listed] == ["4", "3", "2", "1", "0"]
    assert all("nonce" not in one for one in listed)

    async def page(query: str) -> list[str]:
        return [one["content"] for one in (await ask("GET", f"{MESSAGES}?{query}")).json()]

    assert await page("limit=2") == ["4", "3"]
    assert await page(f"before={ids[3]}&limit=2") == ["2", "1"]
    assert await page(f"after={ids[0]}&limit=2") == ["2", "1"]
    assert (await ask("GET", f"{MESSAGES}/{ids[1]}")).json()["content"] == "1"
    assert (await ask("GET", f"{MESSAGES}?limit=101")).json()["code"] == 50035
    assert (await ask("GET", f"{MESSAGES}?after=x")).json()["code"] == 50035


async def test_an_edit_without_allowed_mentions_pings_everyone_named(ask: Asking) -> None:
    quiet = {"content": "<@81> @here", "allowed_mentions": {"parse": []}}
    posted = (await ask.post(quiet)).json()["id"]
    assert ask.discord.messages(MAIN)[0].pinged == ()
    edited = await ask("PATCH", f"{MESSAGES}/{posted}", {"content": "<@81> @here!"})
    assert (edited.status, edited.json()["mention_everyone"]) == (200, True)
    assert edited.json()["edited_timestamp"]
    assert ask.discord.messages(MAIN)[0].pinged == ("user:81", "here")
    assert (await ask("PATCH", f"{MESSAGES}/{posted}", {"embeds": [{"title": "t"}]})).json()[
        "content"
    ] == "<@81> @here!"
    assert (await ask("PATCH", f"{MESSAGES}/{posted}", {"content": "", "embeds": []})).json()["code"] == 50006


async def test_what_others_say_can_be_read_but_not_changed(ask: Asking) -> None:
    theirs = ask.discord.post_as(MAIN, "700000000000000077", "hi")
    assert (await ask("GET", MESSAGES)).json()[0]["author"]["id"] == "700000000000000077"
    assert (await ask("PATCH", f"{MESSAGES}/{theirs.id}", {"content": "x"})).json()["code"] == 50005
    assert (await ask("DELETE", f"{MESSAGES}/{theirs.id}")).json()["code"] == 50013


# --- who is pinged ----------------------------------------------------------------------------------------------

ALL = f"<@81> <@!82> <@&{OPEN_ROLE}> <@&{CLOSED_ROLE}> @everyone @here"


@pytest.mark.parametrize(
    ("content", "allowed", "who"),
    [
        (ALL, None, ("user:81", "user:82", f"role:{OPEN_ROLE}", f"role:{CLOSED_ROLE}", "everyone", "here")),
        (ALL, {"parse": []}, ()),
        (ALL, {}, ()),
        (ALL, {"parse": ["everyone"]}, ("everyone", "here")),
        (ALL, {"parse": ["users"]}, ("user:81", "user:82")),
        (ALL, {"parse": [], "users": ["82"], "roles": [OPEN_ROLE]}, ("user:82", f"role:{OPEN_ROLE}")),
        ("@here", {"parse": ["everyone"], "users": [], "roles": []}, ("here",)),
        ("`@here` <@81>", None, ("user:81",)),
        ("<@&700000000000000998>", None, ()),
    ],
)
async def test_only_what_is_allowed_and_stands_in_the_text_pings(
    ask: Asking, content: str, allowed: dict[str, Any] | None, who: tuple[str, ...]
) -> None:
    await ask.post({"content": content, **({"allowed_mentions": allowed} if allowed is not None else {})})
    assert ask.discord.messages(MAIN)[0].pinged == who


async def test_without_the_permission_only_mentionable_roles_ping(ask: Asking) -> None:
    ask.discord.deny(MAIN, MENTION_EVERYONE)
    told = await ask.post({"content": ALL})
    assert ask.discord.messages(MAIN)[0].pinged == ("user:81", "user:82", f"role:{OPEN_ROLE}")
    assert (told.json()["mention_everyone"], told.json()["mention_roles"]) == (False, [OPEN_ROLE])


async def test_embeds_never_ping_and_a_silent_message_is_marked(ask: Asking) -> None:
    await ask.post({"embeds": [{"description": "<@81> @here"}], "flags": 4096})
    (message,) = ask.discord.messages(MAIN)
    assert (message.pinged, message.silent) == ((), True)


# --- permissions ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bit", "method", "path", "status", "code"),
    [
        (VIEW_CHANNEL, "POST", MESSAGES, 403, 50001),
        (VIEW_CHANNEL, "GET", MESSAGES, 403, 50001),
        (VIEW_CHANNEL, "GET", f"/api/v10/channels/{MAIN}", 403, 50001),
        (SEND_MESSAGES, "POST", MESSAGES, 403, 50013),
        (EMBED_LINKS, "POST", MESSAGES, 403, 50013),
    ],
)
async def test_a_missing_permission_refuses_in_that_channel_only(
    ask: Asking, bit: int, method: str, path: str, status: int, code: int
) -> None:
    body = {"embeds": [{"title": "t"}]} if method == "POST" else None
    ask.discord.deny(MAIN, bit)
    told = await ask(method, path, body)
    assert (told.status, told.json()["code"]) == (status, code)
    assert (await ask(method, path.replace(MAIN, OTHER), body)).status == 200
    ask.discord.allow(MAIN, bit)
    assert (await ask(method, path, body)).status == 200


async def test_what_a_channel_denies_shows_as_an_overwrite(ask: Asking) -> None:
    ask.discord.deny(MAIN, SEND_MESSAGES)
    channel = (await ask("GET", f"/api/v10/channels/{MAIN}")).json()
    assert channel["permission_overwrites"] == [{"id": BOT, "type": 1, "allow": "0", "deny": str(SEND_MESSAGES)}]


async def test_what_is_not_known_of_discord_can_be_chosen(ask: Asking) -> None:
    ask.discord.deny(MAIN, EMBED_LINKS, READ_MESSAGE_HISTORY)
    ask.discord.api.channels.without_embed_links = "strip"
    assert (await ask.post({"content": "x", "embeds": [{"title": "t"}]})).json()["embeds"] == []
    assert (await ask.post({"embeds": [{"title": "t"}]})).json()["code"] == 50006
    assert (await ask("GET", MESSAGES)).json() == []
    ask.discord.api.channels.history_without_permission = "refuse"
    assert (await ask("GET", MESSAGES)).json()["code"] == 50013


@pytest.mark.parametrize(("kind", "code"), [(4, 50008), (15, 40058)])
async def test_channels_that_take_no_messages_say_so(ask: Asking, kind: int, code: int) -> None:
    ask.discord.channel(MAIN).type = kind
    assert (await ask.post({"content": "x"})).json()["code"] == code


async def test_a_deleted_channel_is_unknown(ask: Asking) -> None:
    ask.discord.channel(MAIN).deleted = True
    assert (await ask.post({"content": "x"})).json()["code"] == 10003


# --- limits over the wire -------------------------------------------------------------------------------------------


async def test_the_sixth_message_is_refused_and_passes_after_the_wait(autojump_clock: MockClock, ask: Asking) -> None:
    for number in range(5):
        assert (await ask.post({"content": "x"})).headers["x-ratelimit-remaining"] == str(4 - number)
    told = await ask.post({"content": "x"})
    body = told.json()
    assert (told.status, body["global"], body["retry_after"]) == (429, False, 5.0)
    assert (told.headers["x-ratelimit-scope"], told.headers["retry-after"]) == ("user", "5")
    assert (told.headers["x-ratelimit-remaining"], told.headers["via"]) == ("0", "1.1 google")
    assert float(told.headers["x-ratelimit-reset"]) == START.timestamp() + 5.0
    assert (await ask.post({"content": "x"}, OTHER)).status == 200
    await trio.sleep(body["retry_after"])
    assert (await ask.post({"content": "x"})).status == 200
    assert len(ask.discord.messages(MAIN)) == 6


async def test_refusals_add_up_to_a_block_by_the_edge(autojump_clock: MockClock, ask: Asking) -> None:
    ask.discord.api.limits.invalid = Limit(2, 600.0)
    for _ in range(2):
        assert (await ask("GET", "/api/v10/users/@me", headers={"Authorization": "Bot wrong"})).status == 401
    told = await ask("GET", "/api/v10/users/@me")
    assert (told.status, told.headers["content-type"]) == (429, "text/html; charset=UTF-8")
    await trio.sleep(600)
    assert (await ask("GET", "/api/v10/users/@me")).status == 200


# --- the journal ------------------------------------------------------------------------------------------------


async def test_the_journal_knows_every_request_but_no_secret(ask: Asking) -> None:
    await ask.post({"content": "x"})
    await ask("GET", "/api/v10/nothing")
    seen = list(ask.discord.journal)
    assert [(one.route, one.channel, one.status) for one in seen] == [(POST, MAIN, 200), (None, None, 404)]
    assert "test-token" not in repr(seen)
    assert ask.discord.statuses == {200: 1, 404: 1}


async def test_a_waiter_wakes_when_its_message_is_there(ask: Asking, nursery: trio.Nursery) -> None:
    nursery.start_soon(ask.post, {"content": "x"})
    await ask.discord.until(lambda: len(ask.discord.messages(MAIN)) == 1)


async def test_doubles_are_told_by_kill_or_nonce(ask: Asking) -> None:
    kill = {"embeds": [{"title": "t", "url": "https://zkillboard.com/kill/1/"}]}
    await ask.post({**kill, "nonce": "a"})
    await ask.post({**kill, "nonce": "b"})
    await ask.post(kill, OTHER)
    await ask.post({"content": "x"})
    await ask.post({"content": "x"})
    assert [[one.nonce for one in group] for group in ask.discord.duplicates()] == [["a", "b"]]
