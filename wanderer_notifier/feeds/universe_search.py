"""Which solar system a name belongs to, asked of ESI: for systems that no map has (operations.md OPS-26)."""

from __future__ import annotations

import structlog
import trio

from wanderer_notifier.core.reading import as_id, as_name, is_object
from wanderer_notifier.core.steering import Place
from wanderer_notifier.feeds.universe_esi import Esi, Unavailable

log = structlog.get_logger("universe")

IDS_PATH = "/universe/ids"
SEARCH_S = 5.0
"""Whoever typed the name is waiting."""


async def find_system(esi: Esi, name: str) -> Place | None:
    """The system of that exact name, whatever its case; None where there is none or ESI does not say."""
    with trio.move_on_after(SEARCH_S):
        try:
            answer = await esi.ask("POST", IDS_PATH, json=[name])
        except Unavailable as error:
            log.info("system_not_found_out", reason=str(error))
            return None
        try:
            body = answer.json() if answer.status == 200 else {}
        except ValueError:
            body = {}
        rows = body.get("systems") if is_object(body) else None
        for row in rows if isinstance(rows, list) else ():
            if is_object(row) and (number := as_id(row.get("id"))) and (found := as_name(row.get("name"), 100)):
                return Place(name=found, system_id=number)
    return None
