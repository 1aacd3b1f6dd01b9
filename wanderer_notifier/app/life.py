"""One life of the service: its parts in one nursery tree, and an ordered end."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial

import structlog
import trio

from wanderer_notifier.app.housekeeping import keep_house, note_end, tick
from wanderer_notifier.app.landmarks import tell_landmarks
from wanderer_notifier.app.parts import Parts
from wanderer_notifier.app.pulse import tell_pulse
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.app.shutdown import Ending
from wanderer_notifier.app.signals import obey_signals
from wanderer_notifier.app.site import open_site
from wanderer_notifier.app.status import Place, tell_status
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.events import Arrival
from wanderer_notifier.delivery.replay import replay_asked
from wanderer_notifier.runtime.following import follow_set
from wanderer_notifier.runtime.logs import Redactor
from wanderer_notifier.runtime.supervise import BudgetSpent, run_essential
from wanderer_notifier.state import outbox
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("app")

ARRIVALS = 256
"""Between feeds and pipeline; when full the feeds wait and TCP pushes back (style.md 4.3)."""


class Life:
    """Runs the parts once; *redact* takes the secrets out of what pages show, setting *stop* asks for the end."""

    def __init__(
        self, settings: Settings, seams: Seams, store: Store, redact: Redactor, stop: trio.Event | None
    ) -> None:
        self._settings, self._seams, self._store, self._redact, self._stop = settings, seams, store, redact, stop
        self._parts = Parts(settings, seams, store, learned=redact.learn)
        self._drained = trio.Event()

    async def run(self, task_status: trio.TaskStatus[int]) -> bool:
        """Live until asked to stop; starts with the web port, returns whether the end was hurried.

        Raises `BudgetSpent` when an essential part keeps failing, `OSError` when the port cannot be had and
        `StoreError` when the database cannot be read.
        """
        parts = self._parts
        await parts.load()
        intake, web_stop = trio.CancelScope(), trio.Event()
        try:
            async with trio.open_nursery() as root:
                ending = Ending(intake, root.cancel_scope, self._settings.shutdown_grace_s)
                port = await self._open_web(root, web_stop)
                async with trio.open_nursery() as side:
                    await self._start_duties(side, ending)
                    task_status.started(port)
                    # Upstreams may still be away: waiting for them would turn an outage of theirs into ours.
                    self._seams.manager.tell("READY=1", f"STATUS=web port {port}")
                    await self._work(intake, ending)
                    side.cancel_scope.cancel(reason="drained")
                web_stop.set()
        finally:
            with trio.CancelScope(shield=True):
                await parts.aclose()
        await self._farewell()
        return ending.hurried

    async def _start_duties(self, side: trio.Nursery, ending: Ending) -> None:
        """What goes on beside the work and never holds up the end."""
        parts = self._parts
        if self._seams.signals:
            await side.start(ending.on_signal)
            await side.start(obey_signals)
        if self._stop is not None:
            side.start_soon(ending.on_event, self._stop)
        side.start_soon(self._note_stopping, ending)
        side.start_soon(self._seams.manager.reassure, lambda: parts.vitals.broken_task is None)
        side.start_soon(tick, parts.vitals, parts.metrics)
        side.start_soon(
            keep_house,
            self._store,
            parts.health.component("data_dir"),
            parts.health,
            parts.vitals,
            parts.metrics,
            parts.now,
            parts.insight.keep,
        )
        side.start_soon(parts.registry.ask, name="map list")
        side.start_soon(parts.registry.follow, name="map rules")
        side.start_soon(parts.intake.follow_tracking, name="tracking")
        side.start_soon(parts.helm.run, name="steering")
        side.start_soon(tell_pulse, parts.insight, self._store, partial(parts.snapshot, parts.insight), name="pulse")
        side.start_soon(parts.enrichment.run)
        side.start_soon(parts.licence.run, name="licence")
        side.start_soon(self._tell_status)
        side.start_soon(self._tell_landmarks, name="landmarks")
        side.start_soon(parts.alerts.run, name="alerts")

    async def _work(self, intake: trio.CancelScope, ending: Ending) -> None:
        """From the feeds to Discord, until *intake* is cancelled and what had arrived is decided and, if it can be,
        sent."""
        parts = self._parts
        arrivals_in, arrivals_out = trio.open_memory_channel[Arrival](ARRIVALS)
        async with trio.open_nursery() as work:
            work.start_soon(self._essential, "delivery", partial(parts.delivery.run, stop=self._drained))
            work.start_soon(partial(parts.commanding.run, stop=ending.asked), name="commands")
            work.start_soon(self._run_feeds, intake, arrivals_in)
            parts.vitals.running = True
            await self._essential("pipeline", partial(parts.pipeline.run, arrivals_out))
            self._drained.set()  # nothing will be queued any more: delivery may end when it has sent what it can

    async def _run_feeds(self, intake: trio.CancelScope, arrivals: trio.MemorySendChannel[Arrival]) -> None:
        """All feeds until *intake* is cancelled; closing *arrivals* then lets the pipeline run dry and end."""
        parts = self._parts
        async with arrivals:
            with intake:
                await trio.sleep(parts.feed_pause_s)
                async with trio.open_nursery() as feeds:
                    feeds.start_soon(parts.live.run, name="discord gateway")
                    feeds.start_soon(parts.enrichment.bodies.follow, arrivals, name="kills without body")
                    feeds.start_soon(partial(replay_asked, self._store, arrivals, now=parts.now), name="replay")
                    feeds.start_soon(parts.intake.run, arrivals, parts.pipeline.cursor, name="intake")

    async def _essential(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        parts = self._parts
        parts.insight.task(name, runs=True)
        try:
            await run_essential(name, body, roll=self._seams.dice.random, restarted=parts.outcomes.restarted)
        except BudgetSpent:
            parts.vitals.broken_task = name
            raise
        finally:
            parts.insight.task(name, runs=False)

    async def _open_web(self, root: trio.Nursery, web_stop: trio.Event) -> int:
        if not self._seams.web:
            return 0
        parts = self._parts
        parts.vitals.port = await open_site(
            root,
            web_stop,
            self._settings.web,
            self._store,
            snapshot=lambda: parts.snapshot(parts.insight),
            insight=parts.insight,
            metrics=parts.metrics,
            redact=self._redact,
        )
        return parts.vitals.port

    async def _tell_landmarks(self) -> None:
        parts = self._parts
        await parts.registry.ready()
        await tell_landmarks(parts.known, sorted(parts.registry.slugs.value), parts.snapshot)

    async def _tell_status(self) -> None:
        """To the channel of each map that wants status messages."""
        parts = self._parts

        async def tell(one: tuple[str, str]) -> None:
            slug, channel = one
            place = Place(store=self._store, channel=channel, slug=slug, wake=parts.delivery.wake)
            page = self._settings.web.public_url
            await tell_status(place, parts.snapshot, parts.metrics, parts.licence.state, page)

        if self._settings.schedulers:
            await parts.registry.ready()
            await follow_set(parts.registry.status, tell, name=lambda one: f"status: {one[0]}")

    async def _note_stopping(self, ending: Ending) -> None:
        await ending.asked.wait()
        self._parts.vitals.stopping = True
        self._seams.manager.tell("STOPPING=1")

    async def _farewell(self) -> None:
        with trio.CancelScope(shield=True):
            try:
                counts = await self._store.write(self._note_end)
            except StoreError as error:
                log.error("shutdown_complete", reason=f"the end could not be noted: {error}")
                return
        log.info("shutdown_complete", waiting=counts.queued + counts.sending, sent=counts.sent, dead=counts.dead)

    def _note_end(self, conn: sqlite3.Connection) -> outbox.Counts:
        self._parts.insight.lifetime.save(conn)
        return note_end(conn, self._parts.now())
