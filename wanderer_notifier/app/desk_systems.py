"""`/notifier system`: the priority list and what is tracked or hidden by command (operations.md OPS-26 to 28).

All three lists belong to the installation: what members steer holds for every map.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

import trio

from wanderer_notifier.app.command_log import CommandLog
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.core import replies
from wanderer_notifier.core.commands import CHANGING, Asked, clean_name
from wanderer_notifier.core.list_reply import priority_list
from wanderer_notifier.core.steering import Full, Place, Steering
from wanderer_notifier.core.system_names import Ambiguous, find_on_maps, is_system_id
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.discord.commands import Result
from wanderer_notifier.runtime.watch import Watch


class Systems:
    """Steers by command. *search* finds a system that no map has, *allowed* tells who may change anything."""

    def __init__(
        self,
        helm: Helm,
        known: Watch[Tracking],
        notes: CommandLog,
        *,
        search: Callable[[str], Awaitable[Place | None]],
        allowed: Callable[[Asked], bool],
        now: Callable[[], datetime],
    ) -> None:
        self._helm, self._known, self._notes = helm, known, notes
        self._search, self._allowed, self._now = search, allowed, now
        self._turn = trio.Lock()

    async def act(self, asked: Asked) -> Result:
        """Carry it out; its entry in the command log is stored together with what it changes."""
        action = asked.options.get("action") or "track"
        result = self._only_told(asked, action)
        if result is None:
            name = clean_name(asked.options.get("system_name", ""))
            place = None if name is None else await self._place(name)
            if name is None or place is None:
                result = Result(text=replies.BAD_NAME, outcome="invalid")
            elif isinstance(place, Ambiguous):
                result = Result(text=replies.ambiguous(name, place.names), outcome="invalid")
            else:
                async with self._turn:  # what is answered must be what this change met
                    return await self._steer(asked, action, place)
        await self._notes.note(asked, result)
        return result

    def _only_told(self, asked: Asked, action: str) -> Result | None:
        """The answer where nothing is to be changed; None where something may be."""
        if action == "list_priority":
            return Result(text=priority_list(self._helm.steering.value))
        if action not in CHANGING:
            return Result(text=replies.unknown_action(action), outcome="invalid")
        return None if self._allowed(asked) else Result(text=replies.NOT_ALLOWED, outcome="refused")

    # --- which system is meant ----------------------------------------------------------------------------------------

    async def _place(self, name: str) -> Place | Ambiguous | None:
        found = find_on_maps(name, self._known.value)
        if found is not None:
            return found
        listed = self._listed(name)
        if listed is not None and listed.known:
            return listed
        return await self._search(name) or listed or Place(name=name)

    def _listed(self, name: str) -> Place | None:
        """What is called that on the lists already."""
        steering, wanted = self._helm.steering.value, Place(name=name)
        if name.isascii() and name.isdecimal() and is_system_id(int(name)):
            wanted = Place(name=name, system_id=int(name))
        known = [one.place for one in steering.systems if one.place] + [one.place for one in steering.overrides]
        return next((place for place in known if place.same(wanted)), None)

    def _on_map(self, place: Place) -> bool:
        found = find_on_maps(str(place.system_id) if place.known else place.name, self._known.value)
        return found is not None

    # --- what changes -------------------------------------------------------------------------------------------------

    async def _steer(self, asked: Asked, action: str, place: Place) -> Result:
        by, at = asked.caller.user_id, self._now()
        steering, on_map = self._helm.steering.value, self._on_map(place)

        def change(lists: Steering) -> Steering:
            match action:
                case "add_priority":
                    return lists.with_priority(place, by=by, at=at)
                case "remove_priority":
                    return lists.without_priority(place)
                case "track":
                    return lists.with_override(place, "track", by=by, at=at)
                case _ if on_map or lists.override(place) is None:
                    return lists.with_override(place, "untrack", by=by, at=at)
                case _:  # what no map has is ignored as soon as nobody tracks it
                    return lists.without_override(place)

        result = _outcome(action, place, was_priority=steering.priority(place) is not None, on_map=on_map)
        entry = self._notes.entry(asked, result)
        try:
            problem = await self._helm.change(change, entry)
        except Full:
            full = Result(text=replies.FULL, outcome="refused")
            await self._notes.note(asked, full)
            return full
        if problem is None:
            return result
        return Result(text=replies.only_in_memory(result.text, problem), outcome="unsaved")


def _outcome(action: str, place: Place, *, was_priority: bool, on_map: bool) -> Result:
    match action:
        case "add_priority" if was_priority:
            return Result(text=replies.already_there(place), outcome="unchanged")
        case "add_priority":
            return Result(text=replies.added(place))
        case "remove_priority" if was_priority:
            return Result(text=replies.removed(place))
        case "remove_priority":
            return Result(text=replies.not_there(place), outcome="unchanged")
        case "track":
            return Result(text=replies.tracking(place))
        case _:
            return Result(text=replies.stopped(place, on_map=on_map))
