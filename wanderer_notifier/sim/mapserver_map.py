"""One map of the fake server: its systems and pilots, and what each change announces (wanderer-map.md 2)."""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable
from datetime import datetime

from attrs import define, field

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.sim.killmails import iso
from wanderer_notifier.sim.mapdata import PILOTS, system_name
from wanderer_notifier.sim.mapserver_rows import Character, System


@define(kw_only=True)
class Map:
    """Change it with its methods; every one that the real map announces is announced.

    Attributes:
        silent: drop all events, as for a map whose permission lapsed: its streams only show keep-alives.
        sse_enabled: the map's own switch for streams.
        subscribed: whether its plan allows the API.
    """

    slug: str
    key: str | None
    id: str
    now: Callable[[], datetime]
    rng: random.Random
    announce: Callable[[Map, str, JsonObject], str]
    sse_enabled: bool = True
    subscribed: bool = True
    silent: bool = False
    systems: dict[int, System] = field(factory=dict)
    characters: dict[str, Character] = field(factory=dict)
    """By the UUID of the character."""

    def emit(self, event_type: str, payload: JsonObject) -> str:
        """Announce any event with any payload; gives its id. Raises ValueError for a type the map does not know."""
        return self.announce(self, event_type, payload)

    # --- systems -----------------------------------------------------------------------------------------------------

    def add_system(
        self,
        system_id: int,
        name: str | None = None,
        *,
        custom_name: str | None = None,
        temporary_name: str | None = None,
        by_hand: bool = False,
        quiet: bool = False,
    ) -> System:
        """Show a system; nothing is announced when it is shown already.

        Args:
            name: EVE name, if the system is not one that the fakes know.
            custom_name: the players' name; temporary_name: their passing one, which is lost when it is hidden.
            by_hand: added in the browser, not by a pilot's jump: the event then lacks the name.
            quiet: change the state without an event, as a lost one would.
        """
        known = self.systems.get(system_id)
        if known is None:
            eve_name = name or system_name(system_id) or f"System {system_id}"
            moment = self.now()
            known = System(
                id=self._uuid(),
                system_id=system_id,
                eve_name=eve_name,
                stored_name=eve_name,
                added_at=moment,
                changed_at=moment,
                visible=False,
                position=(60 * len(self.systems), 60),
            )
            self.systems[system_id] = known
        if custom_name is not None:
            known.custom_name = custom_name
        if not known.visible:
            known.visible = True
            known.temporary_name, known.tag, known.labels = temporary_name, None, None
            payload: JsonObject = {
                "solar_system_id": system_id,
                "position_x": known.position[0],
                "position_y": known.position[1],
            }
            if not by_hand:
                payload["name"] = known.stored_name
            if not quiet:
                self.emit("add_system", payload)
        return known

    def remove_system(self, system_id: int, *, quiet: bool = False) -> None:
        """Hide a system, unless it is locked or not shown."""
        system = self.systems.get(system_id)
        if system is None or not system.visible or system.locked:
            return
        system.visible = False
        if not quiet:
            nothing = {"name": None, "position_x": None, "position_y": None}
            self.emit("deleted_system", {"solar_system_id": system_id, **nothing})

    def rename(self, system_id: int, name: str) -> None:
        """Overwrite the stored name; the list then shows it as custom name."""
        self.systems[system_id].stored_name = name
        self._changed(system_id)

    def set_custom_name(self, system_id: int, name: str | None) -> None:
        """Set the custom name; the event does not contain it."""
        self.systems[system_id].custom_name = name
        self._changed(system_id)

    def set_temporary_name(self, system_id: int, name: str | None) -> None:
        self.systems[system_id].temporary_name = name
        self._changed(system_id)

    def set_status(self, system_id: int, status: int | None, description: str | None = None) -> None:
        self.systems[system_id].status = status
        self.systems[system_id].description = description
        self._changed(system_id)

    def _changed(self, system_id: int) -> None:
        system = self.systems[system_id]
        system.changed_at = self.now()
        payload = {
            "system_id": system.id,
            "solar_system_id": system_id,
            "name": system.stored_name,
            "temporary_name": system.temporary_name,
            "labels": system.labels,
            "description": system.description,
            "status": system.status,
            "locked": system.locked,
            "position_x": system.position[0],
            "position_y": system.position[1],
        }
        self.emit("system_metadata_changed", payload)

    # --- characters --------------------------------------------------------------------------------------------------

    def add_character(
        self, eve_id: int | None, name: str | None = None, corporation_id: int | None = None, *, quiet: bool = False
    ) -> Character:
        """Track a pilot. *eve_id* None makes the row without a character; *quiet* leaves out the event."""
        pilot = PILOTS.get(eve_id or 0)
        character = next((one for one in self.characters.values() if one.eve_id == eve_id), None)
        if character is None:
            character = Character(
                id=self._uuid(),
                character_id=self._uuid(),
                eve_id=eve_id,
                name=name or (pilot.name if pilot else f"Pilot {eve_id}"),
                corporation_id=corporation_id or (pilot.corporation_id if pilot else None),
                since=self.now(),
            )
            self.characters[character.character_id] = character
        character.tracked = True
        if not quiet:
            self.open_browser(character)
        return character

    def open_browser(self, character: Character) -> None:
        """A pilot comes to the map: what `character_added` really means, tracked or not."""
        self.emit("character_added", {"id": character.character_id, "name": character.name})

    def remove_character(self, eve_id: int, *, purged: bool = True) -> None:
        """Stop tracking a pilot; only one who lost access (*purged*) is announced, not one who was unticked."""
        for character in self.characters.values():
            if character.eve_id == eve_id and character.tracked:
                character.tracked = False
                if purged:
                    self.emit("character_removed", {"id": character.character_id, "name": character.name})

    # --- rally points ------------------------------------------------------------------------------------------------

    def rally(self, system_id: int, eve_id: int, message: str | None = None) -> str:
        """Set a rally point; gives its id."""
        system = self.systems[system_id]
        rally_id = self._uuid()
        payload = {
            "rally_point_id": rally_id,
            "solar_system_id": system_id,  # a number in the recording, a string by the sheet: clients must take both
            "system_id": system.id,
            "system_name": system.stored_name,
            **self._by(eve_id),
            "message": message,
            "created_at": iso(self.now(), micros=True),
        }
        self.emit("rally_point_added", payload)
        return rally_id

    def end_rally(self, rally_id: str, system_id: int, eve_id: int) -> None:
        """Take a rally point away; here its id is called `id`."""
        system = self.systems[system_id]
        payload = {"id": rally_id, "solar_system_id": system_id, "system_id": system.id, **self._by(eve_id)}
        self.emit("rally_point_removed", {**payload, "system_name": system.stored_name})

    def _by(self, eve_id: int) -> JsonObject:
        character = next((one for one in self.characters.values() if one.eve_id == eve_id), None)
        pilot = PILOTS.get(eve_id)
        return {
            "character_id": character.character_id if character else self._uuid(),
            "character_name": character.name if character else pilot.name if pilot else f"Pilot {eve_id}",
            "character_eve_id": str(eve_id),
        }

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
