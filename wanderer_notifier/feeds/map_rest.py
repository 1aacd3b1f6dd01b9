"""Reads a map's lists over REST (wanderer-map.md 3.2, 3.4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import quote

import structlog
import trio

from wanderer_notifier.core.events import CharacterRecord, SystemRecord
from wanderer_notifier.core.mapevents import BadMapEvent, BadRow, parse_characters, parse_systems
from wanderer_notifier.feeds.map_refusals import MapLost, refusal
from wanderer_notifier.net.client import BadStatus, Upstream
from wanderer_notifier.net.errors import NetError

log = structlog.get_logger("maps")
T = TypeVar("T")

SECOND_LOOK_S = 2.0
"""The server answers with empty lists when its database fails, so that nothing is believed once (3.2)."""

Systems = tuple[SystemRecord, ...]
Characters = tuple[CharacterRecord, ...]


class MapRest:
    """One map's lists."""

    def __init__(self, api: Upstream, slug: str) -> None:
        self._api, self._slug = api, slug
        self._path = f"/api/maps/{quote(slug, safe='')}"

    async def snapshot(self) -> tuple[Systems, Characters]:
        """All visible systems and all tracked pilots.

        Raises `MapLost` for what may pass by itself and `Permanent` for what an operator must mend.
        """
        systems = await self._systems()
        if not systems:
            await trio.sleep(SECOND_LOOK_S)
            systems = await self._systems()
        return systems, await self.characters()

    async def characters(self) -> Characters:
        """All tracked pilots; raises as `snapshot` does."""
        return await self._read("tracked-characters", parse_characters)

    async def _systems(self) -> Systems:
        return await self._read("systems", parse_systems)

    async def _read(self, what: str, parse: Callable[[object], tuple[T, tuple[BadRow, ...]]]) -> T:
        try:
            rows, bad = parse(await self._get(what))
        except BadMapEvent as error:
            raise MapLost(f"{what}: {error}") from error
        if bad:
            log.info("map_rows_unusable", map=self._slug, list=what, count=len(bad), first=bad[0].reason)
        return rows

    async def _get(self, what: str) -> object:
        try:
            return await self._api.get_json(f"{self._path}/{what}", attempts=1)  # who calls us repeats
        except BadStatus as error:
            raise refusal(self._slug, error.status, {}, error.body_excerpt) from error
        except NetError as error:
            raise MapLost(f"{what}: {error}") from error
