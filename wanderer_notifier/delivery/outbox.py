"""Delivers what the outbox holds: a worker per channel with work, started on demand, in one nursery."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Collection, Iterable
from datetime import datetime
from functools import partial

import structlog
import trio

from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.outcome import LookBack, Outcome
from wanderer_notifier.delivery.bench import Bench, Compose, Delivered
from wanderer_notifier.delivery.edits import Edited, EditMessage, Editor
from wanderer_notifier.delivery.worker import Worker
from wanderer_notifier.runtime.health import Component
from wanderer_notifier.state import closures, outbox, overflow
from wanderer_notifier.state.outbox import Row
from wanderer_notifier.state.store import Store

__all__ = ["Delivered", "Delivery"]

log = structlog.get_logger("delivery")

SWEEP_S = 30.0
"""How often the database is asked for rows nobody woke us for: `outbox retry` runs in another process."""
PAST_S = 600.0  # operations.md OPS-46


class Delivery:
    """Everything between a committed row and Discord's answer, noted.

    Args:
        store: holds the outbox.
        post: one attempt; never raises for reasons of the network (`DiscordRest.post`).
        look_back: whether a message stands in a channel (`DiscordRest.look_back`).
        now: the wall clock, for what is stored and for what is too old.
        roll: jitter, in [0, 1).
        part: shows whether Discord takes messages, and which channels are closed.
        observe: told of every attempt and every end.
        primary: the channel that hears when another one is closed.
        compose: makes a message anew from its row before it is sent; None: it goes out as it was decided.
        edit: completes a message that went out with something missing (`DiscordRest.edit`); None: it stays so.
        observe_edit: told of every attempt to complete a message.
    """

    def __init__(
        self,
        store: Store,
        *,
        post: Callable[[str, JsonObject], Awaitable[Outcome]],
        look_back: Callable[[str, JsonObject, datetime], Awaitable[LookBack]],
        now: Callable[[], datetime],
        roll: Callable[[], float],
        part: Component,
        observe: Callable[[Delivered], None] = lambda result: None,
        primary: str | None = None,
        compose: Compose | None = None,
        edit: EditMessage | None = None,
        observe_edit: Callable[[Row, Edited], None] = lambda row, became: None,
    ) -> None:
        self._compose, self._edit, self._observe_edit = compose, edit, observe_edit
        self._store, self._post, self._look_back = store, post, look_back
        self._now, self._roll, self._part, self._observe, self._primary = now, roll, part, observe, primary
        self._workers: dict[str, Worker] = {}
        self._waiting: dict[str, None] = {}
        """A set that keeps its order, so that a simulation replays from its seed."""
        self._news: frozenset[str] | None = frozenset()
        """Channels to probe; None: all."""
        self._woken = trio.Event()
        self._wake_editor: Callable[[], None] = lambda: None

    def wake(self, channels: Iterable[str]) -> None:
        """There are new rows for *channels*, or messages to edit; call after their commit."""
        self._waiting.update(dict.fromkeys(channels))
        self._woken.set()
        self._wake_editor()

    def probe(self, channels: Collection[str] | None) -> None:
        """There is news of *channels* (None: of all): the closed ones are tried at once, without their pause."""
        self._news = None if channels is None or self._news is None else self._news | set(channels)
        self._woken.set()

    async def run(self, *, stop: trio.Event) -> None:
        """Deliver until *stop* is set and nothing more can be sent now; what waits stays queued.

        Cancelling is safe at any moment: a message in flight stays `sending` and the next start settles it. Only
        bugs leave as exceptions.
        """
        bench = Bench(
            self._store,
            post=self._post,
            look_back=self._look_back,
            now=self._now,
            roll=self._roll,
            part=self._part,
            observe=self._observe,
            primary=self._primary,
            wake=self.wake,
            stop=stop,
            compose=self._compose,
        )
        self._workers.clear()
        interrupted = await bench.write(outbox.recover)
        if interrupted:
            log.info("deliveries_interrupted", rows=interrupted)
        for closed in await bench.read(closures.closures):
            bench.closed(closed.channel, closed.reason)
        bench.ready()
        async with trio.open_nursery() as around:
            if self._compose is not None and self._edit is not None:
                editor = Editor(bench, compose=self._compose, edit=self._edit, observe=self._observe_edit)
                bench.went_out = self._wake_editor = editor.wake
                around.start_soon(editor.run, name="delivery: edits")
            await self._send(bench, stop)
            around.cancel_scope.cancel(reason="all is sent")  # what is due for an edit is so at the next start

    async def _send(self, bench: Bench, stop: trio.Event) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._pass_on, stop, bench, name="delivery: stop")
            while True:
                last_round = stop.is_set()
                await self._sweep(bench)
                self._start_workers(nursery, bench)
                if last_round:
                    break
                await self._wait_for_work(nursery, bench, trio.current_time() + SWEEP_S, stop)

    async def _wait_for_work(self, nursery: trio.Nursery, bench: Bench, until: float, stop: trio.Event) -> None:
        while trio.current_time() < until and not stop.is_set():
            with trio.move_on_at(until):
                await self._woken.wait()
            self._woken = trio.Event()
            await self._probe(bench)
            self._start_workers(nursery, bench)

    async def _probe(self, bench: Bench) -> None:
        news, self._news = self._news, frozenset()
        closed = bench.closed_of(news)
        if closed:
            log.debug("channels_probed", channels=closed)
            await bench.write(partial(closures.hasten, channels=closed, now=self._now()))  # for rows still to come
            for channel in closed:
                if channel in self._workers:
                    self._workers[channel].pace.probe()

    def _start_workers(self, nursery: trio.Nursery, bench: Bench) -> None:
        for channel in self._waiting:
            worker = self._workers.get(channel)
            if worker is not None:
                worker.fresh = True
                continue
            self._workers[channel] = Worker(channel, bench)
            nursery.start_soon(self._work, self._workers[channel], name=f"channel {channel}: delivery")
        self._waiting.clear()

    async def _work(self, worker: Worker) -> None:
        await worker.run()
        del self._workers[worker.channel]  # no checkpoint since the worker looked for the last time

    async def _sweep(self, bench: Bench) -> None:
        channels, lost, late = await bench.read(partial(_look, now=self._now()))
        self._waiting.update(dict.fromkeys(channels))
        if lost:
            for row in await bench.write(overflow.take_overflowed):
                bench.tell(row, "overflow", "more than 1,000 messages were waiting")
                self._waiting[row.channel] = None
        if late:
            for row in await bench.write(partial(outbox.expire, now=self._now())):
                bench.tell(row, "expired", f"expired; before that: {row.reason}" if row.reason else "expired")
        if not channels and not self._workers:
            bench.forget_old_failures(PAST_S)

    async def _pass_on(self, stop: trio.Event, bench: Bench) -> None:
        await stop.wait()
        self._woken.set()
        bench.token.nudge()
        for worker in self._workers.values():
            worker.pace.nudge()


def _look(conn: sqlite3.Connection, now: datetime) -> tuple[tuple[str, ...], bool, bool]:
    return outbox.channels_with_work(conn), overflow.overflowed(conn), outbox.any_late(conn, now)
