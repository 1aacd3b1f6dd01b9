"""Names of pilots, corporations, alliances, hulls and systems: from the cache, else from ESI (notifications.md 7.1)."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import groupby

import structlog
import trio
from attrs import Factory, define

from wanderer_notifier.core.names import NOBODY, Key, Known, Looked, NameKind, Names
from wanderer_notifier.core.reading import as_id, as_name, is_object
from wanderer_notifier.feeds.universe_esi import Esi, Unavailable, expires
from wanderer_notifier.net.client import Answer
from wanderer_notifier.state import names as cache
from wanderer_notifier.state.names import Found
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("universe")

LIFETIMES: Mapping[NameKind, timedelta] = {
    "character": timedelta(hours=24),
    "corporation": timedelta(hours=24),
    "alliance": timedelta(hours=24),
    "type": timedelta(hours=24),
    "system": timedelta(days=30),
}
UNKNOWN_FOR = timedelta(minutes=10)
"""How long "no such id" is believed: the name service learns of new pilots with an hour's delay (cases.md K13)."""

AT_ONCE = 1000  # ids in one request for names
USED = 1000
SINGLES = 8
"""Requests for single records at the same time."""

NAMES_PATH = "/universe/names"
PATHS: Mapping[NameKind, str] = {
    "character": "/characters/{}",
    "corporation": "/corporations/{}",
    "alliance": "/alliances/{}",
    "type": "/universe/types/{}",
    "system": "/universe/systems/{}",
}
CATEGORIES: Mapping[NameKind, str] = {
    "character": "character",
    "type": "inventory_type",
    "system": "solar_system",
}
"""What the name service calls the kinds that it is asked for; corporations and alliances need a ticker as well."""

NAME_LIMIT, TICKER_LIMIT = 100, 16


@define
class _Ticket:
    """A look-up under way, and what it found: None as long as nothing is known."""

    key: Key
    etag: str | None = None
    before: Known | None = None
    """What an older look-up found."""
    found: Known | None = None
    done: trio.Event = Factory(trio.Event)


class Universe:
    """Looks names up, each one once however many ask; `run` must be running.

    *counted* hears how each name was had (`hit`, `stale`, `miss`).
    """

    def __init__(
        self,
        store: Store,
        esi: Esi,
        *,
        now: Callable[[], datetime],
        counted: Callable[[str, str, int], None] = lambda kind, result, count: None,
    ) -> None:
        self._store, self._esi, self._now = store, esi, now
        self._counted = counted
        self._tickets: dict[Key, _Ticket] = {}
        self._queue: list[_Ticket] = []
        self._woken = trio.Event()
        self._singles = trio.CapacityLimiter(SINGLES)
        self._used = set[Key]()
        """What was of use since the cache was last written to; noted with the next answer."""

    async def names(self, keys: Collection[Key], *, until: float) -> Looked[Names]:
        """What *keys* are called; waits for what was never looked up, but not beyond *until* (Trio's clock).

        A name that is merely old is given at once and looked up again behind the scenes. Never raises for reasons of
        network or disk: what cannot be had is left out, and the answer says that it is not settled.
        """
        known, missing = await self._cached(keys)
        if len(self._used) < USED:
            self._used.update(known)
        tickets = [self._ticket(key) for key in sorted(missing)]
        if tickets and not self._esi.shut:
            with trio.move_on_at(until):
                for ticket in tickets:
                    await ticket.done.wait()
        known.update({ticket.key: ticket.found for ticket in tickets if ticket.found is not None})
        return Looked(value=known, settled=all(key in known for key in keys))

    async def run(self) -> None:
        """Carry out look-ups until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                while not self._queue:
                    await self._woken.wait()
                    self._woken = trio.Event()
                queued, self._queue = self._queue, []
                batched = [ticket for ticket in queued if ticket.key[0] in CATEGORIES]
                for start in range(0, len(batched), AT_ONCE):
                    nursery.start_soon(self._carry_out, self._batch, batched[start : start + AT_ONCE])
                for ticket in queued:
                    if ticket.key[0] not in CATEGORIES:
                        nursery.start_soon(self._carry_out, self._single, [ticket])

    # --- the cache ----------------------------------------------------------------------------------------------------

    async def _cached(self, keys: Iterable[Key]) -> tuple[dict[Key, Known], list[Key]]:
        """What is known, and what must be waited for; what is old is being looked up again from here on."""
        moment, known, missing = self._now(), dict[Key, Known](), list[Key]()
        by_kind = {kind: [number for _, number in group] for kind, group in groupby(sorted(keys), lambda key: key[0])}
        try:
            found = await self._store.read(lambda conn: {k: cache.read(conn, k, ids) for k, ids in by_kind.items()})
        except StoreError as error:
            log.warning("names_not_read", reason=str(error))
            found = {}
        stale = list[tuple[Key, Found, Known]]()
        for kind, ids in by_kind.items():
            for number in ids:
                entry = found.get(kind, {}).get(number)
                if entry is None or (entry.value is None and entry.fresh_until <= moment):
                    missing.append((kind, number))
                    continue
                known[(kind, number)] = _known(entry)
                if entry.fresh_until <= moment:
                    stale.append(((kind, number), entry, known[(kind, number)]))
            lacking = sum(key[0] == kind for key in missing)
            old = sum(key[0] == kind for key, _, _ in stale)
            for result, count in (("hit", len(ids) - lacking - old), ("stale", old), ("miss", lacking)):
                if count:
                    self._counted(kind, result, count)
        for key, entry, before in stale:
            self._ticket(key, entry.etag, before)
        return known, missing

    def _ticket(self, key: Key, etag: str | None = None, before: Known | None = None) -> _Ticket:
        ticket = self._tickets.get(key)
        if ticket is None:
            ticket = self._tickets[key] = _Ticket(key, etag, before)
            self._queue.append(ticket)
            self._woken.set()
        return ticket

    async def _keep(self, found: Mapping[Key, tuple[Known, str | None, datetime | None]]) -> None:
        """Remember answers: what was found, its etag, and until when ESI itself would give the same."""
        moment = self._now()
        by_kind = dict[NameKind, dict[int, Found]]()
        for (kind, number), (known, etag, until) in found.items():
            lives = UNKNOWN_FOR if known == NOBODY else LIFETIMES[kind]
            fresh_until = max(moment + lives, min(until or moment, moment + LIFETIMES["system"]))
            value = None if known == NOBODY else {"name": known.name, "ticker": known.ticker}
            by_kind.setdefault(kind, {})[number] = Found(value=value, fresh_until=fresh_until, etag=etag)
        used, self._used = self._used, set()

        def job(conn: sqlite3.Connection) -> None:
            for kind, number in used:
                cache.used(conn, kind, (number,), moment)
            for kind, entries in by_kind.items():
                cache.put(conn, kind, entries, moment)

        try:
            await self._store.write(job)
        except StoreError as error:
            log.warning("names_not_kept", reason=str(error))

    # --- asking -------------------------------------------------------------------------------------------------------

    async def _carry_out(self, how: Callable[[Sequence[_Ticket]], Awaitable[None]], tickets: Sequence[_Ticket]) -> None:
        try:
            await how(tickets)
        except Unavailable as error:
            log.info("names_not_found_out", reason=str(error), count=len(tickets))
        except Exception:  # a bug of ours must not end the look-ups of everybody else
            log.exception("look_up_failed", count=len(tickets))
        finally:
            for ticket in tickets:
                self._tickets.pop(ticket.key, None)
                ticket.done.set()

    async def _batch(self, tickets: Sequence[_Ticket]) -> None:
        """All at once; when that is refused, in halves, until the one that is to blame is alone (cases.md K13)."""
        numbers = sorted({ticket.key[1] for ticket in tickets})
        answer = await self._esi.ask("POST", NAMES_PATH, json=numbers)
        rows = _rows(answer) if answer.status == 200 else {}
        found = dict[Key, tuple[Known, str | None, datetime | None]]()
        left = list[_Ticket]()
        for ticket in tickets:
            kind, number = ticket.key
            name = rows.get((CATEGORIES[kind], number))
            if name is None:
                left.append(ticket)
                continue
            ticket.found = Known(name=name)
            found[ticket.key] = (ticket.found, None, None)
            ticket.done.set()
        if found:
            await self._keep(found)
        if answer.status == 200 or len(tickets) == 1:
            for ticket in left:
                await self._single([ticket])
        elif left:
            middle = len(tickets) // 2
            await self._carry_out(self._batch, tickets[:middle])
            await self._carry_out(self._batch, tickets[middle:])

    async def _single(self, tickets: Sequence[_Ticket]) -> None:
        """The record of one id, where there is no other way, or where the names of many are not to be had."""
        (ticket,) = tickets
        kind, number = ticket.key
        async with self._singles:
            answer = await self._esi.ask("GET", PATHS[kind].format(number), etag=ticket.etag)
        if answer.status == 304 and ticket.before is not None:
            ticket.found = ticket.before
        elif answer.status == 200:
            ticket.found = _record(answer)
        elif answer.status in (400, 404, 422):
            ticket.found = NOBODY
        if ticket.found is None:
            raise Unavailable(f"HTTP {answer.status}")
        if ticket.found == NOBODY and ticket.before is not None:
            ticket.found = ticket.before  # deleted since: the last known name is better than none (cases.md K14)
        await self._keep({ticket.key: (ticket.found, answer.headers.get("etag") or ticket.etag, expires(answer))})


def _known(entry: Found) -> Known:
    if entry.value is None:
        return NOBODY
    return Known(name=entry.value.get("name"), ticker=entry.value.get("ticker"))


def _rows(answer: Answer) -> dict[tuple[str, int], str]:
    """Category and id -> name, as far as the answer can be understood."""
    try:
        rows = answer.json()
    except ValueError:
        return {}
    found = {}
    for row in rows if isinstance(rows, list) else ():
        if is_object(row) and (number := as_id(row.get("id"))) and (name := as_name(row.get("name"), NAME_LIMIT)):
            found[(str(row.get("category")), number)] = name
    return found


def _record(answer: Answer) -> Known | None:
    """Name and ticker of a single record; None when it has no name that can be shown."""
    try:
        record = answer.json()
    except ValueError:
        return None
    if not is_object(record) or (name := as_name(record.get("name"), NAME_LIMIT)) is None:
        return None
    return Known(name=name, ticker=as_name(record.get("ticker"), TICKER_LIMIT))
