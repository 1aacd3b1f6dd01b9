"""A second try for parked events: what is kept beside them, and the task that hands them to the pipeline when asked."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import datetime

import structlog
import trio

from wanderer_notifier.core.events import Arrival, JsonObject, KillArrived, MapEventArrived, Replayed
from wanderer_notifier.state import parked
from wanderer_notifier.state.parked import Parked
from wanderer_notifier.state.store import Store, StoreError

log = structlog.get_logger("replay")

LOOK_EVERY_S = 5.0


def context_of(arrival: Arrival) -> JsonObject:
    """What must be kept beside the raw text of *arrival* to decide it again."""
    match arrival:
        case KillArrived():
            return {
                "system_id": arrival.system_id,
                "source": arrival.source,
                "received_at": arrival.received_at.isoformat(),
            }
        case MapEventArrived():
            return {
                "slug": arrival.slug,
                "event_id": arrival.event_id,
                "type": arrival.type,
                "received_at": arrival.received_at.isoformat(),
            }
        case Replayed():
            return context_of(arrival.arrival)
        case _:
            return {}


def again(event: Parked) -> Replayed:
    """*event* as the arrival it was. Raises `ValueError` or `KeyError` when too little of it was kept."""
    context = event.context
    received_at = datetime.fromisoformat(context["received_at"])
    if not event.complete:
        raise ValueError("only its beginning was kept")
    if event.kind == "kill":
        kill = KillArrived(
            raw=json.loads(event.raw),
            system_id=context["system_id"],
            source=context["source"],
            received_at=received_at,
        )
        return Replayed(parked_id=event.id, arrival=kill)
    if event.kind == "map_event":
        change = MapEventArrived(
            slug=context["slug"],
            event_id=context["event_id"],
            type=context["type"],
            data=event.raw,
            received_at=received_at,
        )
        return Replayed(parked_id=event.id, arrival=change)
    raise ValueError("its kind cannot be replayed")


async def replay_asked(store: Store, arrivals: trio.MemorySendChannel[Arrival], *, now: Callable[[], datetime]) -> None:
    """Every few seconds hand to *arrivals* the parked events that somebody asked to replay (`outbox parked replay`).

    The request is settled by the transaction that decides the event, so a crash in between only repeats the hand-over.
    """
    handed: set[tuple[int, datetime | None]] = set()
    while True:
        try:
            asked = await store.read(parked.asked)
        except StoreError as error:
            log.warning("replay_not_possible", reason=str(error))
            asked = ()
        handed &= {(event.id, event.asked_at) for event in asked}
        for event in asked:
            if (event.id, event.asked_at) in handed:
                continue
            handed.add((event.id, event.asked_at))
            log.info("replay_asked", parked_id=event.id, kind=event.kind)
            try:
                arrival = again(event)
            except (ValueError, KeyError, TypeError) as error:
                await _refuse(store, event, f"cannot be replayed: {error}", now)
            else:
                await arrivals.send(arrival)
        await trio.sleep(LOOK_EVERY_S)


async def _refuse(store: Store, event: Parked, result: str, now: Callable[[], datetime]) -> None:
    def note(conn: sqlite3.Connection) -> None:
        parked.settle(conn, event.id, result, now(), well=False)

    try:
        await store.write(note)
    except StoreError as error:
        log.warning("replay_not_possible", parked_id=event.id, reason=str(error))
