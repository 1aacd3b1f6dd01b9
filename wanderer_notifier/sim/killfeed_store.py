"""What the fake kill service keeps: kills in its memory, and those that only its upstreams know."""

from __future__ import annotations

from attrs import frozen

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.mapdata import Names


@frozen
class Kept:
    """A kill as ESI gave it, and what look-ups found for it."""

    kill: JsonObject
    names: Names


class KillStore:
    """Memory, lost at a restart, over a history that is not."""

    def __init__(self) -> None:
        self._memory: dict[int, Kept] = {}
        self._upstream: dict[int, JsonObject] = {}

    def keep(self, kill: JsonObject, names: Names) -> None:
        """Put into memory; a kill seen before moves to the front."""
        self._memory.pop(kill["killmail_id"], None)
        self._memory[kill["killmail_id"]] = Kept(kill, names)
        self.know(kill)

    def know(self, kill: JsonObject) -> None:
        """Put into the history of the upstreams only."""
        self._upstream[kill["killmail_id"]] = kill

    def forget(self) -> None:
        """Lose the memory."""
        self._memory.clear()

    def in_memory(self, system_id: int) -> list[Kept]:
        """The kept kills of a system, latest taken in first."""
        return [one for one in reversed(self._memory.values()) if one.kill["solar_system_id"] == system_id]

    def kept(self, kill_id: int) -> Kept | None:
        return self._memory.get(kill_id)

    def known(self, kill_id: int) -> JsonObject | None:
        return self._upstream.get(kill_id)

    def listed(self, system_id: int) -> list[JsonObject]:
        """What zKillboard lists for a system, newest first."""
        kills = [kill for kill in self._upstream.values() if kill["solar_system_id"] == system_id]
        return sorted(kills, key=lambda kill: int(kill["killmail_id"]), reverse=True)

    def counts(self) -> tuple[int, int]:
        """Kills and systems in memory."""
        return len(self._memory), len({one.kill["solar_system_id"] for one in self._memory.values()})
