"""The truth table of notifications.md 1.5, Target column, row by row."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import frozen

from tests.core.base import (
    HOME,
    JITA,
    NOW,
    PILOT,
    THERA,
    ago,
    attacker,
    decide,
    mail,
    one_map,
    reasons,
    rules,
    sends,
    tracked,
    tracking,
    victim,
)
from wanderer_notifier.core.events import KillSource, SystemRecord
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.policy import Priority
from wanderer_notifier.core.render import render_kill
from wanderer_notifier.core.rules import Rules
from wanderer_notifier.core.tracking import Tracking

FAR = 30000999
"""Untracked."""

TWO_PILOTS = [attacker(), attacker(character_id=PILOT, final_blow=False)]
BOTH_VOICES = ("22", "11")


@frozen(kw_only=True)
class Row:
    name: str
    raw: dict[str, Any]
    settings: Rules = rules()
    known: Tracking = tracking()
    source: KillSource = "live"
    process_age_s: float = 86400.0
    voice: tuple[str, ...] = ()
    to: tuple[tuple[str, str], ...] = ()
    """Channel and the system in the title, per message."""
    skip: str | None = None
    author: str = "Kill"
    content: str | None = None


def home(channel: str = "200") -> tuple[tuple[str, str], ...]:
    return ((channel, "Home"),)


def eve(channel: str = "300", name: str = "J123456") -> tuple[tuple[str, str], ...]:
    return ((channel, name),)


def flags(**changes: Any) -> Rules:
    return rules(one_map(**changes))


NO_SPECIAL = {"system_kill": None, "character_kill": None}
WORMHOLES = flags(wormhole_only=True)
SECOND = one_map("m2", channels={"primary": "101", "system_kill": "2", "character_kill": "3"})
ONLY_HOME = {HOME: SystemRecord(system_id=HOME, name="J123456", custom_name="Home")}

ROWS = [
    Row(name="T01", raw=mail(), to=home()),
    Row(name="T02", raw=mail(system_id=FAR, victim=victim(character_id=PILOT)), to=eve(name="System 30000999"),
        author="Loss"),
    Row(name="T03", raw=mail(system_id=FAR, attackers=TWO_PILOTS), to=eve(name="System 30000999")),
    Row(name="T04", raw=mail(victim=victim(character_id=PILOT)), to=eve(), author="Loss"),
    Row(name="T05", raw=mail(attackers=[attacker(character_id=PILOT)]), to=eve()),
    Row(name="T06", raw=mail(system_id=FAR), skip="not_tracked"),
    Row(name="T07", raw=mail(), settings=rules(notifications_enabled=False), skip="notifications_disabled"),
    Row(name="T08", raw=mail(), settings=rules(kill_notifications_enabled=False), skip="kill_notifications_disabled"),
    Row(name="T09", raw=mail(), settings=flags(notifications_enabled=False), skip="map_notifications_disabled"),
    Row(name="T10", raw=mail(), settings=flags(kill_notifications_enabled=False), skip="map_kill_disabled"),
    Row(name="T11-preload", raw=mail(), source="preload", process_age_s=29, skip="startup_suppression"),
    Row(name="T11-cached", raw=mail(), source="cached", process_age_s=29, skip="startup_suppression"),
    Row(name="T11-preload-not-suppressed", raw=mail(), settings=rules(suppress_history=False), source="preload",
        process_age_s=29, to=home()),
    Row(name="T11-preload-after-start", raw=mail(kill_time=ago(10)), source="preload", process_age_s=29, to=home()),
    Row(name="T11-live", raw=mail(kill_time=ago(10)), process_age_s=29, to=home()),
    Row(name="T11-live-before-start", raw=mail(), process_age_s=29, to=home()),
    Row(name="T12", raw=mail(), process_age_s=30, to=home()),
    Row(name="T13", raw=mail(kill_time=ago(3590)), to=home()),
    Row(name="T13-limit", raw=mail(kill_time=ago(3600)), to=home()),
    Row(name="T14", raw=mail(kill_time=ago(3605)), skip="too_old"),
    Row(name="T15", raw=mail(kill_time=ago(700)), settings=rules(max_kill_age_s=600), skip="too_old"),
    Row(name="T16", raw=mail(kill_time=None), to=home()),
    Row(name="T16-preload", raw=mail(kill_time=None), source="preload", skip="unknown_age"),
    Row(name="T17", raw=mail(kill_time="yesterday"), to=home()),
    Row(name="T17-preload", raw=mail(kill_time="yesterday"), source="preload", skip="unknown_age"),
    Row(name="T18", raw=mail(kill_time="2020-01-01T00:00:00"), skip="too_old"),
    Row(name="T19", raw=mail(kill_time=ago(-7200)), to=home()),
    Row(name="T20", raw=mail(system_id=JITA), settings=WORMHOLES, skip="wormhole_only"),
    Row(name="T21", raw=mail(system_id=FAR, victim=victim(character_id=PILOT)), settings=WORMHOLES,
        skip="wormhole_only"),
    Row(name="T22", raw=mail(), settings=WORMHOLES, to=home()),
    Row(name="T23", raw=mail(system_id=THERA), settings=WORMHOLES, to=eve("200", "Thera")),
    Row(name="T24", raw=mail(system_id=31999999), settings=WORMHOLES, to=eve("200", "J999999")),
    Row(name="T25", raw=mail(system_id=32000001), settings=WORMHOLES, skip="wormhole_only"),
    Row(name="T26", raw=mail(victim=victim(character_id=PILOT)), settings=WORMHOLES, to=eve(), author="Loss"),
    Row(name="T27", raw=mail(), settings=flags(corporation_focus=frozenset({98000900})), to=eve()),
    Row(name="T28", raw=mail(), settings=flags(corporation_focus=frozenset({98000800})), to=eve()),
    Row(name="T29", raw=mail(system_id=FAR), settings=flags(corporation_focus=frozenset({98000900})),
        skip="not_tracked"),
    Row(name="T30", raw=mail(),
        settings=flags(corporation_focus=frozenset({98000900}), channels={"character_kill": None}), to=eve("100")),
    Row(name="T31", raw=mail(victim=victim(corporation_id="98000900")),
        settings=flags(corporation_focus=frozenset({98000900})), to=eve()),
    Row(name="T32", raw=mail(system_id=JITA),
        settings=flags(corporation_focus=frozenset({98000900}), wormhole_only=True), skip="wormhole_only"),
    Row(name="T38", raw=mail(), settings=rules(one_map(), SECOND),
        known=tracking(tracked(), tracked("m2", ONLY_HOME, ())), to=(("200", "Home"), ("2", "Home")),
        author="Kill Kill"),
    Row(name="T39", raw=mail(), settings=rules(one_map(), one_map("m2")),
        known=tracking(tracked(), tracked("m2", ONLY_HOME, ())), to=home(), skip="same_channel"),
    Row(name="T40", raw=mail(victim=victim(character_id=PILOT)), settings=rules(one_map(), SECOND),
        known=tracking(tracked(characters=()), tracked("m2", {}, (PILOT,))), to=(("200", "Home"), ("3", "J123456")),
        author="Kill Loss"),
    Row(name="T41", raw=mail(), settings=flags(channels={"system_kill": None}), to=home("100")),
    Row(name="T42", raw=mail(), settings=flags(channels={"system_kill": "  "}), to=home("100")),
    Row(name="T43", raw=mail(victim=victim(character_id=PILOT)), settings=flags(channels={"character_kill": None}),
        to=eve("100"), author="Loss"),
    Row(name="T44", raw=mail(victim=victim(character_id=PILOT)), settings=flags(channels=NO_SPECIAL), to=eve("100"),
        author="Loss"),
    Row(name="T45", raw=mail(), settings=flags(channels=NO_SPECIAL | {"primary": None}), skip="no_channel"),
    Row(name="T47", raw=mail(system_id="31000123"), to=home()),
    Row(name="T49", raw=mail(system_id=..., solar_system_id=HOME), to=home()),
    Row(name="T51", raw=mail(attackers=[attacker(character_id=None, corporation_id=1000127)]), to=home()),
    Row(name="T52", raw=mail(victim=victim(ship_type_id=670)), to=home()),
    Row(name="T53", raw=mail(zkb={}), to=home()),
    Row(name="T54", raw=mail(zkb=None), to=home()),
    Row(name="T55-null", raw=mail(attackers=None), to=home()),
    Row(name="T55-missing", raw=mail(attackers=...), to=home()),
    Row(name="T56", raw=mail(attackers=[None]), to=home()),
    Row(name="T57", raw=mail(victim=None), to=home()),
    Row(name="T58", raw=mail(victim=...), to=home()),
    Row(name="T59", raw=mail(victim=victim(character_id=str(PILOT))), to=eve(), author="Loss"),
    Row(name="T60", raw=mail(system_id=FAR, attackers=[attacker(character_id=str(PILOT))]),
        to=eve(name="System 30000999")),
    Row(name="T61", raw=mail(zkb={"totalValue": "100"}), to=home()),
    Row(name="T62", raw=mail(), settings=flags(priority_only=True), skip="priority_only"),
    Row(name="T62-pilot", raw=mail(victim=victim(character_id=PILOT)), settings=flags(priority_only=True), to=eve(),
        author="Loss"),
    Row(name="T62-priority", raw=mail(),
        settings=rules(one_map(priority_only=True, here_fallback=False), priority=Priority(names=frozenset({"home"}))),
        to=home()),
    Row(name="T63", raw=mail(system_id=JITA), settings=flags(track_kspace=False), skip="kspace_disabled"),
    Row(name="T63-pilot", raw=mail(system_id=JITA, victim=victim(character_id=PILOT)),
        settings=flags(track_kspace=False), to=eve(name="Jita"), author="Loss"),
    Row(name="T64", raw=mail(victim=victim(character_id=PILOT)),
        settings=flags(character_exclude=frozenset({PILOT}), system_exclude_ids=frozenset({HOME})), skip="excluded"),
    Row(name="T64-name", raw=mail(), settings=flags(system_exclude_names=frozenset({"j123456"})), skip="excluded"),
    Row(name="T64-pilot-only", raw=mail(system_id=FAR, victim=victim(character_id=PILOT)),
        settings=flags(character_exclude=frozenset({PILOT})), skip="excluded"),
    Row(name="T65", raw=mail(), settings=flags(voice_mentions=True), voice=BOTH_VOICES, to=home(),
        content="<@11> <@22>"),
    Row(name="T66", raw=mail(victim=victim(character_id=PILOT)), settings=flags(voice_mentions=True),
        voice=BOTH_VOICES, to=eve(), author="Loss"),
    Row(name="T67", raw=mail(), settings=flags(voice_mentions=True), to=home()),
    Row(name="T67-priority", raw=mail(),
        settings=rules(one_map(voice_mentions=True), priority=Priority(ids=frozenset({HOME}))), to=home(),
        content="@here"),
    Row(name="T67-priority-no-fallback", raw=mail(),
        settings=rules(one_map(here_fallback=False), priority=Priority(ids=frozenset({HOME}))), to=home()),
    Row(name="T68", raw=mail(victim=victim(character_id=PILOT)),
        settings=flags(voice_mentions=True, channels=NO_SPECIAL), voice=BOTH_VOICES, to=eve("100"), author="Loss"),
    Row(name="T69", raw=mail(system_id=FAR, victim=victim(character_id=PILOT)),
        settings=flags(voice_mentions=True, channels=NO_SPECIAL), voice=BOTH_VOICES,
        to=eve("100", "System 30000999"), author="Loss"),
]  # fmt: skip


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row: Row) -> None:
    verdicts = decide(
        row.raw,
        row.settings,
        row.known,
        source=row.source,
        first_start=NOW - timedelta(seconds=row.process_age_s),
        voice=row.voice,
    )
    messages = [(send.channel, render_kill(parse_kill(row.raw, None), send)) for send in sends(verdicts)]
    shown = tuple(
        (channel, message.embeds[0]["title"].removeprefix("Ship destroyed in ")) for channel, message in messages
    )
    assert shown == row.to
    assert reasons(verdicts) == ([row.skip] if row.skip else [])
    assert " ".join(message.embeds[0]["author"]["name"] for _, message in messages) == (row.author if row.to else "")
    for _, message in messages:
        assert message.content == row.content


def test_t12_preload_of_a_kill_at_the_very_start_is_sent() -> None:
    assert sends(decide(mail(), source="preload", first_start=NOW - timedelta(seconds=60)))


@pytest.mark.parametrize(("started_s", "told"), [(0.999, True), (1.0, False)])
def test_a_preload_tells_a_kill_of_the_second_in_which_we_first_started(started_s: float, told: bool) -> None:
    """Mails say whole seconds: one that happened right after the start must not count as from before it."""
    at = NOW - timedelta(seconds=60)
    raw = mail(kill_time=at.isoformat())
    assert bool(sends(decide(raw, source="preload", first_start=at + timedelta(seconds=started_s)))) is told


def test_t33_and_t34_a_repeat_has_the_same_claim() -> None:
    first, second = (sends(decide(raw))[0] for raw in (mail(), mail(killmail_id="128000001")))
    assert first.claim == second.claim == "kill:128000001"
    assert first.channel == second.channel


def test_t35_to_t37_a_refused_delivery_does_not_spoil_the_next() -> None:
    assert not sends(decide(mail(), known=Tracking()))
    assert not sends(decide(mail(), source="preload", first_start=NOW))
    assert sends(decide(mail(victim=None)))  # a null victim no longer crashes
    assert sends(decide(mail()))


@pytest.mark.parametrize("system_id", [None, "abc", True, "", [31000123], -5, "31000123x", 0], ids=repr)
def test_t46_and_t48_without_a_system_there_is_no_kill(system_id: object) -> None:
    with pytest.raises(BadKillmail, match="missing_system_id"):
        parse_kill(mail(system_id=system_id), None)


@pytest.mark.parametrize("killmail_id", [None, "", 1.28e8, True, "abc", 0, -1, 2**63, ...], ids=repr)
def test_t50_without_an_id_there_is_no_kill(killmail_id: object) -> None:
    with pytest.raises(BadKillmail, match="missing_killmail_id"):
        parse_kill(mail(killmail_id=killmail_id), None)


def test_t65_allows_exactly_the_two_voice_users_to_be_pinged() -> None:
    (send,) = sends(decide(mail(), rules(one_map(voice_mentions=True)), voice=("22", "11", "22", "@everyone")))
    assert render_kill(parse_kill(mail(), None), send).body("n")["allowed_mentions"] == {
        "parse": [],
        "users": ["11", "22"],
        "roles": [],
    }


def test_w10_ninety_voices_fit_into_content() -> None:
    crowd = tuple(str(81384788765712000 + number) for number in range(90))
    (send,) = sends(decide(mail(), rules(one_map(voice_mentions=True)), voice=crowd))
    content = render_kill(parse_kill(mail(), None), send).content or ""
    assert len(content) <= 2000
    assert content == " ".join(f"<@{user}>" for user in send.mention.users)
    assert len(send.mention.users) > 80


def test_a_map_that_is_not_concerned_says_so_beside_one_that_is() -> None:
    verdicts = decide(mail(), rules(one_map(), SECOND), tracking(tracked()))
    assert [send.slug for send in sends(verdicts)] == ["m1"]
    assert reasons(verdicts) == ["not_tracked"]


@pytest.mark.parametrize(
    ("age_s", "lasts_s"),
    [(60, 3540), (3590, 900), (-7200, 3600)],
    ids=["until it is too old", "at least 15 minutes", "a clock ahead does not prolong"],
)
def test_a_kill_is_worth_sending_until_its_deadline(age_s: float, lasts_s: float) -> None:
    (send,) = sends(decide(mail(kill_time=ago(age_s))))
    assert send.expires_at - NOW == timedelta(seconds=lasts_s)


def test_k49_wormhole_only_never_falls_through_to_the_main_channel() -> None:
    assert reasons(decide(mail(system_id=JITA), WORMHOLES)) == ["wormhole_only"]
    with_pilot = decide(mail(system_id=JITA, victim=victim(character_id=PILOT)), WORMHOLES)
    assert reasons(with_pilot) == ["wormhole_only"]  # the filter covers kills of pilots too (T21)


@pytest.mark.parametrize(("system_id", "sent"), [(31000005, True), (30002086, False), (30100000, False)])
def test_k46_thera_is_wormhole_space_turnur_and_zarzakh_are_not(system_id: int, sent: bool) -> None:
    known = tracking(tracked(systems={system_id: SystemRecord(system_id=system_id)}))
    assert bool(sends(decide(mail(system_id=system_id), WORMHOLES, known))) is sent


def test_d22_a_blank_channel_is_unset() -> None:
    blank = flags(channels={"system_kill": " ", "character_kill": "", "primary": " 100 "})
    assert [send.channel for send in sends(decide(mail(), blank))] == ["100"]
