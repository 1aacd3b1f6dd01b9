"""The parts of the service, built in order of dependency and wired once; nothing runs here."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partial

import structlog
import trio
from attrs import evolve

from wanderer_notifier import ABOUT
from wanderer_notifier.app.alerts import make_alerts
from wanderer_notifier.app.commanding import Commanding
from wanderer_notifier.app.enrichment import Enrichment
from wanderer_notifier.app.gateway import LiveDiscord
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.app.housekeeping import note_start
from wanderer_notifier.app.insight import Insight
from wanderer_notifier.app.intake import Intake
from wanderer_notifier.app.outcomes import Outcomes
from wanderer_notifier.app.registry import Registry
from wanderer_notifier.app.seams import Seams
from wanderer_notifier.app.snapshot import Vitals, gather
from wanderer_notifier.app.upstreams import DISCORD_AGENT, Upstreams
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core.licence import RichLimit
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.delivery.outbox import Delivery
from wanderer_notifier.delivery.pipeline import Pipeline
from wanderer_notifier.discord.rest import DiscordRest
from wanderer_notifier.feeds.license import Licence
from wanderer_notifier.feeds.universe_search import find_system
from wanderer_notifier.net.dial import only_here
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.metrics import Metrics
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import memory, restored
from wanderer_notifier.state.store import Store
from wanderer_notifier.web.views import Snapshot

log = structlog.get_logger("app")

DOUBT_S = 3600.0
"""For at least so long after a restore every message is looked for in its channel before it is sent."""


class Parts:
    """Everything that one life of the service consists of; `load` must have been awaited before anything runs.

    *learned* is told of secrets that only turn up while it runs.
    """

    def __init__(
        self,
        settings: Settings,
        seams: Seams,
        store: Store,
        learned: Callable[[Iterable[str]], None] = lambda secrets: None,
    ) -> None:
        self.settings, self.store, self.now = settings, store, seams.now
        roll, now = seams.dice.random, seams.now
        self.metrics = metrics = Metrics(seams.build.get("commit") or "unknown")
        self.insight = Insight(metrics, now)
        self.health = health = Health(now, self.insight.component_changed)
        self.vitals = Vitals(now)
        self.vitals.build = seams.build
        metrics.start_time.set(self.vitals.started_at.timestamp())
        store.failed = lambda: metrics.persist_failed("notifier.db")
        dial = seams.dialler(ipv4_only=settings.ipv4_only)
        if settings.app_env == "test":
            dial = only_here(dial)
        self.known: Watch[Tracking] = Watch(Tracking())
        self.upstreams = upstreams = Upstreams(settings, dial=dial, metrics=metrics, roll=roll)
        self.helm = Helm(
            store,
            settings.rules,
            self.known,
            folder=settings.data_dir,
            part=health.component("data_dir:files"),
            now=now,
            run=seams.store_run,
            failed=metrics.persist_failed,
        )
        self.registry = Registry(
            settings,
            store,
            self.helm,
            upstreams.plugin,
            health=health,
            roll=roll,
            learned=learned,
            changed=lambda brought: self.alerts.note(
                "plugin_config", f"configuration changed by plugin API, {brought}"
            ),
        )
        self.licence = Licence(
            upstreams.licence,
            settings.license.key,
            store,
            part=health.component("license"),
            refresh_s=settings.license.refresh_s,
            now=now,
            roll=roll,
            with_token=settings.license.token is not None,
            told=metrics.licence_told,
        )
        self.rich = RichLimit(self.licence.state, enforced=settings.license.enforcement == "documented")
        self.rest = DiscordRest(
            upstreams.discord,
            now=now,
            limited=lambda scope: metrics.discord_429.labels(scope).inc(),
            healed=metrics.healed_by,
            told_unheard=lambda words: self.alerts.note("mentions", words),
        )
        self.live = LiveDiscord(
            settings,
            self.registry,
            store,
            self.rest,
            user_agent=DISCORD_AGENT,
            dial=dial,
            health=health,
            metrics=metrics,
            known=self.known,
            now=now,
            roll=roll,
        )
        self.enrichment = Enrichment(
            settings,
            store,
            lambda: self.helm.rules,
            dial=dial,
            maps=upstreams.maps,
            kills=upstreams.kills,
            health=health,
            metrics=metrics,
            now=now,
            roll=roll,
            about=ABOUT,
        )
        self.intake = Intake(
            settings,
            store,
            self.helm,
            self.registry,
            self.known,
            upstreams,
            dial=dial,
            health=health,
            metrics=metrics,
            now=now,
            roll=roll,
        )
        self.insight.circuits["esi"] = lambda: self.enrichment.esi.shut
        self.insight.circuits["discord"] = lambda: self.rest.shut
        self.insight.circuits["kills"] = self.intake.kills_shunned
        self.delivery = Delivery(
            store,
            post=self.rest.post,
            look_back=self.rest.look_back,
            primary=settings.discord.channels.primary,
            now=now,
            roll=roll,
            part=health.component("discord_rest"),
            observe=lambda result: self.outcomes.delivered(result),
            compose=self.enrichment.composer.compose,
            edit=self.rest.edit,
            observe_edit=self.enrichment.edited,
        )
        self.live.news = self.delivery.probe
        self.alerts = make_alerts(
            settings,
            store,
            self.snapshot,
            wake=self.delivery.wake,
            dial=dial,
            told=metrics.alerts,
            now=now,
            roll=roll,
        )
        self.outcomes = Outcomes(metrics, self.insight, self.alerts, self.rich)
        self.commanding = Commanding(
            settings,
            store,
            self.helm,
            self.live,
            self.rest,
            search=partial(find_system, self.enrichment.esi),
            known=self.known,
            health=health,
            metrics=metrics,
            licence=self.licence.state,
            uptime_s=lambda: trio.current_time() - self.vitals.started_s,
            user_agent=DISCORD_AGENT,
            dial=dial,
            now=now,
            roll=roll,
        )
        self._roll = roll
        health.component("configuration").to("ok")

    async def load(self) -> None:
        """Take up what an earlier process left and note that this one begins; raises `StoreError`."""
        await self.store.write(self._remember)
        self.pipeline = Pipeline(
            self.store,
            lambda: self.helm.rules,
            self.known,
            first_start=self._first_start,
            cursors=self.intake.cursors,
            now=self.now,
            metrics=self.metrics,
            storage=self.health.component("data_dir"),
            wake=self.delivery.wake,
            roll=self._roll,
            rich=self.rich,
            bodiless=self.enrichment.bodies.wake,
            lines=self.insight.lines,
            voice=self.live.listening,
            telemetry=self.settings.telemetry_log,
        )
        if self._ended_badly:
            self.alerts.note("service", f"the previous run ended unexpectedly, {self.vitals.unclean_starts} in all")

    def _remember(self, conn: sqlite3.Connection) -> None:
        moment, settings, vitals = self.now(), self.settings, self.vitals
        self._first_start = memory.first_start(conn, moment)
        self._ended_badly = memory.get_meta(conn, "running_since") is not None
        vitals.unclean_starts, self.feed_pause_s = note_start(conn, moment, settings.crash_loop_pause_s)
        self.metrics.unclean_starts.inc(vitals.unclean_starts)
        self.insight.remember(conn)
        doubt = restored.begin(conn, moment, timedelta(seconds=max(settings.rules.max_kill_age_s, DOUBT_S)))
        if doubt is not None:
            log.warning("storage_restored", looks_before_telling_until=doubt.isoformat())
        self.helm.load(conn)
        self.registry.load(conn)
        self.intake.load(conn, self._first_start)

    def snapshot(self, insight: Insight | None = None) -> Snapshot:
        """The service at this moment; what happened lately is in it only with *insight*."""
        settings = evolve(self.settings, rules=self.helm.rules)
        return gather(settings, self.health, self.known, self.vitals, self.now, self.licence.standing, insight)

    async def aclose(self) -> None:
        """Close all connections."""
        await self.commanding.aclose()
        await self.enrichment.aclose()
        await self.alerts.aclose()
        await self.upstreams.aclose()
