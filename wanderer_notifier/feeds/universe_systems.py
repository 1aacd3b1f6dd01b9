"""What there is to say about a system besides its name: static data from the map server, its last kills.

(notifications.md 2.1.1, 3.3.1)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import attrs
import structlog
import trio

from wanderer_notifier.core.events import Kill, SystemStatic
from wanderer_notifier.core.killmail import BadKillmail, parse_kill
from wanderer_notifier.core.names import Looked
from wanderer_notifier.core.reading import is_object
from wanderer_notifier.core.static_info import parse_static
from wanderer_notifier.net.client import BadStatus, NetError, Upstream
from wanderer_notifier.state import names as cache
from wanderer_notifier.state.names import Found
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("universe")

STATIC = "static"
STATIC_FOR, UNKNOWN_FOR = timedelta(days=30), timedelta(minutes=10)
RECENT_S = 3.0
"""Beyond that the last kills are not worth the waiting."""
RECENT, RECENT_HOURS = 3, 48


class Systems:
    """Asks the map server (*maps*) and the kill service (*kills*) about systems; neither is needed for a message."""

    def __init__(self, store: Store, *, maps: Upstream, kills: Upstream, now: Callable[[], datetime]) -> None:
        self._store, self._maps, self._kills, self._now = store, maps, kills, now

    async def static(self, system_id: int, *, until: float) -> Looked[SystemStatic | None]:
        """What never changes about a system, remembered for 30 days; None: the map server does not know it.

        Asks until *until* (Trio's clock) at the latest; not settled when there was no answer.
        """
        entry = await self._cached(system_id)
        moment = self._now()
        if entry is not None and entry.fresh_until > moment:
            return Looked(value=_static(entry), settled=True)
        old = None if entry is None else _static(entry)
        with trio.move_on_at(until):
            try:
                body = await self._maps.get_json("/api/common/system-static-info", params={"id": system_id}, attempts=2)
                found = parse_static(body)
            except BadStatus as error:
                if error.status >= 500 or error.status == 429:
                    return Looked(value=old, settled=False)
                found = None  # 404 has a JSON body like any other answer (notifications.md S08)
            except NetError as error:
                log.info("static_info_missing", system_id=system_id, reason=str(error))
                return Looked(value=old, settled=False)
            await self._keep(system_id, found)
            return Looked(value=found or old, settled=True)
        return Looked(value=old, settled=False)

    async def recent(self, system_id: int, *, until: float) -> Looked[tuple[Kill, ...]]:
        """The last three kills there, newest first, as far as the kill service tells them within three seconds.

        Not settled when *until* (Trio's clock) came first. A failure is settled: what cannot be had is left out (W43).
        """
        patience = trio.current_time() + RECENT_S
        kills: Sequence[Kill] = ()
        with trio.move_on_at(min(until, patience)) as waiting:
            kills = await self._last_kills(system_id)
        cut_short = waiting.cancelled_caught and until < patience
        return Looked(value=tuple(kills), settled=not cut_short)

    async def _last_kills(self, system_id: int) -> Sequence[Kill]:
        params = {"limit": RECENT, "since_hours": RECENT_HOURS}
        try:
            listed = await self._kills.get_json(f"/api/v1/kills/system/{system_id}", params=params, attempts=1)
        except NetError as error:
            log.info("recent_kills_missing", system_id=system_id, reason=str(error))
            return ()
        found: dict[int, Kill] = {}
        for row in _rows(listed):
            try:
                kill = parse_kill(row, system_id)
            except BadKillmail:
                continue
            found.setdefault(kill.killmail_id, kill)
        newest = sorted(found.values(), key=lambda kill: -kill.killmail_id)[:RECENT]
        detailed = dict[int, Kill]()
        async with trio.open_nursery() as nursery:
            for kill in newest:
                nursery.start_soon(self._detail, kill, detailed)
        return [detailed.get(kill.killmail_id, kill) for kill in newest]

    async def _detail(self, kill: Kill, detailed: dict[int, Kill]) -> None:
        """The whole kill instead of its reference; the reference does where that fails."""
        try:
            body = await self._kills.get_json(f"/api/v1/killmail/{kill.killmail_id}", attempts=1)
            detailed[kill.killmail_id] = parse_kill(body.get("data", body) if is_object(body) else body, kill.system_id)
        except (NetError, BadKillmail) as error:
            log.debug("recent_kill_without_details", killmail_id=kill.killmail_id, reason=str(error))

    # --- the cache ----------------------------------------------------------------------------------------------------

    async def _cached(self, system_id: int) -> Found | None:
        try:
            found = await self._store.read(lambda conn: cache.read(conn, STATIC, (system_id,)))
        except StoreError as error:
            log.warning("static_info_not_read", reason=str(error))
            return None
        return found.get(system_id)

    async def _keep(self, system_id: int, static: SystemStatic | None) -> None:
        moment = self._now()
        value = None if static is None else attrs.asdict(static)
        found = Found(value=value, fresh_until=moment + (UNKNOWN_FOR if static is None else STATIC_FOR))
        try:
            await self._store.write(lambda conn: cache.put(conn, STATIC, {system_id: found}, moment))
        except StoreError as error:
            log.warning("static_info_not_kept", reason=str(error))


def _static(entry: Found) -> SystemStatic | None:
    if entry.value is None:
        return None
    known = {field.name for field in attrs.fields(SystemStatic)}  # a field that is gone again is passed over
    values = {name: value for name, value in entry.value.items() if name in known}
    return SystemStatic(**{**values, "statics": tuple(values.get("statics") or ())})


def _rows(listed: object) -> Sequence[object]:
    """The kills of any of the three forms in which the service has answered."""
    if is_object(listed) and is_object(listed.get("data")):
        listed = listed["data"]
    rows = listed.get("kills") if is_object(listed) else listed
    return rows if isinstance(rows, list) else ()
