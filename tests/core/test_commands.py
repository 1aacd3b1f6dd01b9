"""What an interaction asks for, who may ask, what is registered."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wanderer_notifier.core.commands import (
    ADMINISTRATOR,
    COMMAND,
    MANAGE_GUILD,
    Asked,
    Caller,
    Typing,
    Unusable,
    clean_name,
    kill_id,
    may_change,
    parse,
    same_commands,
)
from wanderer_notifier.sim.discord_form import Problems
from wanderer_notifier.sim.interactions_commands import check_command

USER = {"id": "31", "username": "pilot", "global_name": "Pilot"}
MEMBER = {"user": USER, "permissions": "2147483647", "roles": ["6"]}


def interaction(**changes: Any) -> dict[str, Any]:
    options = [{"name": "system_name", "type": 3, "value": "Jita"}, {"name": "action", "type": 3, "value": "untrack"}]
    whole = {
        "id": "1",
        "token": "test-token-interaction",
        "type": 2,
        "guild_id": "3",
        "channel_id": "4",
        "member": MEMBER,
        "data": {"name": "notifier", "options": [{"name": "system", "type": 1, "options": options}]},
    }
    return {**whole, **changes}


def test_a_command_is_read_with_its_caller() -> None:
    asked = parse(interaction())
    assert isinstance(asked, Asked)
    assert (asked.subcommand, asked.options) == ("system", {"system_name": "Jita", "action": "untrack"})
    caller = asked.caller
    assert (caller.user_id, caller.user_name, caller.guild_id, caller.channel_id) == ("31", "Pilot", "3", "4")
    assert caller.permissions & MANAGE_GUILD
    assert caller.roles == {"6"}


def test_a_direct_message_has_a_user_and_no_rights() -> None:
    asked = parse(interaction(member=None, user=USER, guild_id=None))
    assert isinstance(asked, Asked)
    assert (asked.caller.permissions, asked.caller.guild_id) == (0, None)


@pytest.mark.parametrize("locale", ["de", "en-US", "xx-Unknown", "", None, 5])
def test_the_askers_language_changes_nothing(locale: Any) -> None:  # D31: we answer in English, times are Discord's own
    assert parse(interaction(locale=locale, guild_locale=locale)) == parse(interaction())


def test_typing_is_told_from_asking() -> None:
    assert parse(interaction(type=4)) == Typing(interaction_id="1", token="test-token-interaction", typed="Jita")


def test_a_bit_set_of_absurd_length_is_no_permission() -> None:
    asked = parse(interaction(member={**MEMBER, "permissions": "9" * 5000}))
    assert isinstance(asked, Asked)
    assert asked.caller.permissions == 0


JSON: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "name", "options", "user", "roles", "value", "permissions"]), inner)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["id", "token", "type", "data", "member", "user", "guild_id"]), JSON), JSON)
def test_reading_never_fails(changes: dict[str, Any], value: Any) -> None:
    for payload in (
        value,
        changes,
        interaction(**changes),
        interaction(data={"name": "notifier", "options": value}),
        interaction(data={"name": "notifier", "options": [value]}),
        interaction(data={"name": "notifier", "options": [{"name": "system", "options": value}]}),
        interaction(member=value),
        interaction(member={"user": value, "roles": value, "permissions": value}),
    ):
        assert isinstance(parse(payload), Asked | Typing | Unusable)


@pytest.mark.parametrize(
    ("caller", "may"),
    [
        (Caller(user_id="1", user_name="x", guild_id="3", permissions=MANAGE_GUILD), True),
        (Caller(user_id="1", user_name="x", guild_id="3", permissions=ADMINISTRATOR), True),
        (Caller(user_id="1", user_name="x", guild_id="3", permissions=~(MANAGE_GUILD | ADMINISTRATOR)), False),
        (Caller(user_id="1", user_name="x", permissions=MANAGE_GUILD), False),
        (Caller(user_id="7", user_name="x"), True),
        (Caller(user_id="1", user_name="x", guild_id="3", roles=frozenset({"8", "9"})), True),
        (Caller(user_id="1", user_name="x", guild_id="3", roles=frozenset({"7"})), False),
    ],
)
def test_who_may_change_things(caller: Caller, may: bool) -> None:  # OPS-29
    assert may_change(caller, roles=("9",), users=("7",)) is may


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Jita", "Jita"),
        ("  New \u00a0 Caldari  ", "New Caldari"),
        ("Ünïcode", "Ünïcode"),
        ("x" * 100, "x" * 100),
        ("x" * 101, None),
        ("", None),
        ("   ", None),
        ("a`b", None),
        ("a\x07b", None),
        ("a\x1fb", None),
        ("Ji\nta", None),
        ("a\u2028b", None),
        ("\n New\tCaldari \n", "New Caldari"),
        ("a\u202eb", None),
        ("a\u200bb", None),
    ],
)
def test_names_are_cleaned_or_refused(typed: str, name: str | None) -> None:  # OPS-26
    assert clean_name(typed) == name


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("123456", 123456),
        (" 123456 ", 123456),
        ("https://zkillboard.com/kill/123456/", 123456),
        ("zkillboard.com/kill/123456", 123456),
        ("https://zkillboard.com/kill/123456?x=1", 123456),
        ("https://zkillboard.com/kill/123456/#top", 123456),
        ("Jita", None),
        ("", None),
        ("12x", None),
        ("1" * 13, None),
        ("https://zkillboard.com/character/5/", None),
    ],
)
def test_a_kill_is_named_by_number_or_address(typed: str, number: int | None) -> None:
    assert kill_id(typed) == number


def test_what_is_registered_is_what_discord_allows_and_keeps_the_former_choices() -> None:
    problems = Problems()
    registered = check_command(copy.deepcopy(COMMAND), (), problems)
    assert problems.refusal() is None
    assert same_commands([COMMAND], [registered])
    system, status = COMMAND["options"][:2]
    assert (system["name"], status["name"], status["options"]) == ("system", "status", [])
    choices = {(one["name"], one["value"]) for one in system["options"][1]["choices"]}
    assert choices >= {
        ("add-priority", "add_priority"),
        ("remove-priority", "remove_priority"),
        ("track", "track"),
        ("untrack", "untrack"),
    }


@given(JSON)
def test_comparing_never_fails(theirs: Any) -> None:
    assert same_commands([COMMAND], theirs) is False
    assert same_commands([COMMAND], [theirs]) is False


@pytest.mark.parametrize(
    ("options", "word"),
    [({}, ""), ({"action": "track"}, "track"), ({"action": ""}, ""), ({"action": "x" * 50}, "other")],
)
def test_an_action_is_counted_in_few_words(options: dict[str, str], word: str) -> None:
    caller = Caller(user_id="1", user_name="Ilvane")
    asked = Asked(interaction_id="1", token="test-token-1", subcommand="system", options=options, caller=caller)
    assert asked.action == word
