"""How a message reads with everything that can be known about it by a given moment (notifications.md 7)."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import trio
from attrs import define, evolve

from wanderer_notifier.core.events import Change, Kill, RallyCreated, SystemAdded, SystemStatic
from wanderer_notifier.core.message import Message
from wanderer_notifier.core.names import Key, Looked, Names, named, wanted
from wanderer_notifier.core.policy import Send
from wanderer_notifier.core.render import render, render_kill, render_system, render_text
from wanderer_notifier.delivery.sources import subject_of
from wanderer_notifier.state.rows import Look, Row

T = TypeVar("T")

CALLED_FOR = timedelta(minutes=1)
"""A rally that is taken back while its message is on the way is called all the same, and then said to be over; after
this long nobody need be called any more."""


class LookNames(Protocol):
    """`Universe.names`."""

    async def __call__(self, keys: Collection[Key], *, until: float) -> Looked[Names]: ...


class LookSystem(Protocol[T]):
    """`Systems.static` and `Systems.recent`."""

    async def __call__(self, system_id: int, *, until: float) -> Looked[T]: ...


class LookLoot(Protocol):
    """`Loot.lines`."""

    async def __call__(
        self, raw: object, killmail_id: int, mail_hash: str | None, *, until: float
    ) -> Looked[tuple[str, ...]]: ...


@define
class _Extras:
    """What is shown besides the subject itself, each with whether more may come."""

    names: Looked[Names] = Looked(value={}, settled=True)
    loot: Looked[tuple[str, ...]] = Looked(value=(), settled=True)
    static: Looked[SystemStatic | None] = Looked(value=None, settled=True)
    recent: Looked[tuple[Kill, ...]] = Looked(value=(), settled=True)

    @property
    def settled(self) -> bool:
        return self.names.settled and self.loot.settled and self.static.settled and self.recent.settled


class Composer:
    """Makes messages anew from what their rows say they were made from.

    Args:
        names: looks names up.
        static: tells what is known of a system; None: messages do without.
        recent: tells the last kills in a system; None: messages do without.
        loot: tells the notable items of a kill; None: the operator does not want them.
        wants_loot: whether a map wants to see them, by its slug.
        now: the wall clock.
    """

    def __init__(
        self,
        *,
        names: LookNames,
        static: LookSystem[SystemStatic | None] | None = None,
        recent: LookSystem[tuple[Kill, ...]] | None = None,
        loot: LookLoot | None = None,
        wants_loot: Callable[[str], bool] = lambda slug: True,
        now: Callable[[], datetime],
    ) -> None:
        self._names, self._static, self._recent, self._loot, self._now = names, static, recent, loot, now
        self._wants_loot = wants_loot

    async def compose(self, row: Row, *, until: float) -> Look:
        """How *row* reads by *until* (Trio's clock) at the latest; not complete when more may be known later.

        A row that is plain (the free tier's, or reduced because Discord refused the rich form) stays plain.
        """
        made_from = None if row.source is None or row.reduced else subject_of(row.source)
        if made_from is None:
            return Look(body=row.body, fallback=row.fallback, complete=True)
        subject, send = made_from
        if isinstance(subject, RallyCreated) and row.state == "queued" and self._now() - row.received_at < CALLED_FOR:
            subject = evolve(subject, ended_at=None)  # the edit will say so
        plain = row.fallback is None
        extras = await self._look_up(subject, send, row, until, plain=plain)
        subject = named(subject, extras.names.value)
        text = render_text(subject, send).body()
        if plain:
            return Look(body=text, fallback=None, complete=extras.settled)
        body = self._rich(subject, send, extras).body()
        return Look(body=body, fallback=text, complete=extras.settled)

    async def _look_up(self, subject: Kill | Change, send: Send, row: Row, until: float, *, plain: bool) -> _Extras:
        extras = _Extras()

        async def names(keys: Collection[Key]) -> None:
            extras.names = await self._names(keys, until=until)

        async def loot(look: LookLoot, kill: Kill) -> None:
            raw = (row.source or {}).get("raw")
            extras.loot = await look(raw, kill.killmail_id, kill.hash, until=until)

        async def static(look: LookSystem[SystemStatic | None], system_id: int) -> None:
            extras.static = await look(system_id, until=until)

        async def recent(look: LookSystem[tuple[Kill, ...]], system_id: int) -> None:
            extras.recent = await look(system_id, until=until)

        async with trio.open_nursery() as nursery:
            if keys := wanted(subject, send.system_label):
                nursery.start_soon(names, keys)
            if isinstance(subject, Kill) and self._loot is not None and not plain and self._wants_loot(row.slug):
                nursery.start_soon(loot, self._loot, subject)
            if isinstance(subject, SystemAdded) and not plain:
                if self._static is not None:
                    nursery.start_soon(static, self._static, subject.system.system_id)
                if self._recent is not None:
                    nursery.start_soon(recent, self._recent, subject.system.system_id)
        return extras

    def _rich(self, subject: Kill | Change, send: Send, extras: _Extras) -> Message:
        match subject:
            case Kill():
                return render_kill(subject, send, extras.loot.value)
            case SystemAdded():
                return render_system(subject, send, extras.static.value, extras.recent.value, self._now())
            case _:
                return render(subject, send)
