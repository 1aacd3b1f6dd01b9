"""What can happen in the scenario: each act changes the world and notes what its readers must hear of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim import faults
from wanderer_notifier.sim.expectations import Expectations, Expected, Unwanted
from wanderer_notifier.sim.killfeed import KillFeed
from wanderer_notifier.sim.mapdata import CORPORATIONS, PILOTS, SHIPS, system_name
from wanderer_notifier.sim.scenario_cast import (
    COMING_PILOTS,
    COMING_SYSTEMS,
    FOREIGN_SYSTEMS,
    HOSTILES,
    LOOT,
    MAP_SYSTEMS,
    PRIORITY_SYSTEM,
    RALLY_CALLS,
    TRACKED,
)
from wanderer_notifier.sim.scenario_members import Members
from wanderer_notifier.sim.world import World

KILL_S, SYSTEM_S, CHARACTER_S = 20.0, 20.0, 40.0
"""How long the service may take; generous, since the scenario also breaks connections and Discord."""

PATIENCE_S = 30.0
"""How long an act waits for the service to subscribe to what is new."""

LATE = timedelta(minutes=14)
FLEET = 300
DEPLOYABLE = 33475

POST = "POST /channels/{c}/messages"


class Acts:
    """The acts of one evening.

    Args:
        world: where they happen.
        rng: decides who and where.
        tell: called with one line for each act.
    """

    def __init__(self, world: World, rng: Random, tell: Callable[[str], None]) -> None:
        self.world = world
        self.expectations = Expectations()
        self._rng = rng
        self._tell = tell
        self._coming_systems = list(COMING_SYSTEMS)
        self._coming_pilots = list(COMING_PILOTS)
        self._rally: tuple[str, int, int] | None = None
        self._chain = [system for system, _, _ in MAP_SYSTEMS]
        self._dreaded = [PRIORITY_SYSTEM]
        self._last_kill: dict[int, datetime] = {}
        self._latest: int | None = None
        self.members = Members(world, self.expectations, lambda: self._latest, tell)

    def prepare(self) -> None:
        """Draw the map and its history; there is no licence yet."""
        self.world.licence.verdict = "invalid"
        self._tell("licence: there is none yet, so five messages of each kind are rich; one is bought later")
        for system_id, custom_name, temporary_name in MAP_SYSTEMS:
            self.world.map.add_system(system_id, custom_name=custom_name, temporary_name=temporary_name, quiet=True)
        for pilot in TRACKED:
            self.world.map.add_character(pilot, quiet=True)
        for system_id in self._chain[:3]:
            at = self.world.now() - timedelta(seconds=self._rng.uniform(300, 2400))
            kill = self.world.inventor.kill(at, system_id=system_id, victim=HOSTILES[0], attackers=HOSTILES[3:5])
            self.world.killfeed.keep(kill)
            self._must_not("an old kill from before the first start", kill)

    def kill_in_chain(self, **more: Any) -> JsonObject:
        """Strangers kill each other in a system of the map."""
        system = more.pop("system_id", None) or self._rng.choice(self._chain)
        victim, attackers = self._strangers(3)
        return self._kill("system_kill", system_id=system, victim=victim, attackers=attackers, **more)

    def own_loss(self) -> JsonObject:
        """One of ours dies far from the map."""
        where, victim = self._rng.choice(FOREIGN_SYSTEMS), self._rng.choice(TRACKED)
        return self._kill("character_kill", system_id=where, victim=victim, attackers=self._hostiles(3))

    def own_kill(self) -> JsonObject:
        """One of ours kills somebody, on the map or not."""
        where = self._rng.choice([*FOREIGN_SYSTEMS, *self._chain])
        (victim,) = self._hostiles(1)
        ours = self._rng.sample(TRACKED, self._rng.randint(1, 3))
        return self._kill("character_kill", system_id=where, victim=victim, attackers=ours)

    def kill_by_pirates(self) -> JsonObject:
        """Pirates kill a stranger in the chain."""
        return self.kill_in_chain(npc=True)

    def structure_dies(self) -> JsonObject:
        """A citadel falls: a victim without a pilot."""
        return self.kill_in_chain(structure=True, value=round(self._rng.uniform(0.9e9, 4e9), 2))

    def pod_dies(self) -> JsonObject:
        """A capsule is lost."""
        return self.kill_in_chain(pod=True, value=10_000.0)

    def rich_kill(self) -> JsonObject:
        """A very expensive one, which the kill service sends twice over."""
        return self.kill_in_chain(times=2, ship_type_id=28352, value=round(self._rng.uniform(8e9, 22e9), 2))

    def great_battle(self) -> JsonObject:
        """A fleet of three hundred kills somebody."""
        return self.kill_in_chain(attacker_count=FLEET, value=round(self._rng.uniform(2e9, 6e9), 2))

    def treasure(self) -> JsonObject:
        """Somebody dies with things in the hold that are worth mentioning."""
        items = [{"item_type_id": kind, "flag": 5, "quantity_dropped": count, "singleton": 0} for kind, count in LOOT]
        return self.kill_in_chain(value=1_423_000_000.0, items=items)

    def deployable_dies(self) -> JsonObject:
        """A tractor unit is shot."""
        return self.kill_in_chain(ship_type_id=DEPLOYABLE, value=9_800_000.0)

    def friendly_fire(self) -> JsonObject:
        """One of ours shoots another one."""
        victim, killer = TRACKED[0], TRACKED[1]
        where = self._rng.choice(FOREIGN_SYSTEMS)
        return self._kill("character_kill", system_id=where, victim=victim, attackers=[killer], awox=True)

    def late_kill(self) -> JsonObject:
        """A kill that the feed hears of a quarter of an hour after it happened."""
        return self.kill_in_chain(before=LATE)

    async def kill_in_words(self) -> None:
        """One kill more than the free tier shows richly; once it is told, a licence is bought."""
        kill = self.kill_in_chain()
        self._tell("licence: there is none, and the five rich messages about kills are spent")
        channel, address = self.world.channel("system_kill"), _address(kill)

        def told() -> bool:
            return any(address in str(one.json()) for one in self.world.discord.messages(channel))

        with trio.move_on_after(KILL_S):
            await self.world.discord.until(told)
        self.world.licence.verdict = "valid"
        self._tell("licence: bought; in a moment the service hears of it, and everything is rich again")

    async def dreaded_system_comes(self) -> None:
        """A priority system is added, and somebody dies there: both ping."""
        if self._dreaded:
            system_id = self._dreaded.pop()
            self._add(system_id)
            if await self._subscribed(system_id):
                self.kill_in_chain(system_id=system_id)
        await trio.lowlevel.checkpoint()

    def noise(self) -> None:
        """Strangers kill strangers elsewhere: nobody may hear of it."""
        victim, attackers = self._strangers(2)
        where = self._rng.choice(FOREIGN_SYSTEMS)
        kill = self.world.inventor.kill(self.world.now(), system_id=where, victim=victim, attackers=attackers)
        self.world.killfeed.push(kill)
        self._must_not("a kill that concerns nobody", kill)
        self._tell(f"space: {PILOTS[victim].name} dies in {system_name(where)}, which concerns nobody")

    def system_comes(self, *, quiet: bool = False) -> int | None:
        """A system is added to the map; gives its id, or None when there is no other."""
        if not self._coming_systems:
            return None
        return self._add(self._coming_systems.pop(self._rng.randrange(len(self._coming_systems))), quiet=quiet)

    def system_goes(self) -> None:
        """A system that was added during the evening is taken off the map again."""
        # Not where somebody has just died: whether that is still told depends on which feed is faster.
        calm = self.world.now() - timedelta(seconds=KILL_S)
        added = [one for one in self._chain if one in COMING_SYSTEMS and self._last_kill.get(one, calm) <= calm]
        if added:
            system_id = self._rng.choice(added)
            self.world.map.remove_system(system_id)
            self._chain.remove(system_id)
            self._tell(f"map: {system_name(system_id)} is removed")

    async def pilot_comes(self) -> None:
        """One more pilot is tracked; waits until the service listens to them, since it may have to join anew."""
        if self._coming_pilots:
            pilot = self._coming_pilots.pop(0)
            name = PILOTS[pilot].name
            self.world.map.add_character(pilot)
            self._must(f"pilot {name}", "character", (f"Character ID: {pilot}", f"Character {name} is"), CHARACTER_S)
            self._tell(f"map: {name} is tracked")
            with trio.move_on_after(PATIENCE_S):
                await self.world.killfeed.until(lambda feed: any(pilot in one.characters for one in feed.joined))
        await trio.lowlevel.checkpoint()

    def rally(self) -> None:
        """Somebody calls for a fleet; the map has room for one rally point."""
        if self._rally is not None:
            self.world.map.end_rally(*self._rally)
        system_id, pilot = self._rng.choice(self._chain), self._rng.choice(TRACKED)
        rally_id = self.world.map.rally(system_id, pilot, self._rng.choice(RALLY_CALLS))
        self._rally = (rally_id, system_id, pilot)
        self._must(f"rally by {PILOTS[pilot].name}", "rally", (f"Rally ID: {rally_id}",), SYSTEM_S)
        self._tell(f"map: {PILOTS[pilot].name} calls for a fleet in {system_name(system_id)}")

    async def kill_in_new_system(self) -> None:
        """A system is added, and as soon as the service listens to it somebody dies there."""
        system_id = self.system_comes()
        if system_id is not None and await self._subscribed(system_id):
            self.kill_in_chain(system_id=system_id)
        await trio.lowlevel.checkpoint()

    async def kills_while_away(self) -> None:
        """The sockets of the kill service break, and a kill falls into the gap."""
        last = max((one.number for one in self.world.killfeed.connections), default=0)
        self.world.killfeed.cut_all()
        self._tell("kill feed: the connections break")
        self.kill_in_chain(system_id=self._chain[0])
        await self.joined(after=last)

    async def system_comes_while_away(self) -> None:
        """The map's stream breaks, and a system is added meanwhile."""
        self.world.maps.cut_streams()
        self._tell("map: the stream breaks")
        self.system_comes()
        await self.joined()

    def trouble(self, fault: faults.Fault, words: str) -> None:
        """Order a misfortune for the next message."""
        self.world.discord.fault(fault, route=POST)
        self._tell(f"trouble: {words}")

    async def joined(self, *, after: int = 0) -> None:
        """Wait until the service listens to everything: systems, pilots and the map.

        Args:
            after: only connections to the kill service with a higher number count.
        """

        def listens(feed: KillFeed) -> bool:
            channels = [one.session.channel for one in feed.connections if one.number > after]
            joined = [one for one in channels if one is not None]
            return any(one.systems for one in joined) and any(one.characters for one in joined)

        await self.world.killfeed.until(listens)
        await self.world.maps.until(lambda maps: any(not one.gone for one in maps.streams))

    # --- how ----------------------------------------------------------------------------------------------------

    def _add(self, system_id: int, *, quiet: bool = False) -> int:
        self.world.map.add_system(system_id, by_hand=self._rng.random() < 0.5, quiet=quiet)
        self._chain.append(system_id)
        name = system_name(system_id) or str(system_id)
        self._must(f"system {name}", "system", (f"System ID: {system_id}", f"System {name} is"), SYSTEM_S)
        self._tell(f"map: {name} is added")
        return system_id

    def _kill(
        self,
        kind: str,
        *,
        times: int = 1,
        before: timedelta = timedelta(0),
        awox: bool = False,
        items: list[JsonObject] | None = None,
        **how: Any,
    ) -> JsonObject:
        kill = self.world.inventor.kill(self.world.now() - before, **how)
        kill["zkb"]["awox"] = awox
        kill["victim"]["items"] = items or []
        self.world.killfeed.push(kill, times=times)
        self._last_kill[how["system_id"]] = self.world.now()
        self._latest = kill["killmail_id"]
        ship = SHIPS.get(kill["victim"]["ship_type_id"], "ship")
        piloted = "character_id" in kill["victim"]
        who = PILOTS[how["victim"]].name if piloted else CORPORATIONS[kill["victim"]["corporation_id"]].name
        where = system_name(how["system_id"])
        self._must(f"{ship} of {who} in {where}", kind, (_address(kill),), KILL_S)
        self._tell(f"space: {who} loses {'an' if ship[0] in 'AEIOU' else 'a'} {ship} in {where}")
        return kill

    def _hostiles(self, count: int) -> list[int]:
        return self._rng.sample(HOSTILES, count)

    def _strangers(self, count: int) -> tuple[int, list[int]]:
        """A victim and at most *count* attackers, of different corporations."""
        victim = self._rng.choice(HOSTILES)
        enemies = [one for one in HOSTILES if PILOTS[one].corporation_id != PILOTS[victim].corporation_id]
        return victim, self._rng.sample(enemies, min(count, len(enemies)))

    def _must(self, what: str, kind: str, markers: tuple[str, ...], within_s: float) -> None:
        self.expectations.expected.append(
            Expected(
                what=what,
                channel=self.world.channel(kind),
                markers=markers,
                at=self.world.now(),
                deadline=trio.current_time() + within_s,
            )
        )

    def _must_not(self, what: str, kill: JsonObject) -> None:
        self.expectations.unwanted.append(Unwanted(what=what, marker=_address(kill)))

    async def _subscribed(self, system_id: int) -> bool:
        with trio.move_on_after(PATIENCE_S) as waited:
            await self.world.killfeed.until(lambda feed: any(system_id in one.systems for one in feed.joined))
        return not waited.cancelled_caught


def _address(kill: JsonObject) -> str:
    return f"zkillboard.com/kill/{kill['killmail_id']}/"
