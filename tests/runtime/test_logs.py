"""Logs: one line an event, both layouts, and never a secret."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from wanderer_notifier.runtime.log_shape import CATEGORIES, Collapsed
from wanderer_notifier.runtime.logs import Redactor, configure, reopen

CANARY = "test-token-canary-0123456789"


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    root, before = logging.getLogger(), structlog.get_config()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)


def logged(layout: str, level: str = "debug") -> io.StringIO:
    stream = io.StringIO()
    configure(level=level, layout=layout, secrets=[CANARY], stream=stream)
    return stream


def test_json_lines_have_time_level_and_event() -> None:
    out = logged("json")
    structlog.get_logger("x").info("kill_sent", killmail_id=7, map="home")
    line = json.loads(out.getvalue())
    assert (line["event"], line["level"], line["killmail_id"], line["map"]) == ("kill_sent", "info", 7, "home")
    assert line["ts"].endswith("Z")
    assert len(line["ts"]) == len("2026-11-25T03:00:00.000Z")


@pytest.mark.parametrize("layout", ["json", "text"])
def test_a_configured_secret_never_appears(layout: str) -> None:
    out = logged(layout)
    log = structlog.get_logger("x")
    log.info("request", url=f"https://h/x?q={CANARY}", headers={"Authorization": f"Bot {CANARY}"})
    try:
        raise ValueError(f"bad token {CANARY}")
    except ValueError:
        log.exception("failed", secret=CANARY)
    logging.getLogger("some.library").warning("with %s", CANARY)
    assert "failed" in out.getvalue().lower()
    assert CANARY not in out.getvalue()


def test_tracebacks_carry_no_local_variables() -> None:
    out = logged("json")
    hidden = "a-value-that-is-only-a-local"
    try:
        _ = hidden
        raise ValueError("boom")
    except ValueError:
        structlog.get_logger("x").exception("failed")
    line = json.loads(out.getvalue())
    assert line["exception"][0]["exc_value"] == "boom"
    assert hidden not in out.getvalue()


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        ("Authorization: Bearer abcdefghijklmnop", "abcdefghijklmnop"),
        ('{"authorization": "Bot abcdefghijklmnop"}', "abcdefghijklmnop"),
        ('{"authorization": "Bot two"}', "two"),
        ("sent with Bot abcdefghijklmnop", "abcdefghijklmnop"),
        ("sent with bot abc.defgh", "defgh"),
        ("{'authorization': 'Bearer abc'}", "abc"),
        (r'{"event": "{\"x-apikey\": \"abc\"}"}', "abc"),
        ("[(b'Authorization', b'Bot abc'), (b'accept', b'*/*')]", "abc"),
        ("X-ApiKey: 0123456789", "0123456789"),
        ("X-Api-Key=0123456789", "0123456789"),
        ("Cookie: a=first; b=second", "second"),
        ("https://user:password@host/x", "password"),
        ("GET /x?token=abcdef&y=1", "abcdef"),
        ("POST /interactions/123/aW50ZXJhY3Rpb246MTIz/callback", "aW50ZXJhY3Rpb246MTIz"),
        ("MTExMTExMTExMTExMTExMTEx.GabcdE.abcdefghijklmnopqrstuvwxyz0", "GabcdE"),
    ],
)
def test_what_looks_like_a_credential_is_masked_unasked(text: str, gone: str) -> None:
    assert gone not in Redactor()(text)


@pytest.mark.parametrize(
    "text",
    [
        "kill 131000001 in J155416 by bot pilots, https://zkillboard.com/kill/1/",
        "we are the bot Wanderer Notifier (1180000000000000001)",
        "one bot restarts. The other bot something-else",
        "needs an authorization, which the server gave",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    assert Redactor([CANARY])(text) == text.replace("something-else", "***")


def test_the_level_is_a_threshold() -> None:
    out = logged("json", level="warning")
    structlog.get_logger("x").info("quiet")
    structlog.get_logger("x").warning("loud")
    assert [json.loads(line)["event"] for line in out.getvalue().splitlines()] == ["loud"]


def test_http_libraries_do_not_print_addresses() -> None:
    out = logged("json")
    logging.getLogger("httpx").info("HTTP Request: POST https://discord.com/api/v10/interactions/1/secret/callback")
    assert out.getvalue() == ""


def test_the_file_gets_the_same_lines_and_rotates(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "service.log"
    configure(
        level="info",
        layout="json",
        secrets=[CANARY],
        stream=io.StringIO(),
        file=path,
        file_max_bytes=2000,
        file_backups=2,
    )
    for number in range(60):
        structlog.get_logger("x").info("line", number=number, secret=CANARY)
    for handler in list(tmp_path.rglob("*.log*")):
        assert CANARY not in handler.read_text()
    assert sorted(each.name for each in path.parent.iterdir()) == ["service.log", "service.log.1", "service.log.2"]


def test_a_closed_pipe_does_not_end_the_service() -> None:
    stream = io.StringIO()
    configure(level="info", layout="json", secrets=[], stream=stream)
    stream.close()
    structlog.get_logger("x").info("nobody_reads")


def test_json_lines_say_who_speaks_about_what() -> None:
    out = logged("json")
    structlog.get_logger("maps").info("map_stream_resuming", map="home")
    line = json.loads(out.getvalue())
    assert (line["logger"], line["category"], line["message"]) == ("maps", "map", "Map stream resuming")


@pytest.mark.parametrize("event", ["License validation successful", "license_validation_successful"])
def test_an_event_is_a_stable_name_for_machines_and_a_sentence_for_people(event: str) -> None:
    out = logged("json")
    structlog.get_logger("license").info(event)
    line = json.loads(out.getvalue())
    assert (line["event"], line["message"]) == ("license_validation_successful", "License validation successful")


def test_the_text_layout_leads_with_the_sentence_and_its_category() -> None:
    out = logged("text")
    structlog.get_logger("app").info("shutdown_complete", sent=3)
    assert re.search(r"\[info +\] Shutdown complete +\[shutdown\] sent=3$", out.getvalue().rstrip())


def test_every_logger_of_ours_speaks_in_one_of_the_known_categories() -> None:
    package = Path(__file__).parents[2] / "wanderer_notifier"
    found = {
        name
        for file in package.rglob("*.py")
        for name in re.findall(r'get_logger\("([^"]+)"\)', file.read_text("utf-8"))
    }
    assert found <= CATEGORIES.keys()
    assert set(CATEGORIES.values()) <= {
        "startup", "config", "discord", "commands", "killmail", "map", "license", "enrichment", "persistence", "http",
        "health", "alert", "shutdown",
    }  # fmt: skip


def test_identical_warnings_are_shown_once_in_ten_minutes_with_their_number() -> None:
    at = [0.0]
    collapsed = Collapsed(clock=lambda: at[0])

    def warn(**fields: object) -> dict[str, object] | None:
        try:
            return dict(collapsed(None, "warning", {"event": "component_lost", **fields}))
        except structlog.DropEvent:
            return None

    assert warn(component="a", pause_s=1.0) is not None
    assert warn(component="a", pause_s=2.0) is None
    assert warn(component="b", pause_s=2.0) is not None, "another subject is other news"
    at[0] = 599.0
    assert warn(component="a") is None
    at[0] = 600.0
    assert warn(component="a") == {"event": "component_lost", "component": "a", "repeated": 2}
    assert "repeated" not in (warn(component="c") or {})


def test_only_warnings_are_collapsed() -> None:
    out = logged("json")
    for _ in range(2):
        structlog.get_logger("x").error("commit_failed")
        structlog.get_logger("x").warning("slow")
    events = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert events == ["commit_failed", "slow", "commit_failed"]


def test_after_a_rotation_from_outside_the_log_goes_on_in_a_new_file(tmp_path: Path) -> None:
    file = tmp_path / "service.log"
    configure(level="info", layout="json", secrets=[], stream=io.StringIO(), file=file)
    structlog.get_logger("app").info("before")
    file.rename(tmp_path / "service.log.1")
    reopen()
    structlog.get_logger("app").info("after")
    assert '"before"' in (tmp_path / "service.log.1").read_text("utf-8")
    assert '"after"' in file.read_text("utf-8")
    assert '"after"' not in (tmp_path / "service.log.1").read_text("utf-8")
