"""The layouts of notifications.md 3.3 to 3.6, Target: systems, pilots, rallies, and everything as plain text."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve

from tests.core.base import HOME
from tests.core.test_render import SEND, embed, kill
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
from wanderer_notifier.core.limits import problems
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.render import render, render_system, render_text

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


@pytest.mark.parametrize(
    ("name", "ticker", "shown"),
    [
        ("Dusk Works", "DUSKW", "Dusk Works [DUSKW]"),
        ("Dusk Works", None, "Dusk Works"),
        (None, "DUSKW", "DUSKW"),
        ("\u200b", "[.-.]", ".-."),
        ("A](http://b)", "*_*", "A(http:\u200b//b) [?]"),
        (None, None, "Unknown Corporation"),
    ],
)
def test_c1_a_corporation_has_its_name_where_it_is_known(name: str | None, ticker: str | None, shown: str) -> None:
    pilot = CharacterRecord(
        character_id=7, name="Vela", corporation_id=98000101, corporation_name=name, corporation_ticker=ticker
    )
    field = embed(render(CharacterAdded(slug="m1", character=pilot, by="event"), SEND))["fields"][1]
    assert field["value"] == f"[{shown}](https://zkillboard.com/corporation/98000101/)"


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


def test_m09_a_rally_that_is_over_says_so_in_grey_and_calls_nobody() -> None:
    over = evolve(RALLY, ended_at=datetime(2026, 3, 20, 18, 9, tzinfo=UTC))
    rich, plain = render(over, RALLY_SEND), render_text(over, RALLY_SEND)
    assert rich.content == "Rally point ended."
    assert (embed(rich)["title"], embed(rich)["color"]) == ("⚔️ Rally Point Ended", 8421504)
    assert embed(rich) == embed(render(RALLY, RALLY_SEND)) | {"title": "⚔️ Rally Point Ended", "color": 8421504}
    assert plain.content == "Rally point created in Home (J123456) by Vela Ostrander, over by now"
    assert [one.mention for one in (rich, plain)] == [Mention(), Mention()]
    assert problems(rich) == problems(plain) == []


def test_w50_a_rally_note_has_at_most_500_characters() -> None:
    for length, shown in ((500, "x" * 500), (501, "x" * 499 + "…")):
        note = embed(render(evolve(RALLY, message="x" * length), SEND))["description"].split("💬 ")[1]
        assert note == shown


def test_a_pilot_of_whom_only_the_id_is_known_has_no_empty_fields() -> None:
    pilot = CharacterRecord(character_id=95000001)
    shown = embed(render(CharacterAdded(slug="m1", character=pilot, by="event"), SEND))
    assert [(field["name"], field["value"]) for field in shown["fields"]] == [
        ("Character", "[95000001](https://zkillboard.com/character/95000001/)"),
        ("Status", "🟢 Tracked"),
    ]


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


@pytest.mark.parametrize(("spare", "roles"), [(0, 2), (1, 2), (-1, 1)])
def test_pings_fill_content_to_the_last_character_and_never_cost_a_word(spare: int, roles: int) -> None:
    words = " Rally point created in Home (J123456) by Vela Ostrander"
    room = 2000 - len(words) - spare  # for exactly `<@&1> <@&22…2>`
    pings = Mention(roles=("1", "2" * (room - len("<@&1> <@&>"))))
    message = render_text(RALLY, evolve(SEND, mention=pings))
    assert message.mention.roles == pings.roles[:roles]
    assert message.content == message.mention.text() + words


def test_removals_have_no_message() -> None:
    gone = SystemRemoved(slug="m1", system=SystemRecord(system_id=HOME))
    for event in (gone, CharacterRemoved(slug="m1", character=CharacterRecord(character_id=1))):
        with pytest.raises(ValueError, match=r"^removals have no message$"):
            render(event, SEND)
        with pytest.raises(ValueError, match=r"^removals have no message$"):
            render_text(event, SEND)
