"""How special kills read: cases of `cases.md` K and rows of notifications.md 9 that concern words and pictures."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from tests.core.base import (
    HOME,
    JITA,
    NOW,
    PILOT,
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
from wanderer_notifier.core.events import Kill, SystemRecord
from wanderer_notifier.core.hulls import DEPLOYABLES, STRUCTURES, UPWELL, hull_of
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.render import render_kill, render_text
from wanderer_notifier.core.rules import Send

SEND = Send(kind="kill", slug="m1", channel="200", route="system_kill", claim="kill:128000001", expires_at=NOW)
PLAYER = {"character_id": 95000002, "character_name": "Bram", "corporation_id": 98000202, "ship_name": "Sabre",
          "final_blow": True, "damage_done": 10}  # fmt: skip
RAT = {"corporation_id": 1000127, "damage_done": 1, "ship_name": "Pithum Nullifier"}


def kill(**changes: Any) -> Kill:
    return parse_kill(mail(**changes), None)


def embed(event: Kill, send: Send = SEND) -> dict[str, Any]:
    message = render_kill(event, send)
    assert problems(message) == []
    (one,) = message.embeds
    return one


def ending(**changes: Any) -> str:
    """What the sentence says of the attackers."""
    text: str = embed(kill(**changes))["description"]
    return text.split("\n\n")[0].partition(" to ")[2]


@pytest.mark.parametrize(
    ("attackers", "words"),
    [
        ([{"final_blow": True, "damage_done": 9, "security_status": 0}], "an NPC **Unknown Ship**."),
        ([{"faction_id": 500010, "final_blow": True}], "an NPC of **Guristas Pirates**."),
        ([{"faction_id": 999999, "final_blow": True}], "an NPC **Unknown Ship**."),
        ([RAT | {"faction_id": 500010}], "an NPC **Pithum Nullifier** (Guristas Pirates)."),
        ([RAT], "an NPC **Pithum Nullifier**."),
    ],
)
def test_k02_k10_npcs_are_named_by_hull_or_faction(attackers: list[dict[str, Any]], words: str) -> None:
    assert ending(attackers=attackers) == words
    assert sends(decide(mail(attackers=attackers)))


def test_k10_the_top_damage_of_a_faction() -> None:
    assert ending(attackers=[PLAYER, {"faction_id": 500020, "damage_done": 99}]).endswith(
        ", Top Damage was done by an NPC of **Serpentis**."
    )


def test_a_pilot_of_a_faction_is_no_npc() -> None:
    assert ending(attackers=[PLAYER | {"faction_id": 500010}]).startswith("**[Bram]")


def test_k04_a_kill_without_attackers_is_posted_and_not_solo() -> None:
    assert ending(attackers=[], zkb={"solo": True, "labels": ["solo"]}) == "unknown attackers"
    assert sends(decide(mail(attackers=[])))


CITADEL = {"corporation_id": 98000202, "corporation_name": "Tidewrack Salvage", "corporation_ticker": "TDWRK",
           "ship_type_id": 35832, "ship_name": "Astrahus", "final_blow": True, "damage_done": 7}  # fmt: skip


def test_k06_a_structure_alone_is_a_player_and_named_with_its_owner() -> None:
    owner = "**Tidewrack Salvage**(**[TDWRK](https://zkillboard.com/corporation/98000202/)**)"
    assert ending(attackers=[CITADEL]) == f"{owner} using an **Astrahus**."
    assert sends(decide(mail(attackers=[CITADEL], zkb={"npc": True})))
    assert ending(attackers=[PLAYER, CITADEL | {"final_blow": False, "damage_done": 90}]).endswith(
        f", Top Damage was done by {owner} using an **Astrahus**."
    )


@pytest.mark.parametrize(
    ("hull", "name", "title", "picture"),
    [
        (587, "Rifter", "Ship", "render?size=512"),
        (670, "Capsule", "Ship", "render?size=512"),
        (35834, "Keepstar", "Structure", "render?size=512"),
        (2233, "Customs Office", "Structure", "icon?size=64"),
        (33475, "Mobile Tractor Unit", "Deployable", "icon?size=64"),
        (33475, None, "Deployable", "icon?size=64"),
        (77777, "'Packrat' Mobile Tractor Unit", "Deployable", "icon?size=64"),
        (77777, "Automobile", "Ship", "render?size=512"),
        (99999999, None, "Ship", "render?size=512"),
    ],
)
def test_k07_k50_the_noun_and_the_picture_fit_the_hull(hull: int, name: str | None, title: str, picture: str) -> None:
    shown = embed(kill(victim={"corporation_id": 98000101, "ship_type_id": hull, "ship_name": name}))
    assert shown["title"] == f"{title} destroyed in System {HOME}"
    assert shown["thumbnail"]["url"] == f"https://images.evetech.net/types/{hull}/{picture}"
    assert f"lost their **{name or 'Unknown Ship'}**" in shown["description"]


def test_kinds_of_hulls_do_not_overlap() -> None:
    assert UPWELL < STRUCTURES
    assert not STRUCTURES & DEPLOYABLES
    assert hull_of(kill().victim) == "ship"


@pytest.mark.parametrize(
    ("zkb", "helpers", "words"),
    [
        ({"labels": ["solo"]}, 3, " solo, with 3 NPCs."),
        ({"solo": True}, 1, " solo, with 1 NPC."),
        ({"solo": True}, 2, " solo, with 2 NPCs."),
        ({"solo": True}, 0, " solo."),
        ({"labels": ["#:2+"]}, 3, ", and 3 others."),
        ({}, 3, ", and 3 others."),
    ],
)
def test_k41_npcs_are_no_pilots_of_a_solo_kill(zkb: dict[str, Any], helpers: int, words: str) -> None:
    text = ending(attackers=[PLAYER] + [RAT] * helpers, zkb=zkb)
    assert text == ("**[Bram](https://zkillboard.com/character/95000002/)**(**????**) flying in a **Sabre**" + words)


@pytest.mark.parametrize(
    "attackers",
    [[PLAYER, PLAYER | {"character_id": 95000003, "final_blow": False}], [PLAYER, CITADEL | {"final_blow": False}]],
    ids=["two pilots", "with a structure"],
)
def test_k41_whoever_is_no_npc_ends_the_solo(attackers: list[dict[str, Any]]) -> None:
    assert "solo" not in ending(attackers=attackers, zkb={"solo": True})


def test_k41_npcs_among_themselves_are_not_solo() -> None:
    assert ending(attackers=[RAT, RAT], zkb={"solo": True}) == "an NPC **Pithum Nullifier**, and 1 other."


def test_k41_an_abridged_list_is_not_called_solo() -> None:
    assert "solo" not in ending(attackers=[PLAYER, RAT], attacker_count=9, zkb={"solo": True})


def test_k41_npcs_that_strike_last_are_named_as_ever() -> None:
    text = ending(attackers=[PLAYER | {"final_blow": False}, RAT | {"final_blow": True}], zkb={"solo": True})
    assert text.startswith("an NPC **Pithum Nullifier**, Top Damage was done by **[Bram]")


@pytest.mark.parametrize(
    ("changes", "marked"),
    [
        ({"zkb": {"awox": True, "totalValue": 1e8}}, True),
        ({"attackers": [attacker(corporation_id=98000900)]}, True),
        ({"attackers": [attacker(), attacker(corporation_id=98000900, final_blow=False)]}, True),
        ({}, False),
        ({"victim": victim(corporation_id=1000127), "attackers": [RAT]}, False),  # the game's own
        ({"victim": victim(corporation_id=None), "attackers": [attacker(corporation_id=None)]}, False),
        ({"attackers": [attacker(corporation_id=98000900, character_id=95000009)]}, False),  # by their own hand
        ({"attackers": []}, False),
    ],
)
def test_k52_friendly_fire_is_marked(changes: dict[str, Any], marked: bool) -> None:
    assert embed(kill(**changes))["description"].endswith(" • friendly fire") is marked


def test_k52_friendly_fire_is_one_post_a_loss_and_a_kill() -> None:
    ours = (PILOT, 95000002)
    raw = mail(
        victim=victim(character_id=PILOT, corporation_id=98000101),
        attackers=[attacker(character_id=95000002, corporation_id=98000101)],
        zkb={"awox": True, "totalValue": 1e8},
    )
    (send,) = sends(decide(raw, known=tracking(tracked(characters=ours))))
    assert (send.victim_tracked, send.attacker_tracked, send.channel) == (True, True, "300")
    shown = embed(parse_kill(raw, None), send)
    assert (shown["author"]["name"], shown["color"]) == ("Loss", 0xE74C3C)
    assert shown["description"].endswith("friendly fire")


def test_k17_the_value_is_the_total_not_the_destroyed_part() -> None:
    event = kill(zkb={"totalValue": 856e6, "destroyedValue": 700e6, "droppedValue": 156e6})
    assert "Value: 856.00M ISK" in embed(event)["description"]


def test_k15_an_unknown_value_is_not_zero() -> None:
    assert "ISK" not in embed(kill(zkb={"hash": "a"}))["description"]
    assert "ISK" not in (render_text(kill(zkb={"hash": "a"}), SEND).content or "")


def test_k26_k27_ids_need_no_order_and_may_have_holes() -> None:
    claims = [sends(decide(mail(killmail_id=number)))[0].claim for number in (105, 103, 104, 110)]
    assert claims == ["kill:105", "kill:103", "kill:104", "kill:110"]


def test_k36_the_roles_of_attackers_are_not_mixed() -> None:
    """A tracked pilot among the attackers is told of, whoever struck last; only the green colour follows."""
    raw = mail(attackers=[attacker(final_blow=True), attacker(character_id=PILOT, final_blow=False)])
    (send,) = sends(decide(raw))
    assert (send.victim_tracked, send.attacker_tracked) == (False, True)
    assert embed(parse_kill(raw, None), send)["author"]["icon_url"].startswith(
        "https://images.evetech.net/corporations/98000800/"
    )


def test_k40_excluded_says_so_although_the_corporation_is_in_focus() -> None:
    one = one_map(corporation_focus=frozenset({98000800}), system_exclude_ids=frozenset({HOME}))
    assert reasons(decide(mail(), rules(one))) == ["excluded"]


def test_k42_removed_ids_may_be_text() -> None:
    raw = mail(system_id="31000123", victim=victim(character_id="95000001"))
    assert [send.channel for send in sends(decide(raw))] == ["300"]


def test_k47_pochven_is_not_wormhole_space() -> None:
    pochven = 30000021
    known = tracking(tracked(systems={pochven: SystemRecord(system_id=pochven, name="Kino")}))
    assert reasons(decide(mail(system_id=pochven), rules(one_map(wormhole_only=True)), known)) == ["wormhole_only"]


def test_k56_unknown_labels_and_wars_are_no_obstacle() -> None:
    raw = mail(war_id=700000, zkb={"labels": ["fw:amamin", "brand:new"], "totalValue": 1e8})
    assert sends(decide(raw))
    assert parse_kill(raw, None).labels == ("fw:amamin", "brand:new")


def test_w32_every_message_of_the_primary_channel_follows_its_rule_not_its_channel() -> None:
    one = one_map(voice_mentions=True, channels={"system_kill": None, "character_kill": None})
    (send,) = sends(decide(mail(victim=victim(character_id=PILOT)), rules(one), voice=("11",)))
    assert (send.channel, send.system_label, send.mention) == ("100", "J123456", Mention())
    (send,) = sends(decide(mail(), rules(one), voice=("11",)))
    assert (send.channel, send.system_label, send.mention) == ("100", "Home", Mention(users=("11",)))


def test_w38_names_keep_their_capitals() -> None:
    shown = embed(kill(victim=victim(character_name="Ines McKay")), evolve(SEND, system_label="1DQ1-A"))
    assert shown["title"] == "Ship destroyed in 1DQ1-A"
    assert "[Ines McKay]" in shown["description"]


def test_w40_isk_is_said_once() -> None:
    assert "ISK ISK" not in str(render_kill(kill(), SEND).body()) + str(render_text(kill(), SEND).body())


@pytest.mark.parametrize(
    ("custom", "temporary", "name", "shown"),
    [
        ("Home", "1-A", "J123456", "Home"),
        ("", "1-A", "J123456", "1-A"),
        (None, "1-A", "J123456", "1-A"),
        (None, None, "J123456", "J123456"),
        (None, None, None, f"System {HOME}"),
    ],
)
def test_e07_the_system_channel_shows_the_players_name(
    custom: str | None, temporary: str | None, name: str | None, shown: str
) -> None:
    record = SystemRecord(system_id=HOME, name=name, custom_name=custom, temporary_name=temporary)
    (send,) = sends(decide(mail(), known=tracking(tracked(systems={HOME: record}))))
    assert embed(kill(), send)["title"] == f"Ship destroyed in {shown}"


def test_e08_the_character_channel_shows_the_eve_name() -> None:
    for raw in (mail(victim=victim(character_id=PILOT)), mail(attackers=[attacker(character_id=PILOT)])):
        (send,) = sends(decide(raw))
        assert embed(parse_kill(raw, None), send)["title"] == "Ship destroyed in J123456"


def test_e08_the_eve_name_comes_from_another_map_if_only_that_knows_it() -> None:
    second = one_map("m2", channels={"primary": "101", "system_kill": "2", "character_kill": "3"})
    known = tracking(
        tracked(systems={}), tracked("m2", {JITA: SystemRecord(system_id=JITA, name="Jita", custom_name="Hub")}, ())
    )
    raw = mail(system_id=JITA, victim=victim(character_id=PILOT))
    labels = {send.slug: send.system_label for send in sends(decide(raw, rules(one_map(), second), known))}
    assert labels == {"m1": "Jita", "m2": "Hub"}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (mail(system_id=..., solar_system_id=HOME, victim=..., attackers=...), True),  # E01
        (mail(victim=victim(corporation_id=None)), True),  # E03
        (mail(attackers=[attacker(character_id=None, corporation_id=None), attacker(final_blow=False)]), True),  # E04
        (mail(attackers=[attacker(corporation_id=number) for number in (1, 98000700, 2)]), True),  # E05
        (mail(system_id=31000123.7), True),  # E23
    ],
    ids=["E01", "E03", "E04", "E05", "E23"],
)
def test_edge_rows_with_a_focus(raw: dict[str, Any], told: bool) -> None:
    focus = rules(one_map(corporation_focus=frozenset({98000700})))
    assert bool(sends(decide(raw, focus))) is told


def test_e05_any_attacker_may_be_in_focus() -> None:
    raw = mail(attackers=[attacker(corporation_id=number) for number in (1, 98000700, 2)])
    assert [send.channel for send in sends(decide(raw, rules(one_map(corporation_focus=frozenset({98000700})))))] == [
        "300"
    ]


def test_e06_no_focus_means_no_rule() -> None:
    assert [send.channel for send in sends(decide(mail(), rules(one_map(corporation_focus=frozenset()))))] == ["200"]


@pytest.mark.parametrize(("late", "footer"), [(False, ""), (True, " • reported late")])
def test_a_late_report_says_so_in_its_foot(late: bool, footer: str) -> None:
    shown = embed(kill(), evolve(SEND, late=late))
    assert shown["footer"] == {"text": f"Killmail ID: 128000001{footer}"}


def test_notable_items_stand_between_the_sentence_and_the_value() -> None:
    lines = ("• Loki", "• Nanite Repair Paste x2500 (~62.50M ISK)")
    (with_items,), (without,) = (render_kill(kill(), SEND, items).embeds for items in (lines, ()))
    sentence, value = without["description"].split("\n\n")
    assert with_items["description"].split("\n\n") == [sentence, "**Notable Items:**\n" + "\n".join(lines), value]


@pytest.mark.parametrize(
    ("who", "text"),
    [
        ({"corporation_id": 98000101, "corporation_name": "Hollow", "ship_name": "Astrahus"}, "Hollow lost a Astrahus"),
        ({"corporation_id": 98000101, "ship_name": "Astrahus"}, "Unknown pilot lost a Astrahus"),
        ({"character_id": 1, "corporation_id": 98000101, "corporation_name": "Hollow"},
         "Unknown pilot lost a Unknown ship"),
        ({"character_name": "Vela", "corporation_id": 98000101, "corporation_name": "Hollow"},
         "Vela lost a Unknown ship"),
    ],
)  # fmt: skip
def test_the_plain_form_names_whoever_lost_it(who: dict[str, Any], text: str) -> None:
    assert (render_text(kill(victim=who), SEND).content or "").startswith(f"{text} in System {HOME}")


@pytest.mark.parametrize(
    ("corporation", "structure"), [(1_999_999, False), (2_000_000, True), (2_000_001, True), (None, False)]
)
def test_the_border_between_the_games_corporations_and_the_players(corporation: int | None, structure: bool) -> None:
    lone = {"corporation_id": corporation, "ship_name": "Thing", "final_blow": True, "damage_done": 1}
    assert (" using a " in ending(attackers=[lone])) is structure
    fire = kill(victim=victim(corporation_id=corporation), attackers=[attacker(corporation_id=corporation)])
    assert embed(fire)["description"].endswith("friendly fire") is structure


@pytest.mark.parametrize(("ship", "words"), [("Astrahus", "an"), ("azbel", "an"), ("Keepstar", "a"), (None, "an")])
def test_the_article_fits_the_structure(ship: str | None, words: str) -> None:
    lone = {"corporation_id": 98000202, "ship_type_id": 35834, "ship_name": ship, "final_blow": True}
    assert ending(attackers=[lone]) == (
        f"**Unknown Corporation**(**????**) using {words} **{ship or 'Unknown Ship'}**."
    )


def test_an_owner_may_be_known_by_the_ticker_alone() -> None:
    lone = {"corporation_id": 98000202, "corporation_ticker": "TDWRK", "ship_name": "Keepstar", "final_blow": True}
    assert ending(attackers=[lone]).startswith("**TDWRK**(**[TDWRK]")


def test_long_tickers_and_hulls_are_cut() -> None:
    who = PLAYER | {"corporation_ticker": "t" * 17, "ship_name": "s" * 65}
    assert ending(attackers=[who]).startswith(
        f"**[Bram](https://zkillboard.com/character/95000002/)**(**[{'t' * 15}…](https://zkillboard.com/corporation/"
        f"98000202/)**) flying in a **{'s' * 63}…** solo."
    )
    fits = PLAYER | {"corporation_ticker": "t" * 16, "ship_name": "s" * 64}
    assert f"[{'t' * 16}]" in ending(attackers=[fits])
    assert f"**{'s' * 64}** solo." in ending(attackers=[fits])


def test_two_attackers_are_not_solo_and_an_abridged_list_counts_the_others() -> None:
    assert ending(attackers=[PLAYER], attacker_count=2).endswith("**Sabre**, and 1 other.")
    assert ending(attackers=[PLAYER], attacker_count=1).endswith("**Sabre** solo.")
