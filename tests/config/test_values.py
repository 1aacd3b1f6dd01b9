from __future__ import annotations

import pytest

from tests.config.minimal import problems, settings
from wanderer_notifier.config import addresses
from wanderer_notifier.config.values import Secret, parse_duration


def test_secret_shows_itself_only_when_revealed() -> None:
    secret = Secret("test-secret-value")
    assert f"{secret}{secret!r}{secret:>10}{secret!s}%s" % secret == "***" * 5
    assert secret.reveal() == "test-secret-value"
    assert secret == Secret("test-secret-value")
    assert secret != Secret("another")


@pytest.mark.parametrize(
    ("text", "unit", "seconds"),
    [
        ("1500", "ms", 1.5),
        ("30", "s", 30.0),
        ("30", "ms", 0.03),
        ("30s", "ms", 30.0),
        ("2 m", "s", 120.0),
        ("1h", "ms", 3600.0),
        ("250ms", "s", 0.25),
        ("0.5", "s", 0.5),
    ],
)
def test_duration_counts_in_the_unit_of_its_name_unless_it_has_its_own(text: str, unit: str, seconds: float) -> None:
    assert parse_duration(text, unit) == pytest.approx(seconds)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "abc", "-1", "1d", "1e3", "1 2", ".5", "\u0663", "5S"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration"):
        parse_duration(text, "s")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("PORT", "65536", "must be from 0 to 65535"),
        ("PORT", "abc", "must be a whole number"),
        ("PORT", "4000.0", "must be a whole number"),
        ("PORT", "\u0664\u0660\u0660\u0660", "must be a whole number"),
        ("NOTABLE_ITEMS_LIMIT", "26", "must be from 1 to 25"),
        ("STARTUP_SUPPRESSION_SECONDS", "3601", "must be from 0 s to 3600 s"),
        ("MAX_KILLMAIL_AGE_SECONDS", "59", "must be from 60 s to 604800 s"),
        ("LICENSE_REFRESH_INTERVAL", "59999", "must be from 60 s to 86400 s"),
        ("DISCORD_CHANNEL_ID", "12345", "must be a Discord id, 15 to 20 digits"),
        ("LOG_LEVEL", "loud", "must be one of debug, info, warning, error, critical, warn, notice"),
        ("APP_ENV", "production", "must be one of prod, dev, test"),
        ("MAP_NAME", "https://map.example/home", "must be the map's name alone, as in the last part of its address"),
        ("DISCORD_BOT_TOKEN", "test token", "must be one token without blanks"),
        ("DATA_DIR", "~/data", "`~` is not expanded here; write the whole path"),
        ("WEB_TRUSTED_PROXIES", "10.0.0.0/8, proxy", "not an address range such as 10.0.0.0/8: proxy"),
        ("BIND_ADDRESS", "127.0.0.1:4000", "must be an IP address such as :: or 127.0.0.1 (the port is PORT)"),
        ("HOST", "https://notifier.example", "must be a host name alone, without scheme or port"),
        ("SYSTEM_EXCLUDE_LIST", "0", "an id must be positive, not 0"),
    ],
)
def test_bad_value_is_refused_with_its_reason(name: str, text: str, reason: str) -> None:
    (problem,) = problems(**{name: text})
    assert (problem.name, problem.reason, problem.got) == (
        name,
        reason,
        "***" if name == "DISCORD_BOT_TOKEN" else text,
    )


@pytest.mark.parametrize(("text", "port"), [("0", 0), ("+80", 80), ("65_535", 65535), (" 1 ", 1)])
def test_whole_numbers_may_have_a_sign_and_separators(text: str, port: int) -> None:
    assert settings(PORT=text).web.port == port


@pytest.mark.parametrize(
    ("text", "level"), [("WARN", "warning"), ("notice", "info"), ("Debug", "debug"), ("critical", "critical")]
)
def test_level_words(text: str, level: str) -> None:
    assert settings(LOG_LEVEL=text).log.level == level


def test_bot_token_loses_the_word_of_its_header() -> None:
    assert settings(DISCORD_BOT_TOKEN="Bot test-token-x").discord.token.reveal() == "test-token-x"


def test_excluded_systems_are_ids_or_names() -> None:
    (rules,) = settings(SYSTEM_EXCLUDE_LIST="30000142, Old Man Star,, j123456").rules.maps
    assert rules.system_exclude_ids == {30000142}
    assert rules.system_exclude_names == {"old man star", "j123456"}


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://map.example", "https://map.example"),
        ("HTTPS://Map.Example:443/", "https://map.example"),
        ("http://map.example:8080/some/path?name=x#y", "http://map.example:8080"),
        ("http://[::1]:80/x", "http://[::1]"),
        ("https://map_server:444", "https://map_server:444"),
    ],
)
def test_map_address_keeps_scheme_host_and_port(text: str, address: str) -> None:
    assert addresses.parse_map(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("ws://kills.example:4004", "ws://kills.example:4004/socket/websocket"),
        ("http://kills.example", "ws://kills.example/socket/websocket"),
        ("https://kills.example/", "wss://kills.example/socket/websocket"),
        ("wss://kills.example/socket", "wss://kills.example/socket/websocket"),
        ("wss://kills.example/base/socket/", "wss://kills.example/base/socket/websocket"),
        ("wss://kills.example/socket/websocket?vsn=1.0.0", "wss://kills.example/socket/websocket"),
        ("ws://[::1]:4004/kills", "ws://[::1]:4004/kills/socket/websocket"),
    ],
)
def test_kill_socket_address_is_completed(text: str, address: str) -> None:
    assert addresses.parse_kill_socket(text) == address


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://lm.example", "https://lm.example/api"),
        ("https://lm.example/", "https://lm.example/api"),
        ("https://lm.example/api/", "https://lm.example/api"),
        ("https://lm.example/other", "https://lm.example/other"),
    ],
)
def test_license_address_without_path_gets_api(text: str, address: str) -> None:
    assert addresses.parse_license_manager(text) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("map.example", "must be an address starting with"),
        ("ftp://map.example", "must be an address starting with"),
        ("ws://map.example", "must be an address starting with"),
        ("https://", "must name a host"),
        ("https://map.example:0", "must name a host, and a port"),
        ("https://map.example:99999", "must be an address"),
        ("https://[::1", "must be an address"),
        ("https://user:test-pass@map.example", "must not contain a user name or password"),
        ("https://m\u00e4p.example", "holds a host name that is not one"),
        ("https://-x", "holds a host name that is not one"),
        ("https://map.example/a b", "must not contain blanks"),
        ("https://map.example/?x=1", "without [?] or #"),
        ("https://map.example/#x", "without [?] or #"),
    ],
)
def test_what_is_no_base_address_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refused:
        addresses.parse_rest(text)
    assert "test-pass" not in str(refused.value)


def test_trusted_proxies_become_ranges() -> None:
    assert settings(WEB_TRUSTED_PROXIES="10.1.2.3/8, ::1 10.0.0.0/8").web.trusted_proxies == ("10.0.0.0/8", "::1/128")


@pytest.mark.parametrize(("text", "bind"), [("[::1]", "::1"), ("127.0.0.1", "127.0.0.1"), ("localhost", "localhost")])
def test_bind_address(text: str, bind: str) -> None:
    assert settings(BIND_ADDRESS=text).web.bind == bind
