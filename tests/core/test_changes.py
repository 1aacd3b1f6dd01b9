"""Rows S01-S14 and C01-C06 of notifications.md 2 that concern the decision, and rallies."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from attrs import evolve

from tests.core.base import FIRST_START, HOME, JITA, NOW, PILOT, reasons, sends
from wanderer_notifier.core.events import (
    Change,
    CharacterAdded,
    CharacterRecord,
    CharacterRemoved,
    RallyCreated,
    SystemAdded,
    SystemRecord,
    SystemRemoved,
)
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.rules import Channels, MapRules, Priority, Rules, Send, Verdict, decide_change

J = SystemRecord(system_id=HOME, name="J123456")
ADDED = SystemAdded(slug="m1", system=J, by="event")
PILOT_ADDED = CharacterAdded(slug="m1", character=CharacterRecord(character_id=PILOT), by="event")
RALLY = RallyCreated(slug="m1", rally_id="0b9c", system_id=HOME, created_at=NOW - timedelta(minutes=1))
CHANNELS = Channels(primary="100", system="400", character="500", rally="600")
PRIORITY = Priority(names=frozenset({"j123456"}))


def decide(
    change: Change,
    globals_: dict[str, Any] | None = None,
    voice: tuple[str, ...] = (),
    first_start: datetime = FIRST_START,
    **of_map: Any,
) -> tuple[Verdict, ...]:
    one = MapRules(slug="m1", **{"channels": CHANNELS, **of_map})
    rules = Rules(maps=(one,), **(globals_ or {}))
    return decide_change(change, rules, now=NOW, first_start=first_start, voice={"m1": voice})


def only_send(verdicts: tuple[Verdict, ...]) -> Send:
    (send,) = sends(verdicts)
    assert len(verdicts) == 1
    return send


def test_s01_a_system_goes_to_its_channel() -> None:
    send = only_send(decide(ADDED))
    assert (send.kind, send.channel, send.route, send.claim) == ("system", "400", "system", "system:m1:31000123")
    assert send.expires_at == NOW + timedelta(hours=6)
    assert send.mention == Mention()


def test_s11_a_live_event_right_after_the_first_start_is_told() -> None:
    assert sends(decide(ADDED, first_start=NOW))


def test_s12_and_s03_each_map_uses_its_own_channel_and_claim() -> None:
    rules = Rules(maps=(MapRules(slug="m1", channels=CHANNELS), MapRules(slug="m2", channels=Channels(primary="7"))))
    (send,) = sends(decide_change(evolve(ADDED, slug="m2"), rules, now=NOW, first_start=FIRST_START))
    assert (send.channel, send.claim) == ("7", "system:m2:31000123")


@pytest.mark.parametrize(
    ("change", "globals_", "of_map", "reason"),
    [
        (ADDED, {"notifications_enabled": False}, {}, "notifications_disabled"),  # S10
        (ADDED, {"notifications_enabled": False, "priority": PRIORITY}, {}, "notifications_disabled"),
        (ADDED, {}, {"notifications_enabled": False}, "map_notifications_disabled"),
        (ADDED, {"system_notifications_enabled": False}, {}, "system_notifications_disabled"),
        (ADDED, {}, {"system_notifications_enabled": False}, "map_system_disabled"),
        (ADDED, {}, {"system_exclude_ids": frozenset({HOME})}, "excluded"),
        (ADDED, {}, {"system_exclude_names": frozenset({"j123456"})}, "excluded"),
        (ADDED, {}, {"priority_only": True}, "priority_only"),
        (evolve(ADDED, system=SystemRecord(system_id=JITA)), {}, {"track_kspace": False}, "kspace_disabled"),
        (ADDED, {}, {"channels": Channels(system=" ", primary="")}, "no_channel"),
        (evolve(ADDED, by="load"), {}, {}, "first_load"),
        (evolve(ADDED, by="reconcile", gap_s=3601.0), {}, {}, "gap_too_long"),
        (evolve(ADDED, by="reconcile", gap_s=None), {}, {}, "gap_too_long"),
        (evolve(ADDED, slug="gone"), {}, {}, "unknown_map"),
        (SystemRemoved(slug="m1", system=J), {}, {}, "removed"),
        (CharacterRemoved(slug="m1", character=PILOT_ADDED.character), {}, {}, "removed"),
        (PILOT_ADDED, {"notifications_enabled": False}, {}, "notifications_disabled"),
        (PILOT_ADDED, {"character_notifications_enabled": False}, {}, "character_notifications_disabled"),
        (PILOT_ADDED, {}, {"character_notifications_enabled": False}, "map_character_disabled"),
        (PILOT_ADDED, {}, {"character_exclude": frozenset({PILOT})}, "excluded"),
        (evolve(PILOT_ADDED, by="load"), {}, {}, "first_load"),
        (evolve(PILOT_ADDED, by="reconcile", gap_s=99999.0), {}, {}, "gap_too_long"),
        (RALLY, {"rally_notifications_enabled": False}, {}, "rally_notifications_disabled"),
        (RALLY, {}, {"rally_notifications_enabled": False}, "map_rally_disabled"),
        (RALLY, {}, {"notifications_enabled": False}, "map_notifications_disabled"),
        (evolve(RALLY, created_at=NOW - timedelta(minutes=11)), {}, {}, "too_old"),
    ],
)
def test_refusals_say_why(change: Change, globals_: dict[str, Any], of_map: dict[str, Any], reason: str) -> None:
    verdicts = decide(change, globals_, **of_map)
    assert reasons(verdicts) == [reason]
    assert not sends(verdicts)


@pytest.mark.parametrize("gap_s", [0.0, 3600.0])
def test_what_a_comparison_finds_after_a_short_gap_is_told(gap_s: float) -> None:
    assert sends(decide(evolve(ADDED, by="reconcile", gap_s=gap_s)))
    assert sends(decide(evolve(PILOT_ADDED, by="reconcile", gap_s=gap_s)))


@pytest.mark.parametrize("where", ["global", "map"])
def test_s09_a_priority_system_is_told_here_though_systems_are_off(where: str) -> None:
    off: dict[str, Any] = {"system_notifications_enabled": False}
    of_all, of_map = (off, {}) if where == "global" else ({}, off)
    verdicts = decide(ADDED, {"priority": PRIORITY} | of_all, **of_map)
    assert only_send(verdicts).mention == Mention(here=True)


@pytest.mark.parametrize(
    ("flags", "voice", "mention"),
    [
        ({}, ("11",), Mention(here=True)),
        ({"voice_mentions": True}, ("22", "11"), Mention(users=("11", "22"))),
        ({"voice_mentions": True}, (), Mention(here=True)),
        ({"voice_mentions": True, "here_fallback": False}, (), Mention()),
        ({"here_fallback": False}, (), Mention()),
        ({"priority_only": True}, (), Mention(here=True)),
    ],
)
def test_who_a_priority_system_pings(flags: dict[str, Any], voice: tuple[str, ...], mention: Mention) -> None:
    assert only_send(decide(ADDED, {"priority": PRIORITY}, voice, **flags)).mention == mention


def test_an_ordinary_system_pings_nobody() -> None:
    assert only_send(decide(ADDED, voice=("11",), voice_mentions=True)).mention == Mention()


@pytest.mark.parametrize("name", ["Jita", "JITA", "jita"])
def test_priority_names_match_in_any_case(name: str) -> None:
    added = evolve(ADDED, system=SystemRecord(system_id=JITA, name=name))
    assert only_send(decide(added, {"priority": Priority(names=frozenset({"jita"}))})).mention.here


def test_m14_a_renamed_system_keeps_its_priority_by_id() -> None:
    added = evolve(ADDED, system=evolve(J, custom_name="Den"))
    assert only_send(decide(added, {"priority": Priority(ids=frozenset({HOME}))})).mention.here


def test_c02_a_pilot_goes_to_the_character_channel() -> None:
    send = only_send(decide(PILOT_ADDED))
    assert (send.kind, send.channel, send.claim) == ("character", "500", "character:m1:95000001")
    assert send.expires_at == NOW + timedelta(hours=6)


def test_channels_fall_back_to_the_primary_one() -> None:
    for change in (ADDED, PILOT_ADDED, RALLY):
        assert only_send(decide(change, channels=Channels(primary="100", system="", rally=" "))).channel == "100"


def test_a_rally_pings_its_roles_in_order() -> None:
    send = only_send(decide(RALLY, rally_role_ids=("22", "11", "22", "everyone", "")))
    assert (send.channel, send.claim) == ("600", "rally:m1:0b9c")
    assert send.mention == Mention(roles=("22", "11"))
    assert send.expires_at == NOW + timedelta(minutes=10)


def test_a_rally_without_a_time_is_told() -> None:
    assert sends(decide(evolve(RALLY, created_at=None), first_start=NOW))


def test_what_counts_as_a_long_gap_can_be_said() -> None:
    for change in (evolve(ADDED, by="reconcile", gap_s=100.0), evolve(PILOT_ADDED, by="reconcile", gap_s=100.0)):
        rules = Rules(maps=(MapRules(slug="m1", channels=CHANNELS),))
        told = {
            limit: bool(sends(decide_change(change, rules, now=NOW, first_start=FIRST_START, max_gap_s=limit)))
            for limit in (99.0, 100.0, None)
        }
        assert told == {99.0: False, 100.0: True, None: True}


@pytest.mark.parametrize("change", [ADDED, PILOT_ADDED, RALLY])
def test_without_any_channel_nobody_is_told_and_it_is_said(change: Change) -> None:
    assert reasons(decide(change, channels=Channels())) == ["no_channel"]


@pytest.mark.parametrize(
    ("change", "kind"), [(ADDED, "system"), (PILOT_ADDED, "character"), (RALLY, "rally")], ids=lambda one: str(one)[:9]
)
def test_kind_and_route_are_those_of_the_news(change: Change, kind: str) -> None:
    send = only_send(decide(change))
    assert (send.kind, send.route, send.slug) == (kind, kind, "m1")


def test_the_first_reason_counts() -> None:
    old = evolve(RALLY, created_at=NOW - timedelta(hours=1))
    assert reasons(decide(old, {"rally_notifications_enabled": False})) == ["rally_notifications_disabled"]
    assert reasons(decide(old, {"notifications_enabled": False})) == ["notifications_disabled"]
    assert reasons(decide(old, rally_notifications_enabled=False)) == ["map_rally_disabled"]
