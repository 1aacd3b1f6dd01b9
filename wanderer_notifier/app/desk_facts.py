"""`/notifier status` and `/notifier why`: what the service knows, read from its parts and its database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from datetime import datetime

import structlog

from wanderer_notifier import __version__
from wanderer_notifier.app.command_log import CommandLog
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core import replies
from wanderer_notifier.core.claims import kill_claim
from wanderer_notifier.core.commands import Asked, kill_id
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.status_reply import LinkState, StatusFacts, status
from wanderer_notifier.core.why_reply import DecidedKill, SentKill, why
from wanderer_notifier.discord.commands import Result
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.state import decisions, latest, outbox
from wanderer_notifier.state.priorities import Usage
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("commands")

FEEDS = {"killmail_stream": "Kill Feed", "map_stream": "Map Stream", "discord_gateway": "Gateway"}


class Facts:
    """Answers from what is known. *licence* tells its state, *uptime_s* for how long the service runs."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        helm: Helm,
        notes: CommandLog,
        *,
        health: Health,
        licence: Callable[[], LicenceState],
        uptime_s: Callable[[], float],
    ) -> None:
        self._settings, self._store, self._helm, self._notes = settings, store, helm, notes
        self._health, self._licence, self._uptime_s = health, licence, uptime_s

    async def status(self, asked: Asked) -> Result:
        """How the service is; the command itself is noted, since it counts among those that are told."""
        settings, rules = self._settings, self._helm.rules
        try:
            usage = await self._helm.note(self._notes.entry(asked, Result(text="")))
            received, notified = await self._store.read(_last_kills)
        except StoreError as error:
            log.warning("command_not_noted", reason=str(error))
            usage, received, notified = Usage(commands=0, users=0), None, None
        facts = StatusFacts(
            steering=self._helm.steering.value,
            priority_only=any(one.priority_only for one in rules.maps),
            commands=usage.commands,
            users=usage.users,
            notifications=rules.notifications_enabled,
            system_notifications=rules.system_notifications_enabled,
            character_notifications=rules.character_notifications_enabled,
            kill_notifications=rules.kill_notifications_enabled,
            system_tracking=settings.system_tracking,
            character_tracking=settings.character_tracking,
            licence=self._licence(),
            links=self._links(),
            last_kill_received=received,
            last_kill_notified=notified,
            version=__version__,
            uptime_s=self._uptime_s(),
        )
        return Result(text=status(facts))

    async def why(self, asked: Asked) -> Result:
        """What was decided about a kill. Raises `StoreError`."""
        number = kill_id(asked.options.get("kill", ""))
        if number is None:
            return Result(text=replies.BAD_KILL, outcome="invalid")
        guild = self._settings.discord.guild_id or asked.caller.guild_id
        decided, sent = await self._store.read(lambda conn: _told(conn, number, guild))
        return Result(text=why(number, decided, sent, decisions.DAYS))

    def _links(self) -> list[LinkState]:
        found = []
        for view in self._health.views():
            kind, _, which = view.name.partition(":")
            if kind in FEEDS and view.state != "disabled":
                name = f"{FEEDS[kind]} ({which})" if which else FEEDS[kind]
                reason = "" if view.state == "ok" else view.reason
                found.append(LinkState(name=name, state=view.state, since=view.since, reason=reason))
        return found


def _last_kills(conn: sqlite3.Connection) -> tuple[datetime | None, datetime | None]:
    return latest.last_received(conn)[1], latest.last_sent(conn, "kill").at


def _told(conn: sqlite3.Connection, number: int, guild: str | None) -> tuple[list[DecidedKill], list[SentKill]]:
    decided = [
        DecidedKill(
            at=one.first_at, source=next(iter(one.copies)), copies=sum(one.copies.values()), outcome=one.outcome
        )
        for one in decisions.decisions_for(conn, number)
    ]
    sent = [
        SentKill(
            channel=row.channel,
            state=row.state,
            attempts=row.attempts,
            at=row.done_at,
            link=f"https://discord.com/channels/{guild or '@me'}/{row.channel}/{row.message_id}"
            if row.message_id
            else None,
            reason=row.reason,
        )
        for row in outbox.rows_of(conn, kill_claim(number))
    ]
    return decided, sent
