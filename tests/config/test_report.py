from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.config.minimal import MINIMAL, settings
from wanderer_notifier.config.load import ConfigError, load
from wanderer_notifier.config.report import check_config, effective, env_example, generated
from wanderer_notifier.config.table import GROUPS, TABLE

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.parametrize("name", generated())
def test_document_in_the_repository_is_what_the_table_generates(name: str) -> None:
    """Otherwise: `python -m wanderer_notifier.config.report`."""
    assert (REPOSITORY / name).read_text(encoding="utf-8") == generated()[name]


def test_documents_name_every_variable() -> None:
    for text in generated().values():
        assert [variable.name for variable in TABLE if variable.name not in text] == []


def test_env_example_does_not_pass_with_its_placeholders(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(env_example())
    with pytest.raises(ConfigError) as error:
        load({}, cwd=tmp_path)
    assert [(each.name, each.reason) for each in error.value.problems] == [
        (variable.name, "is still a placeholder") for variable in TABLE if variable.required
    ]


def test_env_example_loads_once_filled_in_and_everything_else_is_default(tmp_path: Path) -> None:
    text = env_example()
    for name, value in MINIMAL.items():
        text = re.sub(rf"(?m)^{name}=.*$", f"{name}={value}", text)
    (tmp_path / ".env").write_text(text)
    loaded = load({}, cwd=tmp_path)
    assert {name for name, source in loaded.sources.items() if source != "default"} == set(MINIMAL)


def test_env_example_uncommented_loads_through_podman_and_through_the_file(tmp_path: Path) -> None:
    """Every line means the same to `podman run --env-file`, which takes all after the first = as it stands."""
    text = re.sub(r"(?m)^#(?=[A-Z0-9_]+=)", "", env_example())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[A-Z0-9_]+=[^\s'\"]*", line)] == []
    through_podman = dict(line.split("=", 1) for line in lines) | MINIMAL
    (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in through_podman.items()))
    podman, file = load(through_podman, cwd=tmp_path / "elsewhere"), load({}, cwd=tmp_path)
    assert (podman.discord, podman.rules, podman.web, podman.sse) == (file.discord, file.rules, file.web, file.sse)


def test_the_table_points_into_the_settings_and_knows_its_groups() -> None:
    shown = effective(settings(DISCORD_GUILD_ID="222222222222222222"))
    assert tuple(shown) == GROUPS
    assert {name for rows in shown.values() for name in rows} == {each.name for each in TABLE} - {"HOST", "SCHEME"}
    assert shown["Discord"]["DISCORD_GUILD_ID"] == "222222222222222222"
    assert shown["Map stream"]["SSE_RECV_TIMEOUT"] == "120 s"


def test_defaults_lie_within_their_own_ranges_and_show_up_as_documented() -> None:
    loaded = settings()
    for variable in TABLE:
        if not variable.required:
            assert variable.default is not ...
            assert loaded.sources[variable.name] == "default"


def test_check_config_tells_value_and_source(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("LOG_LEVEL=debug\n")
    (tmp_path / "key").write_text("test-key-map")
    environ = {name: text for name, text in MINIMAL.items() if name != "MAP_API_KEY"}
    environ |= {"MAP_API_KEY_FILE": "key", "MIX_ENV": "prod", "HOST": "notifier.example", "PORT": "4001"}
    lines = check_config(load(environ, cwd=tmp_path)).splitlines()
    squeezed = {re.sub(r" +", " ", line.strip()) for line in lines}
    assert {
        "Discord",
        "DISCORD_BOT_TOKEN *** [env]",
        "MAP_API_KEY *** [file]",
        "LOG_LEVEL debug [.env]",
        "LICENSE_KEY - [default]",
        "APP_ENV prod [env: MIX_ENV, alias of APP_ENV]",
        "MAX_KILLMAIL_AGE_SECONDS 3600 s [default]",
        "PUBLIC_URL http://notifier.example:4001 [built from HOST, SCHEME and PORT]",
        "warning: deprecated variable MIX_ENV, use APP_ENV",
    } <= squeezed


def test_check_config_can_always_be_printed() -> None:
    said = check_config(settings(DATA_DIR="/data/\udcff\x1b", SYSTEM_EXCLUDE_LIST="\x1b[31m"))
    assert said.encode("utf-8")
    assert "\x1b" not in said
