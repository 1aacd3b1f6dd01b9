"""What holds when nothing is configured, and how the filters of systems explain themselves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.core.base import FIRST_START, HOME, JITA, NOW, mail, one_map, rules, tracked, tracking
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.policy import Channels, MapRules, Priority, Rules, Send
from wanderer_notifier.core.rules import judge_kill


def test_everything_is_told_unless_somebody_says_otherwise() -> None:
    one = MapRules(slug="m1")
    assert one == MapRules(
        slug="m1",
        channels=Channels(primary=None, system=None, character=None, system_kill=None, character_kill=None, rally=None),
        notifications_enabled=True,
        kill_notifications_enabled=True,
        system_notifications_enabled=True,
        character_notifications_enabled=True,
        rally_notifications_enabled=True,
        wormhole_only=False,
        track_kspace=True,
        priority_only=False,
        corporation_focus=frozenset(),
        character_exclude=frozenset(),
        system_exclude_ids=frozenset(),
        system_exclude_names=frozenset(),
        rally_role_ids=(),
        voice_mentions=False,
        here_fallback=True,
    )
    assert Rules(maps=(one,)) == Rules(
        maps=(one,),
        notifications_enabled=True,
        kill_notifications_enabled=True,
        system_notifications_enabled=True,
        character_notifications_enabled=True,
        rally_notifications_enabled=True,
        max_kill_age_s=3600,
        suppress_history=True,
        priority=Priority(ids=frozenset(), names=frozenset()),
    )
    send = Send(kind="kill", slug="m1", channel="1", route="system_kill", claim="kill:1", expires_at=NOW)
    assert (send.victim_tracked, send.attacker_tracked, send.late, send.mention) == (False, False, False, Mention())


def test_status_messages_go_to_the_primary_channel() -> None:
    channels = Channels(primary=" 1 ", system="2", rally=" ")
    assert [channels.resolve(route) for route in ("status", "system", "rally", "character")] == ["1", "2", "1", "1"]
    assert Channels(system="2").resolve("status") is None


@pytest.mark.parametrize(
    ("system", "changes", "rule", "seen"),
    [
        (HOME, {}, "system_not_excluded", "Home (J123456), no systems excluded"),
        (HOME, {"system_exclude_ids": frozenset({1})}, "system_not_excluded", "Home (J123456), 1 system excluded"),
        (HOME, {"system_exclude_ids": frozenset({1}), "system_exclude_names": frozenset({"a", "b"})},
         "system_not_excluded", "Home (J123456), 3 systems excluded"),
        (HOME, {}, "kspace_wanted", "wormhole space, known space is wanted"),
        (JITA, {"track_kspace": False}, "kspace_wanted", "not wormhole space, known space is not wanted"),
        (HOME, {}, "priority_wanted", "not a priority system, all are wanted"),
        (HOME, {"priority_only": True}, "priority_wanted", "not a priority system, only those are wanted"),
        (JITA, {"priority_only": True}, "priority_wanted", "a priority system, only those are wanted"),
    ],
)  # fmt: skip
def test_the_filters_say_what_they_looked_at(system: int, changes: dict[str, Any], rule: str, seen: str) -> None:
    judged = judge_kill(
        parse_kill(mail(system_id=system), None),
        "live",
        rules(one_map(**changes), priority=Priority(ids=frozenset({JITA}))),
        tracking(tracked()),
        now=NOW,
        first_start=FIRST_START - timedelta(days=1),
    )
    assert [check.seen for check in judged.checks if check.rule == rule] == [seen]
