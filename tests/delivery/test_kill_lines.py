"""One line a kill: when it is written, what it says, and when nothing is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from wanderer_notifier.delivery.bench import Delivered, Result
from wanderer_notifier.delivery.kill_lines import KillLines

T0 = datetime(2026, 11, 25, 3, 0, tzinfo=UTC)


@pytest.fixture
def logged() -> Iterator[list[Any]]:
    before = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(10))
    with structlog.testing.capture_logs() as lines:
        yield lines
    structlog.configure(**before)


def queued(lines: KillLines, number: int, *channels: str) -> None:
    at = T0 + timedelta(milliseconds=3)
    lines.queued(number, channels, source="live", slug="home", received_at=T0, now=at, age_s=12.3, reasons=())


def skipped(lines: KillLines, number: int, *reasons: str, again: bool = False) -> None:
    lines.skipped(number, reasons, source="live", received_at=T0, now=T0, again=again)


def settled(lines: KillLines, number: int, channel: str, result: Result = "sent") -> None:
    lines.delivered(
        Delivered(
            kind="kill", slug="home", channel=channel, claim=f"kill:{number}", result=result, row_id=1, attempts=1,
            latency_s=0.25, reason="",
        )
    )  # fmt: skip


def infos(logged: list[Any]) -> list[Any]:
    return [line for line in logged if line["log_level"] == "info"]


def test_a_kill_in_two_channels_has_one_line_when_both_have_it(logged: list[Any]) -> None:
    lines = KillLines()
    queued(lines, 7, "1", "2")
    settled(lines, 7, "1", "limited")
    settled(lines, 7, "1")
    assert infos(logged) == []
    settled(lines, 7, "2")
    (line,) = infos(logged)
    assert line == {
        "event": "kill", "log_level": "info", "killmail_id": 7, "outcome": "sent", "reasons": [], "map": "home",
        "channels": 2, "source": "live", "age_s": 12.3, "decided_ms": 3, "sent_ms": 250, "attempts": 3,
    }  # fmt: skip


def test_copies_add_no_line(logged: list[Any]) -> None:
    lines = KillLines()
    queued(lines, 7, "1")
    skipped(lines, 7, again=True)
    settled(lines, 7, "1")
    skipped(lines, 7, again=True)
    skipped(lines, 7, "too_old")
    skipped(lines, 8, "too_old")
    skipped(lines, 8, "too_old")
    assert [(line["killmail_id"], line["outcome"]) for line in infos(logged)] == [(7, "sent"), (8, "not_sent")]


@pytest.mark.parametrize(
    ("results", "outcome"), [(("sent", "expired"), "partly_sent"), (("expired", "rejected"), "given_up")]
)
def test_what_could_not_be_delivered_is_named(results: tuple[Result, Result], outcome: str, logged: list[Any]) -> None:
    lines = KillLines()
    queued(lines, 7, "1", "2")
    for channel, result in zip("12", results, strict=True):
        settled(lines, 7, channel, result)
    (line,) = infos(logged)
    assert (line["outcome"], line["reasons"]) == (outcome, [result for result in results if result != "sent"])


def test_kills_that_concern_nobody_are_counted_in_one_line(logged: list[Any]) -> None:
    lines = KillLines()
    for number in range(5):
        skipped(lines, number, "not_tracked", "not_tracked")
    assert infos(logged) == []
    lines.summarise()
    lines.summarise()
    assert [(line["event"], line["count"]) for line in infos(logged)] == [("kills_untracked", 5)]


def test_what_a_former_process_left_has_its_line_too(logged: list[Any]) -> None:
    lines = KillLines()
    lines.resume([("kill:7", "1"), ("kill:7", "2"), ("note:x", "1")])
    settled(lines, 7, "1")
    assert infos(logged) == []
    settled(lines, 7, "2")
    assert [line["channels"] for line in infos(logged)] == [2]
