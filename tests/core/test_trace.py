"""A decision explains itself: the checks are the ones that decided, in order, and say what they looked at."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from tests.core.base import FIRST_START, HOME, JITA, NOW, PILOT, ago, attacker, mail, one_map, rules, tracked, tracking
from tests.core.base import victim as a_victim
from tests.core.test_truth_table import ROWS, Row
from wanderer_notifier.core.kill_rules import EVERYWHERE, OF_THE_MAP, TIMELY
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.policy import SYSTEM_FILTERS, Rules, Send, Skip
from wanderer_notifier.core.record import TEXT, decision_record
from wanderer_notifier.core.rules import Judgement, decide_kill, judge_kill
from wanderer_notifier.core.trace import Check, Gate, Trail
from wanderer_notifier.core.tracking import Tracking

REASON_OF = {gate.rule: gate.reason for gates in (EVERYWHERE, TIMELY, OF_THE_MAP, SYSTEM_FILTERS) for gate in gates}
REASON_OF |= {"pilot_not_excluded": "excluded", "channel_once": "same_channel"}


def judge(raw: dict[str, object], settings: Rules | None = None, known: Tracking | None = None) -> Judgement:
    kill = parse_kill(raw, None)
    return judge_kill(
        kill, "live", settings or rules(), known or tracking(), now=NOW, first_start=FIRST_START, voice={"m1": ()}
    )


def shown(judgement: Judgement) -> list[tuple[str, bool]]:
    return [(check.rule, check.passed) for check in judgement.checks]


def test_a_kill_that_is_told_passed_every_rule_in_order() -> None:
    assert shown(judge(mail())) == [
        ("notifications_enabled", True),
        ("kill_notifications_enabled", True),
        ("system_on_map", True),
        ("system_not_hidden", True),
        ("system_not_excluded", True),
        ("kspace_wanted", True),
        ("priority_wanted", True),
        ("victim_tracked", False),
        ("attacker_tracked", False),
        ("age_known", True),
        ("young_enough", True),
        ("after_first_start", True),
        ("map_notifications_enabled", True),
        ("map_kill_notifications_enabled", True),
        ("wormhole_wanted", True),
        ("channel_set", True),
        ("channel_once", True),
    ]


def test_the_walk_ends_at_the_first_rule_that_refuses() -> None:
    checks = judge(mail(kill_time=ago(4000))).checks
    assert (checks[-1].rule, checks[-1].passed, checks[-1].seen) == ("young_enough", False, "4000 s old, limit 3600 s")
    assert shown(judge(mail(), rules(notifications_enabled=False))) == [("notifications_enabled", False)]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_checks_agree_with_the_verdicts(row: Row) -> None:
    kill, first_start = parse_kill(row.raw, None), NOW - timedelta(seconds=row.process_age_s)
    decided, judged = (
        decide(kill, row.source, row.settings, row.known, now=NOW, first_start=first_start, voice={"m1": row.voice})
        for decide in (decide_kill, judge_kill)
    )
    assert isinstance(judged, Judgement)
    assert judged.verdicts == decided
    for verdict in judged.verdicts:
        concerned = [one for one in judged.checks if one.slug in (None, verdict.slug)]
        refused = [REASON_OF[one.rule] for one in concerned if one.effect == "needed" and not one.passed]
        if isinstance(verdict, Send):
            assert refused == []
            assert any(one.passed for one in concerned if one.effect == "reason")
        elif verdict.reason not in ("not_tracked", "excluded", "kspace_disabled", "priority_only"):
            assert refused == [verdict.reason]
        else:
            hidden = [REASON_OF[one.rule] for one in concerned if one.effect == "system" and not one.passed]
            assert verdict.reason in [*refused, *hidden, "not_tracked"]


def test_what_hides_a_system_is_told_apart_from_what_ends_the_matter() -> None:
    judgement = judge(mail(victim=a_victim(character_id=PILOT)), rules(one_map(priority_only=True)))
    hidden = next(one for one in judgement.checks if one.rule == "priority_wanted")
    assert (hidden.passed, hidden.effect) == (False, "system")
    assert isinstance(judgement.verdicts[0], Send)


def test_each_map_has_checks_of_its_own() -> None:
    settings = rules(one_map(), one_map("m2", wormhole_only=True, channels={"primary": "7"}))
    judgement = judge(mail(system_id=JITA), settings, tracking(tracked(), tracked("m2")))
    by_map = {slug: [one for one in judgement.checks if one.slug == slug] for slug in ("m1", "m2")}
    assert by_map["m1"][-1].rule == "channel_once"
    assert (by_map["m2"][-1].rule, by_map["m2"][-1].passed) == ("wormhole_wanted", False)
    assert [type(one) for one in judgement.verdicts] == [Send, Skip]


@pytest.mark.parametrize(
    ("raw", "settings", "rule", "seen"),
    [
        (mail(), None, "system_on_map", "Home (J123456) [31000123]"),
        (mail(system_id=30000999), None, "system_on_map", "system 30000999"),
        (mail(), None, "victim_tracked", "pilot [95000009]"),
        (mail(victim=None), None, "victim_tracked", "no pilot"),
        (mail(), None, "attacker_tracked", "none of 1 attacker"),
        (
            mail(attackers=[attacker(character_id=PILOT), attacker()]),
            None,
            "attacker_tracked",
            "95000001, of 2 attackers",
        ),
        (mail(), None, "channel_set", "system_kill goes to 200"),
        (mail(), None, "channel_once", "channel 200, not told yet"),
        (mail(kill_time=None), None, "young_enough", "unknown s old, limit 3600 s"),
        (
            mail(),
            rules(one_map(system_exclude_ids=frozenset({HOME}))),
            "system_not_excluded",
            "Home (J123456), 1 system excluded",
        ),
        (
            mail(system_id=30000999, victim=a_victim(character_id=PILOT)),
            rules(one_map(character_exclude=frozenset({PILOT}))),
            "pilot_not_excluded",
            "tracked, but excluded: 95000001",
        ),
        (
            mail(),
            rules(one_map(corporation_focus=frozenset({98000900}))),
            "corporation_focus",
            "a corporation in focus is involved",
        ),
    ],
)
def test_a_check_says_what_it_looked_at(raw: dict[str, object], settings: Rules | None, rule: str, seen: str) -> None:
    assert [one.seen for one in judge(raw, settings).checks if one.rule == rule] == [seen]


def test_a_fleet_of_ours_is_named_in_part() -> None:
    pilots = tuple(range(95000001, 95000010))
    raw = mail(attackers=[attacker(character_id=one) for one in pilots])
    (check,) = [
        one for one in judge(raw, None, tracking(tracked(characters=pilots))).checks if one.rule == "attacker_tracked"
    ]
    assert check.seen == "95000001, 95000002, 95000003, 95000004, 95000005 and 4 more, of 9 attackers"


def test_a_walk_stops_at_the_first_refusal_and_keeps_what_it_saw() -> None:
    gates: tuple[Gate[int], ...] = (
        Gate("small", "too_large", lambda it: it < 10, lambda it: f"{it}"),
        Gate("even", "odd", lambda it: it % 2 == 0, lambda it: f"{it} mod 2"),
        Gate("other", "never", lambda it: False, lambda it: ""),
    )
    trail = Trail()
    assert trail.walk(gates, 7, "m1") == "odd"
    assert trail.checks() == (
        Check(rule="small", passed=True, seen="7", slug="m1"),
        Check(rule="even", passed=False, seen="7 mod 2", slug="m1"),
    )
    assert Trail().walk(gates[:2], 8) is None


def test_the_record_is_json_bounded_and_names_everything() -> None:
    long_name = "x" * 5_000
    raw = mail(solar_system_name=long_name, victim=a_victim(character_name="\ud83d" + long_name, ship_name="Rifter"))
    kill = parse_kill(raw, None)
    record = json.loads(json.dumps(decision_record(kill, judge(raw), received_at=NOW)))
    assert record["kill"]["id"] == kill.killmail_id
    assert len(record["kill"]["system_name"]) == TEXT
    assert record["kill"]["victim"]["ship"] == "Rifter"
    assert record["kill"]["final_blow"]["character_id"] == 95000008
    assert record["verdicts"] == [{"map": "m1", "sent": True, "channel": "200", "route": "system_kill", "mention": []}]
    assert {tuple(check) for check in record["checks"]} == {("rule", "map", "passed", "seen", "effect")}
    assert len(json.dumps(record)) < 8_000
