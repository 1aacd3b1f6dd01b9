from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.config.minimal import MINIMAL
from wanderer_notifier.config.load import ConfigError, Problem, load
from wanderer_notifier.config.table import TABLE


def write(path: Path, lines: dict[str, str]) -> None:
    path.write_text("".join(f"{name}={text}\n" for name, text in lines.items()), encoding="utf-8")


def refused(environ: dict[str, str], cwd: Path) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as error:
        load(environ, cwd=cwd)
    return error.value.problems


def test_env_file_fills_what_the_environment_leaves_unset_or_empty(tmp_path: Path) -> None:
    write(tmp_path / ".env", MINIMAL | {"PORT": "4001", "LOG_LEVEL": "debug", "APP_ENV": "dev"})
    loaded = load({"PORT": "4002", "LOG_LEVEL": "", "APP_ENV": '""'}, cwd=tmp_path)
    assert (loaded.web.port, loaded.log.level, loaded.app_env) == (4002, "debug", "dev")
    assert {name: loaded.sources[name] for name in ("PORT", "LOG_LEVEL", "MAP_URL", "HOST")} == {
        "PORT": "env",
        "LOG_LEVEL": ".env",
        "MAP_URL": ".env",
        "HOST": "default",
    }


def test_the_process_environment_may_name_another_file(tmp_path: Path) -> None:
    write(tmp_path / ".env", {"PORT": "4001"})
    write(tmp_path / "other.env", {"PORT": "4002", "ENV_FILE": ".env"})
    loaded = load(MINIMAL | {"ENV_FILE": "other.env"}, cwd=tmp_path)
    assert loaded.web.port == 4002
    assert "ENV_FILE has no effect inside a file; set it in the process environment" in loaded.warnings


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    (problem,) = refused(MINIMAL | {"ENV_FILE": "absent.env"}, tmp_path)
    assert str(problem) == "configuration error: ENV_FILE: names a file that does not exist (got: absent.env)"


def test_a_folder_in_place_of_the_file_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").mkdir()
    (problem,) = refused(MINIMAL, tmp_path)
    assert problem.reason == "names a folder, not a file"


def test_a_file_in_another_encoding_is_told(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes("PORT=4001\n".encode("utf-16"))
    (problem,) = refused(MINIMAL, tmp_path)
    assert problem.reason == "names a file that is not UTF-8 text"


def test_lines_that_cannot_be_read_are_told_by_number(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text('PORT=4001\nLICENSE_KEY="test-canary\n# fine\nwhat is this\n')
    (problem,) = refused(MINIMAL, tmp_path)
    assert problem.reason == "holds lines that are not NAME=value (is a quote left open?): 2, 4"


def test_a_pipe_does_not_block_the_start(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / ".env")
    (problem,) = refused(MINIMAL, tmp_path)
    assert problem.reason == "names something that is not a regular file"


def test_env_file_written_on_windows_and_quoted_is_understood(tmp_path: Path) -> None:
    text = "\r\n".join(
        [
            "\ufeff# comment",
            'DISCORD_BOT_TOKEN="test-token-discord"',
            "DISCORD_CHANNEL_ID='111111111111111111'",
            "export MAP_URL=http://127.0.0.1:8001   # the map",
            "MAP_NAME= home ",
            "MAP_API_KEY=test-$HOME-${PATH}#x",
            "LICENSE_KEY=",
            "",
        ]
    )
    (tmp_path / ".env").write_bytes(text.encode())
    loaded = load({}, cwd=tmp_path)
    assert loaded.discord.token.reveal() == "test-token-discord"
    assert loaded.discord.channels.primary == "111111111111111111"
    assert (loaded.map.url, loaded.map.slug) == ("http://127.0.0.1:8001", "home")
    assert loaded.map.api_key.reveal() == "test-$HOME-${PATH}#x"
    assert loaded.license.key is None


def test_what_podman_hands_over_of_a_quoted_file_means_the_same(tmp_path: Path) -> None:
    lines = {
        "DISCORD_BOT_TOKEN": '"test-token-discord"',
        "DISCORD_CHANNEL_ID": "'111111111111111111'",
        "MAP_URL": '"http://127.0.0.1:8001" # the map',
        "MAP_NAME": '"home"',
        "MAP_API_KEY": '"test-key-map"',
        "NOTABLE_ITEMS_LIMIT": "7 # most",
    }
    write(tmp_path / "quoted.env", lines)
    through_podman = load(lines, cwd=tmp_path)  # it takes everything after the first = as it stands
    through_file = load({"ENV_FILE": "quoted.env"}, cwd=tmp_path)
    assert (through_podman.discord, through_podman.map) == (through_file.discord, through_file.map)
    assert through_podman.notable == through_file.notable
    assert "surrounding quotes removed: DISCORD_BOT_TOKEN, DISCORD_CHANNEL_ID, MAP_NAME, MAP_API_KEY" in (
        through_podman.warnings
    )


SECRETS = [variable.name for variable in TABLE if variable.kind.secret and variable.name != "ALERT_WEBHOOK_URL"]


@pytest.mark.parametrize("name", SECRETS)
def test_every_secret_can_come_from_a_file(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("test-from-file\n")
    environ = {key: text for key, text in MINIMAL.items() if key != name}
    for path in ("secret", str(tmp_path / "secret")):
        loaded = load(environ | {f"{name}_FILE": path}, cwd=tmp_path)
        assert "test-from-file" in loaded.secrets()
        assert loaded.sources[name] == "file"
        assert not [each for each in loaded.warnings if "deprecated" in each or "unknown" in each]


def test_a_webhook_address_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("https://alerts.example/hook/test-part?x=1\r\n")
    loaded = load(MINIMAL | {"ALERT_WEBHOOK_URL_FILE": "hook"}, cwd=tmp_path)
    assert loaded.alert_webhook_url is not None
    assert loaded.alert_webhook_url.reveal() == "https://alerts.example/hook/test-part?x=1"


def test_secret_and_its_file_together_are_a_problem_even_if_equal(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(MINIMAL["MAP_API_KEY"])
    (problem,) = refused(MINIMAL | {"MAP_API_KEY_FILE": "secret"}, tmp_path)
    assert (problem.name, problem.reason, problem.got) == (
        "MAP_API_KEY",
        "MAP_API_KEY and MAP_API_KEY_FILE are both set",
        "***",
    )


@pytest.mark.parametrize(
    ("content", "reason"), [(b"\r\n", "empty file"), (b"\xff\xfe", "not UTF-8"), (None, "not exist")]
)
def test_a_secret_file_that_gives_nothing_is_told_once(content: bytes | None, reason: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    environ = {key: text for key, text in MINIMAL.items() if key != "MAP_API_KEY"}
    (problem,) = refused(environ | {"MAP_API_KEY_FILE": "./secret"}, tmp_path)
    assert problem.name == "MAP_API_KEY_FILE"
    assert reason in problem.reason
    assert problem.got == "./secret"


def test_a_secret_put_where_its_file_belongs_is_not_shown(tmp_path: Path) -> None:
    environ = {key: text for key, text in MINIMAL.items() if key != "MAP_API_KEY"}
    (problem,) = refused(environ | {"MAP_API_KEY_FILE": "test-canary-secret"}, tmp_path)
    assert problem.got == "***"


def test_only_secrets_have_files() -> None:
    loaded = load(MINIMAL | {"DISCORD_GUILD_ID_FILE": "x"}, cwd=Path("/nowhere"))
    assert "unknown variable DISCORD_GUILD_ID_FILE, did you mean DISCORD_GUILD_ID?" in loaded.warnings


def test_an_overlong_file_is_not_read_whole(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"x" * (2**20 + 1))
    environ = {key: text for key, text in MINIMAL.items() if key != "MAP_API_KEY"}
    (problem,) = refused(environ | {"MAP_API_KEY_FILE": "secret"}, tmp_path)
    assert problem.reason == "names a file of more than 1 MiB"


def test_a_name_set_twice_in_the_file_has_its_last_value_and_is_warned_about(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=4001\nLOG_LEVEL=info\nexport PORT=4002\n", encoding="utf-8")
    loaded = load(MINIMAL, cwd=tmp_path)
    assert loaded.web.port == 4002
    assert "set more than once in .env, the last one counts: PORT" in loaded.warnings
