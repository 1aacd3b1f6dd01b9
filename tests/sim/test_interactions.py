"""Slash commands at the fake Discord: registration, what the user types, and every way to answer."""

from __future__ import annotations

from typing import Any

import pytest
import trio
from hypothesis import example, given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.sim.discord_asking import GUILD, MAIN, OPEN_ROLE, Asking, Told, make_discord
from tests.sim.gateway_visiting import Visiting
from wanderer_notifier.sim.discord_form import Refusal
from wanderer_notifier.sim.discord_permissions import MANAGE_GUILD
from wanderer_notifier.sim.interactions import Interaction, NoAnswer
from wanderer_notifier.sim.interactions_commands import is_name
from wanderer_notifier.sim.interactions_registry import check_list, check_one
from wanderer_notifier.sim.interactions_rest import check_callback

APPLICATION = "700000000000000003"
PILOT = "700000000000000041"
GLOBAL = f"/api/v10/applications/{APPLICATION}/commands"
LOCAL = f"/api/v10/applications/{APPLICATION}/guilds/{GUILD}/commands"
SYSTEM = {
    "name": "notifier",
    "description": "Steers the notifier",
    "options": [
        {"name": "status", "description": "How it is", "type": 1},
        {
            "name": "system",
            "description": "About a system",
            "type": 1,
            "options": [
                {"name": "name", "description": "which", "type": 3, "required": True, "autocomplete": True},
                {"name": "action", "description": "what", "type": 3, "choices": [{"name": "Add", "value": "add"}]},
            ],
        },
    ],
}


@pytest.fixture
def ask(nursery: trio.Nursery) -> Asking:
    return Asking(make_discord(), nursery)


async def registered(ask: Asking) -> Asking:
    assert (await ask("PUT", LOCAL, [SYSTEM])).status == 200
    return ask


async def answer(ask: Asking, interaction: Interaction, kind: int, data: Any = None, query: str = "") -> Told:
    path = f"/api/v10/interactions/{interaction.id}/{interaction.token}/callback{query}"
    bare = {"Authorization": None, "User-Agent": "Python/3.11 aiohttp/3"}
    return await ask("POST", path, {"type": kind, "data": data} if data is not None else {"type": kind}, headers=bare)


def webhook(interaction: Interaction, message: str | None = None) -> str:
    base = f"/api/v10/webhooks/{APPLICATION}/{interaction.token}"
    return base if message is None else f"{base}/messages/{message}"


# --- registering --------------------------------------------------------------------------------------------------


async def test_a_list_replaces_the_scope_and_keeps_ids(autojump_clock: MockClock, ask: Asking) -> None:
    first = (await ask("PUT", GLOBAL, [SYSTEM, {"name": "old", "description": "x"}])).json()
    second = (await ask("PUT", GLOBAL, [{**SYSTEM, "description": "new words"}])).json()
    assert [one["name"] for one in second] == ["notifier"]
    assert second[0]["id"] == first[0]["id"]
    assert second[0]["version"] != first[0]["version"]
    assert (await ask("GET", GLOBAL)).json()[0]["description"] == "new words"
    assert (await ask("GET", LOCAL)).json() == []


async def test_single_commands_come_and_go(autojump_clock: MockClock, ask: Asking) -> None:
    made = await ask("POST", LOCAL, SYSTEM)
    number = made.json()["id"]
    assert (made.status, made.json()["guild_id"]) == (201, GUILD)
    assert (await ask("POST", LOCAL, SYSTEM)).status == 200
    assert (await ask("PATCH", f"{LOCAL}/{number}", {"description": "other"})).json()["description"] == "other"
    assert (await ask("GET", f"{LOCAL}/{number}")).json()["description"] == "other"
    assert (await ask("DELETE", f"{LOCAL}/{number}")).status == 204
    assert (await ask("GET", f"{LOCAL}/{number}")).json()["code"] == 10063


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "Notifier"}, "APPLICATION_COMMAND_INVALID_NAME"),
        ({"name": "a b"}, "APPLICATION_COMMAND_INVALID_NAME"),
        ({"name": "x" * 33}, "BASE_TYPE_BAD_LENGTH"),
        ({"description": ""}, "BASE_TYPE_REQUIRED"),
        ({"description": "x" * 101}, "BASE_TYPE_BAD_LENGTH"),
        ({"options": [{"name": f"o{n}", "description": "d", "type": 3} for n in range(26)]}, "BASE_TYPE_MAX_LENGTH"),
        (
            {
                "options": [
                    {"name": "a", "description": "d", "type": 3},
                    {"name": "b", "description": "d", "type": 3, "required": True},
                ]
            },
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
        ),
        (
            {"options": [{"name": "a", "description": "d", "type": 3}, {"name": "b", "description": "d", "type": 1}]},
            "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID",
        ),
        (
            {
                "options": [
                    {
                        "name": "a",
                        "description": "d",
                        "type": 3,
                        "autocomplete": True,
                        "choices": [{"name": "n", "value": "v"}],
                    }
                ]
            },
            "APPLICATION_COMMAND_AUTOCOMPLETE_WITH_CHOICES",
        ),
        (
            {
                "options": [
                    {
                        "name": f"o{n}",
                        "description": "d" * 100,
                        "type": 3,
                        "choices": [{"name": "n" * 100 + str(c), "value": "v" * 90} for c in range(2)],
                    }
                    for n in range(25)
                ]
            },
            "APPLICATION_COMMAND_TOO_LARGE",
        ),
    ],
)
async def test_what_discord_forbids_is_refused_with_its_word(
    autojump_clock: MockClock, ask: Asking, change: dict[str, Any], code: str
) -> None:
    told = await ask("PUT", GLOBAL, [{**SYSTEM, **change}])
    assert (told.status, told.json()["code"]) == (400, 50035)
    assert code in told.body.decode()


@pytest.mark.parametrize(
    ("name", "good"),
    [("a-b_c'd1", True), ("système", True), ("ไทย", True), ("हिन्दी", True), ("Ä", False), ("a.b", False), ("", False)],
)
def test_names_follow_discords_alphabet(name: str, good: bool) -> None:
    assert is_name(name) is good


async def test_limits_of_counts_and_of_a_day(autojump_clock: MockClock, ask: Asking) -> None:
    many = [{"name": f"c{n}", "description": "d"} for n in range(101)]
    assert (await ask("PUT", GLOBAL, many)).json()["code"] == 30032
    assert (await ask("PUT", GLOBAL, many[:100])).status == 200
    renamed = [{"name": f"d{n}", "description": "d"} for n in range(100)]
    assert (await ask("PUT", GLOBAL, renamed)).status == 200
    assert (await ask("PUT", GLOBAL, renamed)).status == 200  # nothing new
    assert (await ask("PUT", GLOBAL, many[:100])).json()["code"] == 30034
    await trio.sleep(86_400)
    assert (await ask("PUT", GLOBAL, many[:100])).status == 200


async def test_without_the_scope_or_for_another_application_it_is_refused(
    autojump_clock: MockClock, ask: Asking
) -> None:
    ask.discord.commands.scope_granted = False
    assert (await ask("PUT", LOCAL, [SYSTEM])).json()["code"] == 50001
    other = GLOBAL.replace(APPLICATION, "700000000000000099")
    assert (await ask("GET", other)).json()["code"] == 20012


# --- typing -------------------------------------------------------------------------------------------------------


async def test_the_interaction_arrives_with_everything_about_it(
    autojump_clock: MockClock, ask: Asking, nursery: trio.Nursery
) -> None:
    await registered(ask)
    async with Visiting(ask, nursery)() as socket:
        await socket.identify()
        ask.discord.gateway.invoke("notifier system", {"name": "Jita", "action": "add"}, user=PILOT, channel=MAIN)
        data = (await socket.until("INTERACTION_CREATE"))["d"]
    assert (data["type"], data["channel_id"], data["member"]["user"]["id"]) == (2, MAIN, PILOT)
    assert int(data["member"]["permissions"]) & 1 << 10
    (leaf,) = data["data"]["options"]
    assert (leaf["name"], leaf["type"]) == ("system", 1)
    assert [(one["name"], one["value"]) for one in leaf["options"]] == [("name", "Jita"), ("action", "add")]
    assert data["data"]["guild_id"] == GUILD


@pytest.mark.parametrize(
    ("command", "options", "error"),
    [
        ("other", {}, LookupError),
        ("notifier", {}, ValueError),
        ("notifier nothing", {}, ValueError),
        ("notifier system", {}, ValueError),
        ("notifier system", {"name": 5}, ValueError),
        ("notifier system", {"name": "x", "action": "burn"}, ValueError),
        ("notifier system", {"name": "x", "more": "y"}, ValueError),
    ],
)
async def test_the_users_client_checks_first(
    autojump_clock: MockClock, ask: Asking, command: str, options: dict[str, Any], error: type[Exception]
) -> None:
    await registered(ask)
    with pytest.raises(error):
        ask.discord.interactions.invoke(command, options, user=PILOT)
    ask.discord.interactions.invoke(command, options, user=PILOT, check=False)


async def test_a_command_for_managers_is_hidden_from_others(autojump_clock: MockClock, ask: Asking) -> None:
    await ask("PUT", LOCAL, [{**SYSTEM, "default_member_permissions": str(MANAGE_GUILD)}])
    with pytest.raises(PermissionError):
        ask.discord.interactions.invoke("notifier status", user=PILOT)
    ask.discord.interactions.invoke("notifier status", user=PILOT, permissions=MANAGE_GUILD)


# --- answering ----------------------------------------------------------------------------------------------------


async def test_an_ephemeral_answer_is_seen_by_the_user_only(autojump_clock: MockClock, ask: Asking) -> None:
    await registered(ask)
    asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
    assert (await answer(ask, asked, 4, {"content": "fine", "flags": 64})).status == 204
    seen = await asked.answer()
    assert (seen.content, seen.ephemeral, seen.deferred) == ("fine", True, False)
    assert ask.discord.messages(MAIN) == []


async def test_an_open_answer_stands_in_the_channel_and_pings_users_only(
    autojump_clock: MockClock, ask: Asking
) -> None:
    await registered(ask)
    asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
    told = await answer(ask, asked, 4, {"content": f"<@{PILOT}> @everyone"}, "?with_response=true")
    assert told.json()["resource"]["message"]["content"].endswith("@everyone")
    (message,) = ask.discord.messages(MAIN)
    assert message.pinged == (f"user:{PILOT}",)


async def test_thinking_then_the_answer(autojump_clock: MockClock, ask: Asking) -> None:
    await registered(ask)
    asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
    await trio.sleep(1)
    assert (await answer(ask, asked, 5, {"flags": 64})).status == 204
    assert asked.loading
    await trio.sleep(60)
    for path in ("@original", "%40original"):
        edited = await ask("PATCH", webhook(asked, path), {"content": path}, headers={"Authorization": None})
        assert edited.status == 200
    seen = await asked.answer()
    assert (seen.content, seen.ephemeral, seen.deferred, round(seen.after_s)) == ("%40original", True, True, 1)
    assert (await ask("GET", webhook(asked, "@original"))).json()["content"] == "%40original"


async def test_a_follow_up_while_thinking_fills_the_answer_with_its_first_visibility(
    autojump_clock: MockClock, ask: Asking
) -> None:
    await registered(ask)
    asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
    await answer(ask, asked, 5)
    await ask("POST", webhook(asked), {"content": "now", "flags": 64})
    assert not (await asked.answer()).ephemeral
    follow_up = (await ask("POST", webhook(asked), {"content": "more", "flags": 64})).json()
    assert [one.content for one in asked.shown] == ["now", "more"]
    assert (await ask("DELETE", webhook(asked, follow_up["id"]))).status == 204
    assert (await ask("PATCH", webhook(asked, follow_up["id"]), {"content": "x"})).json()["code"] == 10008
    assert [one.content for one in ask.discord.messages(MAIN)] == ["now"]


async def test_too_late_twice_and_unknown(autojump_clock: MockClock, ask: Asking) -> None:
    await registered(ask)
    asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
    await answer(ask, asked, 4, {"content": "1"})
    assert (await answer(ask, asked, 4, {"content": "2"})).json()["code"] == 40060
    late = ask.discord.interactions.invoke("notifier status", user=PILOT)
    with pytest.raises(NoAnswer):
        await late.answer()
    await trio.sleep(0.1)
    assert (await answer(ask, late, 4, {"content": "1"})).json()["code"] == 10062
    assert late.late
    late.token = "test-token-none"
    assert (await answer(ask, late, 4, {"content": "1"})).json()["code"] == 10062


async def test_the_token_lives_fifteen_minutes_and_says_nothing_about_the_bots(
    autojump_clock: MockClock, ask: Asking
) -> None:
    await registered(ask)
    asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
    assert (await ask("POST", webhook(asked), {"content": "early"})).json()["code"] == 10015
    await answer(ask, asked, 4, {"content": "1"})
    await trio.sleep(901)
    told = await ask("PATCH", webhook(asked, "@original"), {"content": "2"})
    assert (told.status, told.json()["code"]) == (401, 50027)
    assert (await ask("GET", "/api/v10/users/@me")).status == 200


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        (4, {}, 50006),
        (4, {"content": "x" * 2001}, 50035),
        (6, None, 50035),
        (8, {"choices": []}, 50035),
        (3, None, 50035),
        (5, {"flags": 4096}, 50035),
        (4, "text", 50035),
    ],
)
async def test_answers_that_do_not_fit_are_refused(
    autojump_clock: MockClock, ask: Asking, kind: int, data: Any, code: int
) -> None:
    await registered(ask)
    asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
    assert (await answer(ask, asked, kind, data)).json()["code"] == code
    assert asked.answered_at is None


async def test_completion_gives_choices_and_nothing_else(autojump_clock: MockClock, ask: Asking) -> None:
    await registered(ask)
    asked = ask.discord.interactions.type_into("notifier system", "name", "ji", user=PILOT)
    focused = asked.payload["data"]["options"][0]["options"][0]
    assert (asked.payload["type"], focused["focused"], focused["value"]) == (4, True, "ji")
    assert (await answer(ask, asked, 5)).json()["code"] == 50035
    too_many = [{"name": str(n), "value": str(n)} for n in range(26)]
    assert (await answer(ask, asked, 8, {"choices": too_many})).json()["code"] == 50035
    await answer(ask, asked, 8, {"choices": too_many[:25]})
    assert len(await asked.suggestions()) == 25


async def test_a_button_edits_its_message(autojump_clock: MockClock, ask: Asking) -> None:
    message = ask.discord.api.store.add(ask.discord.channel(MAIN), {"content": "rally"}, author=ask.discord.guild.bot)
    pressed = ask.discord.interactions.click(message, "ack:1", user=PILOT)
    assert pressed.payload["message"]["id"] == message.id
    assert (await answer(ask, pressed, 7, {"content": "rally, acknowledged"})).status == 204
    assert [one.content for one in ask.discord.messages(MAIN)] == ["rally, acknowledged"]


async def test_what_a_button_edits_pings_users_only(autojump_clock: MockClock, ask: Asking) -> None:
    message = ask.discord.api.store.add(ask.discord.channel(MAIN), {"content": "rally"}, author=ask.discord.guild.bot)
    pressed = ask.discord.interactions.click(message, "ack:1", user=PILOT)
    await answer(ask, pressed, 7, {"content": f"<@{PILOT}> <@&{OPEN_ROLE}> @everyone"})
    assert ask.discord.messages(MAIN)[0].pinged == (f"user:{PILOT}",)


async def test_a_change_of_a_command_is_checked_like_a_new_one(autojump_clock: MockClock, ask: Asking) -> None:
    (command,) = (await ask("PUT", LOCAL, [SYSTEM])).json()
    path = f"{LOCAL}/{command['id']}"
    assert (await ask("PATCH", path, {"description": "d" * 101})).json()["code"] == 50035
    assert (await ask("PATCH", path, raw=b"{")).json()["code"] == 50109
    assert (await ask("PATCH", path, raw=b"{}", headers={"Content-Type": "text/plain"})).json()["code"] == 50035
    assert (await ask("PATCH", path, {"description": "new"})).json()["description"] == "new"


PARTS = [
    *("name", "type", "description", "options", "choices", "value", "required", "autocomplete", "nsfw", "min_length"),
    *("name_localizations", "description_localizations", "default_member_permissions", "content", "flags", "embeds"),
]
any_json = st.recursive(
    st.none() | st.booleans() | st.integers(0, 12) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(PARTS), inner, max_size=5),
    max_leaves=12,
)


@given(any_json)
@example({"name": "x", "description": "x", "name_localizations": [1], "options": {}, "choices": 1, "type": []})
@example({"name": "x", "options": [{"name": [], "description": {}, "type": 3, "choices": 5, "options": 1.5}]})
def test_any_command_and_any_answer_is_either_accepted_or_refused(body: Any) -> None:
    for check in (check_one, check_list, check_callback):
        assert isinstance(check(body), dict | Refusal)
    for kind in (4, 5, 6, 7, 8, 9):
        assert isinstance(check_callback({"type": kind, "data": body}), dict | Refusal)


async def test_a_body_nested_beyond_measure_is_refused(autojump_clock: MockClock, ask: Asking) -> None:
    for depth in (150, 300, 450, 5000):
        raw = b'[{"options":' * depth + b"1" + b"}]" * depth
        assert (await ask("PUT", LOCAL, raw=raw)).status == 400
    assert (await ask("GET", LOCAL)).json() == []


async def test_callbacks_are_free_of_every_limit(autojump_clock: MockClock, ask: Asking) -> None:
    await registered(ask)
    for _ in range(60):
        asked = ask.discord.interactions.invoke("notifier status", user=PILOT)
        assert (await answer(ask, asked, 4, {"content": "x", "flags": 64})).status == 204
