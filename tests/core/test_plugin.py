"""The server's list of maps: what counts, what is skipped, and that nothing odd costs another map."""

from __future__ import annotations

import json
from typing import Any

import pytest
from attrs import asdict

from wanderer_notifier.core.plugin import BadList, difference, read_list, with_maps, without_tokens
from wanderer_notifier.core.policy import Channels, MapRules, Rules

ENTRY: dict[str, Any] = {
    "slug": "home-chain",
    "name": "Home chain",
    "map_id": "6f1c0f0e-0000-4000-8000-000000000001",
    "owner": "Example Corp",
    "discord": {
        "bot_token": None,
        "application_id": "111111111111111111",
        "guild_id": "222222222222222222",
        "channels": {
            "primary": "333333333333333333",
            "system_kill": None,
            "character_kill": "",
            "system": 334444444444444444,
            "character": " ",
            "rally": None,
        },
        "rally_group_ids": ["444444444444444444"],
    },
    "features": {"track_kspace": False, "priority_systems_only": True, "notable_items_enabled": True},
    "settings": {"corporation_kill_focus": [98000001], "character_exclude_list": [], "system_exclude_list": []},
}


def answer(*entries: Any, **data: Any) -> dict[str, Any]:
    return {"data": {"version": 7, "maps": list(entries), **data}}


def test_a_complete_entry_is_read() -> None:
    (one,) = read_list(answer(ENTRY)).maps
    assert (one.slug, one.name, one.owner, one.guild_id) == (
        "home-chain",
        "Home chain",
        "Example Corp",
        "222222222222222222",
    )
    assert one.rules == MapRules(
        slug="home-chain",
        channels=Channels(primary="333333333333333333", system="334444444444444444"),
        track_kspace=False,
        priority_only=True,
        notable_items=True,
        corporation_focus=frozenset({98000001}),
        rally_role_ids=("444444444444444444",),
    )


def test_blank_channels_fall_back_to_the_primary_one() -> None:
    (one,) = read_list(answer(ENTRY)).maps
    assert one.rules.channels.resolve("character_kill") == "333333333333333333"
    assert one.rules.channels.resolve("rally") == "333333333333333333"


def test_what_is_not_said_has_the_default_of_the_sheet() -> None:
    (one,) = read_list(answer({"slug": "a", "name": "A", "map_id": "1"})).maps
    rules = one.rules
    assert all(
        (
            rules.notifications_enabled,
            rules.kill_notifications_enabled,
            rules.system_notifications_enabled,
            rules.character_notifications_enabled,
            rules.rally_notifications_enabled,
            rules.track_kspace,
        )
    )
    others = (rules.wormhole_only, rules.priority_only, rules.notable_items, rules.voice_mentions, one.status_messages)
    assert not any(others)
    assert rules.channels.resolve("system") is None


@pytest.mark.parametrize("value", ["true", "false", 1, 0, None, [], {}])
def test_a_flag_that_is_no_boolean_counts_as_missing(value: Any) -> None:
    features = {"kill_notifications_enabled": value, "wormhole_only_kill_notifications": value}
    (one,) = read_list(answer(ENTRY | {"features": features})).maps
    assert one.rules.kill_notifications_enabled
    assert not one.rules.wormhole_only


@pytest.mark.parametrize(
    ("feature", "field", "default"),
    [
        ("notifications_enabled", "notifications_enabled", True),
        ("kill_notifications_enabled", "kill_notifications_enabled", True),
        ("system_notifications_enabled", "system_notifications_enabled", True),
        ("character_notifications_enabled", "character_notifications_enabled", True),
        ("rally_notifications_enabled", "rally_notifications_enabled", True),
        ("track_kspace", "track_kspace", True),
        ("wormhole_only_kill_notifications", "wormhole_only", False),
        ("priority_systems_only", "priority_only", False),
        ("notable_items_enabled", "notable_items", False),
        ("voice_participant_notifications_enabled", "voice_mentions", False),
        ("status_messages_enabled", "status_messages", False),
    ],
)
def test_w36_each_switch_of_a_map_moves_itself_and_nothing_else(feature: str, field: str, default: bool) -> None:
    def flags(features: dict[str, bool]) -> dict[str, object]:
        (one,) = read_list(answer(ENTRY | {"features": features})).maps
        return {"status_messages": one.status_messages} | asdict(one.rules)

    usual = flags({})
    assert usual[field] is default
    assert flags({feature: not default}) == usual | {field: not default}
    assert flags({feature: default}) == usual


@pytest.mark.parametrize("fallback", [True, False])
def test_whether_here_stands_in_is_said_by_the_environment_alone(fallback: bool) -> None:
    (one,) = read_list(answer(ENTRY), here_fallback=fallback).maps
    assert one.rules.here_fallback is fallback
    assert read_list(answer(ENTRY)).maps[0].rules.here_fallback


def test_the_version_is_the_servers() -> None:
    assert read_list(answer(ENTRY)).version == 7


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, ("map number 1 is skipped: it has no slug and no name and no map_id",)),
        ({"slug": "a"}, ("map a is skipped: it has no name and no map_id",)),
        ({"slug": "a\x1b[0m", "name": "A", "map_id": "1"}, ("map number 1 is skipped: it has no slug",)),
        ({"slug": "a", "name": "A", "map_id": "1"}, ("map a: it has no primary channel",)),
        (ENTRY, ()),
    ],
    ids=["no object", "only a slug", "a slug one cannot print", "no channel", "complete"],
)
def test_warnings_name_the_map_and_what_it_lacks(entry: object, words: tuple[str, ...]) -> None:
    assert read_list(answer(entry)).warnings == words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"corporation_kill_focus": [1, "x"]}, ("map home-chain: 1 of corporation_kill_focus is no id and dropped",)),
        (
            {"character_exclude_list": [None, 1, "x"]},
            ("map home-chain: 2 of character_exclude_list are no id and dropped",),
        ),
        ({"corporation_kill_focus": [98000001]}, ()),
    ],
    ids=["one", "two", "none"],
)
def test_dropped_ids_are_counted_not_shown(settings: dict[str, Any], words: tuple[str, ...]) -> None:
    assert read_list(answer(ENTRY | {"settings": settings})).warnings == words


@pytest.mark.parametrize(
    ("discord", "words"),
    [
        (
            {"channels": {"primary": "333333333333333333", "rally": "#ops"}},
            ("map home-chain: its rally channel is not a Discord id and counts as missing",),
        ),
        ({"rally_group_ids": ["everyone"]}, ("map home-chain: a rally group that is not a Discord id is dropped",)),
        (
            {"bot_token": "two words"},
            (
                "map home-chain: its bot token is none (blanks or other letters in it); "
                "the configured bot speaks for it",
            ),
        ),
        ({"bot_token": "Bot "}, ("map home-chain: its bot token is none (blanks or other letters in it); "
                                 "the configured bot speaks for it",)),
        ({"bot_token": "  "}, ()),
    ],
    ids=["channel", "role", "token", "token of nothing", "no token"],
)  # fmt: skip
def test_odd_ids_and_tokens_are_warned_about_without_their_value(
    discord: dict[str, Any], words: tuple[str, ...]
) -> None:
    assert read_list(answer(ENTRY | {"discord": ENTRY["discord"] | discord})).warnings == words


def test_a_token_may_hold_every_letter_that_a_header_takes() -> None:
    (one,) = read_list(answer(ENTRY | {"discord": ENTRY["discord"] | {"bot_token": "test-token-!~"}})).maps
    assert one.bot_token == "test-token-!~"


def test_two_hundred_maps_are_followed_and_the_rest_is_named_once() -> None:
    found = read_list(answer(*(ENTRY | {"slug": f"m{number}"} for number in range(203))))
    assert [one.slug for one in found.maps] == [f"m{number}" for number in range(200)]
    assert found.warnings == ("more than 200 maps are listed; m200 and what follows is not followed",)


@pytest.mark.parametrize("key", ["slug", "name", "map_id"])
@pytest.mark.parametrize("value", [None, "", "  ", 5])
def test_an_entry_without_identity_is_skipped_with_a_warning(key: str, value: Any) -> None:
    found = read_list(answer(ENTRY | {key: value}, ENTRY | {"slug": "other"}))
    assert [one.slug for one in found.maps] == ["other"]
    assert "is skipped" in found.warnings[0]
    assert key in found.warnings[0]


def test_lists_take_numbers_and_numeric_texts_and_drop_the_rest() -> None:
    settings = {
        "corporation_kill_focus": [98000001, "98000002", "98000001", "junk", None, True, 0],
        "character_exclude_list": [2115000999, "2115001000"],
        "system_exclude_list": [30000142, "30002187", "Thera", " ", None],
    }
    found = read_list(answer(ENTRY | {"settings": settings}))
    rules = found.maps[0].rules
    assert rules.corporation_focus == {98000001, 98000002}
    assert rules.character_exclude == {2115000999, 2115001000}
    assert rules.system_exclude_ids == {30000142, 30002187}
    assert rules.system_exclude_names == {"thera"}
    assert any("corporation_kill_focus" in words for words in found.warnings)


def test_rally_groups_may_be_numbers_and_are_told_once() -> None:
    groups = ["444444444444444444", 444444444444444444, "everyone", None]
    (one,) = read_list(answer(ENTRY | {"discord": ENTRY["discord"] | {"rally_group_ids": groups}})).maps
    assert one.rules.rally_role_ids == ("444444444444444444",)


@pytest.mark.parametrize("version", [None, "7", True, 1.5])
def test_a_version_that_is_no_number_is_nought(version: Any) -> None:
    assert read_list(answer(version=version)).version == 0


def test_stored_json_of_the_server_may_be_broken() -> None:
    odd = {"slug": "a", "name": "A", "map_id": "1", "discord": {}, "features": [], "settings": "x"}
    (one,) = read_list(answer(odd)).maps
    assert one.rules.channels == Channels()


def test_a_slug_listed_twice_counts_once() -> None:
    found = read_list(answer(ENTRY, ENTRY | {"name": "Another"}))
    assert [one.name for one in found.maps] == ["Home chain"]
    assert found.warnings == ("map home-chain is listed twice; the first entry counts",)


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (None, "it has no `data`"),
        ([], "it has no `data`"),
        ({}, "it has no `data`"),
        ({"data": None}, "it has no `data`"),
        ("text", "it has no `data`"),
        ({"data": {}}, "it has no list of maps"),
        ({"data": {"maps": {}}}, "it has no list of maps"),
    ],
    ids=repr,
)
def test_what_is_no_list_is_refused(raw: Any, why: str) -> None:
    with pytest.raises(BadList, match=f"^{why}$"):
        read_list(raw)


def test_a_token_is_never_shown_and_can_be_left_out() -> None:
    token = "test-token-of-a-map"
    raw = answer(ENTRY | {"discord": ENTRY["discord"] | {"bot_token": f"Bot {token}"}})
    found = read_list(raw)
    assert found.tokens() == (token,)
    assert token not in repr(found)
    assert token not in json.dumps(without_tokens(raw))
    assert read_list(without_tokens(raw)).maps[0].rules == found.maps[0].rules


def test_blank_and_impossible_tokens_count_as_missing() -> None:
    for token in ("", "   ", "two words", "tök"):
        (one,) = read_list(answer(ENTRY | {"discord": {"bot_token": token}})).maps
        assert one.bot_token is None


def test_a_difference_is_one_of_content_not_of_version() -> None:
    before = read_list(answer(ENTRY, ENTRY | {"slug": "leaves"})).maps
    after = read_list(answer(ENTRY | {"features": {}}, ENTRY | {"slug": "comes"})).maps
    found = difference(before, after)
    assert str(found) == "added: comes; removed: leaves; changed: home-chain"
    assert not difference(before, before)


def test_every_kind_of_difference_counts_alone_and_is_told_without_the_others() -> None:
    two, one = (
        read_list(answer(ENTRY, ENTRY | {"slug": "b"}, ENTRY | {"slug": "c"})).maps,
        read_list(answer(ENTRY)).maps,
    )
    changed = read_list(answer(ENTRY | {"name": "Another"})).maps
    for before, after, words in (
        (one, two, "added: b, c"),
        (two, one, "removed: b, c"),
        (one, changed, "changed: home-chain"),
    ):
        found = difference(before, after)
        assert found
        assert str(found) == words
    assert str(difference(one, one)) == "nothing"


def test_only_bots_of_their_own_have_tokens_to_hide() -> None:
    assert [one.bot_token for one in read_list(answer(ENTRY)).maps] == [None]
    assert read_list(answer(ENTRY)).tokens() == ()


def test_switches_of_the_environment_stay_in_force() -> None:
    rules = with_maps(Rules(maps=(), kill_notifications_enabled=False), read_list(answer(ENTRY)).maps)
    assert not rules.kill_notifications_enabled
    assert rules.maps[0].kill_notifications_enabled
