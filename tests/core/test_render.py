"""The layouts of notifications.md 3, Target: golden examples and the words around what is missing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import evolve

from tests.core.base import HOME, NOW, mail
from wanderer_notifier.core.events import (
    CharacterAdded,
    CharacterRecord,
    CharacterRemoved,
    Kill,
    RallyCreated,
    SystemAdded,
    SystemRecord,
    SystemRemoved,
    SystemStatic,
)
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.message import Mention, Message
from wanderer_notifier.core.render import render, render_kill, render_system, render_text
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


# --- systems -------------------------------------------------------------------------------------------------------

SYSTEM_SEND = evolve(SEND, kind="system", route="system", claim="system:m1:31000123")


def system(system_id: int = HOME, name: str | None = "J123456", custom_name: str | None = None) -> SystemAdded:
    record = SystemRecord(system_id=system_id, name=name, custom_name=custom_name)
    return SystemAdded(slug="m1", system=record, by="event")


def test_sy1_a_wormhole() -> None:
    static = SystemStatic(
        class_title="C4",
        type_description="Class 4",
        security=-1.0,
        region="D-R00018",
        effect="Pulsar",
        shattered=True,
        statics=("C247 → C3", "P060 → C1"),
    )
    assert embed(render_system(system(), SYSTEM_SEND, static)) == {
        "title": "New System Tracked: J123456",
        "description": "A new wormhole system (C4) has been added to tracking.",
        "color": 10309341,
        "thumbnail": {"url": "https://images.evetech.net/types/45041/icon?size=64"},
        "fields": [
            {"name": "System", "value": "[J123456](https://evemaps.dotlan.net/system/J123456)", "inline": True},
            {"name": "Class", "value": "C4", "inline": True},
            {"name": "Shattered", "value": "Yes", "inline": True},
            {"name": "Static Wormholes", "value": "C247 → C3, P060 → C1", "inline": True},
            {"name": "Region", "value": "[D-R00018](https://evemaps.dotlan.net/region/D-R00018)", "inline": True},
            {"name": "Effect", "value": "Pulsar", "inline": True},
        ],
        "footer": {"text": "System ID: 31000123"},
    }


def test_sy2_known_space() -> None:
    static = SystemStatic(class_title="0.9", type_description="High-sec", security=0.9459, region="The Forge")
    shown = embed(render_system(system(system_id=30000142, name="Jita"), SYSTEM_SEND, static))
    assert shown["description"] == "A new High-sec system has been added to tracking."
    assert (shown["color"], shown["thumbnail"]["url"]) == (65280, "https://images.evetech.net/types/45038/icon?size=64")
    assert [(field["name"], field["value"]) for field in shown["fields"]] == [
        ("System", "[Jita](https://evemaps.dotlan.net/system/Jita)"),
        ("Security", "0.9 (High-sec)"),
        ("Region", "[The Forge](https://evemaps.dotlan.net/map/The_Forge)"),
    ]


@pytest.mark.parametrize(
    ("security", "text", "color"),
    [(0.4502, "0.5 (High-sec)", 65280), (0.04, "0.1 (Low-sec)", 0xFFFF00), (-0.01, "0.0 (Null-sec)", 0xFF0000),
     (-0.4, "-0.4 (Null-sec)", 0xFF0000), (0.0, "0.0 (Null-sec)", 0xFF0000), (1.0, "1.0 (High-sec)", 65280)],
)  # fmt: skip
def test_k48_security_as_the_client_shows_it(security: float, text: str, color: int) -> None:
    shown = embed(render_system(system(system_id=30000142), SYSTEM_SEND, SystemStatic(security=security)))
    assert (shown["fields"][1]["value"], shown["color"]) == (text, color)


def test_s06_without_static_data_the_id_still_tells_a_wormhole() -> None:
    shown = embed(render(system(system_id=31000998, name=None), SYSTEM_SEND))
    assert shown["title"] == "New System Tracked: System 31000998"
    assert shown["description"] == "A new wormhole system has been added to tracking."
    assert shown["fields"] == [
        {"name": "System", "value": "[System 31000998](https://evemaps.dotlan.net/system/31000998)", "inline": True}
    ]


def test_the_players_name_stands_before_the_eve_name() -> None:
    shown = embed(render(system(custom_name="Home"), SYSTEM_SEND))
    assert shown["fields"][0]["value"] == "[Home (J123456)](https://evemaps.dotlan.net/system/J123456)"


def test_a_hostile_map_name_cannot_end_the_link() -> None:
    shown = embed(render(system(name="Home (H)](http://evil)"), SYSTEM_SEND))
    assert shown["fields"][0]["value"] == (
        "[Home (H)(http:\u200b//evil)](https://evemaps.dotlan.net/system/Home_%28H%29%5D%28http%3A%2F%2Fevil%29)"
    )


def test_a_priority_system_says_here() -> None:
    body = render(system(), evolve(SYSTEM_SEND, mention=Mention(here=True))).body("n")
    assert body["content"] == "@here"
    assert body["allowed_mentions"] == {"parse": ["everyone"], "users": [], "roles": []}


# --- pilots and rallies --------------------------------------------------------------------------------------------


def test_c1_a_tracked_pilot() -> None:
    pilot = CharacterRecord(
        character_id=95000001, name="Vela Ostrander", corporation_id=98000101, corporation_ticker="DRNK",
        alliance_id=99000011, alliance_ticker="ALLI",
    )  # fmt: skip
    message = render(CharacterAdded(slug="m1", character=pilot, by="event"), evolve(SEND, kind="character"))
    assert message.body("c95000001-m1-0d20f4") == {
        "allowed_mentions": {"parse": [], "users": [], "roles": []},
        "nonce": "c95000001-m1-0d20f4",
        "enforce_nonce": True,
        "embeds": [
            {
                "title": "New Character Tracked: Vela Ostrander",
                "description": "A new character has been added to tracking.",
                "url": "https://zkillboard.com/character/95000001/",
                "color": 65535,
                "thumbnail": {"url": "https://images.evetech.net/characters/95000001/portrait?size=128"},
                "fields": [
                    {"name": "Character", "value": "[Vela Ostrander](https://zkillboard.com/character/95000001/)",
                     "inline": True},
                    {"name": "Corporation", "value": "[DRNK](https://zkillboard.com/corporation/98000101/)",
                     "inline": True},
                    {"name": "Alliance", "value": "[ALLI](https://zkillboard.com/alliance/99000011/)", "inline": True},
                    {"name": "Status", "value": "🟢 Tracked", "inline": True},
                ],
                "footer": {"text": "Character ID: 95000001"},
            }
        ],
    }  # fmt: skip


def test_d20_a_pilot_whose_name_cannot_be_seen_is_shown_by_id() -> None:
    pilot = CharacterRecord(character_id=95000001, name="\u200b\u2060", corporation_id=98000101)
    shown = embed(render(CharacterAdded(slug="m1", character=pilot, by="event"), SEND))
    assert shown["title"] == "New Character Tracked: 95000001"
    assert [field["value"] for field in shown["fields"]][:2] == [
        "[95000001](https://zkillboard.com/character/95000001/)",
        "[Unknown Corporation](https://zkillboard.com/corporation/98000101/)",
    ]


RALLY = RallyCreated(
    slug="m1",
    rally_id="0b9c6f1e-2f0e-4a8e-9a51-3c1f0f5d7a10",
    system_id=HOME,
    system_name="Home (J123456)",
    character_name="Vela Ostrander",
    message="Armor doctrine, 5 min",
    created_at=datetime(2026, 3, 20, 18, 5, 9, tzinfo=UTC),
)
RALLY_SEND = evolve(SEND, kind="rally", mention=Mention(roles=("112233445566778899", "223344556677889900")))


def test_r1_d16_a_rally_pings_in_content_exactly_its_roles() -> None:
    assert render(RALLY, RALLY_SEND).body("r0b9c6f1e-m1") == {
        "content": "<@&112233445566778899> <@&223344556677889900> Rally point created!",
        "allowed_mentions": {"parse": [], "users": [], "roles": ["112233445566778899", "223344556677889900"]},
        "nonce": "r0b9c6f1e-m1",
        "enforce_nonce": True,
        "embeds": [
            {
                "title": "⚔️ Rally Point Created",
                "description": "**Vela Ostrander** has created a rally point in **Home (J123456)**\n\n"
                "💬 Armor doctrine, 5 min",
                "color": 16739072,
                "fields": [
                    {"name": "System", "value": "Home (J123456)", "inline": True},
                    {"name": "Created By", "value": "Vela Ostrander", "inline": True},
                ],
                "footer": {"text": "Rally ID: 0b9c6f1e-2f0e-4a8e-9a51-3c1f0f5d7a10"},
                "timestamp": "2026-03-20T18:05:09.000000Z",
            }
        ],
    }


def test_w9_empty_words_of_a_rally_are_replaced() -> None:
    shown = embed(render(evolve(RALLY, character_name="", system_name=None, message="", created_at=None), SEND))
    assert shown["description"] == "**Unknown pilot** has created a rally point in **Unknown system**"
    assert [field["value"] for field in shown["fields"]] == ["Unknown", "Unknown"]
    assert "timestamp" not in shown


def test_d13_w50_a_long_rally_note_is_cut_and_literal() -> None:
    shown = embed(render(evolve(RALLY, message="[Fleet form](https://evil.example)" + "x" * 1500), SEND))
    note = shown["description"].split("💬 ")[1]
    assert note.startswith("\\[Fleet form\\]\\(https://evil.example\\)xxx")
    assert note.endswith("x…")
    assert len(note) < 510


# --- plain forms ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "text"),
    [
        (kill(zkb={"totalValue": 1_234_567_890}),
         "Vela Ostrander lost a Tengu in Home (1.2B ISK) <https://zkillboard.com/kill/128000001/>"),
        (kill(victim={}, zkb={}), "Unknown pilot lost a Unknown ship in Home <https://zkillboard.com/kill/128000001/>"),
        (system(custom_name="Home"), "System Home (J123456) is now being tracked"),
        (CharacterAdded(slug="m1", character=CharacterRecord(character_id=7, name="Vela"), by="event"),
         "Character Vela is now being tracked"),
        (RALLY, "Rally point created in Home (J123456) by Vela Ostrander"),
        (evolve(RALLY, system_name="", character_name=None),
         "Rally point created in Unknown system by Unknown pilot"),
        (system(name="@everyone <@&123>"), "System @\u200beveryone \\<@\u200b&123> is now being tracked"),  # W49
    ],
)  # fmt: skip
def test_the_plain_form(event: Kill | SystemAdded | CharacterAdded | RallyCreated, text: str) -> None:
    message = render_text(event, evolve(SEND, system_label="Home"))
    assert (message.content, message.embeds) == (text, ())
    assert message.mention.allowed() == {"parse": [], "users": [], "roles": []}


def test_the_plain_form_keeps_its_words_when_the_pings_would_fill_content() -> None:
    crowd = Mention(users=tuple(str(81384788765712000 + number) for number in range(95)))
    message = render_text(RALLY, evolve(SEND, mention=crowd))
    assert (message.content or "").endswith("> Rally point created in Home (J123456) by Vela Ostrander")
    assert problems(message) == []
    assert 80 < len(message.mention.users) < 95
    assert (message.content or "").startswith(message.mention.text())


def test_removals_have_no_message() -> None:
    gone = SystemRemoved(slug="m1", system=SystemRecord(system_id=HOME))
    for event in (gone, CharacterRemoved(slug="m1", character=CharacterRecord(character_id=1))):
        with pytest.raises(ValueError, match="removals"):
            render(event, SEND)
        with pytest.raises(ValueError, match="removals"):
            render_text(event, SEND)


def test_w9_a_name_of_300_characters_fits() -> None:
    message = render_kill(kill(), evolve(SEND, system_label="*" * 300))
    assert problems(message) == []
    assert embed(message)["title"].endswith("…")
