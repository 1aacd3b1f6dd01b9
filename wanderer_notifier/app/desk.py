"""What each `/notifier` command does (operations.md 2.3 and OPS-26 to 33)."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import assert_never

import structlog
import trio

from wanderer_notifier import __version__
from wanderer_notifier.app.helm import Helm
from wanderer_notifier.config.settings import Settings
from wanderer_notifier.core import replies
from wanderer_notifier.core.claims import kill_claim
from wanderer_notifier.core.commands import Asked, clean_name, kill_id, may_change
from wanderer_notifier.core.events import JsonObject
from wanderer_notifier.core.licence import LicenceState
from wanderer_notifier.core.outcome import Accepted, Limited, NotSent, Outcome, Unknown
from wanderer_notifier.core.replies import LinkState, StatusFacts
from wanderer_notifier.core.samples import samples
from wanderer_notifier.core.steering import Full, Place, Steering
from wanderer_notifier.core.system_names import Ambiguous, find_on_maps, is_system_id, suggestions
from wanderer_notifier.core.tracking import Tracking
from wanderer_notifier.core.why_reply import DecidedKill, SentKill, why
from wanderer_notifier.discord.commands import Result
from wanderer_notifier.runtime.health import Health
from wanderer_notifier.runtime.watch import Watch
from wanderer_notifier.state import decisions, latest, outbox
from wanderer_notifier.state.priorities import LogEntry, Usage
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("commands")

FEEDS = {"killmail_stream": "Kill Feed", "map_stream": "Map Stream", "discord_gateway": "Gateway"}
LIMITED_S, AGAIN_S, TRIES = 10.0, 1.0, 4
"""How long a sample waits for Discord's limits, how long after other trouble, and how often it is tried."""


class Desk:
    """Carries out commands, and writes them to the log.

    *post* sends one message to a channel, *search* finds a system that no map has, *licence* tells its state,
    *uptime_s* for how long the service runs.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        helm: Helm,
        known: Watch[Tracking],
        *,
        health: Health,
        licence: Callable[[], LicenceState],
        post: Callable[[str, JsonObject], Awaitable[Outcome]],
        search: Callable[[str], Awaitable[Place | None]],
        uptime_s: Callable[[], float],
        now: Callable[[], datetime],
    ) -> None:
        self._settings, self._store, self._helm, self._known = settings, store, helm, known
        self._health, self._licence, self._post, self._search = health, licence, post, search
        self._uptime_s, self._now = uptime_s, now

    async def act(self, asked: Asked) -> Result:
        """Carry out one command; whatever it raises is our own fault."""
        match asked.subcommand:
            case "system":
                return await self._system(asked)  # its log entry is stored together with what it changes
            case "status":
                return await self._status(asked)
            case "why":
                result = await self._why(asked)
            case "test":
                result = await self._test(asked)
            case "help":
                result = Result(text=replies.HELP)
            case _:
                assert_never(asked.subcommand)
        await self._note(asked, result)
        return result

    def suggest(self, typed: str) -> Sequence[JsonObject]:
        """Systems that somebody may mean by what they *typed* so far."""
        return suggestions(typed, self._known.value, self._helm.steering.value)

    # --- system -------------------------------------------------------------------------------------------------------

    async def _system(self, asked: Asked) -> Result:
        action = asked.options.get("action") or "track"
        result = await self._refusal(asked, action)
        if result is None:
            typed = asked.options.get("system_name", "")
            name = clean_name(typed)
            place = None if name is None else await self._place(name)
            if name is None or place is None:
                result = Result(text=replies.BAD_NAME, outcome="invalid")
            elif isinstance(place, Ambiguous):
                result = Result(text=replies.ambiguous(name, place.names), outcome="invalid")
            else:
                return await self._steer(asked, action, place)
        await self._note(asked, result)
        return result

    async def _refusal(self, asked: Asked, action: str) -> Result | None:
        """The answer where nothing is to be changed; None where something may be."""
        if action == "list_priority":
            return Result(text=replies.priority_list(self._helm.steering.value))
        if action not in ("add_priority", "remove_priority", "track", "untrack"):
            return Result(text=replies.unknown_action(action), outcome="invalid")
        return None if self._allowed(asked) else Result(text=replies.NOT_ALLOWED, outcome="refused")

    def _allowed(self, asked: Asked) -> bool:
        discord = self._settings.discord
        return may_change(asked.caller, roles=discord.admin_role_ids, users=discord.admin_user_ids)

    async def _place(self, name: str) -> Place | Ambiguous | None:
        found = find_on_maps(name, self._known.value)
        if found is not None:
            return found
        listed = self._listed(name)
        if listed is not None and listed.known:
            return listed
        return await self._search(name) or listed or Place(name=name)

    def _listed(self, name: str) -> Place | None:
        """What is called that on the lists already."""
        steering, wanted = self._helm.steering.value, Place(name=name)
        if name.isascii() and name.isdecimal() and is_system_id(int(name)):
            wanted = Place(name=name, system_id=int(name))
        known = [one.place for one in steering.systems if one.place] + [one.place for one in steering.overrides]
        return next((place for place in known if place.same(wanted)), None)

    async def _steer(self, asked: Asked, action: str, place: Place) -> Result:
        by, at = asked.caller.user_id, self._now()
        steering, on_map = self._helm.steering.value, self._on_map(place)

        def change(lists: Steering) -> Steering:
            match action:
                case "add_priority":
                    return lists.with_priority(place, by=by, at=at)
                case "remove_priority":
                    return lists.without_priority(place)
                case "track":
                    return lists.with_override(place, "track", by=by, at=at)
                case _ if on_map or lists.override(place) is None:
                    return lists.with_override(place, "untrack", by=by, at=at)
                case _:  # what no map has is ignored as soon as nobody tracks it
                    return lists.without_override(place)

        result = _outcome(action, place, was_priority=steering.priority(place) is not None, on_map=on_map)
        entry = self._entry(asked, result)
        try:
            problem = await self._helm.change(change, entry)
        except Full:
            full = Result(text=replies.FULL, outcome="refused")
            await self._note(asked, full)
            return full
        if problem is None:
            return result
        return Result(text=replies.only_in_memory(result.text, problem), outcome="unsaved")

    def _on_map(self, place: Place) -> bool:
        found = find_on_maps(str(place.system_id) if place.known else place.name, self._known.value)
        return found is not None

    # --- what only tells ----------------------------------------------------------------------------------------------

    async def _status(self, asked: Asked) -> Result:
        settings, rules = self._settings, self._settings.rules
        try:
            usage = await self._helm.note(self._entry(asked, Result(text="")))
            received, notified = await self._store.read(_last_kills)
        except StoreError as error:
            log.warning("command_not_noted", reason=str(error))
            usage, received, notified = Usage(commands=0, users=0), None, None
        text = replies.status(
            StatusFacts(
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
        )
        return Result(text=text)

    def _links(self) -> list[LinkState]:
        found = []
        for view in self._health.views():
            kind, _, which = view.name.partition(":")
            if kind in FEEDS and view.state != "disabled":
                name = f"{FEEDS[kind]} ({which})" if which else FEEDS[kind]
                reason = "" if view.state == "ok" else view.reason
                found.append(LinkState(name=name, state=view.state, since=view.since, reason=reason))
        return found

    async def _why(self, asked: Asked) -> Result:
        number = kill_id(asked.options.get("kill", ""))
        if number is None:
            return Result(text=replies.BAD_KILL, outcome="invalid")
        guild = self._settings.discord.guild_id or asked.caller.guild_id
        decided, sent = await self._store.read(lambda conn: _told(conn, number, guild))
        return Result(text=why(number, decided, sent, decisions.DAYS))

    async def _test(self, asked: Asked) -> Result:
        channel = asked.caller.channel_id
        if not self._allowed(asked) or channel is None:
            return Result(text=replies.NOT_ALLOWED, outcome="refused")
        results = [
            (kind, await self._sample(channel, message.body(nonce=f"t{asked.interaction_id[-14:]}{kind[:9]}")))
            for kind, message in samples(self._now(), channel)
        ]
        good = all(problem is None for _, problem in results)
        return Result(text=replies.tested(results, channel), outcome="ok" if good else "failed")

    async def _sample(self, channel: str, body: JsonObject) -> str | None:
        """Post one sample, whose nonce makes a repetition harmless; what went wrong, if anything did."""
        problem = "Discord asks us to wait"
        for _ in range(TRIES):
            outcome = await self._post(channel, body)
            match outcome:
                case Accepted():
                    return None
                case Limited(wait_s, _) if wait_s <= LIMITED_S:
                    await trio.sleep(wait_s)
                case Limited():
                    return problem
                case NotSent(reason) | Unknown(reason):
                    problem = reason
                    await trio.sleep(AGAIN_S)
                case _:
                    return outcome.reason
        return problem

    # --- the log ------------------------------------------------------------------------------------------------------

    async def _note(self, asked: Asked, result: Result) -> None:
        try:
            await self._helm.note(self._entry(asked, result))
        except StoreError as error:  # nothing was changed, so that the answer holds
            log.warning("command_not_noted", reason=str(error))

    def _entry(self, asked: Asked, result: Result) -> LogEntry:
        caller, options = asked.caller, asked.options
        param = options.get("system_name") or options.get("kill") or asked.subcommand
        return LogEntry(
            type=asked.subcommand,
            param=param[:100],
            user_id=_number(caller.user_id) or 0,
            username=caller.user_name,
            at=self._now(),
            guild_id=_number(caller.guild_id),
            channel_id=_number(caller.channel_id),
            outcome=result.outcome,
        )


def _outcome(action: str, place: Place, *, was_priority: bool, on_map: bool) -> Result:
    match action:
        case "add_priority" if was_priority:
            return Result(text=replies.already_there(place), outcome="unchanged")
        case "add_priority":
            return Result(text=replies.added(place))
        case "remove_priority" if was_priority:
            return Result(text=replies.removed(place))
        case "remove_priority":
            return Result(text=replies.not_there(place), outcome="unchanged")
        case "track":
            return Result(text=replies.tracking(place))
        case _:
            return Result(text=replies.stopped(place, on_map=on_map))


def _last_kills(conn: sqlite3.Connection) -> tuple[datetime | None, datetime | None]:
    newest = latest.latest_kills(conn, 1)
    return (newest[0].at if newest else None), latest.last_sent(conn, "kill").at


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


def _number(text: str | None) -> int | None:
    """A Discord id as the log keeps it."""
    number = int(text) if text is not None and text.isascii() and text.isdecimal() and len(text) < 20 else None
    return number if number is not None and number < 2**63 else None
