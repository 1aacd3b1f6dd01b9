"""What is decided over several maps, word for word, and what the trail says of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.core.base import (
    FIRST_START,
    HOME,
    JITA,
    NOW,
    PILOT,
    ago,
    decide,
    mail,
    one_map,
    rules,
    sends,
    tracked,
    tracking,
    victim,
)
from wanderer_notifier.core.events import SystemRecord
from wanderer_notifier.core.kill_rules import EVERYWHERE, OF_THE_MAP, TIMELY, ids
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.policy import Skip
from wanderer_notifier.core.rules import Rules, judge_kill
from wanderer_notifier.core.tracking import Tracking

SECOND = one_map("m2", channels={"primary": "101", "system_kill": "2", "character_kill": "3"})


def seen(rule: str, raw: dict[str, Any], settings: Rules, known: Tracking) -> list[tuple[bool, str, str | None, str]]:
    judged = judge_kill(parse_kill(raw, None), "live", settings, known, now=NOW, first_start=FIRST_START)
    return [(one.passed, one.seen, one.slug, one.effect) for one in judged.checks if one.rule == rule]


def test_a_kill_that_concerns_no_map_is_refused_once_for_all_of_them() -> None:
    settings = rules(one_map(), SECOND)
    known = tracking(tracked(systems={}, characters=()), tracked("m2", {}, ()))
    assert decide(mail(), settings, known) == (Skip(reason="not_tracked"),)
    assert decide(mail(kill_time=ago(99999)), settings, known) == (Skip(reason="not_tracked"),)


def test_a_map_that_refuses_is_heard_and_one_that_knows_nothing_is_not() -> None:
    settings = rules(one_map(system_exclude_ids=frozenset({HOME})), SECOND)
    known = tracking(tracked(), tracked("m2", {}, ()))
    assert decide(mail(), settings, known) == (Skip(reason="excluded", slug="m1"),)


def test_a_send_says_it_is_a_kill() -> None:
    (send,) = sends(decide(mail()))
    assert (send.kind, send.route, send.slug) == ("kill", "system_kill", "m1")


def test_the_eve_name_is_taken_from_the_map_that_has_it() -> None:
    nameless, named = SystemRecord(system_id=HOME, custom_name="Den"), SystemRecord(system_id=HOME, name="J123456")
    known = tracking(tracked(systems={HOME: nameless}), tracked("m2", {HOME: named}, ()))
    settings = rules(one_map(), SECOND)
    (first, _) = sends(decide(mail(victim=victim(character_id=PILOT)), settings, known))
    assert first.system_label == "J123456"
    alone = tracking(tracked(systems={HOME: nameless}))
    (send,) = sends(decide(mail(victim=victim(character_id=PILOT)), rules(one_map()), alone))
    assert send.system_label is None


def test_one_message_a_channel_is_explained() -> None:
    settings = rules(one_map(), one_map("m2"))
    known = tracking(tracked(), tracked("m2", {HOME: SystemRecord(system_id=HOME)}, ()))
    assert seen("channel_once", mail(), settings, known) == [
        (True, "channel 200, not told yet", "m1", "needed"),
        (False, "channel 200, told for another map", "m2", "needed"),
    ]


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (SystemRecord(system_id=HOME), f"system [{HOME}]"),
        (SystemRecord(system_id=HOME, name="J1", custom_name="Den"), f"Den (J1) [{HOME}]"),
        (None, f"system {HOME}"),
    ],
)
def test_the_system_is_named_in_the_trail(record: SystemRecord | None, words: str) -> None:
    known = tracking(tracked(systems={HOME: record} if record else {}))
    assert seen("system_on_map", mail(), rules(one_map()), known) == [(record is not None, words, "m1", "reason")]


@pytest.mark.parametrize(
    ("corporation", "expected"),
    [
        (98000900, [(True, "a corporation in focus is involved", "m1", "none")]),
        (7, [(False, "a corporation in focus is not involved", "m1", "none")]),
        (None, []),
    ],
)
def test_the_focus_is_explained_where_there_is_one(corporation: int | None, expected: list[Any]) -> None:
    focus = frozenset({corporation}) if corporation else frozenset[int]()
    assert seen("corporation_focus", mail(), rules(one_map(corporation_focus=focus)), tracking()) == expected


NOWHERE = one_map(channels={"primary": None, "system_kill": None, "character_kill": None})
BEGUN = "2026-11-25 11:59:00 UTC"


@pytest.mark.parametrize(
    ("source", "raw", "settings", "words"),
    [
        ("live", mail(), rules(),
         ["notifications are on", "kill notifications are on", "a time in the mail, source live",
          "60 s old, limit 3600 s", "source live: told as it happens", "notifications of this map are on",
          "kill notifications of this map are on", "wormhole space, every space is wanted",
          "system_kill goes to 200"]),
        ("preload", mail(kill_time=ago(10)), rules(NOWHERE),
         ["notifications are on", "kill notifications are on", "a time in the mail, source preload",
          "10 s old, limit 3600 s", f"source preload, first start {BEGUN}", "notifications of this map are on",
          "kill notifications of this map are on", "wormhole space, every space is wanted",
          "system_kill goes to no channel"]),
        ("cached", mail(kill_time=None), rules(),
         ["notifications are on", "kill notifications are on", "no time in the mail, source cached"]),
        ("live", mail(kill_time=None), rules(one_map(kill_notifications_enabled=False)),
         ["notifications are on", "kill notifications are on", "no time in the mail, source live",
          "unknown s old, limit 3600 s", "source live: told as it happens", "notifications of this map are on",
          "kill notifications of this map are off"]),
        ("live", mail(), rules(notifications_enabled=False), ["notifications are off"]),
        ("live", mail(), rules(kill_notifications_enabled=False),
         ["notifications are on", "kill notifications are off"]),
        ("live", mail(system_id=JITA), rules(one_map(wormhole_only=True)),
         ["notifications are on", "kill notifications are on", "a time in the mail, source live",
          "60 s old, limit 3600 s", "source live: told as it happens", "notifications of this map are on",
          "kill notifications of this map are on", "not wormhole space, only that is wanted"]),
    ],
)  # fmt: skip
def test_each_rule_says_what_it_looked_at(source: Any, raw: dict[str, Any], settings: Rules, words: list[str]) -> None:
    begun = NOW - timedelta(seconds=60)
    judged = judge_kill(parse_kill(raw, None), source, settings, tracking(), now=NOW, first_start=begun)
    general = {one.rule for one in (*EVERYWHERE, *TIMELY)} | {one.rule for one in OF_THE_MAP}
    assert [check.seen for check in judged.checks if check.rule in general] == words


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [((), ""), ((2, 1, None), "1, 2"), (range(5), "0, 1, 2, 3, 4"), (range(7), "0, 1, 2, 3, 4 and 2 more")],
)
def test_only_the_first_few_pilots_are_listed(numbers: Any, shown: str) -> None:
    assert ids(frozenset(numbers)) == shown
