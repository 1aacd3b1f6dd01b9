"""No secret in any text that a configuration can give rise to."""

from __future__ import annotations

import re
import traceback
from pathlib import Path

import pytest

from tests.config.minimal import MINIMAL, NOWHERE
from wanderer_notifier.config.load import ConfigError, load
from wanderer_notifier.config.problems import presentable
from wanderer_notifier.config.report import check_config
from wanderer_notifier.config.table import TABLE

CANARY = "canary-7f3a9"
SECRETS = [variable for variable in TABLE if variable.kind.secret]


def with_canaries() -> dict[str, str]:
    values = {variable.name: f"{CANARY}-{variable.name.lower()}" for variable in SECRETS}
    return MINIMAL | values | {"ALERT_WEBHOOK_URL": f"https://alerts.example/{CANARY}?x={CANARY}"}


def everything_said(error: BaseException) -> str:
    chain = []
    seen: BaseException | None = error
    while seen is not None:
        chain += [repr(seen), str(seen), *map(repr, seen.args)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join([*chain, *traceback.format_exception(error)])


def test_settings_and_report_mask_every_secret() -> None:
    loaded = load(with_canaries() | {"PLUGIN_NOTIFIER_API_KEY": f"{CANARY}-plugin"}, cwd=NOWHERE)
    said = "\n".join([repr(loaded), str(loaded), check_config(loaded), *loaded.warnings, *loaded.sources.values()])
    assert CANARY not in said
    assert len(re.findall(r"\*\*\*  \[env\]", said)) == len(SECRETS)


def test_redaction_gets_every_secret_in_full() -> None:
    environ = with_canaries()
    loaded = load(environ, cwd=NOWHERE)
    assert sorted(loaded.secrets()) == sorted(environ[variable.name] for variable in SECRETS)


@pytest.mark.parametrize("spoil", ["\u00a0inner", "\x07", " # comment \u00fc"])
def test_a_bad_secret_is_never_shown(spoil: str) -> None:
    environ = {name: f"{text}{spoil}{CANARY}" if CANARY in text else text for name, text in with_canaries().items()}
    with pytest.raises(ConfigError) as error:
        load(environ, cwd=NOWHERE)
    assert {each.name for each in error.value.problems} >= {variable.name for variable in SECRETS} - {
        "ALERT_WEBHOOK_URL"
    }
    assert CANARY not in everything_said(error.value)
    assert CANARY not in "".join(error.value.warnings)
    assert error.value.__context__ is None


def test_conflicting_secrets_are_not_shown(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{CANARY}-file")
    environ = with_canaries() | {"MAP_TOKEN": f"{CANARY}-other", "LICENSE_KEY_FILE": "secret"}
    with pytest.raises(ConfigError) as error:
        load(environ, cwd=tmp_path)
    assert [each.name for each in error.value.problems] == ["MAP_API_KEY", "LICENSE_KEY"]
    assert CANARY not in everything_said(error.value)


@pytest.mark.parametrize("name", [variable.name for variable in TABLE if not variable.kind.secret])
def test_a_known_secret_in_the_wrong_variable_is_masked_in_problems(name: str) -> None:
    environ = with_canaries() | {name: with_canaries()["DISCORD_BOT_TOKEN"], "PORT": "spoilt"}
    with pytest.raises(ConfigError) as error:
        load(environ | {name: f"{environ['DISCORD_BOT_TOKEN']}, {environ['LICENSE_KEY']}"}, cwd=NOWHERE)
    assert CANARY not in everything_said(error.value)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:canary@map.example", "https://***@map.example"),
        ("https://map.example/?name=x&token=canary", "https://map.example/?***"),
        ("MTEx-canary-canary-canary.Gabcde.canary_canary_canary_canary", "***"),
        ("A0B1C2D3-canary-E4F5-0000", "***"),
        ("bell\x07 and \udcff", "bell\\x07 and \\udcff"),
        ("x" * 200, "x" * 120 + "…"),
        ("123, abc,,456", "123, abc,,456"),
        ("111111111111111111,222222222222222222", "111111111111111111,222222222222222222"),
    ],
)
def test_values_are_shown_without_what_looks_like_a_credential(text: str, shown: str) -> None:
    assert presentable(text) == shown


def test_problem_text_can_always_be_printed() -> None:
    with pytest.raises(ConfigError) as error:
        load(MINIMAL | {"CORPORATION_KILL_FOCUS": "\udcff\x1b[31m"}, cwd=NOWHERE)
    str(error.value).encode("utf-8")
    assert "\x1b" not in str(error.value)
    loaded = load(MINIMAL | {"DISCORD_\x1b\udcff": "x"}, cwd=NOWHERE)
    assert any(each.startswith("unknown variable DISCORD_\\x1b\\udcff") for each in loaded.warnings)


def test_a_long_value_makes_no_long_problem() -> None:
    with pytest.raises(ConfigError) as error:
        load(MINIMAL | {"CORPORATION_KILL_FOCUS": "1" * 100_000}, cwd=NOWHERE)
    assert len(str(error.value)) < 1000
