from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.core.base import HOME, attacker, mail, victim
from wanderer_notifier.core.killmail import BadKillmail, final_blow, parse_kill, top_damage

BODY = {
    "killmail_id": 128000001,
    "killmail_time": "2026-11-25T11:59:00Z",
    "solar_system_id": HOME,
    "victim": victim(),
    "attackers": [attacker()],
}
ZKB = {"hash": "a" * 40, "totalValue": 1e8}


@pytest.mark.parametrize(
    "raw",
    [
        mail(kill_time="2026-11-25T11:59:00Z"),
        BODY | {"zkb": ZKB},
        {"killmail_id": 128000001, "hash": "a" * 40, "esi": BODY, "zkb": ZKB, "sequence_id": 7},
        {"killID": 128000001, "killmail": BODY, "zkb": ZKB},
        {"package": {"killID": 128000001, "killmail": BODY, "zkb": ZKB}},
        {"package": {"esi": BODY, "zkb": ZKB}},
    ],
    ids=["live", "esi", "r2z2", "killmail", "redisq", "package.esi"],
)
def test_k21_every_wrapper_gives_the_same_kill(raw: dict[str, Any]) -> None:
    assert parse_kill(raw, None) == parse_kill(mail(kill_time="2026-11-25T11:59:00Z"), None)


def test_k22_a_mere_reference_says_what_to_fetch() -> None:
    with pytest.raises(BadKillmail) as caught:
        parse_kill({"killID": 1, "zkb": {"hash": "a"}}, None)
    assert (caught.value.reason, caught.value.killmail_id, caught.value.hash) == ("missing_system_id", 1, "a")


def test_the_envelope_names_the_system_when_the_mail_does_not() -> None:
    assert parse_kill(mail(system_id=...), HOME).system_id == HOME
    assert parse_kill(mail(), 30000142).system_id == HOME


@pytest.mark.parametrize("raw", [None, True, 1, 1.5, "x", [], [{}]], ids=repr)
def test_what_is_not_an_object_is_refused(raw: object) -> None:
    with pytest.raises(BadKillmail, match="not_an_object"):
        parse_kill(raw, HOME)


@pytest.mark.parametrize(
    ("zkb", "value"),
    [
        ({"hash": "a"}, None),
        ({"totalValue": None}, None),
        ({"totalValue": 0}, 0.0),
        ({"totalValue": "1500000000.5"}, 1500000000.5),
        ({"totalValue": "1_000"}, None),
        ({"totalValue": "much"}, None),
        ({"totalValue": True}, None),
        ({"totalValue": float("nan")}, None),
        ({"totalValue": 10**400}, None),
        ({"totalValue": -1}, None),
        ({"total_value": 9.9e7}, 9.9e7),
        ([], None),
        (None, None),
        (..., None),
    ],
    ids=repr,
)
def test_k15_k19_k20_values_are_numbers_or_unknown(zkb: object, value: float | None) -> None:
    assert parse_kill(mail(zkb=zkb), None).total_value == value


def test_the_stored_forms_own_total_counts_when_zkb_has_none() -> None:
    assert parse_kill(mail(zkb={}, total_value=5), None).total_value == 5.0


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2020-01-01T00:00:00", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-01-01T02:00:00+02:00", datetime(2020, 1, 1, tzinfo=UTC)),
        ("2020-01-01 00:00:00Z", datetime(2020, 1, 1, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59Z", None),
        ("yesterday", None),
        (1795549411, None),
        ("9" * 5000, None),
    ],
    ids=str,
)
def test_times(text: object, time: datetime | None) -> None:
    assert parse_kill(mail(kill_time=text), None).time == time


def test_k02_an_attacker_of_whom_nothing_is_known() -> None:
    kill = parse_kill(mail(attackers=[{"final_blow": True, "damage_done": 9, "security_status": 0}]), None)
    assert final_blow(kill) == kill.attackers[0]
    assert kill.attackers[0].character_id is None


def test_k04_nobody_attacked() -> None:
    kill = parse_kill(mail(attackers=[], zkb={"solo": True}), None)
    assert (kill.attackers, kill.attacker_count, kill.solo) == ((), 0, False)
    assert final_blow(kill) is None
    assert top_damage(kill) is None


def test_k08_no_alliance_is_none() -> None:
    assert parse_kill(mail(), None).victim.alliance_id is None


def test_k25_empty_names_are_unknown() -> None:
    blank = victim(character_name="", corporation_name=" ", ship_name="\u200b", character={"name": "Orsa Velden"})
    who = parse_kill(mail(victim=blank), None).victim
    assert (who.character_name, who.corporation_name, who.ship_name) == ("Orsa Velden", None, None)


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("95000001", 95000001),
        (2147483647, 2147483647),
        (1046664001931, 1046664001931),
        (True, None),
        ("٩٥", None),
        ("-1", None),
        (2**63, None),
        (10**5000, None),
        ([], None),
    ],
    ids=["text", "near 2^31", "13 digits", "bool", "other digits", "negative", "2^63", "5000 digits", "list"],
)
def test_k42_k43_ids(raw: object, read: int | None) -> None:
    assert parse_kill(mail(victim=victim(character_id=raw)), None).victim.character_id == read


def test_w39_unknown_damage_is_none_at_all() -> None:
    kill = parse_kill(mail(attackers=[attacker(damage_done=None), attacker(character_id=2, damage_done=5)]), None)
    best = top_damage(kill)
    assert best is not None
    assert best.character_id == 2


def test_without_a_mark_the_most_damage_is_the_final_blow() -> None:
    rows = [attacker(character_id=number, final_blow=False, damage_done=number % 3) for number in range(1, 6)]
    killer = final_blow(parse_kill(mail(attackers=rows), None))
    assert killer is not None
    assert killer.character_id == 2  # the first of the two that tie


def test_broken_attackers_are_left_out_and_still_counted() -> None:
    kill = parse_kill(mail(attackers=[None, "x", attacker(), {}], attacker_count="4"), None)
    assert len(kill.attackers) == 2
    assert kill.attacker_count == 4


def test_the_stored_form_names_what_the_live_form_does_not() -> None:
    stored = victim(corporation={"name": "Hollow Meridian", "ticker": "HMRD"}, alliance={"ticker": "MRDN"})
    who = parse_kill(mail(victim=stored), None).victim
    assert (who.corporation_name, who.corporation_ticker, who.alliance_ticker) == ("Hollow Meridian", "HMRD", "MRDN")


def test_labels_null_or_odd_are_no_error() -> None:
    assert parse_kill(mail(zkb={"labels": None}), None).labels == ()
    assert parse_kill(mail(zkb={"labels": ["fw:amamin", 7, None, "brand:new"]}), None).labels == (
        "fw:amamin",
        "brand:new",
    )


def test_lone_surrogates_never_reach_a_name() -> None:
    kill = parse_kill(mail(victim=victim(character_name="Ors\ud800a")), None)
    assert kill.victim.character_name == "Orsa"
