"""Messages made anew from what their rows say: every kind, rich and plain, with whatever can be known."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from attrs import Factory, define, evolve

from wanderer_notifier.core.events import (
    Change,
    CharacterAdded,
    CharacterRecord,
    Kill,
    KillArrived,
    RallyCreated,
    SystemAdded,
    SystemRecord,
    SystemStatic,
)
from wanderer_notifier.core.killmail import parse_kill
from wanderer_notifier.core.message import Mention
from wanderer_notifier.core.names import Key, Known, Looked, Names
from wanderer_notifier.core.policy import Send
from wanderer_notifier.core.render import render, render_text
from wanderer_notifier.delivery.compose import Composer
from wanderer_notifier.delivery.sources import change_source, kill_source, subject_of
from wanderer_notifier.state.rows import Look, Row

NOW = datetime(2026, 11, 25, 18, 0, tzinfo=UTC)
RAW = {
    "killmail_id": 128000001,
    "kill_time": "2026-11-25T17:59:00Z",
    "victim": {"character_id": 95000001, "corporation_id": 98000101, "ship_type_id": 29984},
    "attackers": [{"character_id": 95000002, "corporation_id": 98000202, "ship_type_id": 22456, "final_blow": True}],
    "zkb": {"hash": "ab12", "totalValue": 1e9},
}
SEND = Send(
    kind="kill",
    slug="home",
    channel="200",
    route="system_kill",
    claim="kill:128000001",
    expires_at=NOW + timedelta(hours=1),
    mention=Mention(users=("81384788765712384",), roles=("7",), here=False),
    victim_tracked=True,
    system_label="Home",
    late=True,
)
SYSTEM = SystemAdded(slug="home", system=SystemRecord(system_id=31000123, custom_name="Home"), by="event", gap_s=2.5)
PILOT = CharacterAdded(
    slug="home", character=CharacterRecord(character_id=95000001, corporation_id=98000101), by="reconcile"
)
RALLY = RallyCreated(
    slug="home", rally_id="r1", system_id=31000123, character_id=95000001, message="*form* up", created_at=NOW
)
NAMES: dict[Key, Known] = {
    ("character", 95000001): Known(name="Vela Ostrander"),
    ("character", 95000002): Known(name="bram o'connell"),
    ("corporation", 98000101): Known(name="Drunk", ticker="DRNK"),
    ("corporation", 98000202): Known(name="Hole", ticker="WHGB"),
    ("type", 29984): Known(name="Tengu"),
    ("type", 22456): Known(name="Sabre"),
    ("system", 31000123): Known(name="J123456"),
}


@define
class Everything:
    """Knows all of *names*, and the rest as given; what is `None` is not settled."""

    names: dict[Key, Known] = Factory(lambda: dict(NAMES))
    static: SystemStatic | None = SystemStatic(class_title="C4", statics=("C247 → C3",))
    recent: tuple[Kill, ...] | None = ()
    loot: tuple[str, ...] | None = ("• Tritanium x5 (~60.00M ISK)",)
    asked: list[Any] = Factory(list)

    async def look_names(self, keys: Collection[Key], *, until: float) -> Looked[Names]:
        known = {key: self.names[key] for key in keys if key in self.names}
        return Looked(value=known, settled=len(known) == len(keys))

    async def look_static(self, system_id: int, *, until: float) -> Looked[SystemStatic | None]:
        return Looked(value=self.static, settled=self.static is not None)

    async def look_recent(self, system_id: int, *, until: float) -> Looked[tuple[Kill, ...]]:
        return Looked(value=self.recent or (), settled=self.recent is not None)

    async def look_loot(
        self, raw: object, killmail_id: int, mail_hash: str | None, *, until: float
    ) -> Looked[tuple[str, ...]]:
        self.asked.append((raw, killmail_id, mail_hash))
        return Looked(value=self.loot or (), settled=self.loot is not None)

    def composer(self) -> Composer:
        return Composer(
            names=self.look_names,
            static=self.look_static,
            recent=self.look_recent,
            loot=self.look_loot,
            now=lambda: NOW,
        )


def kill_row(send: Send = SEND, **changes: Any) -> Row:
    arrival = KillArrived(raw=RAW, system_id=31000123, source="live", received_at=NOW)
    return row(parse_kill(RAW, 31000123), send, kill_source(arrival, send), **changes)


def change_row(change: Change, **changes: Any) -> Row:
    send = evolve(SEND, kind="system", route="system", system_label=None)
    return row(change, send, change_source(change, send), **changes)


def row(subject: Kill | Change, send: Send, source: dict[str, Any], **changes: Any) -> Row:
    given: dict[str, Any] = {
        "id": 1,
        "claim": send.claim,
        "channel": send.channel,
        "kind": send.kind,
        "slug": send.slug,
        "state": "queued",
        "body": render(subject, send).body(),
        "fallback": render_text(subject, send).body(),
        "nonce": "n",
        "source": source,
        "received_at": NOW,
        "expires_at": send.expires_at,
        "next_at": NOW,
        "attempts": 0,
        "begun_at": None,
        "first_unknown_at": None,
        "reduced": False,
        "message_id": None,
        "reason": None,
        "done_at": None,
        **changes,
    }
    return Row(**given)


async def compose(one: Row, world: Everything | None = None) -> Look:
    return await (world or Everything()).composer().compose(one, until=0.0)


@pytest.mark.parametrize("one", [kill_row(), change_row(SYSTEM), change_row(PILOT), change_row(RALLY)])
async def test_without_any_knowledge_a_row_reads_as_it_was_decided(one: Row) -> None:
    nothing = Everything(names={}, static=None, recent=None, loot=None)
    look = await compose(one, nothing)
    assert (look.body, look.fallback, look.complete) == (one.body, one.fallback, False)


@pytest.mark.parametrize("change", [SYSTEM, PILOT, RALLY])
def test_changes_and_verdicts_come_back_as_they_were_stored(change: Change) -> None:
    source = change_source(change, SEND)
    assert subject_of(source) == (change, SEND)
    assert "gap_s" not in str(change_source(PILOT, SEND))  # what is at its default takes no room


def test_a_kill_comes_back_with_its_verdict() -> None:
    arrival = KillArrived(raw=RAW, system_id=31000123, source="live", received_at=NOW)
    assert subject_of(kill_source(arrival, SEND)) == (parse_kill(RAW, 31000123), SEND)


async def test_a_kill_shows_names_and_loot_and_pings_as_before() -> None:
    world = Everything()
    look = await compose(kill_row(), world)
    (embed,) = look.body["embeds"]
    assert look.complete
    assert "[Vela Ostrander]" in embed["description"]
    assert "**[DRNK]" in embed["description"]
    assert "**Sabre** solo." in embed["description"]
    assert "\n\n**Notable Items:**\n• Tritanium x5 (~60.00M ISK)\n\nValue: " in embed["description"]
    assert (look.body["content"], look.body["allowed_mentions"]) == (
        kill_row().body["content"],
        {"parse": [], "users": ["81384788765712384"], "roles": ["7"]},
    )
    assert look.fallback is not None
    assert look.fallback["content"].endswith(
        "Vela Ostrander lost a Tengu in Home (1.0B ISK) <https://zkillboard.com/kill/128000001/>"
    )
    assert world.asked == [(RAW, 128000001, "ab12")]


async def test_a_system_shows_static_data_recent_kills_and_its_eve_name() -> None:
    recent = parse_kill({**RAW, "victim": {"character_name": "Lost One", "corporation_id": 5}}, 31000123)
    look = await compose(change_row(SYSTEM), Everything(recent=(recent,)))
    (embed,) = look.body["embeds"]
    fields = {field["name"]: field["value"] for field in embed["fields"]}
    assert fields["System"] == "[Home (J123456)](https://evemaps.dotlan.net/system/J123456)"
    assert (fields["Class"], fields["Static Wormholes"]) == ("C4", "C247 → C3")
    assert "Lost One" in fields["Recent Kills"]
    assert look.complete


async def test_pilots_and_rallies_are_named() -> None:
    (pilot,) = (await compose(change_row(PILOT))).body["embeds"]
    (rally,) = (await compose(change_row(RALLY))).body["embeds"]
    assert pilot["title"] == "New Character Tracked: Vela Ostrander"
    assert "DRNK" in str(pilot["fields"])
    assert "**Vela Ostrander** has created a rally point in **J123456**" in rally["description"]


@pytest.mark.parametrize(
    ("state", "waited_s", "title"),
    [
        ("queued", 0, "⚔️ Rally Point Created"),  # called first, the edit says the rest
        ("queued", 60, "⚔️ Rally Point Ended"),
        ("sent", 0, "⚔️ Rally Point Ended"),
    ],
)
async def test_m09_a_rally_that_was_taken_back_reads_so_unless_it_was_only_just_called(
    state: str, waited_s: float, title: str
) -> None:
    over = evolve(RALLY, ended_at=NOW)
    look = await compose(change_row(over, state=state, received_at=NOW - timedelta(seconds=waited_s)))
    assert look.body["embeds"][0]["title"] == title
    assert bool(look.body["allowed_mentions"]["roles"]) is (title == "⚔️ Rally Point Created")


@pytest.mark.parametrize("lacking", [{"names": {}}, {"loot": None}], ids=["names", "loot"])
async def test_what_is_not_settled_makes_a_kill_incomplete(lacking: dict[str, Any]) -> None:
    assert not (await compose(kill_row(), Everything(**lacking))).complete


@pytest.mark.parametrize("lacking", [{"names": {}}, {"static": None}, {"recent": None}], ids=str)
async def test_what_is_not_settled_makes_a_system_incomplete(lacking: dict[str, Any]) -> None:
    assert not (await compose(change_row(SYSTEM), Everything(**lacking))).complete


async def test_a_plain_row_stays_plain() -> None:
    """The free tier's form (notifications.md 4): names, but nothing rich."""
    plain = kill_row()
    plain = evolve(plain, body=plain.fallback or {}, fallback=None)
    world = Everything()
    look = await compose(plain, world)
    assert "embeds" not in look.body
    assert "Vela Ostrander lost a Tengu in Home" in look.body["content"]
    assert (look.fallback, look.complete, world.asked) == (None, True, [])


@pytest.mark.parametrize(
    "changes",
    [
        {"reduced": True},
        {"source": None},
        {"source": {}},
        {"source": {"raw": RAW}},
        {"source": {"raw": [], "send": {}}},
        {"source": {"kind": "Unheard", "change": {}, "send": {}}},
        {"source": {**(kill_row().source or {}), "send": {"kind": 5}}},
    ],
)
async def test_a_row_that_can_not_be_read_goes_out_as_it_is(changes: dict[str, Any]) -> None:
    one = evolve(kill_row(), **changes)
    assert await compose(one) == Look(body=one.body, fallback=one.fallback, complete=True)


async def test_a_composer_without_extras_only_names() -> None:
    composer = Composer(names=Everything().look_names, now=lambda: NOW)
    kill, system = await composer.compose(kill_row(), until=0.0), await composer.compose(change_row(SYSTEM), until=0.0)
    assert "Notable" not in str(kill.body)
    assert "Recent" not in str(system.body)
    assert kill.complete
    assert system.complete
