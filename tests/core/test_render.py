"""How a kill reads (notifications.md 3.2, Target): golden examples and the words around what is missing."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from tests.core.base import HOME, NOW, mail
from wanderer_notifier.core.events import Kill
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.message import Mention, Message
from wanderer_notifier.core.render import render_kill
from wanderer_notifier.core.rules import Send

TIME = "2026-03-20T18:05:09Z"
VELA = {"character_id": 95000001, "character_name": "Vela Ostrander", "corporation_id": 98000101,
        "corporation_ticker": "DRNK", "ship_type_id": 29984, "ship_name": "Tengu"}  # fmt: skip
BRAM = {"character_id": 95000002, "character_name": "bram o'connell", "corporation_id": 98000202,
        "corporation_ticker": "WHGB", "ship_name": "Sabre", "final_blow": True, "damage_done": 10}  # fmt: skip
INES = {"character_id": 95000003, "character_name": "Ines McKay", "corporation_id": 98000303,
        "corporation_ticker": "SLPR", "ship_name": "Loki", "damage_done": 90}  # fmt: skip
THIRD = {"character_id": 95000004, "character_name": "Third", "damage_done": 5}
NPC = {"corporation_id": 1000127, "ship_name": "Guristas Annihilator", "damage_done": 1}
STRUCTURE = {"corporation_id": 98000202, "corporation_name": "Tidewrack Salvage", "corporation_ticker": "TDWRK",
             "ship_name": "Astrahus", "final_blow": True, "damage_done": 7}  # fmt: skip

VELA_LINK = (
    "**[Vela Ostrander](https://zkillboard.com/character/95000001/)**"
    "(**[DRNK](https://zkillboard.com/corporation/98000101/)**)"
)
BRAM_LINK = (
    "**[bram o'connell](https://zkillboard.com/character/95000002/)**"
    "(**[WHGB](https://zkillboard.com/corporation/98000202/)**)"
)
INES_LINK = (
    "**[Ines McKay](https://zkillboard.com/character/95000003/)**"
    "(**[SLPR](https://zkillboard.com/corporation/98000303/)**)"
)
SEND = Send(kind="kill", slug="m1", channel="200", route="system_kill", claim="kill:128000001", expires_at=NOW)


def kill(**changes: Any) -> Kill:
    whole = {"killmail_id": 128000001, "kill_time": TIME, "victim": VELA, "attackers": [BRAM]}
    return parse_kill(mail(**whole | changes), None)


def embed(message: Message) -> dict[str, Any]:
    (one,) = message.embeds
    return one


def sentence(**changes: Any) -> str:
    text: str = embed(render_kill(kill(**changes), SEND))["description"]
    return text.split("\n\n")[0]


def test_k1_in_the_system_channel_with_two_voices() -> None:
    send = evolve(
        SEND,
        mention=Mention(users=("81384788765712384", "80351110224678912")),
        system_label="Home (Red Giant)",
    )
    event = kill(attackers=[BRAM, INES, THIRD, NPC], zkb={"totalValue": 1_234_567_890.12, "droppedValue": 412_000_000})
    assert render_kill(event, send).body("k128000001-9f3a1c") == {
        "content": "<@81384788765712384> <@80351110224678912>",
        "allowed_mentions": {"parse": [], "users": ["81384788765712384", "80351110224678912"], "roles": []},
        "nonce": "k128000001-9f3a1c",
        "enforce_nonce": True,
        "embeds": [
            {
                "title": "Ship destroyed in Home (Red Giant)",
                "url": "https://zkillboard.com/kill/128000001/",
                "color": 16776960,
                "author": {
                    "name": "Kill",
                    "icon_url": "https://images.evetech.net/corporations/98000202/logo?size=64",
                    "url": "https://zkillboard.com/kill/128000001/",
                },
                "thumbnail": {"url": "https://images.evetech.net/types/29984/render?size=512"},
                "description": f"{VELA_LINK} lost their **Tengu** to {BRAM_LINK} flying in a **Sabre**, "
                f"Top Damage was done by {INES_LINK} flying in a **Loki**, and 2 others.\n\n"
                "Value: 1.23B ISK • <t:1774029909:R>",
                "fields": [],
                "footer": {"text": "Killmail ID: 128000001"},
            }
        ],
    }


def test_k2_a_tracked_victim_is_a_red_loss() -> None:
    shown = embed(render_kill(kill(), evolve(SEND, victim_tracked=True, system_label="J123456")))
    assert shown["title"] == "Ship destroyed in J123456"
    assert shown["color"] == 15158332
    assert shown["author"] == {
        "name": "Loss",
        "icon_url": "https://images.evetech.net/corporations/98000101/logo?size=64",
        "url": "https://zkillboard.com/kill/128000001/",
    }


def test_k3_a_solo_kill_of_little_value() -> None:
    event = kill(killmail_id=128000002, zkb={"totalValue": 1_000_000})
    assert render_kill(event, evolve(SEND, system_label="1DQ1-A")).body("k128000002-51c07e") == {
        "allowed_mentions": {"parse": [], "users": [], "roles": []},
        "nonce": "k128000002-51c07e",
        "enforce_nonce": True,
        "embeds": [
            {
                "title": "Ship destroyed in 1DQ1-A",
                "url": "https://zkillboard.com/kill/128000002/",
                "color": 8421504,
                "author": {
                    "name": "Kill",
                    "icon_url": "https://images.evetech.net/corporations/98000202/logo?size=64",
                    "url": "https://zkillboard.com/kill/128000002/",
                },
                "thumbnail": {"url": "https://images.evetech.net/types/29984/render?size=512"},
                "description": f"{VELA_LINK} lost their **Tengu** to {BRAM_LINK} flying in a **Sabre** solo.\n\n"
                "Value: 1.00M ISK • <t:1774029909:R>",
                "fields": [],
                "footer": {"text": "Killmail ID: 128000002"},
            }
        ],
    }


def test_k4_everything_missing() -> None:
    event = parse_kill({"killmail_id": 3, "system_id": 30000142, "kill_time": TIME}, None)
    assert embed(render_kill(event, evolve(SEND, system_label="Jita"))) == {
        "title": "Ship destroyed in Jita",
        "url": "https://zkillboard.com/kill/3/",
        "color": 8421504,
        "author": {"name": "Kill", "url": "https://zkillboard.com/kill/3/"},
        "description": "**Unknown Pilot**(**????**) lost their **Unknown Ship** to unknown attackers\n\n"
        "<t:1774029909:R>",
        "fields": [],
        "footer": {"text": "Killmail ID: 3"},
    }


@pytest.mark.parametrize(
    ("attackers", "ending"),
    [
        ([BRAM], f"{BRAM_LINK} flying in a **Sabre** solo."),
        ([BRAM, INES], f"{BRAM_LINK} flying in a **Sabre**, Top Damage was done by {INES_LINK} flying in a **Loki**."),
        ([INES, THIRD | {"final_blow": True, "character_name": ""}],
         "**[Unknown](https://zkillboard.com/character/95000004/)**(**????**) flying in a **Unknown Ship**, "
         f"Top Damage was done by {INES_LINK} flying in a **Loki**."),
        ([INES | {"final_blow": True}, BRAM], f"{INES_LINK} flying in a **Loki**, and 1 other."),
        ([NPC], "an NPC **Guristas Annihilator**."),
        ([NPC, NPC, NPC], "an NPC **Guristas Annihilator**, and 2 others."),
        ([BRAM, NPC | {"damage_done": 99}],
         f"{BRAM_LINK} flying in a **Sabre**, Top Damage was done by a **Guristas Annihilator**."),
        ([{"final_blow": True, "damage_done": 9}], "an NPC **Unknown Ship**."),  # K02
        ([STRUCTURE],
         "**Tidewrack Salvage**(**[TDWRK](https://zkillboard.com/corporation/98000202/)**) using an **Astrahus**."),
        ([], "unknown attackers"),  # K04
        ([BRAM | {"damage_done": 0}, INES | {"damage_done": 0}], f"{BRAM_LINK} flying in a **Sabre**, and 1 other."),
    ],
)  # fmt: skip
def test_who_did_it(attackers: list[dict[str, Any]], ending: str) -> None:
    assert sentence(attackers=attackers) == f"{VELA_LINK} lost their **Tengu** to {ending}"


def test_w42_a_structure_dies_for_its_owner() -> None:
    owner = {"corporation_id": 98000101, "corporation_name": "Hollow Meridian", "corporation_ticker": "HMRD",
             "ship_name": "Keepstar"}  # fmt: skip
    named = "**Hollow Meridian**(**[HMRD](https://zkillboard.com/corporation/98000101/)**) lost their **Keepstar** to"
    assert sentence(victim=owner).startswith(named)
    assert sentence(victim={"corporation_id": 98000101}).startswith("**Unknown Corporation**(**????**) lost their")


def test_k08_nothing_is_said_of_an_alliance_that_is_none() -> None:
    assert "None" not in str(render_kill(kill(), SEND).body("n"))


@pytest.mark.parametrize(
    ("zkb", "color"),
    [
        ({"totalValue": 5e9}, 0xFF0000),
        ({"totalValue": 1e9}, 0xFF6600),
        ({"totalValue": 1e8}, 0xFFFF00),
        ({"totalValue": 1e7}, 0x00FF00),
        ({"totalValue": 9_999_999}, 0x808080),
        ({}, 0x808080),
        ({"totalValue": 1e10, "droppedValue": 1e7}, 0x00FF00),
        ({"totalValue": 1e10, "droppedValue": 0}, 0xFF0000),  # W47
    ],
)
def test_colour_by_value(zkb: dict[str, Any], color: int) -> None:
    assert embed(render_kill(kill(zkb=zkb), SEND))["color"] == color


def test_k35_one_kill_is_green_here_and_red_there() -> None:
    assert embed(render_kill(kill(), evolve(SEND, attacker_tracked=True)))["color"] == 3066993
    assert embed(render_kill(kill(), evolve(SEND, attacker_tracked=True, victim_tracked=True)))["color"] == 15158332


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"zkb": {}}, "<t:1774029909:R>"),
        ({"zkb": {"totalValue": 0}}, "<t:1774029909:R>"),
        ({"zkb": {"totalValue": 1e6}, "kill_time": None}, "Value: 1.00M ISK • Recently"),
        ({"zkb": {}, "kill_time": "yesterday"}, "Recently"),
    ],
)
def test_the_last_line(changes: dict[str, Any], line: str) -> None:
    assert embed(render_kill(kill(**changes), SEND))["description"].split("\n\n")[1] == line


def test_pictures_fall_back_from_hull_to_pilot_to_none() -> None:
    pilot = embed(render_kill(kill(victim={"character_id": 95000001}), SEND))
    assert pilot["thumbnail"] == {"url": "https://images.evetech.net/characters/95000001/portrait?size=512"}
    assert "thumbnail" not in embed(render_kill(kill(victim={}), SEND))


def test_a_system_nobody_can_name_is_shown_by_id() -> None:
    assert embed(render_kill(kill(), SEND))["title"] == f"Ship destroyed in System {HOME}"
    named = kill(solar_system_name="J123456")
    assert embed(render_kill(named, evolve(SEND, system_label="\u200b")))["title"] == "Ship destroyed in J123456"


def test_d19_names_that_format_are_literal_and_links_stay_whole() -> None:
    odd = VELA | {"character_name": "_x_ *y* [z](http://a)", "corporation_ticker": "[.-.]", "ship_name": "`Tengu`"}
    assert sentence(victim=odd).startswith(
        "**[x y z(http:\u200b//a)](https://zkillboard.com/character/95000001/)**"
        "(**[.-.](https://zkillboard.com/corporation/98000101/)**) lost their **\\`Tengu\\`** to"
    )


def test_w9_a_name_of_300_characters_fits() -> None:
    message = render_kill(kill(), evolve(SEND, system_label="*" * 300))
    assert problems(message) == []
    assert embed(message)["title"].endswith("…")
