"""The whole service in virtual time: names, loot, bodies and system data reach the reader, once per notice."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from tests.service.simulation import BEGIN, inline
from wanderer_notifier.app import service
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.config.load import load
from wanderer_notifier.sim.discord_messages import Posted
from wanderer_notifier.sim.killmails import live_form
from wanderer_notifier.sim.mapdata import Names
from wanderer_notifier.sim.network import MemoryNetwork
from wanderer_notifier.sim.world import World

HOME, OTHER = 31001503, 31002054
VICTIM, KILLER = 2147481007, 2147481008
TENGU = 29984
PATCH = "PATCH /channels/{c}/messages/{m}"


def now() -> datetime:
    return BEGIN + timedelta(seconds=trio.current_time())


class Stage:
    """A universe, and services that live in it one after the other."""

    def __init__(self, nursery: trio.Nursery, folder: Path, **environment: str) -> None:
        self.world = World(1, now)
        for system in (HOME, OTHER):
            self.world.map.add_system(system, quiet=True)
        self.network = MemoryNetwork(nursery)
        self.world.attach(self.network)
        self.settings = load({**self.world.environment(), "DATA_DIR": str(folder), **environment}, cwd=folder)

    @asynccontextmanager
    async def life(self, *, settle_s: float = 30.0) -> AsyncIterator[None]:
        """One life of the service, ended without warning."""
        seams = Seams(now=now, dice=Random(1), dial=self.network.dial, store_run=inline, signals=False, web=False)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: service.run(self.settings, seams=seams))
            await trio.sleep(settle_s)
            yield
            nursery.cancel_scope.cancel()

    def messages(self, kind: str = "system_kill") -> list[Posted]:
        return self.world.discord.messages(self.world.channel(kind))

    async def one(self, kind: str = "system_kill", within_s: float = 30.0) -> Posted:
        """The only message of a channel, as soon as it is there."""
        with trio.fail_after(within_s):
            await self.world.discord.until(lambda: bool(self.messages(kind)))
        (message,) = self.messages(kind)
        return message

    async def edited(self, kind: str = "system_kill", within_s: float = 120.0) -> Posted:
        """The only message of a channel, as soon as it is edited."""
        with trio.fail_after(within_s):
            while (await self.one(kind)).edited is None:
                await trio.sleep(0.5)
        return await self.one(kind)

    def kill(self, *items: dict[str, Any], **more: Any) -> dict[str, Any]:
        more = {"system_id": HOME, "victim": VICTIM, "attackers": [KILLER], "ship_type_id": TENGU, **more}
        kill = self.world.inventor.kill(now(), **more)
        kill["victim"]["items"] = list(items)
        return kill

    def edits(self) -> int:
        return sum(seen.route == PATCH for seen in self.world.discord.journal)


@pytest.fixture
def stage(nursery: trio.Nursery, tmp_path: Path) -> Stage:
    return Stage(nursery, tmp_path)


def description(message: Posted) -> str:
    return str(message.embeds[0]["description"])


NOTHING = Names()
"""What a kill service knows whose look-ups all fail: every name is left out."""


async def test_a_kill_without_names_gets_them_before_it_is_posted(autojump_clock: MockClock, stage: Stage) -> None:
    async with stage.life():
        began = trio.current_time()
        stage.world.killfeed.push(stage.kill(), names=NOTHING)
        text = description(await stage.one())
        assert trio.current_time() - began < 2.0
        assert "[Nael Pyrrhus]" in text
        assert "[TDWRK]" in text
        assert "**Tengu**" in text
        assert f"[Pilot {KILLER}]" in text  # unknown to ESI: its number (K14)
        await trio.sleep(700)
        assert stage.edits() == 0


async def test_with_esi_away_the_kill_comes_after_two_seconds_and_is_completed_later(
    autojump_clock: MockClock, stage: Stage
) -> None:
    async with stage.life():
        stage.network.stall("esi.sim", 80, True)
        began = trio.current_time()
        stage.world.killfeed.push(stage.kill(attackers=[2147481005]), names=NOTHING)
        first = await stage.one()
        assert 1.9 < trio.current_time() - began < 3.0
        assert "Unknown Pilot" in description(first)
        await trio.sleep(60)
        stage.network.stall("esi.sim", 80, False)
        last = await stage.edited()
        assert last.id == first.id
        assert "[Nael Pyrrhus]" in description(last)
        assert "[Lys Amaro]" in description(last)
        assert stage.edits() == 1


async def test_the_edit_is_made_by_the_next_life_if_this_one_ends(autojump_clock: MockClock, stage: Stage) -> None:
    stage.world.esi.down = True
    async with stage.life():
        stage.world.killfeed.push(stage.kill(), names=NOTHING)
        assert "Unknown Pilot" in description(await stage.one())
        await trio.sleep(5)
    stage.world.esi.down = False
    async with stage.life():
        assert "[Nael Pyrrhus]" in description(await stage.edited())
        await trio.sleep(700)
        assert stage.edits() == 1


async def test_without_esi_for_good_everything_is_told_all_the_same(autojump_clock: MockClock, stage: Stage) -> None:
    stage.world.esi.down = True
    async with stage.life():
        for _ in range(10):
            stage.world.killfeed.push(stage.kill(), names=NOTHING)
        stage.world.map.add_system(31002318)
        with trio.fail_after(60):
            await stage.world.discord.until(lambda: len(stage.messages()) == 10 and bool(stage.messages("system")))
        await trio.sleep(1800)
        assert (len(stage.messages()), stage.edits()) == (10, 0)
        assert len(stage.world.esi.asked) < 60


ITEMS = ({"item_type_id": 19207, "quantity_dropped": 1}, {"item_type_id": 47740, "quantity_dropped": 1})
SECTION = (
    "\n\n**Notable Items:**\n• Pithum C-Type Medium Shield Booster (~180.00M ISK)\n• 50MN Abyssal Microwarpdrive\n\n"
)


async def test_notable_items_are_listed(autojump_clock: MockClock, nursery: trio.Nursery, tmp_path: Path) -> None:
    stage = Stage(nursery, tmp_path, NOTABLE_ITEMS_ENABLED="true")
    async with stage.life():
        stage.world.killfeed.push(stage.kill(*ITEMS))
        assert SECTION in description(await stage.one())
        assert stage.world.janice.kept == 0
        await trio.sleep(60)
        assert stage.edits() == 0


async def test_a_slow_janice_holds_nothing_up_its_section_comes_with_the_edit(
    autojump_clock: MockClock, nursery: trio.Nursery, tmp_path: Path
) -> None:
    stage = Stage(nursery, tmp_path, NOTABLE_ITEMS_ENABLED="true")
    stage.world.janice.delay_s = 4.0
    async with stage.life():
        began = trio.current_time()
        stage.world.killfeed.push(stage.kill(*ITEMS))
        first = await stage.one()
        assert trio.current_time() - began < 3.0
        assert "Pithum" not in description(first)
        last = await stage.edited()
        assert (last.id, SECTION in description(last)) == (first.id, True)


async def test_without_the_switch_nobody_asks_for_prices(autojump_clock: MockClock, stage: Stage) -> None:
    async with stage.life():
        stage.world.killfeed.push(stage.kill(*ITEMS))
        assert "Notable" not in description(await stage.one())
        await trio.sleep(60)
        assert not stage.world.janice.asked
        assert not any("killmails" in asked for asked in stage.world.esi.asked)


@pytest.mark.parametrize("away", [False, True])
async def test_k22_a_kill_that_comes_without_a_body_is_told_in_full(
    autojump_clock: MockClock, stage: Stage, away: bool
) -> None:
    async with stage.life():
        kill = stage.kill()
        stage.world.killfeed.store.know(kill)
        stage.world.esi.down = away
        reference = {"killID": kill["killmail_id"], "zkb": kill["zkb"]}
        stage.world.killfeed.push_raw({"killmails": [reference, reference], "system_id": HOME})
        if away:
            await trio.sleep(100)
            assert stage.messages() == []
            stage.world.esi.down = False
            await stage.one(within_s=200)  # at once, it has waited long enough
            await stage.edited()
        assert "[Nael Pyrrhus]" in description(await stage.one())
        stage.world.killfeed.push_raw({"killmails": [live_form(kill)], "system_id": HOME})
        await trio.sleep(300)
        assert len(stage.messages()) == 1


async def test_k22_a_body_that_was_being_sought_when_the_service_died_is_sought_again(
    autojump_clock: MockClock, stage: Stage
) -> None:
    kill = stage.kill()
    async with stage.life():
        stage.world.killfeed.store.know(kill)
        stage.world.esi.down = True
        stage.world.killfeed.push_raw({"killmails": [{"killID": kill["killmail_id"], "zkb": kill["zkb"]}]})
        await trio.sleep(10)
    stage.world.esi.down = False
    async with stage.life():
        assert f"/kill/{kill['killmail_id']}/" in (await stage.one()).embeds[0]["url"]


async def test_a_new_system_shows_its_static_data_and_last_kills(autojump_clock: MockClock, stage: Stage) -> None:
    async with stage.life():
        stage.world.killfeed.store.keep(stage.kill(system_id=31001677), stage.world.killfeed.names)
        stage.world.map.add_system(31001677)
        embed = (await stage.one("system")).embeds[0]
        fields = {field["name"]: field["value"] for field in embed["fields"]}
        assert fields["Class"] == "C4"
        assert fields["Static Wormholes"] == "N766 → C2, H900 → C5"
        assert fields["Effect"] == "Pulsar"
        assert fields["Recent Kills"].startswith("[Nael Pyrrhus](")
        assert embed["description"] == "A new wormhole system (C4) has been added to tracking."
        await trio.sleep(700)
        assert stage.edits() == 0


async def test_static_data_that_is_late_comes_with_the_edit(autojump_clock: MockClock, stage: Stage) -> None:
    async with stage.life():
        stage.network.stall("kills.sim", 4004, True)
        stage.world.map.add_system(31001677)
        first = await stage.one("system")
        fields = [field["name"] for field in first.embeds[0]["fields"]]
        assert "Class" in fields
        assert "Recent Kills" not in fields
