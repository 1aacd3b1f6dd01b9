"""The configuration cases of reference/cases.md, under their numbers (C16 concerns names typed into commands)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.minimal import MINIMAL, NOWHERE, problems, settings
from wanderer_notifier.config.load import load

PLACEHOLDERS = (
    *("your_bot_token", "your-key-here", "insert_token_here", "missing_token", "example_key"),
    *("changeme", "CHANGE_ME", "placeholder", "<token>", "${TOKEN}", "xxxx", "null"),
)
ORDINARY = (
    *("PATH", "HOME", "HOSTNAME", "LANG", "TERM", "container", "PWD", "SHLVL", "TZ", "GPG_KEY", "PYTHON_VERSION"),
    *("HTTP_PROXY", "HTTPS_PROXY", "KUBERNETES_SERVICE_HOST", "KUBERNETES_PORT", "APP_URL", "LOG_PATH"),
)


@pytest.mark.parametrize("written", ['"test-key-abc"', "'test-key-abc'", ' "test-key-abc" ', '" test-key-abc "'])
def test_c01_matching_outer_quotes_are_removed_and_noted_once(written: str) -> None:
    loaded = settings(MAP_API_KEY=written, PORT='"4001"')
    assert loaded.map.api_key.reveal() == "test-key-abc"
    assert loaded.web.port == 4001
    assert [each for each in loaded.warnings if "quotes" in each] == ["surrounding quotes removed: MAP_API_KEY, PORT"]


@pytest.mark.parametrize("written", ["\"test-key-abc'", '"test-key-abc', 'test"key"abc', '"a"b"c"'])
def test_c01_other_quotes_belong_to_the_value(written: str) -> None:
    assert settings(MAP_API_KEY=written).map.api_key.reveal() == written


def test_c02_hash_without_blank_belongs_to_the_value() -> None:
    loaded = settings(MAP_API_KEY="test#key", WEB_AUTH_TOKEN="#hash-first")
    assert loaded.map.api_key.reveal() == "test#key"
    assert loaded.web.auth_token is not None
    assert loaded.web.auth_token.reveal() == "#hash-first"
    assert not [each for each in loaded.warnings if "#" in each]


@pytest.mark.parametrize("written", ["4001 # note", "4001\t#note", '"4001" # note'])
def test_c02_comment_after_a_number_is_cut_with_a_warning(written: str) -> None:
    loaded = settings(PORT=written)
    assert loaded.web.port == 4001
    assert "text after ` #` taken for a comment and ignored: PORT" in loaded.warnings


def test_c02_comment_after_a_text_is_kept_with_a_warning() -> None:
    loaded = settings(MAP_API_KEY="test-key # note")
    assert loaded.map.api_key.reveal() == "test-key # note"
    assert "the value contains ` #`, which is kept as part of it: MAP_API_KEY" in loaded.warnings


@pytest.mark.parametrize("written", ["my map", " my map", "my map ", "my map\t"])
def test_c03_inner_blanks_are_kept_and_the_ends_trimmed(written: str) -> None:
    assert settings(MAP_NAME=written).map.slug == "my map"


@pytest.mark.parametrize(
    "written", ["test-abc\r", "\ufefftest-abc", "test-abc\u00a0", "\u200btest-abc\r\n", '"test-abc"\r']
)
def test_c04_windows_ends_byte_order_mark_and_odd_blanks_are_stripped(written: str) -> None:
    assert settings(DISCORD_BOT_TOKEN=written).discord.token.reveal() == "test-abc"


def test_c04_byte_order_mark_before_the_first_name_is_stripped() -> None:
    environ = {"\ufeffDISCORD_BOT_TOKEN": "test-abc"} | {k: v for k, v in MINIMAL.items() if k != "DISCORD_BOT_TOKEN"}
    assert load(environ, cwd=NOWHERE).discord.token.reveal() == "test-abc"


@pytest.mark.parametrize("written", ["test\u00a0key", "test\rkey", "schl\u00fcssel"])
def test_c04_what_no_header_can_carry_is_refused(written: str) -> None:
    (problem,) = problems(MAP_API_KEY=written)
    assert "control or non-ASCII" in problem.reason


@pytest.mark.parametrize("written", ["yes", "ON", '"true"', "1", "Y", "t", " True "])
def test_c05_words_for_yes(written: str) -> None:
    assert settings(STATUS_MESSAGES_ENABLED=written).status_messages is True


@pytest.mark.parametrize("written", ["no", "OFF", "'false'", "0", "N", "f"])
def test_c05_words_for_no(written: str) -> None:
    assert settings(ALERTS_ENABLED=written).alerts_enabled is False


def test_c05_a_typo_is_refused_by_name() -> None:
    (problem,) = problems(NOTIFICATIONS_ENABLED="tru")
    assert str(problem) == (
        "configuration error: NOTIFICATIONS_ENABLED: must be true or false (also 1 yes y on t, 0 no n off f) (got: tru)"
    )


@pytest.mark.parametrize(
    "name", ["DISCORD_BOT_TOKEN", "DISCORD_CHANNEL_ID", "MAP_URL", "MAP_NAME", "MAP_API_KEY", "LICENSE_KEY"]
)
@pytest.mark.parametrize("written", PLACEHOLDERS)
def test_c07_placeholder_is_refused_by_name(name: str, written: str) -> None:
    (problem,) = problems(**{name: written})
    assert (problem.name, problem.reason) == (name, "is still a placeholder")


@pytest.mark.parametrize("written", ["home", "test-token-1", "todo-list", "xxl", "yours", "example-map"])
def test_c07_ordinary_names_are_no_placeholders(written: str) -> None:
    assert settings(MAP_NAME=written).map.slug == written


def test_c08_a_change_takes_effect_at_the_next_load() -> None:
    assert settings(PORT="4001").web.port == 4001
    assert settings(PORT="4002").web.port == 4002


@pytest.mark.parametrize("name", ["CORPORATION_KILL_FOCUS", "CHARACTER_EXCLUDE_LIST"])
def test_c10_junk_in_an_id_list_is_named(name: str) -> None:
    (problem,) = problems(**{name: "123, abc,,456"})
    assert (problem.name, problem.reason) == (name, "not an id made of digits only: abc")


def test_c10_every_piece_of_junk_is_named() -> None:
    (problem,) = problems(DISCORD_RALLY_GROUP_IDS="222222222222222222,abc;123456789012345 12")
    assert problem.reason == "not a Discord id of 15 to 20 digits: abc;123456789012345, 12"


def test_c10_blanks_commas_and_repetitions_are_fine() -> None:
    loaded = settings(DISCORD_RALLY_GROUP_IDS="222222222222222222,, 333333333333333333 222222222222222222")
    assert loaded.discord.rally_role_ids == ("222222222222222222", "333333333333333333")


@pytest.mark.parametrize("written", ["98000001", '"98000001"', "'98000001'", '"98000001","98000001"'])
def test_c11_quoted_ids_are_accepted(written: str) -> None:
    assert settings(CORPORATION_KILL_FOCUS=written).rules.maps[0].corporation_focus == {98000001}


@pytest.mark.parametrize("written", ["98_000_001", "+98000001", "9.8e7", "\u0669\u0668", "-1", "0", "0x10", "1" * 5000])
def test_c11_ids_dressed_up_are_refused(written: str) -> None:
    assert [each.name for each in problems(CORPORATION_KILL_FOCUS=written)] == ["CORPORATION_KILL_FOCUS"]


def test_c13_settings_share_no_mutable_default() -> None:
    first, second = settings(), settings()
    assert first == second
    for value in (first.rules.maps, first.discord.rally_role_ids, first.web.trusted_proxies, first.warnings):
        assert isinstance(value, tuple)
    assert isinstance(first.rules.maps[0].corporation_focus, frozenset)
    with pytest.raises(TypeError):
        first.sources["PORT"] = "elsewhere"  # type: ignore[index]
    with pytest.raises(AttributeError):
        first.web.port = 1  # type: ignore[misc]


def test_c14_misspelt_variable_is_told_with_the_nearest_name() -> None:
    loaded = settings(DISCORD_GILD_ID="222222222222222222", LOG_LEVLE="debug", HTTP_IP4_ONLY="true")
    assert {
        "unknown variable DISCORD_GILD_ID, did you mean DISCORD_GUILD_ID?",
        "unknown variable LOG_LEVLE, did you mean LOG_LEVEL?",
        "unknown variable HTTP_IP4_ONLY, did you mean HTTP_IPV4_ONLY?",
    } <= set(loaded.warnings)


def test_c14_a_misspelt_channel_beside_the_right_one_is_told_too() -> None:
    loaded = settings(DISCORD_CHANEL_ID="111111111111111111")
    assert "unknown variable DISCORD_CHANEL_ID, did you mean DISCORD_CHANNEL_ID?" in loaded.warnings
    assert loaded.discord.channels.primary == settings().discord.channels.primary


def test_c14_the_hint_stands_beside_the_required_name_that_is_missing() -> None:
    (problem,) = problems("DISCORD_CHANNEL_ID", DISCORD_CHANEL_ID="111111111111111111")
    assert str(problem) == (
        "configuration error: DISCORD_CHANNEL_ID: is required; is DISCORD_CHANEL_ID meant? (got: nothing)"
    )


@pytest.mark.parametrize("name", ["FROBNICATION_ENABLED", "SSE_WHATEVER", "HTTP_MAP_SOMETHING_ELSE", "WEBSOCKET_X"])
def test_c14_an_unknown_name_in_our_space_is_told(name: str) -> None:
    assert any(each.startswith(f"unknown variable {name}") for each in settings(**{name: "1"}).warnings)


def test_c14_an_ordinary_environment_gives_no_such_warning(tmp_path: Path) -> None:
    ordinary = dict.fromkeys(ORDINARY, "x")
    assert load(MINIMAL | ordinary, cwd=tmp_path).warnings == load(MINIMAL, cwd=tmp_path).warnings
