from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.config.minimal import MINIMAL, NOWHERE, problems, settings
from wanderer_notifier.config import retired
from wanderer_notifier.config.load import ConfigError, load
from wanderer_notifier.config.report import check_config
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.config.table import TABLE
from wanderer_notifier.config.variable import Variable
from wanderer_notifier.core.rules import Channels, MapRules, Rules

# One usable text, other than the default, for the variables that have an alias.
SAMPLES = {
    "DISCORD_BOT_TOKEN": "test-token-other",
    "DISCORD_CHANNEL_ID": "222222222222222222",
    "MAP_URL": "https://map.example",
    "MAP_NAME": "away",
    "MAP_API_KEY": "test-key-other",
    "DISCORD_SYSTEM_CHANNEL_ID": "222222222222222222",
    "DISCORD_CHARACTER_CHANNEL_ID": "222222222222222222",
    "DISCORD_SYSTEM_KILL_CHANNEL_ID": "222222222222222222",
    "DISCORD_CHARACTER_KILL_CHANNEL_ID": "222222222222222222",
    "DISCORD_RALLY_GROUP_IDS": "222222222222222222",
    "WEBSOCKET_URL": "wss://kills.example",
    "LICENSE_KEY": "test-license",
    "NOTIFIER_API_TOKEN": "test-token-license",
    "LICENSE_MANAGER_URL": "https://lm.example",
    "NOTABLE_ITEMS_THRESHOLD_ISK": "1000000",
    "CHARACTER_EXCLUDE_LIST": "90000001",
    "PORT": "4001",
    "PUBLIC_URL": "https://notifier.example",
    "HOST": "notifier.example",
    "SCHEME": "https",
    "CACHE_DIR": "/var/cache/notifier",
    "APP_ENV": "dev",
}
ALIASED = [(variable, alias) for variable in TABLE for alias in variable.other_names]
NAMES = [pytest.param(variable, alias, id=alias) for variable, alias in ALIASED]


def sample(variable: Variable[Any], *, negated: bool = False) -> str:
    if variable.default_text in ("true", "false") and variable.name not in SAMPLES:
        other = variable.default_text == "false"
        return str(other != negated).lower()
    return SAMPLES[variable.name]


def of(loaded: Settings) -> dict[str, object]:
    return {name: value for name, value in vars_of(loaded).items() if name not in ("warnings", "sources")}


def vars_of(loaded: Settings) -> dict[str, object]:
    return {each.name: getattr(loaded, each.name) for each in Settings.__attrs_attrs__}


@pytest.mark.parametrize(("variable", "alias"), NAMES)
def test_alias_sets_what_its_canonical_name_sets_and_is_warned_about(variable: Variable[Any], alias: str) -> None:
    company = {"HOST": "h.example"} if variable.name == "SCHEME" else {}
    canonical = settings(**company, **{variable.name: sample(variable)})
    aliased = settings(variable.name, **company, **{alias: sample(variable, negated=alias in variable.negated)})
    assert of(aliased) == of(canonical)
    assert of(aliased) != of(settings(**company))
    opposite = " with the opposite meaning" if alias in variable.negated else ""
    assert f"deprecated variable {alias}, use {variable.name}{opposite}" in aliased.warnings
    assert aliased.sources[variable.name] == f"env: {alias}, alias of {variable.name}"


@pytest.mark.parametrize(("variable", "alias"), NAMES)
def test_alias_beside_its_canonical_name_must_agree(variable: Variable[Any], alias: str) -> None:
    negated = alias in variable.negated
    agreeing = {variable.name: sample(variable), alias: sample(variable, negated=negated)}
    assert problems(**agreeing) == ()
    opposed = agreeing | {alias: MINIMAL.get(variable.name) or _another(variable, negated=negated)}
    (problem,) = problems(**opposed)
    assert (problem.name, problem.reason) == (
        variable.name,
        f"{variable.name} and {alias} are both set, to different values",
    )


def _another(variable: Variable[Any], *, negated: bool) -> str:
    text = sample(variable, negated=negated)
    swaps = {"true": "false", "false": "true", "dev": "test", "https": "http"}
    return swaps.get(text) or f"{text[:-1]}{'8' if text[-1] != '8' else '9'}"


def test_two_aliases_must_agree_as_well_and_equal_meaning_is_agreement() -> None:
    assert problems(ENABLE_STATUS_MESSAGES="yes", DISABLE_STATUS_MESSAGES="0", STATUS_MESSAGES_ENABLED="true") == ()
    (problem,) = problems(ENABLE_STATUS_MESSAGES="yes", DISABLE_STATUS_MESSAGES="yes")
    assert problem.reason == "ENABLE_STATUS_MESSAGES and DISABLE_STATUS_MESSAGES are both set, to different values"


@pytest.mark.parametrize("name", ["MAP_URL_WITH_NAME", "WANDERER_MAP_URL_WITH_NAME"])
def test_combined_map_address_is_split(name: str) -> None:
    environ = {key: text for key, text in MINIMAL.items() if key not in ("MAP_URL", "MAP_NAME")}
    loaded = load(environ | {name: "https://map.example:8443/?name=home%20chain"}, cwd=NOWHERE)
    assert (loaded.map.url, loaded.map.slug) == ("https://map.example:8443", "home chain")
    assert f"deprecated variable {name}, use MAP_URL" in loaded.warnings
    assert f"deprecated variable {name}, use MAP_NAME" in loaded.warnings
    assert loaded.sources["MAP_NAME"] == f"env: {name}, alias of MAP_NAME"
    assert [each.name for each in problems(**{name: "http://127.0.0.1:8001/?name=other"})] == ["MAP_NAME"]


def test_an_empty_environment_names_everything_required_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        load({}, cwd=NOWHERE)
    assert str(error.value).splitlines() == [
        f"configuration error: {name}: is required (got: nothing)"
        for name in ("DISCORD_BOT_TOKEN", "DISCORD_CHANNEL_ID", "MAP_URL", "MAP_NAME", "MAP_API_KEY")
    ]


def test_problems_of_every_class_come_in_one_block(tmp_path: Path) -> None:
    environ = {
        "ENV_FILE": "absent.env",
        "DISCORD_BOT_TOKEN": "your_bot_token",
        "DISCORD_CHANNEL_ID": "",
        "DISCORD_COMMAND_SCOPE": "guild",
        "MAP_URL": "ftp://map.example",
        "MAP_API_KEY": "test-key-one",
        "MAP_TOKEN": "test-key-two",
        "MAP_NAME": "home",
        "LICENSE_KEY_FILE": "/no/such/file",
        "PORT": "http",
        "ALERTS_ENABLED": "maybe",
        "SSE_RECONNECT_INITIAL_DELAY": "1m",
        "CORPORATION_KILL_FOCUS": "98000001 x",
        "CORPORATION_EXCLUDE_LIST": "98000001",
        "CHARACTER_TRACKING_CORPORATION_IDS": "98000001",
        "LICENSE_VALIDATION_URL": "https://lm.example/validate_bot",
    }
    with pytest.raises(ConfigError) as error:
        load(environ, cwd=tmp_path)
    assert sorted(str(error.value).splitlines()) == sorted(
        [
            "configuration error: ENV_FILE: names a file that does not exist (got: absent.env)",
            "configuration error: DISCORD_BOT_TOKEN: is still a placeholder (got: ***)",
            "configuration error: DISCORD_CHANNEL_ID: is required (got: nothing)",
            "configuration error: DISCORD_COMMAND_SCOPE: `guild` needs DISCORD_GUILD_ID (got: guild)",
            "configuration error: MAP_URL: must be an address starting with https:// or http:// (got: ftp://map.example)",
            "configuration error: MAP_API_KEY: MAP_API_KEY and MAP_TOKEN are both set, to different values (got: ***)",
            "configuration error: LICENSE_KEY_FILE: names a file that does not exist (got: /no/such/file)",
            "configuration error: PORT: must be a whole number (got: http)",
            "configuration error: ALERTS_ENABLED: must be true or false (also 1 yes y on t, 0 no n off f) (got: maybe)",
            "configuration error: SSE_RECONNECT_INITIAL_DELAY: must not be above SSE_RECONNECT_MAX_DELAY "
            "(got: 60 s, and 30 s)",
            "configuration error: CORPORATION_KILL_FOCUS: not an id made of digits only: x (got: 98000001 x)",
            *(
                f"configuration error: {name}: {retired.REFUSED[name]} (got: {environ[name]})"
                for name in ("CORPORATION_EXCLUDE_LIST", "CHARACTER_TRACKING_CORPORATION_IDS", "LICENSE_VALIDATION_URL")
            ),
        ]
    )


def test_names_no_longer_used_are_told_in_one_warning() -> None:
    loaded = settings(**dict.fromkeys(retired.NO_LONGER_USED, "junk"))
    (warning,) = [each for each in loaded.warnings if each.startswith("no longer used: ")]
    assert set(warning.removeprefix("no longer used: ").split(", ")) == retired.NO_LONGER_USED
    assert of(loaded) == of(settings())


@pytest.mark.parametrize(
    "name", [*sorted(retired.PASSED_OVER), "POSTGRES_PASSWORD", "WANDERER_DB_HOST", "ERL_FLAGS", "ELIXIR_ERL_OPTIONS"]
)
def test_names_of_others_are_passed_over(name: str) -> None:
    assert settings(**{name: "junk"}) == settings()


def test_no_name_has_two_meanings() -> None:
    names = [name for variable in TABLE for name in (variable.name, *variable.other_names)]
    names += [variable.file_name for variable in TABLE if variable.file_name]
    names += [*retired.NO_LONGER_USED, *retired.REFUSED]
    assert len(names) == len(set(names))
    assert not [name for name in names if retired.passed_over(name)]


def test_with_a_list_of_maps_from_the_server_neither_map_nor_channel_is_required() -> None:
    needed = {name: value for name, value in MINIMAL.items() if name not in ("MAP_NAME", "DISCORD_CHANNEL_ID")}
    loaded = load(needed | {"PLUGIN_NOTIFIER_API_KEY": "test-plugin"}, cwd=Path("/srv"))
    assert (loaded.rules.maps, loaded.map.slug, loaded.discord.channels.primary) == ((), None, None)
    with pytest.raises(ConfigError) as caught:
        load(needed, cwd=Path("/srv"))
    assert {problem.name for problem in caught.value.problems} == {"MAP_NAME", "DISCORD_CHANNEL_ID"}


def test_the_key_for_a_list_of_maps_keeps_the_map_of_the_environment_to_fall_back_on() -> None:
    loaded = settings(PLUGIN_NOTIFIER_API_KEY="test-plugin", PLUGIN_CONFIG_CACHE_SECRETS="yes")
    assert [one.slug for one in loaded.rules.maps] == [loaded.map.slug]
    assert loaded.map.keep_tokens


def test_defaults() -> None:
    loaded = load(MINIMAL, cwd=Path("/srv"))
    assert loaded.kills.websocket_url == "ws://host.docker.internal:4004/socket/websocket"
    assert loaded.kills.rest_url == "http://host.docker.internal:4004"
    assert (loaded.discord.api_url, loaded.esi_url) == ("https://discord.com/api/v10", "https://esi.evetech.net")
    assert (loaded.license.url, loaded.license.refresh_s) == ("https://lm.wanderer.ltd/api", 3600.0)
    assert (loaded.web.port, loaded.web.bind, loaded.web.public_url) == (4000, "::", None)
    assert (loaded.shutdown_grace_s, loaded.ready_feed_grace_s) == (8.0, 120.0)
    assert (loaded.sse.recv_timeout_s, loaded.sse.connect_timeout_s, loaded.sse.keepalive_s) == (120.0, 30.0, 30.0)
    assert (loaded.sse.reconnect_first_s, loaded.sse.reconnect_cap_s) == (1.0, 30.0)
    assert (loaded.data_dir, loaded.cache_dir, loaded.log.dir) == (Path("/srv/priv"), None, None)
    assert (loaded.log.level, loaded.log.format, loaded.app_env) == ("info", "json", "prod")
    channels = Channels(primary=MINIMAL["DISCORD_CHANNEL_ID"])
    assert loaded.rules == Rules(maps=(MapRules(slug="home", channels=channels),))


def test_rules_follow_flags_and_lists() -> None:
    loaded = settings(
        NOTIFICATIONS_ENABLED="off",
        KILL_NOTIFICATIONS_ENABLED="off",
        WORMHOLE_ONLY_KILL_NOTIFICATIONS_ENABLED="on",
        TRACK_KSPACE_ENABLED="off",
        PRIORITY_SYSTEMS_ONLY_ENABLED="on",
        VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED="on",
        FALLBACK_TO_HERE_ENABLED="off",
        CORPORATION_KILL_FOCUS="98000001",
        CHARACTER_EXCLUDE_LIST="90000001",
        STARTUP_SUPPRESSION_SECONDS="0",
        MAX_KILLMAIL_AGE_SECONDS="2h",
        DISCORD_RALLY_GROUP_IDS="222222222222222222",
        DISCORD_SYSTEM_KILL_CHANNEL_ID="333333333333333333",
    )
    rules = loaded.rules
    (one,) = rules.maps
    assert (rules.notifications_enabled, rules.kill_notifications_enabled) == (False, False)
    assert (rules.system_notifications_enabled, rules.suppress_history, rules.max_kill_age_s) == (True, False, 7200)
    assert (one.wormhole_only, one.track_kspace, one.priority_only) == (True, False, True)
    assert (one.voice_mentions, one.here_fallback) == (True, False)
    assert (one.corporation_focus, one.character_exclude) == (frozenset({98000001}), frozenset({90000001}))
    assert one.rally_role_ids == ("222222222222222222",)
    assert one.channels == loaded.discord.channels
    assert one.channels.resolve("system_kill") == "333333333333333333"


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, "/srv/priv/logs"),
        ({"DATA_DIR": "/data"}, "/data/logs"),
        ({"CACHE_DIR": "cache"}, "/srv/cache/logs"),
        ({"CACHE_DIR": "cache", "LOG_DIR": "/var/log/notifier"}, "/var/log/notifier"),
    ],
)
def test_log_file_lies_in_the_nearest_folder_named(variables: dict[str, str], folder: str) -> None:
    loaded = load(MINIMAL | variables | {"LOG_FILE_ENABLED": "true"}, cwd=Path("/srv"))
    assert loaded.log.dir == Path(folder)


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"HOST": "notifier.example"}, "http://notifier.example:4000"),
        ({"HOST": "notifier.example", "SCHEME": "https", "PORT": "443"}, "https://notifier.example"),
        ({"HOST": "::1", "PORT": "0"}, "http://[::1]"),
        ({"HOST": "0.0.0.0"}, None),
        ({"HOST": "notifier.example", "PUBLIC_URL": "https://public.example/x/"}, "https://public.example/x"),
    ],
)
def test_public_address(variables: dict[str, str], address: str | None) -> None:
    assert settings(**variables).web.public_url == address


def test_receive_timeout_follows_the_keepalive_unless_set() -> None:
    assert settings(SSE_KEEPALIVE_INTERVAL="10").sse.recv_timeout_s == 40.0
    assert settings(SSE_RECV_TIMEOUT="75000").sse.recv_timeout_s == 75.0
    loaded = settings(SSE_RECV_TIMEOUT="infinity")
    assert loaded.sse.recv_timeout_s == 120.0
    assert any(each.startswith("SSE_RECV_TIMEOUT=infinity is not possible") for each in loaded.warnings)


@pytest.mark.parametrize(
    ("variables", "start"),
    [
        ({}, "DISCORD_APPLICATION_ID is not set"),
        ({}, "LICENSE_KEY is not set"),
        ({}, "WEB_AUTH_TOKEN is not set"),
        ({"LICENSE_KEY": "test-license"}, "NOTIFIER_API_TOKEN is not set"),
        ({"NOTABLE_ITEMS_ENABLED": "true"}, "NOTABLE_ITEMS_ENABLED has no effect without JANICE_API_TOKEN"),
        (
            {"VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED": "true"},
            "VOICE_PARTICIPANT_NOTIFICATIONS_ENABLED has no effect without DISCORD_GUILD_ID",
        ),
        ({"WEB_FORCE_HTTPS": "true"}, "WEB_FORCE_HTTPS without WEB_TRUSTED_PROXIES"),
        ({"SSE_RECV_TIMEOUT": "30s"}, "SSE_RECV_TIMEOUT is not above SSE_KEEPALIVE_INTERVAL"),
        ({"HOST": "0.0.0.0"}, "HOST no longer chooses where to listen"),
    ],
)
def test_what_will_not_work_as_hoped_is_told(variables: dict[str, str], start: str) -> None:
    assert [each for each in settings(**variables).warnings if each.startswith(start)]


def test_a_complete_configuration_gives_no_warning() -> None:
    loaded = settings(
        DISCORD_APPLICATION_ID="222222222222222222",
        LICENSE_KEY="test-license",
        NOTIFIER_API_TOKEN="test-token-license",
        WEB_AUTH_TOKEN="test-token-web",
    )
    assert loaded.warnings == ()


ALL_NAMES = sorted(
    {name for variable in TABLE for name in (variable.name, *variable.other_names)}
    | {variable.file_name for variable in TABLE if variable.file_name}
    | {"MAP_URL_WITH_NAME", "ENV_FILE", "LICENSE_VALIDATION_URL", "HTTP_ESI_TIMEOUT"}
)
TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(
        ["://", "https://[", "http://[::1]:x", "?name=", "1" * 5000, "9" * 20, "\0", "/", "''", '"', "1e9m", "²"]
    ),
    st.from_regex(r"(https?|wss?)://[a-z0-9@:\[\]./?#_-]{0,20}", fullmatch=True),
)


@given(environ=st.dictionaries(st.sampled_from(ALL_NAMES), TEXTS, max_size=12))
def test_any_text_anywhere_loads_or_is_a_problem(environ: dict[str, str]) -> None:
    for complete in (environ, MINIMAL | environ):
        try:
            said = check_config(load(complete, cwd=NOWHERE))
        except ConfigError as error:
            said = str(error)
        assert said.encode("utf-8")


def test_a_time_out_that_is_none_is_not_taken_for_infinity() -> None:
    with pytest.raises(ConfigError) as error:
        load({**MINIMAL, "SSE_RECV_TIMEOUT": "abc"}, cwd=NOWHERE)
    assert not any("infinity" in words for words in error.value.warnings)
    assert any("infinity" in words for words in settings(SSE_RECV_TIMEOUT="infinity").warnings)


UNUSED = {"cache_dir", "r2z2_url", "keepalive_s"}
"""Settings that only help to make others, and an address that `doctor` and the service leave alone so far."""


def test_every_setting_is_looked_at_by_somebody() -> None:  # operations.md W40
    package = Path(__file__).parents[2] / "wanderer_notifier"
    files = [file for file in package.rglob("*.py") if file.parent.name not in ("config", "sim")]
    text = "\n".join(file.read_text("utf-8") for file in files)
    names = {at.rpartition(".")[2] for variable in TABLE for at in variable.at.split()}
    assert {name for name in names if not re.search(rf"\.{name}\b", text)} <= UNUSED
