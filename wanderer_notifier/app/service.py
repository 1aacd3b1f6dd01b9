"""The service: parts built in order of dependency, one nursery tree, an ordered end, an exit code."""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

import structlog
import trio
from attrs import evolve

from wanderer_notifier import __version__
from wanderer_notifier.app.alerts import make_alerts
from wanderer_notifier.app.commanding import Commanding
from wanderer_notifier.app.enrichment import Enrichment
from wanderer_notifier.app.gateway import LiveDiscord
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.app.housekeeping import keep_house, note_end, note_start, tick
from wanderer_notifier.app.insight import Insight
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.app.shutdown import Ending
from wanderer_notifier.app.site import open_site
from wanderer_notifier.app.snapshot import Vitals, gather
from wanderer_notifier.app.status import Place, tell_status
from wanderer_notifier.app.turn import take_turn
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.events import Arrival
from wanderer_notifier.core.licence import RichLimit
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.outbox import Delivered, Delivery
from wanderer_notifier.delivery.pipeline import Pipeline, cursor_name
from wanderer_notifier.delivery.replay import replay_asked
from wanderer_notifier.discord.rest import DiscordRest, identify
from wanderer_notifier.feeds.kill_audience import AudienceName
from wanderer_notifier.feeds.kill_rest import KillRest
from wanderer_notifier.feeds.kills import follow_kills
from wanderer_notifier.feeds.license import Licence
from wanderer_notifier.feeds.maps import MapSource, follow_map
from wanderer_notifier.feeds.universe_search import find_system
from wanderer_notifier.net.client import Upstream
from wanderer_notifier.net.dial import Dial
from wanderer_notifier.runtime import logs
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.supervise import BudgetSpent, describe, run_essential
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import memory, outbox, restored
from wanderer_notifier.state.backup import bring_back_spare
from wanderer_notifier.state.feed_marks import complete_until
from wanderer_notifier.state.lock import Taken
from wanderer_notifier.state.store import Store, StoreError
from wanderer_notifier.web.views import Snapshot

log = structlog.get_logger("app")

EX_OK, EX_SOFTWARE, EX_OSFILE, EX_INTERRUPTED = 0, 70, 71, 130
ARRIVALS = 256
"""Between feeds and pipeline; when full the feeds wait and TCP pushes back (style.md 4.3)."""
DOUBT_S = 3600.0
"""For at least so long after a restore every message is looked for in its channel before it is sent."""
ABOUT = "https://github.com/wanderer-notifier/wanderer-notifier"


def main(settings: Settings, seams: Seams) -> int:
    """Run the service until it is told to stop; returns the exit code."""
    log_file = settings.log.dir / "wanderer_notifier.log" if settings.log.file_enabled and settings.log.dir else None
    try:
        redact = logs.configure(
            level=settings.log.level,
            layout=settings.log.format,
            secrets=settings.secrets(),
            file=log_file,
            file_max_bytes=settings.log.file_max_bytes,
            file_backups=settings.log.file_backups,
        )
    except OSError as error:
        print(f"cannot open the log file {log_file}: {error}", file=sys.stderr)  # noqa: T201  # no log to say it in
        return EX_OSFILE
    return trio.run(partial(run, settings, seams=seams, redact=redact))


async def run(
    settings: Settings,
    *,
    seams: Seams | None = None,
    redact: logs.Redactor | None = None,
    stop: trio.Event | None = None,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> int:
    """The whole service; starts with the real web port (0 without one) and returns the exit code.

    Setting *stop* asks for the same ordered end as SIGTERM.
    """
    seams = seams or Seams()
    redact = redact or logs.Redactor(settings.secrets())
    log.info("starting", version=__version__, environment=settings.app_env, data_dir=str(settings.data_dir))
    for warning in settings.warnings:
        log.warning("configuration_warning", problem=warning)
    try:
        turn = await take_turn(settings, seams, stop)
    except Taken as error:
        log.critical("another_copy_runs", reason=str(error), data_dir=str(settings.data_dir))
        return EX_OSFILE
    except StoreError as error:
        log.critical("storage_unusable", reason=str(error), data_dir=str(settings.data_dir), uid=os.getuid())
        return EX_OSFILE
    if turn is None:
        log.info("shutdown_complete", note="told to stop while waiting for another copy to end")
        return EX_OK
    with turn:
        return await _run_alone(settings, seams, redact, stop, task_status)


async def _run_alone(
    settings: Settings,
    seams: Seams,
    redact: logs.Redactor,
    stop: trio.Event | None,
    task_status: trio.TaskStatus[int],
) -> int:
    try:
        store = Store.open(
            settings.data_dir / "notifier.db", run=seams.store_run, now=seams.now, last_good=bring_back_spare
        )
    except StoreError as error:
        log.critical("storage_unusable", reason=str(error), data_dir=str(settings.data_dir), uid=os.getuid())
        return EX_OSFILE
    if store.report.found == "replaced":
        log.critical(
            "storage_replaced",
            reason=store.report.reason,
            set_aside=str(store.report.set_aside),
            last_good_copy="brought back" if store.report.recovered else "none, begun anew",
        )
    try:
        return await _Service(settings, seams, store, redact, stop).run(task_status)
    except* BudgetSpent as group:
        log.critical("essential_part_failed", reason=describe(group))
        code = EX_SOFTWARE
    except* OSError as group:
        log.critical("port_or_file_unusable", reason=describe(group), port=settings.web.port)
        code = EX_OSFILE
    finally:
        store.close()
    return code


class _Service:
    """One life of the service; the attributes are the parts, wired once."""

    def __init__(
        self, settings: Settings, seams: Seams, store: Store, redact: logs.Redactor, stop: trio.Event | None
    ) -> None:
        self.settings, self.seams, self.store, self.redact, self.stop = settings, seams, store, redact, stop
        self.now, self.roll = seams.now, seams.dice.random
        self.metrics = Metrics(seams.build.get("commit") or "unknown")
        self.insight = Insight(self.metrics, self.now)
        self.health = Health(self.now, self.insight.component_changed)
        self.vitals = Vitals(self.now)
        self.vitals.build = seams.build
        self.dial: Dial = seams.dialler(ipv4_only=settings.ipv4_only)
        self.known: Watch[Tracking] = Watch(Tracking())
        self.systems: Watch[frozenset[int]] = Watch(frozenset())
        self.characters: Watch[frozenset[int]] = Watch(frozenset())
        self.helm = Helm(
            store,
            settings.rules,
            self.known,
            folder=settings.data_dir,
            part=self.health.component("data_dir:files"),
            now=self.now,
            run=seams.store_run,
        )
        enforced = settings.license.enforcement == "documented"
        self.licence = self._licence()
        self.rich = RichLimit(self.licence.state, enforced=enforced)
        self.metrics.start_time.set(self.vitals.started_at.timestamp())

    async def run(self, task_status: trio.TaskStatus[int]) -> int:
        settings = self.settings
        await self.store.write(self._remember)
        discord, map_api, kill_api = self._discord_api(), self._map_api(), self._kill_api()
        rest = DiscordRest(discord, roll=self.roll, now=self.now)
        live = self.live = LiveDiscord(
            settings,
            self.store,
            rest,
            user_agent=identify("", __version__, ABOUT)["user-agent"],
            dial=self.dial,
            health=self.health,
            metrics=self.metrics,
            known=self.known,
            now=self.now,
            roll=self.roll,
        )
        enrichment = self.enrichment = Enrichment(
            settings,
            self.store,
            dial=self.dial,
            maps=map_api,
            kills=kill_api,
            health=self.health,
            metrics=self.metrics,
            now=self.now,
            roll=self.roll,
            about=ABOUT,
        )
        self.insight.circuits["esi"] = lambda: enrichment.esi.shut
        delivery = Delivery(
            self.store,
            post=rest.post,
            look_back=rest.look_back,
            primary=settings.discord.channels.primary,
            now=self.now,
            roll=self.roll,
            part=self.health.component("discord_rest"),
            observe=self._delivered,
            compose=enrichment.composer.compose,
            edit=rest.edit,
            observe_edit=enrichment.edited,
        )
        arrivals_in, arrivals_out = trio.open_memory_channel[Arrival](ARRIVALS)
        pipeline = Pipeline(
            self.store,
            lambda: self.helm.rules,
            self.known,
            first_start=self.first_start,
            cursors=self.cursors,
            now=self.now,
            metrics=self.metrics,
            storage=self.health.component("data_dir"),
            wake=delivery.wake,
            roll=self.roll,
            rich=self.rich,
            bodiless=enrichment.bodies.wake,
            lines=self.insight.lines,
            voice=live.listening,
        )
        commanding = Commanding(
            settings,
            self.store,
            self.helm,
            live,
            rest,
            search=partial(find_system, enrichment.esi),
            known=self.known,
            health=self.health,
            metrics=self.metrics,
            licence=self.licence.state,
            uptime_s=lambda: trio.current_time() - self.vitals.started_s,
            user_agent=identify("", __version__, ABOUT)["user-agent"],
            dial=self.dial,
            now=self.now,
            roll=self.roll,
        )
        self.alerts = make_alerts(
            settings,
            self.store,
            self._snapshot,
            wake=delivery.wake,
            dial=self.dial,
            told=self.metrics.alerts,
            now=self.now,
            roll=self.roll,
        )
        if self.ended_badly:
            self.alerts.note("service", f"the previous run ended unexpectedly, {self.vitals.unclean_starts} in all")
        self._declare()
        intake, web_stop, drained = trio.CancelScope(), trio.Event(), trio.Event()
        try:
            async with trio.open_nursery() as root:
                ending = Ending(intake, root.cancel_scope, settings.shutdown_grace_s)
                port = await self._open_web(root, web_stop)
                async with trio.open_nursery() as side:
                    if self.seams.signals:
                        await side.start(ending.on_signal)
                    if self.stop is not None:
                        side.start_soon(ending.on_event, self.stop)
                    side.start_soon(self._note_stopping, ending)
                    side.start_soon(self.seams.manager.reassure, lambda: self.vitals.broken_task is None)
                    side.start_soon(tick, self.vitals, self.metrics)
                    side.start_soon(
                        keep_house,
                        self.store,
                        self.health.component("data_dir"),
                        self.health,
                        self.vitals,
                        self.metrics,
                        self.now,
                        self.insight.lifetime.save,
                    )
                    side.start_soon(self._follow_known)
                    side.start_soon(self._follow_steering)
                    side.start_soon(self.helm.run, name="steering")
                    side.start_soon(self.insight.summarise)
                    side.start_soon(enrichment.run)
                    side.start_soon(self.licence.run, name="licence")
                    side.start_soon(self._tell_status, delivery)
                    side.start_soon(self.alerts.run, name="alerts")
                    task_status.started(port)
                    # Upstreams may still be away: waiting for them would turn an outage of theirs into ours.
                    self.seams.manager.tell("READY=1", f"STATUS=web port {port}")
                    async with trio.open_nursery() as work:
                        work.start_soon(self._essential, "delivery", partial(delivery.run, stop=drained))
                        work.start_soon(partial(commanding.run, stop=ending.asked), name="commands")
                        work.start_soon(self._run_feeds, intake, arrivals_in, map_api, kill_api, pipeline)
                        self.vitals.running = True
                        await self._essential("pipeline", partial(pipeline.run, arrivals_out))
                        drained.set()  # nothing will be queued any more: delivery may end when it has sent what it can
                    side.cancel_scope.cancel(reason="drained")
                web_stop.set()
        finally:
            with trio.CancelScope(shield=True):
                await commanding.aclose()
                await enrichment.aclose()
                await self.licence.aclose()
                await self.alerts.aclose()
                await discord.aclose()
                await map_api.aclose()
                await kill_api.aclose()
        return await self._farewell(ending)

    # --- parts ---

    def _remember(self, conn: sqlite3.Connection) -> None:
        moment = self.now()
        self.first_start = memory.first_start(conn, moment)
        self.ended_badly = memory.get_meta(conn, "running_since") is not None
        self.vitals.unclean_starts, self.feed_pause_s = note_start(conn, moment, self.settings.crash_loop_pause_s)
        self.metrics.unclean_starts.inc(self.vitals.unclean_starts)
        self.insight.remember(conn)
        doubt = restored.begin(conn, moment, timedelta(seconds=max(self.settings.rules.max_kill_age_s, DOUBT_S)))
        if doubt is not None:
            log.warning("storage_restored", looks_before_telling_until=doubt.isoformat())
        slugs = {each.slug for each in self.settings.rules.maps}
        stored = memory.load_tracking(conn)
        self.known.set(Tracking(maps={slug: state for slug, state in stored.maps.items() if slug in slugs}))
        self.helm.load(conn)
        self._publish_wanted(self.known.value)
        self.cursors = {slug: memory.get_cursor(conn, cursor_name(slug)) for slug in slugs}
        self.feed_marks = complete_until(conn)
        # A list without a stream is as good as a sign of life: nothing was missing when it had been read.
        self.last_heard = {
            slug: max(filter(None, (memory.last_heard(conn, slug), self._read_at(slug))), default=None)
            for slug in slugs
        }

    def _read_at(self, slug: str) -> datetime | None:
        state = self.known.value.maps.get(slug)
        return state.loaded_at if state else None

    def _discord_api(self) -> Upstream:
        discord = self.settings.discord
        return Upstream(
            "discord",
            discord.api_url,
            dial=self.dial,
            headers=identify(discord.token.reveal(), __version__, ABOUT),
            observe=self.metrics.http_done,
            retried=self.metrics.http_again,
            roll=self.roll,
        )

    def _kill_api(self) -> Upstream:
        return Upstream(
            "kills",
            self.settings.kills.rest_url,
            dial=self.dial,
            headers={"user-agent": f"wanderer-notifier/{__version__} (+{ABOUT})"},
            total_s=30.0,
            observe=self.metrics.http_done,
            retried=self.metrics.http_again,
            roll=self.roll,
        )

    def _map_api(self) -> Upstream:
        headers = {
            "Authorization": f"Bearer {self.settings.map.api_key.reveal()}",
            "user-agent": f"wanderer-notifier/{__version__} (+{ABOUT})",
        }
        return Upstream(
            "map",
            self.settings.map.url,
            dial=self.dial,
            headers=headers,
            observe=self.metrics.http_done,
            retried=self.metrics.http_again,
            roll=self.roll,
        )

    def _licence(self) -> Licence:
        license_ = self.settings.license
        headers = {"user-agent": f"wanderer-notifier/{__version__} (+{ABOUT})"}
        if license_.token is not None:
            headers["authorization"] = f"Bearer {license_.token.reveal()}"
        return Licence(
            Upstream(
                "license", license_.url, dial=self.dial, headers=headers, connections=1, observe=self.metrics.http_done
            ),
            license_.key,
            self.store,
            part=self.health.component("license"),
            refresh_s=license_.refresh_s,
            now=self.now,
            roll=self.roll,
            with_token=license_.token is not None,
            told=self.metrics.licence_told,
        )

    def _declare(self) -> None:
        """Register what exists from the beginning, so that the probes name it before it has done anything."""
        self.health.component("configuration").to("ok")
        for slug in (each.slug for each in self.settings.rules.maps):
            self.health.component(f"map_data:{slug}")
            self.health.component(f"map_stream:{slug}")

    async def _open_web(self, root: trio.Nursery, web_stop: trio.Event) -> int:
        if not self.seams.web:
            return 0
        self.vitals.port = await open_site(
            root,
            web_stop,
            self.settings.web,
            self.store,
            snapshot=lambda: self._snapshot(self.insight),
            insight=self.insight,
            metrics=self.metrics,
            redact=self.redact,
        )
        return self.vitals.port

    async def _essential(self, name: str, body: Callable[[], Awaitable[None]]) -> None:
        self.insight.task(name, runs=True)
        try:
            await run_essential(name, body, roll=self.roll, restarted=self._restarted)
        except BudgetSpent:
            self.vitals.broken_task = name
            raise
        finally:
            self.insight.task(name, runs=False)

    async def _run_feeds(
        self,
        intake: trio.CancelScope,
        arrivals: trio.MemorySendChannel[Arrival],
        map_api: Upstream,
        kill_api: Upstream,
        pipeline: Pipeline,
    ) -> None:
        """All feeds until *intake* is cancelled; closing *arrivals* then lets the pipeline run dry and end."""
        settings = self.settings
        async with arrivals:
            with intake:
                await trio.sleep(self.feed_pause_s)
                async with trio.open_nursery() as feeds:
                    feeds.start_soon(self.live.run, name="discord gateway")
                    feeds.start_soon(self.enrichment.bodies.follow, arrivals, name="kills without body")
                    feeds.start_soon(partial(replay_asked, self.store, arrivals, now=self.now), name="replay")
                    for slug in (each.slug for each in settings.rules.maps):
                        feeds.start_soon(self._follow_map, slug, map_api, pipeline, arrivals, name=f"map {slug}")
                    rest = KillRest(kill_api)
                    self.insight.circuits["kills"] = lambda: rest.shunned
                    audiences: dict[AudienceName, Watch[frozenset[int]]]
                    audiences = {"systems": self.systems, "characters": self.characters}
                    for audience, wanted in audiences.items():
                        follow = partial(
                            follow_kills,
                            audience,
                            wanted,
                            arrivals,
                            url=settings.kills.websocket_url,
                            dial=self.dial,
                            component=self.health.component,
                            now=self.now,
                            roll=self.roll,
                            metrics=self.metrics,
                            rest=rest,
                            marks=self.feed_marks,
                            first_start=self.first_start,
                            max_age_s=settings.rules.max_kill_age_s,
                        )
                        feeds.start_soon(follow, name=f"kill feed: {audience}")

    async def _follow_map(
        self, slug: str, api: Upstream, pipeline: Pipeline, arrivals: trio.MemorySendChannel[Arrival]
    ) -> None:
        sse = self.settings.sse

        async def seed(event_id: str) -> None:
            await self.store.write(lambda conn: memory.set_cursor(conn, cursor_name(slug), event_id))

        await follow_map(
            MapSource(slug=slug, api=api, silence_s=sse.recv_timeout_s),
            arrivals,
            component=self.health.component,
            cursor=lambda: pipeline.cursor(slug),
            last_heard=self.last_heard.get(slug),
            read_at=self._read_at(slug),
            metrics=self.metrics,
            now=self.now,
            roll=self.roll,
            seed_cursor=seed,
        )

    # --- small duties ---

    async def _follow_known(self) -> None:
        """Keep the subscriptions of the kill feed in step with what the maps track."""
        seen = self.known.value
        while True:
            seen = await self.known.wait_change(seen)
            self._publish_wanted(seen)

    async def _follow_steering(self) -> None:
        """The same for what members track by command."""
        seen = self.helm.steering.value
        while True:
            seen = await self.helm.steering.wait_change(seen)
            self._publish_wanted(self.known.value)

    def _publish_wanted(self, known: Tracking) -> None:
        tracked = known.system_ids() | frozenset(self.helm.rules.extra_systems)
        self.systems.set(tracked if self.settings.system_tracking else frozenset())
        self.characters.set(known.character_ids() if self.settings.character_tracking else frozenset())

    async def _tell_status(self, delivery: Delivery) -> None:
        settings, first = self.settings, next(iter(self.settings.rules.maps), None)
        channel = settings.discord.channels.resolve("status")
        if settings.status_messages and settings.schedulers and channel is not None:
            place = Place(store=self.store, channel=channel, slug=first.slug if first else "", wake=delivery.wake)
            await tell_status(place, self._snapshot, self.metrics, self.licence.state)

    def _snapshot(self, insight: Insight | None = None) -> Snapshot:
        standing = self.licence.standing
        settings = evolve(self.settings, rules=self.helm.rules)
        return gather(settings, self.health, self.known, self.vitals, self.now, standing, insight)

    async def _note_stopping(self, ending: Ending) -> None:
        await ending.asked.wait()
        self.vitals.stopping = True
        self.seams.manager.tell("STOPPING=1")

    def _delivered(self, result: Delivered) -> None:
        """One line and one count for every attempt; the end of a row is what an operator looks for."""
        metrics = self.metrics
        self.insight.delivered(result)
        self.alerts.delivered(result)
        if result.final:
            self.rich.settle(result.claim, result.channel, sent=result.result in ("sent", "found"))
        metrics.notifications.labels(result.kind, result.slug, result.result).inc()
        if result.result in ("sent", "found"):
            metrics.delivery_seconds.labels(result.kind).observe(max(result.latency_s, 0.0))
            level, event = logging.INFO, "notification_sent"
        elif result.final:
            metrics.dropped.labels(result.result).inc()
            level, event = logging.ERROR, "notification_given_up"
        else:
            if result.result == "limited":
                metrics.discord_429.labels(result.reason or "user").inc()
            level, event = logging.INFO, "notification_not_yet_sent"
        if result.kind == "kill" and level == logging.INFO:
            level = logging.DEBUG  # a kill has one line, at its end
        log.log(
            level,
            event,
            kind=result.kind,
            map=result.slug,
            channel_id=result.channel,
            claim=result.claim,
            result=result.result,
            reason=result.reason,
            attempts=result.attempts,
            seconds=round(result.latency_s, 3),
        )

    def _note_end(self, conn: sqlite3.Connection) -> outbox.Counts:
        self.insight.lifetime.save(conn)
        return note_end(conn, self.now())

    def _restarted(self, task: str) -> None:
        self.metrics.task_restarts.labels(task).inc()
        self.alerts.note(task, "it failed and was started again; the log says why")

    async def _farewell(self, ending: Ending) -> int:
        with trio.CancelScope(shield=True):
            try:
                counts = await self.store.write(self._note_end)
                log.info(
                    "shutdown_complete", waiting=counts.queued + counts.sending, sent=counts.sent, dead=counts.dead
                )
            except StoreError as error:
                log.error("shutdown_complete", reason=f"the end could not be noted: {error}")
        return EX_INTERRUPTED if ending.hurried else EX_OK
